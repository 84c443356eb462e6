"""The factor that makes one number of another."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.integrations.dialects.factors import factor

sizes = st.floats(1e-12, 1e6)


@given(sizes, sizes)
def test_it_makes_the_value_as_near_as_numbers_are(value: float, base: float) -> None:
    assert isclose(base * factor(value, base), value, rel_tol=3e-16)


@given(st.floats(1e-6, 10), st.integers(0, 40), st.sampled_from([0.5, 0.65, 0.75, 0.9]))
def test_what_was_made_by_a_factor_is_made_again_exactly(base: float, level: int, decay: float) -> None:
    value = base * decay**level
    assert base * factor(value, base) == value


@pytest.mark.parametrize(
    ("value", "base", "found"), [(1.0, 1.0, 1.0), (0.0, 0.0, 1.0), (0.0, 2.0, 0.0), (1e-4, 1e-3, 0.1)]
)
def test_it_is_short(value: float, base: float, found: float) -> None:
    assert factor(value, base) == found
