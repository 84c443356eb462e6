"""Groups that an optimizer of another class steps, as a pass over them."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.delegates import Delegate
from paramgroups.optim.lending import Loan
from paramgroups.optim.limits import Passage
from paramgroups.optim.statistics import Statistics, tell, total
from tests.optim.passers import given


class Rateless(torch.optim.Optimizer):
    """Takes the sign of the gradient, at no rate."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override] # it has no loss
        assert closure is None
        for group in self.param_groups:
            for param in group["params"]:
                param.sub_(param.grad.sign())


class Lent:
    """A loan, its groups and its states."""

    def __init__(self, cls: Any, *groups: dict[str, Any], statistics: bool = True) -> None:
        self.groups = list(groups)
        self.states: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.loan = Loan(Delegate(cls, self.groups, self.states), statistics=statistics)

    @torch.no_grad()
    def step(self, factors: list[float] | None = None) -> dict[str, Statistics]:
        self.loan.find(self.groups, self.states)
        scales = None if factors is None else np.array(factors)
        told = self.loan.step(Passage(np.zeros(len(self.groups), np.bool_), scales))
        self.loan.drop()
        return dict(tell(told, self.groups, "parameter", 1.0))


def sgd(*params: nn.Parameter, **own: Any) -> dict[str, Any]:
    return {**torch.optim.SGD(params, lr=1.0).defaults, "params": list(params), **own}


def test_what_is_stepped_is_trained_has_a_gradient_and_a_rate() -> None:
    params = [given(3.0) for _ in range(4)]
    params[0].grad = None
    params[1].requires_grad_(False)
    lent = Lent(torch.optim.SGD, sgd(*params[:3]), sgd(params[3], lr=0.0))
    assert list(lent.step()) == ["0[2]"]
    assert [param.item() for param in params] == [3, 3, 2, 3]
    assert params[1].grad is not None


def test_statistics_by_hand() -> None:
    lent = Lent(torch.optim.SGD, sgd(given(3.0, 4.0, grad=2.0), given(0.0, grad=6.0), lr=0.5))
    found = lent.step()
    norms = [number for one in found.values() for number in (one.grad_norm, one.weight_norm, one.update_norm)]
    assert norms == pytest.approx([8**0.5, 5, 2**0.5, 6, 0, 3])


def test_statistics_are_off() -> None:
    param = given(3.0)
    assert Lent(torch.optim.SGD, sgd(param), statistics=False).step() == {}
    assert param.item() == 2.0


def test_factors_of_each_group_and_gradients_as_they_were() -> None:
    params = [given(3.0), given(3.0)]
    found = Lent(torch.optim.SGD, sgd(params[0]), sgd(params[1])).step([0.5, 2.0])
    assert [param.item() for param in params] == [2.5, 1.0]
    assert [param.grad.item() for param in params if param.grad is not None] == [1.0, 1.0]
    assert [one.grad_norm for one in found.values()] == [1.0, 1.0]


def test_measuring_writes_nothing() -> None:
    param = given(3.0, 4.0, grad=[2.0, float("nan")])
    lent = Lent(torch.optim.SGD, sgd(given(1.0, grad=3.0)), sgd(param))
    lent.loan.find(lent.groups, lent.states)
    sums = total(lent.loan.measure(), 2)
    assert sums[0].tolist() == [9, 0, 0, 0]
    assert sums[1, 3] == 1
    assert param.tolist() == [3, 4]


def test_nothing_to_step() -> None:
    param = given(3.0)
    lent = Lent(torch.optim.SGD, sgd(param))
    param.grad = None
    lent.loan.find(lent.groups, lent.states)
    assert lent.loan.measure() == []
    assert lent.step() == {}


def test_a_class_that_knows_no_rate() -> None:
    param = given(3.0, grad=-5.0)
    Lent(Rateless, {"params": [param]}).step()
    assert param.item() == 4.0


def test_who_evaluates_the_loss_itself() -> None:
    assert not Lent(torch.optim.SGD, sgd(given(1.0))).loan.evaluates
    defaults = torch.optim.LBFGS([given(1.0)]).defaults
    lent = Lent(torch.optim.LBFGS, {"params": [given(1.0)], **defaults})
    assert lent.loan.evaluates
    lent.loan.find(lent.groups, lent.states)
    assert lent.loan.measure() == []


@pytest.mark.parametrize(("own", "name"), [({}, "0"), ({"name": "head"}, "'head'")], ids=["number", "name"])
def test_rows_are_refused(own: dict[str, Any], name: str) -> None:
    rows = [{"name": "w", "start": 0, "stop": 1, "lr": 0.1}]
    lent = Lent(torch.optim.SGD, sgd(given(1.0), **own))
    lent.groups[0].update(param_names=["w"], rows=rows)
    with pytest.raises(OptimizerError) as caught:
        lent.step()
    assert str(caught.value) == (
        f"Rows of group {name} have settings of their own, and SGD steps whole tensors. "
        'Give it one of ours, such as "adamw".'
    )


def test_nothing_is_kept_between_steps() -> None:
    lent = Lent(torch.optim.SGD, sgd(given(1.0)))
    lent.step()
    assert not lent.loan._stepped
    assert not lent.loan._groups
    assert not lent.loan._states
