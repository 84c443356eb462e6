"""Change rates by hand while training, under a running schedule, and resume from a file.

Use it in a notebook or a long run, when a part learns too fast or too slow. `scale`, `set` and a plain
assignment are factors on top of the schedule from then on: never undone, never compounded, journaled and
saved. The usual mistake is to write `group["lr"]` under a scheduler of torch's: some undo the edit at the
next step, others compound it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from digits import ConvNet, History, Loader, images_of, loader_of
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.schedules import cosine

EPOCHS, PER_EPOCH = 4, 21
RULES = [pg.rule("features", group="features"), pg.rule("classifier", lr_scale=4)]
RECIPE = pg.Recipe(optimizer="adamw", lr=0.002, schedule=cosine(end=0.1), rules=RULES)


class Run(NamedTuple):
    """What trains, and by which plan."""

    model: ConvNet
    plan: pg.Plan
    optimizer: torch.optim.Optimizer
    scheduler: pg.Scheduler


def begin() -> Run:
    """A run at its first step."""
    model = ConvNet()
    plan = pg.plan(model, RECIPE, epochs=EPOCHS, steps_per_epoch=PER_EPOCH)
    return Run(model, plan, *pg.build(plan))


def resumed(run: Run) -> Run:
    """By way of a file, as a new process would: the edits are in the scheduler's state."""
    again = begin()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "last.pt"
        torch.save([run.model.state_dict(), run.optimizer.state_dict(), run.scheduler.state_dict()], path)
        weights, memory, time = torch.load(path)
    again.model.load_state_dict(weights)
    again.optimizer.load_state_dict(memory)
    again.scheduler.load_state_dict(time)
    return again


def train(run: Run, loader: Loader, history: History) -> None:
    """One epoch."""
    for images, labels in loader:
        loss = cross_entropy(run.model(images), labels)
        loss.backward()
        history.note(run.optimizer, loss)
        run.optimizer.step()
        run.scheduler.step()
        run.optimizer.zero_grad()
    print({name: round(rate, 6) for name, rate in run.scheduler.rates.items()}, history)


def main() -> tuple[pg.Plan, History, pg.Scheduler]:
    """Train with three edits on the way, and a stop in the middle."""
    torch.manual_seed(0)
    loader, history, run = loader_of(images_of()[0]), History(), begin()
    print(run.plan)
    train(run, loader, history)
    run.scheduler.scale("classifier", 0.5, steps="1 epoch")
    train(run, loader, history)
    next(group for group in run.optimizer.param_groups if group["name"] == "features")["lr"] *= 2
    run = resumed(run)
    train(run, loader, history)
    run.scheduler.set("features", weight_decay=0.0)
    train(run, loader, history)
    print(run.scheduler.journal)
    return run.plan, history, run.scheduler


if __name__ == "__main__":
    main()
