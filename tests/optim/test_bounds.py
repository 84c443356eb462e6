"""Clipping and skipping: as `clip_grad_norm_` followed by the step, with gradients that stay as they are."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from paramgroups.errors import OptimizerError
from paramgroups.optim.optimizer import Optimizer
from tests.optim.backends.steppers import CLASSES, assert_close

Params = list[nn.Parameter]
BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])


def make() -> Params:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in ((4, 3), (), (0,), (5,))]


def feed(*models: Params, scale: float = 1.0) -> None:
    for twins in zip(*models, strict=True):
        grad = scale * torch.randn(twins[0].shape, dtype=torch.float64)
        for param in twins:
            param.grad = grad.clone()


def grouped(params: Params, *bounds: float | None, **more: Any) -> list[dict[str, Any]]:
    """A group for each pair of tensors, with a bound of its own."""
    halves = (params[:2], params[2:])
    return [
        {"params": half, "clip_norm": bound, "lr": 0.1 * place, **more}
        for place, (half, bound) in enumerate(zip(halves, bounds, strict=True), 1)
    ]


def clip_all(params: Params) -> list[float]:
    return [float(clip_grad_norm_(params, 0.5))]


def clip_first(params: Params) -> list[float]:
    return [float(clip_grad_norm_(params[:2], 0.5))]


def clip_each(params: Params) -> list[float]:
    return [float(clip_grad_norm_(half, 0.5)) for half in (params[:2], params[2:])]


def clip_by_value(params: Params) -> list[float]:
    return [float(clip_grad_norm_(*one)) for one in ((params[:2], 0.5), (params[2:], 0.1))]


WAYS: dict[str, tuple[tuple[float | None, float | None], dict[str, Any], Callable[[Params], list[float]]]] = {
    "all together": ((0.5, 0.5), {}, clip_all),
    "one of them": ((0.5, None), {}, clip_first),
    "each alone": ((0.5, 0.5), {"clip_alone": True}, clip_each),
    "other bounds": ((0.5, 0.1), {}, clip_by_value),
}


@BOTH
@pytest.mark.parametrize("name", ["adamw", "sgd", "lamb", "adamax"])
@pytest.mark.parametrize("way", WAYS)
def test_clipped_as_torch_does(way: str, name: str, backend: str) -> None:
    bounds, more, clip = WAYS[way]
    ours, theirs = make(), make()
    mine = Optimizer(grouped(ours, *bounds, **more), name, backend=backend)
    cls = CLASSES.get(name, torch.optim.Adamax)
    twin = cls([{"params": half, "lr": rate} for half, rate in ((theirs[:2], 0.1), (theirs[2:], 0.2))])
    for step in range(4):
        feed(ours, theirs, scale=10.0 ** (step - 2))
        given = [param.grad.clone() for param in ours if param.grad is not None]
        norms = clip(theirs)
        mine.step()
        twin.step()
        after = [param.grad for param in ours if param.grad is not None]
        assert all(map(torch.equal, after, given))
        found = [one.grad_norm for one in mine.statistics().values()]
        if len(norms) == len(found):
            assert found == pytest.approx(norms)
        assert math.hypot(*found) == pytest.approx(math.hypot(*(grad.norm().item() for grad in given)))
    assert_close([param.detach() for param in ours], theirs, 1e-10)


@BOTH
def test_a_bound_that_is_never_reached_changes_no_bit(backend: str) -> None:
    clipped: dict[str, Any] = {"clip_norm": 1e9}
    ours, theirs = make(), make()
    mine, free = (
        Optimizer(params, lr=0.1, backend=backend, **more) for params, more in ((ours, clipped), (theirs, {}))
    )
    for _ in range(3):
        feed(ours, theirs)
        mine.step()
        free.step()
    assert all(map(torch.equal, ours, theirs))


@BOTH
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_step_that_is_not_finite_is_left_out(wrong: float, backend: str) -> None:
    """Weights, moments and counts stay; the next step is as if there had been none."""
    ours, theirs = make(), make()
    mine, twin = (
        Optimizer(params, lr=0.1, backend=backend, skip_nonfinite=True) for params in (ours, theirs)
    )
    feed(ours, theirs)
    mine.step()
    twin.step()
    before = copy.deepcopy(mine.state_dict())
    feed(ours)
    assert ours[0].grad is not None
    ours[0].grad[1, 2] = wrong
    mine.step()
    assert mine.skipped == 1
    assert mine.statistics()["0"].nonfinite == 1
    assert str(mine.state_dict()) == str(before)
    feed(ours, theirs)
    mine.step()
    twin.step()
    assert all(map(torch.equal, ours, theirs))
    assert twin.skipped == 0


@BOTH
def test_a_first_step_that_is_left_out_leaves_no_state(backend: str) -> None:
    """A buffer that is there stands for a step, so one of zeros would dampen the first."""
    params = make()
    mine = Optimizer(params, "sgd", lr=1.0, momentum=0.9, dampening=0.5, skip_nonfinite=True, backend=backend)
    feed(params)
    params[0].grad = torch.full((4, 3), math.nan, dtype=torch.float64)
    mine.step()
    assert not mine.state


@BOTH
def test_without_skipping_what_is_not_finite_is_stepped_as_torch_does(backend: str) -> None:
    ours, theirs = make(), make()
    mine = Optimizer(ours, "sgd", lr=0.1, clip_norm=1.0, backend=backend)
    twin = torch.optim.SGD(theirs, lr=0.1)
    feed(ours, theirs)
    for params in (ours, theirs):
        assert params[0].grad is not None
        params[0].grad[0, 0] = math.inf
    clip_grad_norm_(theirs, 1.0)
    mine.step()
    twin.step()
    for param, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(param, other, equal_nan=True)


@pytest.mark.parametrize(
    "bound", [0, -1.0, math.nan, "1", torch.ones(2)], ids=["0", "-1", "nan", "text", "two"]
)
def test_a_bound_that_is_none(bound: Any) -> None:
    """Refused in mid-run too, before anything is written or made."""
    params = make()
    mine = Optimizer(params, lr=0.1)
    mine.param_groups[0]["clip_norm"] = bound
    feed(params)
    before = [param.detach().clone() for param in params]
    with pytest.raises(OptimizerError, match=r"clip_norm=.* in group 0: it must be a number, above 0"):
        mine.step()
    assert all(map(torch.equal, params, before))
    assert not mine.state


def test_rows_are_clipped_with_their_tensor() -> None:
    whole, twin = (nn.Parameter(torch.ones(4, 2, dtype=torch.float64)) for _ in range(2))
    row = {"name": "w", "start": 1, "stop": 3, "lr": 0.5}
    group = {"params": [whole], "param_names": ["w"], "rows": [row]}
    mine = Optimizer([group], "sgd", lr=0.1, clip_norm=1.0)
    grad = torch.arange(8.0, dtype=torch.float64).view(4, 2)
    whole.grad, twin.grad = grad, grad.clone()
    clip_grad_norm_([twin], 1.0)
    mine.step()
    wanted = 1 - torch.tensor([0.1, 0.5, 0.5, 0.1], dtype=torch.float64)[:, None] * twin.grad
    torch.testing.assert_close(whole.detach(), wanted)


def test_rows_that_move_to_another_group_are_clipped_there() -> None:
    """As many rows as before, in another group: its bound is theirs."""
    params = [nn.Parameter(torch.zeros(3, 2, dtype=torch.float64)) for _ in range(2)]
    row = {"start": 0, "stop": 1, "lr": 1.0}
    groups = [
        {"params": [param], "param_names": [name], "clip_norm": bound}
        for name, param, bound in zip("ab", params, (1.0, 0.1), strict=True)
    ]
    groups[0]["rows"] = [{"name": "a", **row}]
    mine = Optimizer(groups, "sgd", lr=1.0)
    for step in range(2):
        for param in params:
            param.grad = torch.ones(3, 2, dtype=torch.float64)
        mine.step()
        if step == 0:
            del mine.param_groups[0]["rows"]
            mine.param_groups[1]["rows"] = [{"name": "b", **row}]
    found = mine.statistics()
    assert found["0"].grad_norm == pytest.approx(6**0.5)
    assert found["0"].update_norm == pytest.approx(1.0, abs=1e-5)
    assert found["1"].update_norm == pytest.approx(0.1, abs=1e-5)
