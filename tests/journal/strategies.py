"""Arbitrary events and journals, for properties that hold of all."""

from typing import Any

from hypothesis import strategies as st

from paramgroups.journal import Event, Journal

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
)
JUNK = st.recursive(
    SCALARS | st.floats() | st.binary() | st.just(10**400) | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
)
STEPS = st.integers(0, 9) | st.floats(0, 1e6)
TEXTS = st.text(min_size=1)


def events() -> st.SearchStrategy[Event]:
    """Any event."""
    return st.one_of(_changes(), _of_the_run())


def _common() -> dict[str, Any]:
    return {"step": STEPS, "cause": TEXTS, "old": VALUES, "new": VALUES, "names": st.lists(TEXTS, max_size=3)}


def _changes() -> st.SearchStrategy[Event]:
    later = st.none() | st.floats(1e7, 1e9)
    hyper = st.sampled_from(["lr", "weight_decay"])
    sets = st.builds(Event, action=st.just("set"), hyper=hyper, value=VALUES, until=later, **_common())
    factors = st.integers(0, 9) | st.floats(0, 10)
    return sets | st.builds(
        Event, action=st.just("scale"), hyper=hyper, value=factors, until=later, **_common()
    )


def _of_the_run() -> st.SearchStrategy[Event]:
    data = st.dictionaries(TEXTS, VALUES, max_size=2)
    pairs = st.sampled_from([("horizon", "horizon"), ("join", "group")])
    return pairs.flatmap(
        lambda pair: st.builds(
            Event, action=st.just(pair[0]), hyper=st.just(pair[1]), value=data, **_common()
        )
    )


# Few different events, so that journals share some.
FEW = st.builds(
    lambda step, factor: Event(step, "scale", "scale", "lr", factor, 1.0, factor),
    st.integers(0, 3),
    st.sampled_from([0.1, 0.5, 2.0]),
)
JOURNALS = st.lists(events(), max_size=4).map(Journal)
NEAR_JOURNALS = st.lists(FEW, max_size=8).map(Journal)
