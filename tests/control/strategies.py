"""Arbitrary metrics and controllers, for properties that hold of all."""

from typing import Any

from hypothesis import strategies as st

from paramgroups.control import Controller, Observation, function, greedy, plateau
from paramgroups.rules import Rule, rule

# Few different values, so that plateaus, ties and thresholds are met.
METRICS = st.lists(
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 0.0, 0.1, 1.0, 1.00005, 2.0, -1.0])
    | st.floats(-5, 5),
    max_size=40,
)


def _remembers(state: Any, seen: Observation) -> tuple[Any, list[Rule]]:
    """Cuts when a metric is the fourth of a kind; its state is a tuple in a dict."""
    count = (state or {"seen": (0,)})["seen"][0] + 1
    return {"seen": (count,)}, [
        rule("head", lr_scale=0.5, until=int(seen.step) + 3)
    ] if count % 4 == 0 else []


def _common() -> dict[str, Any]:
    return {
        "patience": st.integers(0, 3),
        "mode": st.sampled_from(["min", "max"]),
        "threshold": st.sampled_from([0.0, 1e-4, 0.5]),
        "threshold_mode": st.sampled_from(["relative", "absolute"]),
        "cooldown": st.integers(0, 3),
        "floor": st.sampled_from([0.0, 0.01, 0.3]),
        "ceiling": st.sampled_from([None, 1.5, 10.0]),
        "nan": st.sampled_from(["ignore", "bad"]),
    }


def watchers() -> st.SearchStrategy[plateau | greedy]:
    """Any that can be data."""
    head, loss = st.just("head"), st.just("loss")
    cuts = st.builds(plateau, head, loss, factor=st.sampled_from([0.1, 0.7, 2.0]), **_common())
    more = {"settle": st.integers(0, 2), "window": st.integers(1, 4), "restart": st.integers(1, 3)}
    return cuts | st.builds(greedy, head, loss, factor=st.sampled_from([0.3, 0.95]), **_common(), **more)


def controllers() -> st.SearchStrategy[Controller]:
    """Any controller."""
    return watchers() | st.just(function("mine", _remembers, selector="head", metric="loss"))
