"""The same in plain torch: a factor for each group, freezing, and names in the groups' order, by hand."""

from math import cos, pi

import torch
from data import digits
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter


def main() -> float:
    """The share of digits that are told right."""
    torch.manual_seed(0)
    train, (images, labels) = digits()[0], digits()[1].tensors
    loader = DataLoader(train, 64, shuffle=True)
    stem = torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.BatchNorm2d(16)
    model = torch.nn.Sequential(*stem, torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(1024, 10))
    steps, warm, thaw = 6 * len(loader), round(0.05 * 6 * len(loader)), round(0.2 * 6 * len(loader))
    optimizer = torch.optim.AdamW(model[:2].parameters(), lr=3e-3)
    optimizer.add_param_group({"params": model[4].parameters(), "lr": 9e-3})
    curves = [lambda t: min((t + 1) / warm, (1 + cos(pi * max(t - warm, 0) / (steps - warm))) / 2)]
    curves += [lambda t: (1 + cos(pi * t / steps)) / 2]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, curves)
    with SummaryWriter("runs/plain_loop_plain") as writer:
        for step, (x, y) in enumerate(batch for _ in range(6) for batch in loader):
            model[:2].requires_grad_(step >= thaw).train(step >= thaw)
            (loss := torch.nn.functional.cross_entropy(model(x), y)).backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            for name, rate in zip(("stem", "head"), scheduler.get_last_lr(), strict=True):
                writer.add_scalar(f"lr/{name}", rate, step)
            writer.add_scalar("loss", loss, step)
    accuracy: float = (model.eval()(images).argmax(1) == labels).float().mean().item()
    print(f"accuracy {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
