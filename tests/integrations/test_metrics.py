"""Controllers are told what they read, of all that a host measures."""

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.control import plateau
from paramgroups.errors import PlanError
from paramgroups.integrations.metrics import asked_of, tell


def scheduler_of(*metrics: str) -> pg.Scheduler:
    cuts = [plateau("**", metric, patience=0) for metric in metrics]
    plan = pg.plan(nn.Linear(2, 1), pg.Recipe(optimizer="sgd", lr=1.0, controllers=cuts))
    return pg.build(plan, nn.Linear(2, 1))[1]


def test_what_is_asked_for_is_what_controllers_read() -> None:
    assert asked_of(scheduler_of("eval_loss", "accuracy").plan) == {"eval_loss", "accuracy"}
    assert asked_of(scheduler_of().plan) == frozenset()


def test_only_what_is_read_is_told() -> None:
    scheduler = scheduler_of("eval_loss")
    assert tell(scheduler, {"eval_loss": 1.0, "eval_runtime": 2.0, "epoch": "a text"}) == ()
    (event,) = tell(scheduler, {"eval_loss": torch.tensor(1.0), "eval_runtime": 2.0})
    assert (event.action, event.value) == ("scale", 0.1)
    assert scheduler.rates == {"default": 0.1}


def test_nothing_that_is_read_is_nothing_told() -> None:
    assert tell(scheduler_of("eval_loss"), {"loss": 1.0}) == ()
    assert tell(scheduler_of(), {"eval_loss": 1.0}) == ()


def test_what_is_read_and_is_no_number_is_told() -> None:
    with pytest.raises(PlanError, match=r"observe\(eval_loss='low'\): a metric is one number"):
        tell(scheduler_of("eval_loss"), {"eval_loss": "low"})
