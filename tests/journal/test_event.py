import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import CheckpointError, ParamGroupsError
from paramgroups.journal import Event
from tests.journal.strategies import JUNK, events

CUT = Event(
    8120, 'plateau("head", "val_loss")', "scale", "lr", 0.1, 3e-4, 3e-5, ("head.weight", "head.bias"), 9000
)
DATA = CUT.data


def test_data_is_what_json_holds() -> None:
    assert DATA == {
        "step": 8120.0,
        "cause": 'plateau("head", "val_loss")',
        "action": "scale",
        "hyper": "lr",
        "value": 0.1,
        "old": 3e-4,
        "new": 3e-5,
        "names": ["head.weight", "head.bias"],
        "until": 9000.0,
    }
    assert "until" not in replace(CUT, until=None).data


def test_lists_are_tuples_so_that_events_compare() -> None:
    event = Event(0, "set", "set", "betas", [0.9, 0.95], [0.9, 0.999], (0.9, 0.95), ["a"])  # type: ignore[arg-type]  # as JSON has them
    assert event.value == (0.9, 0.95)
    assert event.names == ("a",)
    assert event.data["value"] == [0.9, 0.95]


def test_events_have_a_hash_whatever_they_hold() -> None:
    longer = Event(5, "horizon", "horizon", "horizon", {"steps": 200}, {"steps": 100}, {"steps": 200})
    assert len({longer, Event.read(longer.data)}) == 1


@given(events())
def test_an_event_is_read_back_equal_from_json(event: Event) -> None:
    read = Event.read(json.loads(json.dumps(event.data, allow_nan=False)))
    assert read == event
    assert repr(read) == repr(event)


@given(events())
def test_an_event_is_one_line(event: Event) -> None:
    assert len(str(event).splitlines()) == 1


@given(
    JUNK
    | st.dictionaries(st.sampled_from([*DATA, "junk"]), JUNK)
    | st.fixed_dictionaries(dict.fromkeys(DATA, JUNK))
)
def test_junk_raises_our_errors_alone(data: Any) -> None:
    with pytest.raises(ParamGroupsError):
        Event.read(data)


@given(st.sampled_from(sorted(DATA)), JUNK)
def test_an_event_with_one_key_of_junk_is_read_or_refused(key: str, junk: Any) -> None:
    try:
        event = Event.read({**DATA, key: junk})
    except ParamGroupsError:
        return
    assert Event.read(event.data) == event


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": -1}, r"step=-1 is negative\. Give a tick: the first is 0"),
        ({"step": float("nan")}, r"step=nan is not finite"),
        ({"step": True}, r"step=True is a bool"),
        ({"step": "5"}, r"step='5' is a str\. Give a number"),
        ({"cause": ""}, r"cause='' is no text"),
        ({"action": "scales"}, r"action='scales' is not known\. Nearest: \"scale\""),
        ({"action": ["set"]}, r"action=\['set'\] is not known"),
        ({"hyper": None}, r"hyper=None is no text"),
        ({"value": "much"}, r"value='much' is a str\. Give a number"),
        ({"value": -0.5}, r"value=-0\.5 scales, and is negative\. A factor is at least 0"),
        ({"action": "write", "value": True}, r"value=True is a bool"),
        ({"new": float("inf")}, r"new=inf is not finite"),
        ({"names": "head"}, r"names='head' is no list\. Give the names"),
        ({"names": [1]}, r"names\[0\]=1 is no text"),
        ({"until": 8120}, r"until=8120\.0 is not after step=8120\.0.*Give a later tick"),
        ({"until": "10%"}, r"until='10%' is a str"),
        ({"action": "join"}, r"hyper='lr', and the action is \"join\"\. Give \"group\""),
        (
            {"action": "horizon", "hyper": "horizon"},
            r"value=0\.1, and the action is \"horizon\"\. Give a dict",
        ),
        ({"xyz": 1}, r"An event has no key 'xyz'\. Known: action"),
        ({"nmes": []}, r"An event has no key 'nmes'\. Nearest: \"names\""),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        Event.read(DATA | change)


def test_what_is_lacking_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"The event lacks old, new\. It has: step, cause"):
        Event.read({key: value for key, value in DATA.items() if key not in ("old", "new")})
    with pytest.raises(CheckpointError, match=r"\[1\] is no event\. An event is a dict"):
        Event.read([1])


def test_what_the_code_makes_is_checked_as_what_is_read() -> None:
    with pytest.raises(CheckpointError, match="step=-1 is negative"):
        Event(-1, "set", "set", "lr", 0.1, 0.2, 0.1)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"cause": 'plateau("a", "b")', "names": [f"p{i}" for i in range(7)]},
            'step 8,120  lr 0.0003 → 3e-05  × 0.1 until 9,000  plateau("a", "b")  7 parameters, such as "p0"',
        ),
        (
            {"until": None, "names": ["head.weight"]},
            'step 8,120  lr 0.0003 → 3e-05  × 0.1  plateau("head", "val_loss")  "head.weight"',
        ),
        (
            {"action": "set", "cause": "set", "old": None, "until": None, "names": []},
            "step 8,120  lr 3e-05  set",
        ),
        (
            {"action": "write", "cause": "two\nlines", "until": None, "names": []},
            "step 8,120  lr 0.0003 → 3e-05  × 0.1  two lines",
        ),
        (
            {"action": "set", "cause": "set", "until": None, "old": False, "new": True, "names": []},
            "step 8,120  lr false → true  set",
        ),
    ],
    ids=["many", "one", "nothing before", "write", "switch"],
)
def test_it_is_a_line_for_people(change: dict[str, Any], line: str) -> None:
    assert str(Event.read({**DATA, **change})) == line


def test_long_values_are_cut() -> None:
    event = Event(0, "join", "join", "group", {"names": ["x" * 100]}, None, {"names": ["x" * 100]})
    assert str(event).startswith('step 0  group {"names": ["xxx')
    assert len(str(event)) < 100
