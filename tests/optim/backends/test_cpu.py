"""Where a pass finds its tensors."""

import torch

from paramgroups.optim.backends import cpu
from tests.optim.backends.steppers import Stepper


def batch_of(stepper: Stepper) -> list[list[int]]:
    found: list[list[int]] = cpu.addresses(stepper.batch).tolist()
    return found


def test_addresses_are_in_the_rules_order() -> None:
    params, grads = [torch.ones(2), torch.ones(3)], [torch.ones(2), torch.ones(3)]
    stepper = Stepper("adam", params, [{}] * 2, "cpu")
    stepper.batch.grads = grads
    rows = [params, grads, *stepper.batch.states]
    assert batch_of(stepper) == [[tensor.data_ptr() for tensor in row] for row in rows]


def test_parameters_and_gradients_are_read_anew_and_states_once() -> None:
    params = [torch.ones(2)]
    stepper = Stepper("adam", params, [{}], "cpu")
    stepper.batch.grads = [torch.ones(2)]
    before = batch_of(stepper)
    kept = stepper.batch.state_addresses
    held = params[0].data, stepper.batch.grads  # so that their memory is not given out again
    params[0].data, stepper.batch.grads = torch.ones(2), [torch.ones(2)]
    after = batch_of(stepper)
    assert held
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, False, False]
    assert stepper.batch.state_addresses is kept


def test_a_rule_without_states() -> None:
    stepper = Stepper("sgd", [torch.ones(2)], [{}], "cpu")
    stepper.batch.grads = [torch.ones(2)]
    assert len(batch_of(stepper)) == 2
