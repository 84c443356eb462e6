"""Accelerate's loop, with a rate, a schedule and a window for each part, ticking once for each update."""

from accelerate import Accelerator
from data import digits
from torch import manual_seed, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import paramgroups as pg
from paramgroups.integrations.accelerate import length, prepare
from paramgroups.integrations.logs import numbers
from paramgroups.schedules import cosine, linear

RULES = [pg.rule("4", lr_scale=3, schedule=linear()), pg.rule("1", trainable=False, until="20%")]
RECIPE = pg.Recipe(optimizer="adamw", lr=3e-3, schedule=cosine(), rules=[pg.recipes.no_decay(), *RULES])


def main() -> float:
    """The share of digits that are told right."""
    manual_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    loader = accelerator.prepare(DataLoader(digits()[0], 32, shuffle=True))
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.LayerNorm(128), nn.GELU(), nn.Linear(128, 10))
    plan = pg.plan(net, RECIPE, **length(accelerator, loader, epochs=6))
    model, optimizer, scheduler = prepare(accelerator, plan, net)
    for x, y in (batch for _ in range(6) for batch in loader):
        with accelerator.accumulate(model):
            accelerator.backward(cross_entropy(model(x), y))
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        accelerator.log(numbers(scheduler), step=scheduler.last_epoch)
    images, labels = digits()[1].tensors
    accuracy: float = (model(images).argmax(1) == labels).float().mean().item()
    print(f"accuracy {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
