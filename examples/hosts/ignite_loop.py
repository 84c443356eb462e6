"""Ignite's trainer with a recipe: a stem that waits, a head that learns faster, each rate by its name."""

from data import digits
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy
from torch import manual_seed, nn
from torch.utils.data import DataLoader

import paramgroups as pg
from paramgroups.integrations import ignite
from paramgroups.integrations.logs import numbers
from paramgroups.schedules import cosine, warmup

HEAD = pg.rule(":head", lr_scale=3, group="head", schedule=cosine())
STEM = pg.rule("0 | 1", trainable=False, until="20%", group="stem")
CURVE, CUT = warmup("5%").then(cosine()), pg.control.plateau(":head", "accuracy", mode="max", factor=0.5)
RULES = [pg.recipes.no_decay(), HEAD, STEM]
RECIPE = pg.Recipe(optimizer="adamw", lr=3e-3, schedule=CURVE, rules=RULES, controllers=[CUT])


def main() -> float:
    """The share of digits that are told right."""
    manual_seed(0)
    loader, held = (DataLoader(part, 32, shuffle=True) for part in digits())
    stem = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16)
    model = nn.Sequential(*stem, nn.ReLU(), nn.Flatten(), nn.Linear(1024, 10))
    optimizer, scheduler = ignite.build(model, RECIPE, loader, max_epochs=6)
    trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss())
    evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy()})
    ignite.attach(trainer, scheduler)
    ignite.feed(evaluator, scheduler)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: evaluator.run(held))
    trainer.add_event_handler(Events.EPOCH_STARTED, lambda: print(numbers(scheduler)))
    trainer.run(loader, max_epochs=6)
    return float(evaluator.state.metrics["accuracy"])


if __name__ == "__main__":
    print(f"accuracy {main():.1%}")
