"""Limits: what gradients must be for a step to be made of them."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.limits import Limit, passage, unlimited
from paramgroups.optim.optimizer import Optimizer

BOTH = pytest.mark.parametrize("backend", ["cpu", "torch"])


def sums(*squares: float) -> np.ndarray[Any, Any]:
    return np.array([[square, 0.0, 0.0, float(not math.isfinite(square))] for square in squares])


def given(value: float, grad: float) -> nn.Parameter:
    param = nn.Parameter(torch.full((3,), value))
    param.grad = torch.full((3,), grad)
    return param


def test_nothing_limited_is_all_of_the_step() -> None:
    way = unlimited(2, 1.0)
    assert (way.shut.tolist(), way.factors, way.outcomes) == ([False, False], None, ())
    scaled = unlimited(2, 0.5).factors
    assert scaled is not None
    assert scaled.tolist() == [0.5, 0.5]


def test_a_norm_above_its_bound_is_left_out_or_scaled_to_it() -> None:
    way = passage([Limit((0, 1), 4.0), Limit((2,), 1.0, clip=True)], [{}] * 3, sums(9.0, 16.0, 4.0), 1.0)
    assert way.factors is not None
    assert (way.shut.tolist(), way.factors.tolist()) == ([True, True, False], [1.0, 1.0, 0.5])
    assert [(one.norm, one.shut, one.factor) for one in way.outcomes] == [(5.0, True, 1.0), (2.0, False, 0.5)]


def test_what_is_at_its_bound_is_stepped() -> None:
    assert not passage([Limit((0,), 3.0)], [{}], sums(9.0), 1.0).shut.any()


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_not_finite_shuts_any_limit(wrong: float) -> None:
    for limit in (Limit((0,)), Limit((0,), 1.0, clip=True), Limit((0, 1), 1e9)):
        way = passage([limit], [{}, {}], sums(wrong, 1.0), 1.0)
        assert way.shut.tolist() == [True, 1 in limit.groups]
        assert way.outcomes[0].nonfinite == 1


def test_what_is_left_out_is_not_in_the_norm_that_clips_the_rest() -> None:
    groups = [{"clip_norm": 1.0}, {"clip_norm": 1.0}]
    way = passage([Limit((0,))], groups, sums(math.nan, 4.0), 1.0)
    assert way.factors is not None
    assert way.factors[1].round(6) == 0.5


def test_bounds_are_of_unscaled_gradients() -> None:
    way = passage([Limit((0,), 1.0, clip=True)], [{}], sums(16.0), 0.5)
    assert way.factors is not None
    assert (way.outcomes[0].norm, way.factors.tolist()) == (2.0, [0.25])


def test_limits_that_are_none() -> None:
    with pytest.raises(OptimizerError, match="bound is no number of at least 0"):
        passage([Limit((0,), math.nan)], [{}], sums(1.0), 1.0)
    with pytest.raises(OptimizerError, match="A limit names group 3, and there are 1, from 0"):
        passage([Limit((0, 3))], [{}], sums(1.0), 1.0)


@BOTH
@pytest.mark.parametrize("rule", ["adamw", "sgd", "lion", "adamax", "lamb"])
def test_a_group_that_is_left_out_is_as_if_it_had_no_gradient(rule: str, backend: str) -> None:
    def trained(grads: list[float | None]) -> tuple[list[torch.Tensor], list[dict[str, Any]]]:
        params = [given(1.0, 0.5), given(2.0, 0.5)]
        own: dict[str, Any] = {"momentum": 0.9} if rule == "sgd" else {}
        optimizer = Optimizer([{"params": [p]} for p in params], rule, lr=0.1, backend=backend, **own)
        optimizer.limits = [Limit((0,)), Limit((1,))]
        for grad in grads:
            params[0].grad = None if grad is None else torch.full((3,), grad)
            optimizer.step()
        return [p.detach().clone() for p in params], [dict(optimizer.state[p]) for p in params]

    for bad in ([math.nan, 0.5, math.inf], [0.5, math.nan, 0.25]):
        wanted = trained([grad if math.isfinite(grad) else None for grad in bad])
        found = trained([*bad])
        assert all(map(torch.equal, wanted[0], found[0]))
        for mine, theirs in zip(found[1], wanted[1], strict=True):
            assert mine.keys() == theirs.keys()
            assert all(torch.equal(torch.as_tensor(mine[key]), torch.as_tensor(theirs[key])) for key in mine)


@BOTH
def test_all_left_out_is_a_step_that_is_skipped(backend: str) -> None:
    params = [given(1.0, 0.5), given(2.0, math.nan)]
    optimizer = Optimizer([{"params": [p]} for p in params], "adamw", lr=0.1, backend=backend)
    optimizer.limits = [Limit((0, 1))]
    optimizer.step()
    assert optimizer.skipped == 1
    assert not optimizer.state
    assert [p.tolist() for p in params] == [[1.0] * 3, [2.0] * 3]
    assert optimizer.statistics()["1"].nonfinite == 3
    (outcome,) = optimizer.outcomes
    assert (outcome.shut, outcome.nonfinite) == (True, 3)


@BOTH
def test_a_limit_that_is_shut_leaves_out_good_gradients_too(backend: str) -> None:
    params = [given(1.0, 0.5), given(2.0, 0.5)]
    optimizer = Optimizer([{"params": [p]} for p in params], "sgd", lr=1.0, backend=backend)
    optimizer.limits = [Limit((0,), shut=True)]
    optimizer.step()
    assert [p.tolist() for p in params] == [[1.0] * 3, [1.5] * 3]
    assert [round(one.update_norm, 3) for one in optimizer.statistics().values()] == [0.0, 0.866]
    assert math.isnan(optimizer.statistics()["0"].weight_norm)
    optimizer.limits = []
    optimizer.step()
    assert params[0].tolist() == [0.5] * 3
    assert optimizer.outcomes == ()


@BOTH
def test_gradients_are_scaled_to_a_limit_of_several_groups(backend: str) -> None:
    params = [given(0.0, 1.0), given(0.0, 2.0)]  # norm: root of 3 + 12
    optimizer = Optimizer([{"params": [p]} for p in params], "sgd", lr=1.0, backend=backend)
    optimizer.limits = [Limit((0, 1), math.sqrt(15.0) / 2, clip=True)]
    optimizer.step()
    assert [p.tolist() for p in params] == [[-0.5] * 3, [-1.0] * 3]
    assert [p.grad[0].item() for p in params if p.grad is not None] == [1.0, 2.0]


def test_what_is_left_out_counts_in_no_norm_that_others_are_clipped_by() -> None:
    limits = [Limit((0, 1), 1.0, clip=True), Limit((0,), shut=True)]
    way = passage(limits, [{}, {}], sums(1e6, 4.0), 1.0)
    assert way.factors is not None
    assert (way.shut.tolist(), way.factors[1], way.outcomes[0].norm) == ([True, False], 0.5, 2.0)


def test_of_two_bounds_the_smaller_holds_once() -> None:
    limits = [Limit((0, 1), 2.5, clip=True), Limit((0,), 0.3, clip=True)]
    way = passage(limits, [{}, {}], sums(9.0, 16.0), 1.0)
    assert way.factors is not None
    assert way.factors.round(6).tolist() == [0.1, 0.5]


def test_what_is_not_finite_and_not_limited_is_in_no_norm_of_what_is() -> None:
    groups = [{"clip_norm": 1.0}, {"clip_norm": 1.0}]
    way = passage([Limit((0,))], groups, sums(4.0, math.nan), 1.0)
    assert way.factors is not None
    assert (way.shut.tolist(), way.factors[0].round(6)) == ([False, False], 0.5)


def test_gradients_whose_squares_no_number_holds_are_clipped_to_nothing() -> None:
    huge = np.array([[math.inf, 0.0, 0.0, 0.0]])
    way = passage([Limit((0,), 1.0, clip=True)], [{"clip_norm": 1.0}], huge, 1.0)
    assert way.factors is not None
    assert (way.shut.tolist(), way.factors.tolist()) == ([False], [0.0])
