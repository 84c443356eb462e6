"""Clipping by norm: factors against torch's own function."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st
from torch import nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.clipping import clips, factors_of
from paramgroups.optim.statistics import total
from tests.optim.passers import Walker, given, grown

BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])


def factors(*groups: dict[str, Any], squares: list[float]) -> list[float]:
    found: list[float] = factors_of(groups, np.array(squares)).tolist()
    return found


def test_groups_with_one_bound_are_clipped_together() -> None:
    """√(9 + 16) = 5, so that a bound of 1 takes a fifth; the bound of 2 is for the 100 alone."""
    one, two = {"clip_norm": 1.0}, {"clip_norm": 2.0}
    found = factors(one, two, {}, one, squares=[9.0, 100.0, 7.0, 16.0])
    assert found == pytest.approx([0.2, 0.2, 1.0, 0.2], rel=1e-6)


def test_a_group_alone() -> None:
    alone = {"clip_norm": 1.0, "clip_alone": True}
    found = factors(alone, {"clip_norm": 1.0}, alone, squares=[4.0, 16.0, 25.0])
    assert found == pytest.approx([0.5, 0.25, 0.2], rel=1e-6)


def test_a_bound_is_a_number_of_any_kind() -> None:
    """Equal ones are one bound."""
    bounds = [1, 1.0, torch.tensor(1.0), np.float32(1.0)]
    found = factors(*({"clip_norm": bound} for bound in bounds), squares=[4.0] * 4)
    assert found == pytest.approx([0.25] * 4, rel=1e-6)


def test_below_its_bound_nothing_is_clipped() -> None:
    assert factors({"clip_norm": 1.0}, {"clip_norm": None}, squares=[0.25, math.inf]) == [1.0, 1.0]
    assert factors({"clip_norm": 1.0}, squares=[0.0]) == [1.0]


def test_norms_that_are_no_numbers_stay_so() -> None:
    """As in torch: an infinite norm takes everything to 0 (and 0 · ∞ to NaN), NaN everything to NaN."""
    assert factors({"clip_norm": 1.0}, squares=[math.inf]) == [0.0]
    assert np.isnan(factors({"clip_norm": 1.0}, {}, squares=[math.nan, 1.0])).tolist() == [True, False]


def test_whether_any_is_clipped() -> None:
    assert clips([{}, {"clip_norm": 1.0}])
    assert clips([{"clip_norm": 0}])  # which is refused
    assert not clips([{"clip_norm": None}, {}, {"clip_alone": True}])
    assert not clips([])


@pytest.mark.parametrize(
    "bound",
    [
        0,
        -1.0,
        math.nan,
        math.inf,
        True,
        "1",
        10**400,
        torch.ones(2),
        np.ones(2),
        [1.0],
        torch.tensor(math.nan),
    ],
    ids=["zero", "negative", "nan", "inf", "bool", "word", "huge", "tensor", "array", "list", "nan tensor"],
)
def test_what_is_no_bound(bound: Any) -> None:
    with pytest.raises(OptimizerError) as caught:
        factors({}, {"clip_norm": bound}, squares=[1.0, 1.0])
    assert str(caught.value).startswith("clip_norm=")
    assert str(caught.value).endswith(
        " in group 1: it must be a number, above 0, or None, which clips nothing."
    )


@drawn(
    st.lists(
        st.tuples(st.sampled_from([None, 0.5, 2.0]), st.booleans(), st.floats(0, 100)), min_size=1, max_size=6
    )
)
def test_no_norm_is_above_its_bound(cases: list[tuple[float | None, bool, float]]) -> None:
    groups = [{"clip_norm": bound, "clip_alone": alone} for bound, alone, _ in cases]
    squares = np.array([square for *_, square in cases])
    found = factors_of(groups, squares)
    clipped = squares * found**2
    for bound in (0.5, 2.0):
        shared = [place for place, (own, alone, _) in enumerate(cases) if own == bound and not alone]
        assert np.sqrt(clipped[shared].sum()) <= bound
        assert len(set(found[shared])) <= 1
    for place, (own, alone, _) in enumerate(cases):
        assert own is not None or found[place] == 1.0
        assert own is None or not alone or np.sqrt(clipped[place]) <= own


def clipped_by_us(params: list[nn.Parameter], bound: float, backend: str) -> list[torch.Tensor]:
    """The clipped gradients, as a step of rate 1 from 0 writes them, negative."""
    for param in params:
        param.data.zero_()
    walker = Walker("sgd", {"params": params, "lr": 1.0, "clip_norm": bound}, backend=backend)
    walker.walked.find(walker.groups, walker.states)
    squares = total(walker.walked.measure(), 1)[:, 0]
    walker.step(factors_of(walker.groups, squares).tolist())
    return [-param.detach() for param in params]


@BOTH
@pytest.mark.parametrize("wrong", [None, math.inf, -math.inf, math.nan], ids=str)
@pytest.mark.parametrize("bound", [0.5, 100.0])
def test_gradients_are_clipped_as_torch_does(bound: float, wrong: float | None, backend: str) -> None:
    params = [*grown((3, 2), ()), given(1.0, 2.0, grad=wrong or 1.0)]
    found = clipped_by_us(params, bound, backend)
    torch.nn.utils.clip_grad_norm_(params, bound)
    for one, param in zip(found, params, strict=True):
        torch.testing.assert_close(one, param.grad, rtol=1e-9, atol=1e-12, equal_nan=True)
