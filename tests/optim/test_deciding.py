"""What is decided on the device is what the host would decide."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from paramgroups.errors import OptimizerError
from paramgroups.optim.deciding import SHUT, decide, group_sums
from paramgroups.optim.limits import Limit, passage

GROUPS = 5
NUMBERS = st.sampled_from([0.0, 1e-12, 0.25, 1.0, 9.0, 16.0, 1e30])
ROWS = st.tuples(NUMBERS, st.booleans()).map(
    lambda row: [math.nan if row[1] else row[0], 0.0, 0.0, float(row[1])]
)
SUMS = st.lists(ROWS, min_size=GROUPS, max_size=GROUPS).map(np.array)
LIMITS = st.lists(
    st.builds(
        Limit,
        st.lists(st.integers(0, GROUPS - 1), max_size=GROUPS, unique=True).map(tuple),
        st.sampled_from([0.0, 0.5, 1.0, 4.0, math.inf]),
        clip=st.booleans(),
        shut=st.sampled_from([False, False, False, True]),
    ),
    max_size=4,
)
CLIPS = st.lists(
    st.fixed_dictionaries({"clip_norm": st.sampled_from([None, 0.5, 2.0]), "clip_alone": st.booleans()}),
    min_size=GROUPS,
    max_size=GROUPS,
)


@given(SUMS, LIMITS, CLIPS, st.sampled_from([1.0, 0.125]))
def test_it_is_what_the_host_decides(
    sums: Any, limits: list[Limit], groups: list[dict[str, Any]], scale: float
) -> None:
    wanted = passage(limits, groups, sums, scale)
    decision = decide(limits, groups, torch.from_numpy(sums), scale)
    found = decision.passage
    np.testing.assert_array_equal(found.shut, wanted.shut)
    assert wanted.factors is not None
    stepped = ~wanted.shut
    np.testing.assert_allclose(found.factors[stepped], wanted.factors[stepped], rtol=1e-12)  # type: ignore[index]  # factors are there
    assert decision.gates[torch.from_numpy(wanted.shut)].eq(SHUT).all()
    for one, other in zip(found.outcomes, wanted.outcomes, strict=True):
        assert (one.limit, one.nonfinite, one.shut) == (other.limit, other.nonfinite, other.shut)
        assert (one.norm, one.factor) == pytest.approx((other.norm, other.factor), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("limit", "message"),
    [(Limit((0,), math.nan), "the bound is no number"), (Limit((2,)), "names group 2, and there are 2")],
    ids=["no bound", "no group"],
)
def test_a_limit_without_meaning_is_refused(limit: Limit, message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        decide([limit], [{}, {}], torch.zeros(2, 4, dtype=torch.float64), 1.0)


def test_sums_of_segments_become_those_of_groups() -> None:
    rows = torch.arange(16.0, dtype=torch.float64).reshape(4, 4)
    found = group_sums(rows, np.array([0, 0, 2, 2]), 4)
    assert found[:, 0].tolist() == [4.0, 0.0, 20.0, 0.0]


class Waits(TorchDispatchMode):
    """The operations that wait for a device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default or "nonzero" in str(func):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


def test_nothing_waits_for_the_device_until_it_is_read() -> None:
    sums = torch.ones(3, 4, dtype=torch.float64)
    sums[:, 3] = 0.0
    limits = [Limit((0, 1), 1.0, clip=True), Limit((2,), 0.5)]
    with Waits() as waits:
        decision = decide(limits, [{"clip_norm": 0.1}, {}, {}], sums, 1.0)
    assert waits.found == []
    assert decision.passage.shut.tolist() == [False, False, True]


def test_a_copy_holds_what_came() -> None:
    decision = decide([Limit((0,), 0.5)], [{}], torch.ones(1, 4, dtype=torch.float64) - 1.0, 1.0)
    assert copy.deepcopy(decision).passage.factors == pytest.approx([1.0])
