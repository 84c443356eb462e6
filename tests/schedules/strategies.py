"""Arbitrary schedules, for properties that hold of all."""

from hypothesis import strategies as st

from paramgroups.schedules import (
    Schedule,
    Shape,
    clamp,
    constant,
    cosine,
    cyclic,
    exponential,
    inverse_sqrt,
    linear,
    milestones,
    one_cycle,
    one_minus_sqrt,
    piecewise,
    polynomial,
    product,
    repeat,
    step,
    table,
    triangular,
    warmup,
    window,
)
from paramgroups.schedules.schedule import chained

FACTORS = st.floats(0, 1)
PERIODS = st.integers(1, 40) | st.sampled_from(["1 epoch", "50%", "3 steps"])
# Six parts of at most 16% leave something to the one that fills.
SHARES = st.integers(0, 16).map("{}%".format) | st.integers(0, 16)
PLACES = st.lists(st.integers(0, 1000), min_size=1, max_size=5).map(
    lambda found: [f"{tenths / 10}%" for tenths in sorted(found)]
)
LATER_PLACES = st.lists(st.integers(1, 1000), min_size=1, max_size=5).map(
    lambda found: [f"{tenths / 10}%" for tenths in sorted(found)]
)
RISES = st.integers(0, 500).map(lambda tenths: f"{tenths / 10}%")
Lengths = st.SearchStrategy[int | str | None]


def shapes(lengths: Lengths) -> st.SearchStrategy[Shape]:
    """Shapes that never leave [0, 1]."""
    return st.one_of(
        st.builds(constant, FACTORS, length=lengths),
        st.builds(linear, start=FACTORS, end=FACTORS, length=lengths),
        st.builds(cosine, start=FACTORS, end=FACTORS, length=lengths),
        st.builds(one_minus_sqrt, start=FACTORS, end=FACTORS, length=lengths),
        st.builds(polynomial, power=st.floats(0.01, 5), start=FACTORS, end=FACTORS, length=lengths),
        st.builds(step, FACTORS, every=PERIODS, length=lengths),
        st.builds(exponential, FACTORS, every=PERIODS, length=lengths),
        st.builds(inverse_sqrt, PERIODS, length=lengths),
        st.builds(milestones, FACTORS, at=LATER_PLACES, length=lengths),
        st.builds(table, st.lists(FACTORS, min_size=1, max_size=9), label=st.just("mine"), length=lengths),
        turning(lengths),
    )


def turning(lengths: Lengths) -> st.SearchStrategy[Shape]:
    """Shapes that climb and fall."""
    points = st.builds(
        lambda at, found: list(zip(at, found, strict=False)), PLACES, st.lists(FACTORS, min_size=5)
    )
    return st.one_of(
        st.builds(piecewise, points, between=st.sampled_from(["linear", "cosine", "hold"]), length=lengths),
        st.builds(triangular, start=FACTORS, rise=RISES, length=lengths),
        st.builds(
            one_cycle,
            start=FACTORS,
            peak=FACTORS,
            end=FACTORS,
            rise=RISES,
            between=st.sampled_from(["linear", "cosine"]),
            symmetric=st.booleans(),
            length=lengths,
        ),
        st.builds(
            cyclic,
            start=FACTORS,
            up=PERIODS,
            down=st.none() | PERIODS,
            peak=FACTORS,
            cycle_factor=st.floats(0.1, 1),
            tick_factor=st.floats(0.5, 1),
            length=lengths,
        ),
    )


WARMUPS = st.builds(warmup, SHARES, start=st.none() | FACTORS)


@st.composite
def chains(draw: st.DrawFn) -> Schedule:
    """Chains of up to six shapes, one of which may fill the rest of at least 100 steps."""
    parts: list[Schedule] = draw(st.lists(WARMUPS | shapes(SHARES), min_size=1, max_size=5))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), draw(shapes(st.none())))
    return chained(parts)


def shares(lengths: Lengths) -> st.SearchStrategy[Schedule]:
    """Schedules that fit any horizon."""
    return shapes(st.just("30%") | lengths)


@st.composite
def windows(draw: st.DrawFn, held: Schedule) -> Shape:
    """A schedule within a part of what it is given."""
    first, last = sorted(draw(st.tuples(st.integers(0, 100), st.integers(0, 100))))
    start = draw(st.sampled_from([None, f"{first}%"]))
    return window(held, start=start, until=draw(st.sampled_from([None, f"{last}%"])))


def combined(held: st.SearchStrategy[Schedule]) -> st.SearchStrategy[Shape]:
    """Combinations of schedules that fit any horizon."""
    return st.one_of(
        st.builds(product, held, held),
        st.builds(clamp, held, low=st.floats(0, 0.4), high=st.none() | st.floats(0.5, 1)),
        held.flatmap(windows),
        st.builds(repeat, held, times=st.integers(1, 7), factor=FACTORS),
        st.builds(repeat, held, every=PERIODS, stretch=st.integers(1, 3), factor=FACTORS),
    )


NESTED: st.SearchStrategy[Schedule] = st.recursive(shares(st.none()), combined, max_leaves=4)


def schedules() -> st.SearchStrategy[Schedule]:
    """Shapes, chains of them and combinations, which never leave [0, 1], for 100 steps in epochs of 10."""
    mixed = st.builds(lambda first, rest: first.then(rest), WARMUPS, combined(NESTED))
    return chains() | combined(NESTED) | mixed
