"""The same by hand: groups, curves that Accelerate ticks once for each process, and a layer to freeze."""

from math import ceil, cos, pi

from accelerate import Accelerator
from data import digits
from torch import manual_seed, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, lr_scheduler
from torch.utils.data import DataLoader


def main() -> float:
    """The share of digits that are told right."""
    manual_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    loader = accelerator.prepare(DataLoader(digits()[0], 32, shuffle=True))
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.LayerNorm(128), nn.GELU(), nn.Linear(128, 10))
    steps = 6 * ceil(len(loader) / 2) * accelerator.num_processes
    tensors = [net[1].weight], [net[1].bias, *net[2].parameters()], [net[4].weight], [net[4].bias]
    values = zip(tensors, (3e-3, 3e-3, 9e-3, 9e-3), (0.01, 0.0, 0.01, 0.0), strict=True)
    adamw = AdamW([{"params": p, "lr": lr, "weight_decay": wd} for p, lr, wd in values])
    curves = [lambda t: (1 + cos(pi * t / steps)) / 2] * 2 + [lambda t: 1 - t / steps] * 2
    clock = lr_scheduler.LambdaLR(adamw, curves)
    model, optimizer, scheduler = accelerator.prepare(net, adamw, clock)
    for x, y in (batch for _ in range(6) for batch in loader):
        net[1].requires_grad_(clock.last_epoch >= round(0.2 * steps))  # under DDP: its gradients part
        with accelerator.accumulate(model):
            accelerator.backward(cross_entropy(model(x), y))
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        accelerator.log({f"lr/{place}": lr for place, lr in enumerate(clock.get_last_lr())}, clock.last_epoch)
    images, labels = digits()[1].tensors
    print(f"accuracy {(accuracy := (model(images).argmax(1) == labels).float().mean().item()):.1%}")
    return float(accuracy)


if __name__ == "__main__":
    main()
