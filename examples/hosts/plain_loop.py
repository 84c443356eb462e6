"""A loop of your own, logged: every rate and statistic under its group's name, and the plan as a text."""

from data import digits
from torch import manual_seed, nn
from torch.utils.data import DataLoader

import paramgroups as pg
from paramgroups.integrations.loggers import Recorder
from paramgroups.integrations.loggers.tensorboard import TensorBoard
from paramgroups.schedules import cosine, warmup

RULES = [
    pg.rule("4", lr_scale=3, schedule=cosine(), group="head"),
    pg.rule("0 | 1", trainable=False, until="20%", group="stem"),
]
RECIPE = pg.Recipe(optimizer="adamw", lr=3e-3, schedule=warmup("5%").then(cosine()), rules=RULES)


def main() -> float:
    """The share of digits that are told right."""
    manual_seed(0)
    train, (images, labels) = digits()[0], digits()[1].tensors
    loader = DataLoader(train, 64, shuffle=True)
    stem = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16)
    model = nn.Sequential(*stem, nn.ReLU(), nn.Flatten(), nn.Linear(1024, 10))
    optimizer, scheduler = pg.build(pg.plan(model, RECIPE, epochs=6, steps_per_epoch=len(loader)))
    with Recorder(scheduler, TensorBoard("runs/plain_loop"), every=10) as recorder:
        for x, y in (batch for _ in range(6) for batch in loader):
            (loss := nn.functional.cross_entropy(model(x), y)).backward()
            optimizer.step()
            scheduler.step()
            recorder.step(loss=loss)
            optimizer.zero_grad()
        accuracy: float = (model.eval()(images).argmax(1) == labels).float().mean().item()
    print(f"accuracy {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
