"""The same with Ignite's own schedulers: one for each group by its number, the stem's freeze written out."""

from data import digits
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.handlers import CosineAnnealingScheduler, ParamGroupScheduler, create_lr_scheduler_with_warmup
from ignite.metrics import Accuracy
from torch import manual_seed, nn
from torch.optim import AdamW
from torch.utils.data import DataLoader


def main() -> float:
    """The share of digits that are told right."""
    manual_seed(0)
    loader, held = (DataLoader(part, 32, shuffle=True) for part in digits())
    conv, norm, head = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.Linear(1024, 10)
    model, frozen = nn.Sequential(conv, norm, nn.ReLU(), nn.Flatten(), head), nn.ModuleList([conv, norm])
    tensors = [conv.weight], [conv.bias, *norm.parameters()], [head.weight], [head.bias]
    values = list(zip(tensors, (3e-3, 3e-3, 9e-3, 9e-3), (0.01, 0.0, 0.01, 0.0), strict=True))
    optimizer = AdamW([{"params": p, "lr": lr, "weight_decay": decay} for p, lr, decay in values])
    steps, clocks = 6 * len(loader), []
    for number, (_, lr, _) in enumerate(values):
        clock = CosineAnnealingScheduler(optimizer, "lr", lr, 0.0, 2 * steps, param_group_index=number)
        clocks.append(clock if number > 1 else create_lr_scheduler_with_warmup(clock, 0.0, steps // 20))
    trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss())
    evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy()})
    trainer.add_event_handler(Events.ITERATION_STARTED, ParamGroupScheduler(clocks))

    def hold() -> None:  # batch norm's statistics move all the same: the trainer calls model.train()
        frozen.requires_grad_(trainer.state.iteration > steps // 5)

    trainer.add_event_handler(Events.ITERATION_STARTED, hold)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: evaluator.run(held))
    trainer.run(loader, max_epochs=6)
    return float(evaluator.state.metrics["accuracy"])


if __name__ == "__main__":
    print(f"accuracy {main():.1%}")
