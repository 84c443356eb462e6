"""An 8-bit AdamW of torchao's, named in a recipe: rates by rule, a curve for the head, a stem that waits."""

from data import digits
from torch import compiler, manual_seed, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchao.optim import AdamW8bit

import paramgroups as pg
from paramgroups.schedules import cosine, linear

RULES = [pg.rule("4", lr_scale=3, schedule=linear()), pg.rule("1", trainable=False, until="20%")]
RECIPE = pg.Recipe(optimizer=AdamW8bit, lr=1e-2, schedule=cosine(), rules=[pg.recipes.no_decay(), *RULES])


def main() -> float:
    """The share of digits that are told right."""
    manual_seed(0)
    train, (images, labels) = digits()[0], digits()[1].tensors
    loader = DataLoader(train, 128, shuffle=True)
    middle = nn.Linear(64, 256), nn.GELU()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), *middle, nn.Linear(256, 10))
    optimizer, scheduler = pg.build(pg.plan(model, RECIPE, epochs=6, steps_per_epoch=len(loader)))
    with compiler.set_stance("force_eager"):  # leave it out on a GPU: torchao compiles its step
        for x, y in (batch for _ in range(6) for batch in loader):
            cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    accuracy: float = (model(images).argmax(1) == labels).float().mean().item()
    print(f"accuracy {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    main()
