"""What a step finds, read anew each time."""

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.optim.backends.reading import read
from paramgroups.optim.backends.traits import ADDRESS, NUMEL, PLAIN
from paramgroups.optim.finding import Found, Groups, are_sharded, look, params_of
from tests.optim.passers import Params, feed, grown


def seen(params: Params, awake: list[bool] | None = None, lengths: list[int] | None = None) -> Found:
    rates = np.array(awake or [True] * len(params), np.bool_)
    return look([*params], lengths or [len(params)], rates, sharded=are_sharded(params))


def test_parameters_of_all_groups() -> None:
    first, second, third = grown((2,), (3,), (4,))
    groups: Groups = [{"params": [first, second]}, {"params": []}, {"params": [third]}]
    assert params_of(groups) == ([first, second, third], [2, 0, 1])
    assert params_of([]) == ([], [])


def test_all_is_stepped() -> None:
    params = grown((2, 3), (), (0,))
    found = seen(params)
    assert found.whole
    assert found.active.all()
    assert found.param_traits[:, NUMEL].tolist() == [6, 1, 0]
    assert found.grads == [param.grad for param in params]


def test_what_is_stepped_is_trained_has_a_gradient_and_a_rate() -> None:
    params = grown((2,), (2,), (2,), (2,))
    params[0].grad = None
    params[1].requires_grad_(False)
    found = seen(params, [True, True, False, True])
    assert found.active.tolist() == [False, False, False, True]
    assert not found.whole
    assert not found.param_traits[:3].any()
    assert not found.grad_traits[:3].any()
    assert found.param_traits[3].tolist() == read([params[3]])[0].tolist()
    assert found.grad_traits[3, ADDRESS] == params[3].grad.data_ptr()  # type: ignore[union-attr] # it has one


def test_nothing_is_stepped() -> None:
    params = grown((2,))
    params[0].grad = None
    found = seen(params)
    assert found.active.tolist() == [False]
    assert found.grad_traits.shape == found.param_traits.shape
    assert not look([], [], np.zeros(0, np.bool_), sharded=False).params


def test_frozen_parameters_of_any_kind_are_not_read() -> None:
    """A table of int8 numbers with an optimizer's others is no mistake."""
    whole = nn.Parameter(torch.ones(2, dtype=torch.int8), requires_grad=False)
    assert seen([whole, *grown((2,))]).active.tolist() == [False, True]


@pytest.mark.parametrize("some", [False, True], ids=["all stepped", "some stepped"])
def test_gradients_at_another_place_change_nothing(some: bool) -> None:  # noqa: FBT001  # a case
    params = grown((2,), (3,))
    awake = [not some, True]
    before = seen(params, awake)
    held = [param.grad for param in params]
    feed(params)
    after = seen(params, awake)
    assert after.are_as(before.param_traits, before.grad_traits)
    assert (after.grad_traits[1, ADDRESS] != before.grad_traits[1, ADDRESS]) == (held[1] is not None)


def test_only_what_is_stepped_has_to_be_what_it_was() -> None:
    params = grown((2,), (3,))
    before = seen(params)
    params[0].grad = None
    held, params[0].data = params[0].data, torch.ones(7, dtype=torch.float64)
    assert seen(params).are_as(before.param_traits, before.grad_traits)
    params[0].grad = torch.ones(7, dtype=torch.float64)
    assert not seen(params).are_as(before.param_traits, before.grad_traits)
    assert len(held) == 2


def test_the_same_parameters_in_the_same_groups() -> None:
    params = grown((2,), (2,))
    found = seen(params)
    assert found.holds([*params], [2])
    assert not found.holds([*params], [1, 1])
    assert not found.holds(params[::-1], [2])  # type: ignore[arg-type]  # parameters are tensors
    assert not found.holds([params[0]], [1])


@pytest.mark.parametrize("count", [1, 3])
def test_a_gradient_that_is_read_with_the_other_sign_is_no_plain_run(count: int) -> None:
    """One number alone has the address, the shape and the strides of a plain one."""
    (param,) = grown((count,))
    both = torch.zeros(count, 2, dtype=torch.float64)
    param.grad = torch.view_as_complex(both).conj().imag
    assert param.grad.is_neg()
    assert seen([param]).grad_traits[0, PLAIN] == 0
    param.grad = param.grad.clone()
    assert seen([param]).grad_traits[0, PLAIN] == 1
