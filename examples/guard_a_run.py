"""One rate is 100 times too high: the run is lost without guards, and kept with three.

Use guards where nobody watches. `nonfinite` leaves out an update that is NaN before anything is written,
`ratio` cuts the rate of a group that moves too far for its size, and `rollback` takes back the weights that
such an update has spoiled. The usual mistake is to clip the gradients and feel safe: the rate that is too
high stays, and momentum and Adam's scaling pass what was clipped on at full size.
"""

import torch
from digits import ConvNet, History, images_of, loader_of, validate
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.control import nonfinite, ratio, rollback

EPOCHS, SLIP = 4, 100.0
GUARDS = [nonfinite(metric="loss"), ratio(high=0.1, patience=0), rollback(after=1, every=20)]
RUNS: dict[str, tuple[float, list[pg.control.Controller]]] = {
    "as it should be": (1.0, []),
    "one slip": (SLIP, []),
    "one slip, guards": (SLIP, [*GUARDS]),
}


def main() -> dict[str, tuple[float, History, pg.Scheduler]]:
    """The accuracy, the record and the scheduler of each run."""
    found = {name: train(*given) for name, given in RUNS.items()}
    journal = found["one slip, guards"][2].journal
    print(f"What the guards did:\n{journal}\n")
    for name, (accuracy, history, _) in found.items():
        print(f"{name:<17} accuracy {accuracy:.1%}, {history}")
    return found


def train(slip: float, guards: list[pg.control.Controller]) -> tuple[float, History, pg.Scheduler]:
    """Train with the head's rate off by a factor."""
    torch.manual_seed(0)
    model, (data, unseen) = ConvNet(), images_of()
    loader, history = loader_of(data), History()
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=0.1,
        momentum=0.9,
        rules=[pg.rule(":norm", group="norms"), pg.rule("classifier", lr_scale=slip, group="head")],
        controllers=guards,
    )
    optimizer, scheduler = pg.build(pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader)))
    for _ in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            if guards:
                scheduler.observe(loss=loss.item())  # after backward, before the update that it may hold back
            history.note(optimizer, loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    return validate(model, unseen)[1], history, scheduler


if __name__ == "__main__":
    main()
