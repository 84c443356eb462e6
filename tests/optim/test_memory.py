"""What is remembered of a tensor, and how it begins."""

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch import Tensor

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.memory import Memory, keep_precision

ADAM = ALGORITHMS["adam"]
ADAM_RULE = ADAM.of(ADAM.defaults)
SGD = ALGORITHMS["sgd"]
MOMENTUM = SGD.of({**SGD.defaults, "momentum": 0.9})


def memory(*, counted: bool = True, starts: Any = None) -> Memory:
    states: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
    return Memory(states, starts or {}, counted=counted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_has_its_state_in_float32(dtype: torch.dtype) -> None:
    param = torch.nn.Parameter(torch.ones(3, dtype=dtype))
    assert [state.dtype for state in memory().of(param, ADAM_RULE, {})] == [torch.float32] * 2


def test_a_state_is_made_once_and_wants_no_gradient() -> None:
    param, kept = torch.nn.Parameter(torch.ones(2, 3).T), memory()
    first = kept.of(param, ADAM_RULE, {})
    assert all(one is other for one, other in zip(first, kept.of(param, ADAM_RULE, {}), strict=True))
    assert all(state.is_contiguous() and not state.requires_grad for state in first)


@pytest.mark.parametrize(("dtype", "start"), [(torch.float32, 0.5), (torch.complex64, 0.5 + 0.5j)], ids=str)
def test_a_state_begins_where_its_setting_says(dtype: torch.dtype, start: complex) -> None:
    param = torch.ones(2, dtype=dtype)
    family = ALGORITHMS["adagrad"]
    kept = memory(starts=family.starts)
    (total,) = kept.of(param, family.of(family.defaults), {"initial_accumulator_value": 0.5})
    assert total.tolist() == [start] * 2


def test_a_state_follows_its_parameter() -> None:
    param, kept = torch.ones(2, 2), memory()
    kept.states[param] = {"exp_avg": torch.ones(2, 2), "exp_avg_sq": torch.arange(4.0).view(2, 2).T}
    param.data = param.data.double()
    found = kept.of(param, ADAM_RULE, {})
    assert [state.dtype for state in found] == [torch.float64] * 2
    assert found[1] is kept.states[param]["exp_avg_sq"]
    assert found[1].is_contiguous()
    assert found[1].tolist() == [[0, 2], [1, 3]]


def test_a_state_of_another_shape_is_refused() -> None:
    param, kept = torch.ones(4), memory()
    kept.of(param, ADAM_RULE, {})
    param.data = torch.ones(9)
    with pytest.raises(OptimizerError, match=r"shape \(9,\) has a exp_avg of shape \(4,\).*Delete its state"):
        kept.check(param, ADAM_RULE)


def test_counts_of_steps() -> None:
    param, counted = torch.ones(2), memory()
    assert counted.steps_of(param, ADAM_RULE) == 0
    counted.states[param]["step"] = torch.tensor(7.0)
    assert counted.steps_of(param, ADAM_RULE) == 7


def test_a_buffer_stands_for_a_step_where_torch_counts_none() -> None:
    param, kept = torch.ones(2), memory(counted=False)
    kept.states[param]["momentum_buffer"] = None  # as torch has it before the first step
    assert kept.steps_of(param, MOMENTUM) == 0
    kept.of(param, MOMENTUM, {})
    assert kept.steps_of(param, MOMENTUM) == 1


def test_what_is_loaded_keeps_its_precision() -> None:
    param = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    kept = memory()
    exact = torch.tensor([1.001, 2.002])
    kept.states[param] = {"exp_avg": exact.bfloat16(), "step": torch.tensor(3.0)}
    keep_precision(kept.states, param, {"exp_avg": exact, "step": torch.tensor(3.0)})
    assert torch.equal(kept.states[param]["exp_avg"], exact)
