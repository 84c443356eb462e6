"""What is told of a step, before and after the host has taken in what a device decided."""

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.jobs import Job
from paramgroups.optim.limits import Limit
from paramgroups.optim.optimizer import Optimizer
from paramgroups.optim.statistics import Told
from paramgroups.optim.turns import Pending, Turn, decided

GROUPS: list[dict[str, Any]] = [{"name": "stem"}, {"name": "head"}]


def told(sums: Any, *, weighed: bool = True) -> Told:
    """One segment for each of two groups."""
    none, two = np.zeros(2, np.int64), np.arange(2)
    return Told(sums, two, none, none, none, np.ones(2, np.bool_), weighed)


def jobs(*, gated: bool = True) -> list[Job]:
    stepper: Any = SimpleNamespace(gated=gated)
    return [Job("adamw", stepper, None)]


def gradients(nonfinite: float = 0.0) -> torch.Tensor:
    return torch.tensor([[9.0, 0, 0, 0], [16.0, 0, 0, nonfinite]], dtype=torch.float64)


def test_the_device_decides_where_all_gradients_are_on_one() -> None:
    limits = [Limit((0,), 1.0), Limit((1,), 2.0, clip=True)]
    decision = decided(limits, GROUPS, [told(gradients())], jobs(), 1.0)
    assert decision is not None
    assert decision.gates.tolist() == [-1.0, 0.5]


@pytest.mark.parametrize(
    ("sums", "gated"),
    [(gradients().numpy(), True), (gradients().float(), True), (gradients(), False)],
    ids=["on the host", "no float64 there", "a class that does not obey"],
)
def test_else_the_host_does(sums: Any, gated: bool) -> None:  # noqa: FBT001  # a case
    assert decided([Limit((0,), 1.0)], GROUPS, [told(sums)], jobs(gated=gated), 1.0) is None


def test_groups_that_were_left_out_are_told_when_the_host_asks() -> None:
    """Of them what their gradients were, of the others what the step did; and their steps are taken back."""
    back: list[Any] = []
    stepper: Any = SimpleNamespace(gated=True, take_back=lambda shut, _: back.append(shut.tolist()))
    decision = decided([Limit((0,)), Limit((1,))], GROUPS, [told(gradients(2.0))], jobs(), 1.0)
    assert decision is not None
    pending = Pending(decision, [told(gradients(2.0))], [Job("adamw", stepper, None)], {})
    moved = torch.tensor([[9.0, 4.0, 1.0, 0.0], [0.0] * 4], dtype=torch.float64)
    turn = Turn(GROUPS, 1.0, [told(moved)], pending=pending)
    found = turn.statistics("group")
    assert back == [[False, True]]
    assert tuple(found["stem"]) == (3.0, 2.0, 1.0, 0)
    assert (found["head"].grad_norm, found["head"].nonfinite) == (4.0, 2)
    assert np.isnan(found["head"].weight_norm)
    assert [one.shut for one in turn.outcomes] == [False, True]
    assert not turn.skipped
    turn.settle()
    assert back == [[False, True]], "once"


def test_a_copy_has_taken_it_in() -> None:
    decision = decided([Limit((0, 1))], GROUPS, [told(gradients(1.0))], jobs(), 1.0)
    assert decision is not None
    stepper: Any = SimpleNamespace(take_back=lambda *_: None)
    pending = Pending(decision, [told(gradients(1.0))], [Job("adamw", stepper, None)], {})
    twin = copy.deepcopy(Turn(GROUPS, 1.0, pending=pending))
    assert twin.pending is None
    assert twin.skipped


def test_a_bound_that_is_none_writes_nothing() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    optimizer = Optimizer([weight], "sgd", lr=1.0)
    optimizer.limits = [Limit((0,), -1.0)]
    with pytest.raises(OptimizerError, match="the bound is no number of at least 0"):
        optimizer.step()
    assert weight.tolist() == [1.0, 1.0]
