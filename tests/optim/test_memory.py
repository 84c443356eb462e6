"""What is remembered of a tensor, and how it begins."""

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch import Tensor

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.memory import Memory, placed, precise

ADAM = ALGORITHMS["adam"]
ADAM_RULE = ADAM.of(ADAM.defaults)
SGD = ALGORITHMS["sgd"]
PLAIN = SGD.of(SGD.defaults)
MOMENTUM = SGD.of({**SGD.defaults, "momentum": 0.9})
NADAM = ALGORITHMS["nadam"]
NADAM_RULE = NADAM.of(NADAM.defaults)


def memory(*, counted: bool = True, masters: bool = False, starts: Any = None) -> Memory:
    states: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
    return Memory(states, starts or {}, counted, masters)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_has_its_state_in_float32(dtype: torch.dtype) -> None:
    param = torch.nn.Parameter(torch.ones(3, dtype=dtype))
    assert [state.dtype for state in memory().of(param, ADAM_RULE, {})] == [torch.float32] * 2
    assert precise(dtype) == torch.float32
    assert precise(torch.complex64) == torch.complex64


def test_a_state_is_made_once_and_wants_no_gradient() -> None:
    param, kept = torch.nn.Parameter(torch.ones(2, 3).T), memory()
    first = kept.of(param, ADAM_RULE, {})
    assert all(one is other for one, other in zip(first, kept.of(param, ADAM_RULE, {}), strict=True))
    assert all(state.is_contiguous() and not state.requires_grad for state in first)


def test_a_rule_that_remembers_nothing_makes_no_state() -> None:
    param, kept = torch.ones(2), memory(counted=False)
    assert kept.of(param, PLAIN, {}) == []
    assert not kept.states


@pytest.mark.parametrize(("dtype", "start"), [(torch.float32, 0.5), (torch.complex64, 0.5 + 0.5j)], ids=str)
def test_a_state_begins_where_its_setting_says(dtype: torch.dtype, start: complex) -> None:
    param = torch.ones(2, dtype=dtype)
    family = ALGORITHMS["adagrad"]
    kept = memory(starts=family.starts)
    (sums,) = kept.of(param, family.of(family.defaults), {"initial_accumulator_value": 0.5})
    assert sums.tolist() == [start] * 2


def test_a_state_follows_its_parameter() -> None:
    param, kept = torch.ones(2, 2), memory()
    kept.states[param] = {"exp_avg": torch.ones(2, 2), "exp_avg_sq": torch.arange(4.0).view(2, 2).T}
    param.data = param.data.double()
    found = kept.of(param, ADAM_RULE, {})
    assert [state.dtype for state in found] == [torch.float64] * 2
    assert found[1] is kept.states[param]["exp_avg_sq"]
    assert found[1].is_contiguous()
    assert found[1].tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize("key", ["exp_avg", "exp_avg_sq", "master"])
def test_a_state_of_another_shape_is_refused(key: str) -> None:
    param, kept = torch.ones(9), memory()
    kept.states[param][key] = torch.ones(4)
    with pytest.raises(OptimizerError) as caught:
        kept.check(param, ADAM_RULE)
    assert str(caught.value) == (
        f"A parameter of shape (9,) has an entry {key} of shape (4,): it was resized since. "
        "Delete its state, del optimizer.state[parameter], to begin anew."
    )


@pytest.mark.parametrize(
    ("key", "found", "message"),
    [
        (
            "exp_avg",
            3,
            "A parameter of shape (2,) has 3 as its exp_avg, which is no dense tensor. Delete its state",
        ),
        ("exp_avg_sq", torch.ones(2).to_sparse(), "as its exp_avg_sq, which is no dense tensor."),
        (
            "step",
            None,
            "has None as its step, which is no number of at least 0. Delete its state, del",
        ),
        ("step", torch.ones(2), "has tensor([1., 1.]) as its step, which is no number of at least 0."),
        ("step", "one", "has 'one' as its step, which is no number of at least 0."),
    ],
    ids=["number", "sparse", "no step", "many steps", "word"],
)
def test_what_is_no_state_is_refused(key: str, found: Any, message: str) -> None:
    param, kept = torch.ones(2), memory()
    kept.of(param, ADAM_RULE, {})
    kept.states[param][key] = found
    assert kept.knows(param, ADAM_RULE) == (key == "step" or isinstance(found, Tensor))
    with pytest.raises(OptimizerError) as caught:
        kept.check(param, ADAM_RULE)
    assert message in str(caught.value)


def test_what_is_not_there_is_not_refused() -> None:
    param, kept = torch.ones(2), memory()
    kept.check(param, ADAM_RULE)
    kept.states[param] = {"exp_avg": None, "other": torch.ones(7)}
    kept.check(param, ADAM_RULE)


def test_who_was_stepped_before() -> None:
    param, kept = torch.ones(2), memory()
    assert not kept.knows(param, ADAM_RULE)
    kept.of(param, ADAM_RULE, {})
    assert kept.knows(param, ADAM_RULE)
    assert not kept.knows(param, ALGORITHMS["adam"].of({**ADAM.defaults, "amsgrad": True}))
    kept.states[param]["exp_avg"] = torch.ones(3)
    assert not kept.knows(param, ADAM_RULE)


def test_where_nothing_is_remembered_whoever_is_trained_is_known() -> None:
    """Laying it out makes nothing; a frozen table may be of a dtype that nobody steps."""
    trained = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    frozen = torch.nn.Parameter(torch.ones(2, dtype=torch.int8), requires_grad=False)
    assert memory(counted=False).knows(trained, PLAIN)
    assert not memory(counted=False).knows(frozen, PLAIN)
    assert not memory(counted=False, masters=True).knows(trained, PLAIN)
    assert not memory(counted=False).knows(trained, MOMENTUM)
    assert not memory(counted=True).knows(trained, PLAIN)


def test_counters_are_views_of_one_tensor() -> None:
    params, kept = [torch.ones(2), torch.ones(3)], memory()
    kept.states[params[1]] = {"step": torch.tensor(7.0), "mu_product": torch.tensor(0.5)}
    counters = kept.counters(params, NADAM_RULE)
    assert {key: numbers.tolist() for key, numbers in counters.items()} == {
        "step": [0, 7],
        "mu_product": [1, 0.5],
    }
    counters["step"] += 1
    assert [kept.states[param]["step"].item() for param in params] == [1, 8]
    assert all(kept.states[param]["step"].shape == () for param in params)


@pytest.mark.parametrize(
    "step", [7, 7.0, torch.tensor(7), torch.tensor([7.0])], ids=["int", "float", "long", "one"]
)
def test_a_count_of_any_kind_is_read(step: Any) -> None:
    """Older states have an int."""
    param, kept = torch.ones(2), memory()
    kept.states[param]["step"] = step
    assert kept.counters([param], ADAM_RULE)["step"].tolist() == [7.0]
    assert kept.states[param]["step"].dtype == torch.float32


def test_a_buffer_stands_for_a_step_where_torch_counts_none() -> None:
    param, kept = torch.ones(2), memory(counted=False)
    kept.states[param]["momentum_buffer"] = None  # as torch has it before the first step
    assert kept.counters([param], MOMENTUM)["step"].tolist() == [0]
    kept.of(param, MOMENTUM, {})
    assert kept.counters([param], MOMENTUM)["step"].tolist() == [1]
    assert list(kept.states[param]) == ["momentum_buffer"]


def test_keys_of_a_state() -> None:
    assert memory().keys(NADAM_RULE, mastered=True) == [
        "exp_avg",
        "exp_avg_sq",
        "step",
        "mu_product",
        "master",
    ]
    assert memory(counted=False).keys(MOMENTUM, mastered=False) == ["momentum_buffer"]
    assert memory(counted=False).keys(PLAIN, mastered=False) == []


def test_a_master_is_what_it_was_where_the_parameter_is_still_its_rounding() -> None:
    param, kept = torch.tensor([1.0, 1.0], dtype=torch.bfloat16), memory(masters=True)
    master = kept.master_of(param)
    assert master.dtype == torch.float32
    assert master.data_ptr() != param.data_ptr()
    master += 2.0**-10
    param[1] = 3.0
    assert kept.master_of(param).tolist() == [1 + 2.0**-10, 3.0]
    assert kept.states[param]["master"].tolist() == [1 + 2.0**-10, 3.0]


def test_a_master_that_was_saved_in_half_precision_becomes_exact_again() -> None:
    param, kept = torch.tensor([1.0], dtype=torch.bfloat16), memory(masters=True)
    kept.states[param]["master"] = torch.tensor([1.0], dtype=torch.bfloat16)
    assert kept.master_of(param).dtype == torch.float32


def test_float32_of_half_precision_stays_as_it_was_saved() -> None:
    param, exact = torch.ones(2, dtype=torch.bfloat16), torch.tensor([1.001, 2.002])
    assert torch.equal(placed(exact, param, "exp_avg"), exact)
    assert placed(exact.double(), param, "exp_avg").dtype == torch.float32


def test_half_precision_stays_what_its_class_has_made_of_it() -> None:
    param = torch.ones(2, dtype=torch.bfloat16)
    assert placed(param.clone(), param, "momentum_buffer").dtype == torch.bfloat16
    assert placed(param.half(), param, "momentum_buffer").dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.bool])
def test_what_is_no_float_is_no_float_afterwards(dtype: torch.dtype) -> None:
    param, codes = torch.ones(2), torch.tensor([1, 0], dtype=dtype)
    found = placed({"state1": codes, "of": [codes]}, param)
    assert found["state1"].dtype == found["of"][0].dtype == dtype
    assert torch.equal(found["state1"], codes)


def test_saved_tensors_are_placed_as_torch_does() -> None:
    param, step = torch.ones(2, dtype=torch.float64), torch.tensor(3.0)
    state = {"step": step, "exp_avg": torch.ones(2), "of": [torch.ones(1)], "word": "x", "none": None}
    found = placed(state, param)
    assert found["step"] is step
    assert (found["exp_avg"].dtype, found["of"][0].dtype) == (torch.float64, torch.float64)
    assert (found["word"], found["none"]) == ("x", None)
    assert placed(torch.tensor(3), param, "step", on_device=True).dtype == torch.float32
    assert placed(torch.ones(1), torch.ones(1, dtype=torch.int64), "sum").dtype == torch.float32


def test_forgotten_rows_begin_where_a_state_begins_and_the_others_stay() -> None:
    family = ALGORITHMS["adagrad"]
    param, kept = torch.nn.Parameter(torch.ones(3, 2)), memory(starts=family.starts)
    kept.states[param] = {"step": torch.tensor(4.0), "sum": torch.full((3, 2), 9.0), "master": param.detach()}
    kept.forget_rows(param, family.of(family.defaults), {"initial_accumulator_value": 0.5}, slice(1, 3))
    state = kept.states[param]
    assert state["sum"].tolist() == [[9.0, 9.0], [0.5, 0.5], [0.5, 0.5]]
    assert state["row_step"].tolist() == [4.0, 0.0, 0.0]
    assert (float(state["step"]), state["master"].tolist()) == (4.0, [[1.0, 1.0]] * 3)


def test_forgotten_rows_have_the_products_of_new_ones() -> None:
    param, kept = torch.nn.Parameter(torch.ones(2, 2)), memory()
    ones = {key: torch.ones(2, 2) for key in NADAM_RULE.states}
    kept.states[param] = {"step": torch.tensor(4.0), "mu_product": torch.tensor(0.25), **ones}
    kept.forget_rows(param, NADAM_RULE, {}, slice(0, 1))
    assert kept.states[param]["row_mu_product"].tolist() == [1.0, 0.25]


def test_nothing_is_made_to_be_forgotten() -> None:
    param, kept = torch.nn.Parameter(torch.ones(2, 2)), memory()
    kept.forget_rows(param, ADAM_RULE, {}, slice(0, 1))
    kept.forget_rows(param, PLAIN, {}, slice(0, 1))
    assert not kept.states
