"""Where a pass finds its tensors."""

from typing import Any

import numpy as np
import torch

from tests.optim.backends.steppers import Stepper


def batch_of(stepper: Stepper) -> list[list[int]]:
    found: list[list[int]] = stepper.batch.begins.tolist()
    return found


def test_addresses_are_in_the_rules_order() -> None:
    params = [torch.ones(2), torch.ones(3)]
    grads: list[Any] = [torch.ones(2), torch.ones(3)]
    stepper = Stepper("adam", params, [{}] * 2, "cpu")
    stepper.batch.grads = grads
    rows = [params, grads, *stepper.batch.states]
    assert batch_of(stepper) == [[tensor.data_ptr() for tensor in row] for row in rows]


def test_all_are_read_anew() -> None:
    params = [torch.ones(2)]
    stepper = Stepper("adam", params, [{}], "cpu")
    stepper.batch.grads = [torch.ones(2)]
    before = batch_of(stepper)
    held = params[0].data, stepper.batch.grads  # so that their memory is not given out again
    params[0].data, stepper.batch.grads = torch.ones(2), [torch.ones(2)]
    after = batch_of(stepper)
    assert held
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, False, False]


def test_addresses_that_are_given_are_taken() -> None:
    """Here they lead to other tensors than the batch has."""
    stepper = Stepper("sgd", [torch.ones(2)], [{"lr": 1.0}], "cpu")
    param, grad = torch.ones(2), torch.ones(2)
    stepper.batch.addresses = np.array([[param.data_ptr()], [grad.data_ptr()]])
    stepper.step([torch.zeros(2)])
    assert param.tolist() == [0.0, 0.0]
    assert stepper.batch.params[0].tolist() == [1.0, 1.0]


def test_a_tensor_without_a_gradient_has_no_address() -> None:
    stepper = Stepper("sgd", [torch.ones(2)], [{}], "cpu")
    stepper.batch.grads = [None]
    assert batch_of(stepper)[1] == [0]


def test_a_rule_without_states() -> None:
    stepper = Stepper("sgd", [torch.ones(2)], [{}], "cpu")
    stepper.batch.grads = [torch.ones(2)]
    assert len(batch_of(stepper)) == 2
