"""One rate a hundred times too high destroys a run on real data, and guards save it."""

from statistics import fmean
from typing import Any

import pytest

import paramgroups as pg
from paramgroups.cli.demo.data import load_digits, task
from paramgroups.cli.demo.training import one_thread, pretrained, transfer
from paramgroups.control import Controller, nonfinite, ratio, rollback

SEEDS, STEPS, LABELS = 3, 200, 20
CHANCE = 0.2
GUARDS = (nonfinite(), ratio(high=0.1, patience=0), rollback(after=1, every=20))
"""Before an update, and after: what is not finite, rates that are too high, and back to good weights."""


def recipe(settings: dict[str, Any], bad: str | None, guards: tuple[Controller, ...]) -> pg.Recipe:
    rules = [pg.rule(":norm", group="norm"), pg.rule("head", group="head")]
    rules += [pg.rule(bad, lr_scale=100)] if bad else []
    return pg.Recipe(rules=rules, controllers=guards, **settings)


@pytest.mark.parametrize(
    ("settings", "bad", "ruined"),
    [
        ({"optimizer": "sgd", "lr": 0.3, "momentum": 0.9}, "head", 0.4),
        ({"optimizer": "adamw", "lr": 0.1}, ":norm", 0.75),
    ],
    ids=["sgd, the head", "adamw, the norms"],
)
def test_a_rate_that_is_a_hundred_times_too_high(settings: dict[str, Any], bad: str, ruined: float) -> None:
    digits = load_digits()
    found: dict[str, list[float]] = {"good": [], "ruined": [], "guarded": []}
    with one_thread():
        for seed in range(SEEDS):
            network, drawn = pretrained(digits.old, seed), task(digits.new, LABELS, seed)
            for name, recipe_of in {
                "good": recipe(settings, None, ()),
                "ruined": recipe(settings, bad, ()),
                "guarded": recipe(settings, bad, GUARDS),
            }.items():
                found[name].append(transfer(network, drawn, recipe_of, [STEPS], seed).final)
    means = {name: fmean(accuracies) for name, accuracies in found.items()}
    assert means["good"] > 0.9
    assert CHANCE - 0.05 < means["ruined"] < ruined
    assert means["guarded"] > means["good"] - 0.02
