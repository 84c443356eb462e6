"""Arbitrary schedules, for properties that hold of all."""

from hypothesis import strategies as st

from paramgroups.schedules import (
    Schedule,
    Shape,
    constant,
    cosine,
    exponential,
    linear,
    polynomial,
    step,
    table,
    warmup,
)
from paramgroups.schedules.schedule import chained

FACTORS = st.floats(0, 1)
PERIODS = st.integers(1, 40) | st.sampled_from(["1 epoch", "50%", "3 steps"])
# Six parts of at most 16% leave something to the one that fills.
SHARES = st.integers(0, 16).map("{}%".format) | st.integers(0, 16)


def shapes(lengths: st.SearchStrategy[int | str | None]) -> st.SearchStrategy[Shape]:
    """Shapes that never leave [0, 1]."""
    return st.one_of(
        st.builds(constant, FACTORS, length=lengths),
        st.builds(linear, start=FACTORS, end=FACTORS, length=lengths),
        st.builds(cosine, end=FACTORS, length=lengths),
        st.builds(step, FACTORS, every=PERIODS, length=lengths),
        st.builds(exponential, FACTORS, every=PERIODS, length=lengths),
        st.builds(polynomial, power=st.floats(0.01, 5), end=FACTORS, length=lengths),
        st.builds(table, st.lists(FACTORS, min_size=1, max_size=9), label=st.just("mine"), length=lengths),
    )


WARMUPS = st.builds(warmup, SHARES, start=st.none() | FACTORS)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Chains of up to six parts, one of which may fill the rest of 100 steps in epochs of 10."""
    parts: list[Schedule] = draw(st.lists(WARMUPS | shapes(SHARES), min_size=1, max_size=5))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), draw(shapes(st.none())))
    return chained(parts)
