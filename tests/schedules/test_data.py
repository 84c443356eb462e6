import tomllib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramgroups.schedules
from paramgroups.errors import ScheduleError
from paramgroups.schedules import (
    Schedule,
    Shape,
    constant,
    cosine,
    from_data,
    function,
    linear,
    multiplicative,
    piecewise,
    repeat,
    step,
    table,
    to_data,
    warmup,
)
from paramgroups.schedules.data import SHAPES
from tests.schedules.strategies import schedules


@given(schedules())
def test_data_give_the_schedule_again(schedule: Schedule) -> None:
    assert from_data(to_data(schedule), "schedule") == schedule


def test_data_are_what_a_person_would_write() -> None:
    assert to_data(cosine(end=0.01)) == {"use": "cosine", "end": 0.01}
    assert to_data(warmup("5%").then(step(0.5, every="1 epoch"))) == [
        {"use": "warmup", "length": "5%"},
        {"use": "step", "factor": 0.5, "every": "1 epoch"},
    ]
    assert to_data(table([1, 0.5], label="a")) == {"use": "table", "values": [1.0, 0.5], "label": "a"}


def test_data_of_combinations_hold_those_of_their_schedules() -> None:
    climb = warmup(3).then(cosine())
    assert to_data(climb.repeat(every=10)) == {"use": "repeat", "schedule": to_data(climb), "every": 10}
    assert to_data(linear() * climb) == {"use": "product", "schedules": [{"use": "linear"}, to_data(climb)]}
    assert to_data(piecewise([(0, 1), ("50%", 0)])) == {
        "use": "piecewise",
        "points": [[0, 1.0], ["50%", 0.0]],
    }


def test_toml_is_read() -> None:
    text = 'schedule = [{use = "warmup", length = 100}, {use = "cosine", end = 0}]'
    assert from_data(tomllib.loads(text)["schedule"], "schedule") == warmup(100).then(cosine())
    assert from_data([{"use": "constant"}], "schedule") == constant()


def test_a_function_is_no_data() -> None:
    with pytest.raises(
        ScheduleError, match=r'"mine" is code.*Save the plan\'s recipe instead, plan.recipe.to_toml'
    ):
        to_data(warmup(5).then(function("mine", lambda u: 1 - u)))
    with pytest.raises(ScheduleError, match=r'multiplicative "mine" is code'):
        to_data(linear() * repeat(multiplicative("mine", lambda t: 1 / t), every=3))
    with pytest.raises(ScheduleError, match=r"use = 'function' is no schedule"):
        from_data({"use": "function", "label": "mine", "fn": "os.system"}, "schedule")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("cosine", r"schedule is 'cosine', no schedule. Write {use = \"cosine\", end = 0.01}"),
        (None, "schedule is None, no schedule"),
        ([], "schedule: A chain has no parts"),
        ([{"use": "cosine"}, 3], r"schedule\[2\] is 3, no schedule"),
        ([[{"use": "cosine"}]], r"schedule\[1\] is \[.*\], no schedule"),
        ({"end": 0.1}, "schedule has no key use"),
        ({"use": "cosin"}, "schedule: use = 'cosin' is no schedule. Nearest: \"cosine\""),
        ({"use": 3}, "schedule: use = 3 is no schedule. Known: clamp, constant"),
        ({"use": "cosine", "ende": 0.1}, "schedule: cosine has no setting 'ende'. Nearest: \"end\""),
        ({"use": "cosine", 3: 0.1}, "schedule: cosine has no setting 3. Known: end, length"),
        ({"use": "warmup"}, "schedule: warmup needs length. Give length = …"),
        ({"use": "step"}, "schedule: step needs every. Give every = …"),
        ({"use": "cosine", "end": "0.1"}, "schedule: cosine: end='0.1' is a str"),
        ({"use": "cosine", "end": -1}, "schedule: cosine: end=-1 is negative"),
        ({"use": "warmup", "length": 0.05}, 'schedule: warmup: length=0.05 is a bare float.*"5%"'),
        ([{"use": "warmup", "length": 3}, {"use": "cosine", "end": []}], r"schedule\[2\]: cosine: end=\[\]"),
        ([{"use": "cosine"}, {"use": "linear"}], r"schedule: .* both fill the rest"),
        ({"use": "repeat", "every": 3}, "schedule: repeat needs schedule. Give schedule = …"),
        ({"use": "repeat", "schedule": 3, "every": 3}, "schedule.schedule is 3, no schedule"),
        (
            {"use": "clamp", "schedule": [{"use": "cosine", "end": -1}]},
            r"schedule.schedule\[1\]: cosine: end=-1 is negative",
        ),
        (
            {"use": "product", "schedules": {"use": "cosine"}},
            "schedule.schedules is .*, no list of schedules",
        ),
        (
            {"use": "product", "schedules": [{"use": "cosin"}]},
            r"schedule.schedules\[1\]: use = 'cosin' is no schedule",
        ),
        ({"use": "product", "schedules": []}, "schedule: A product has no schedules"),
        ({"use": "piecewise", "points": [[1]]}, r"schedule: piecewise: points\[0\]=\[1\] is no pair"),
        ({"use": "table", "values": [1, "a"]}, r"schedule: table: values\[1\]='a' is a str"),
    ],
)
def test_what_is_no_schedule_is_refused_where_it_stands(data: Any, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        from_data(data, "schedule")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.builds(pow, st.just(10), st.just(5000))
)
USES = st.fixed_dictionaries({"use": st.sampled_from([*SHAPES, "function"])})
SETTINGS = st.dictionaries(
    st.sampled_from(
        [
            "end",
            "start",
            "length",
            "every",
            "factor",
            "points",
            "values",
            "label",
            "schedule",
            "schedules",
            "x",
        ]
    ),
    SCALARS | st.lists(SCALARS, max_size=3),
    max_size=4,
)
NESTED = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3)
)


@given(NESTED | st.lists(st.builds(lambda a, b: a | b, USES, SETTINGS), max_size=3))
def test_nothing_but_our_error_is_raised(data: object) -> None:
    with suppress(ScheduleError):
        found = from_data(data, "here")
        assert from_data(to_data(found), "here") == found


def test_deep_and_cyclic_data_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    nested: dict[str, Any] = {"use": "cosine"}
    for _ in range(100_000):
        nested = {"use": "clamp", "schedule": nested}
    in_itself: dict[str, Any] = {"use": "product", "schedules": []}
    in_itself["schedules"].append(in_itself)
    for data in (nested, in_itself, deep, cyclic, {"use": deep}, {"use": "cosine", "end": cyclic}):
        with pytest.raises(ScheduleError, match="here"):
            from_data(data, "here")


def test_every_public_shape_can_be_named_in_data_but_a_function() -> None:
    public = (getattr(paramgroups.schedules, name) for name in paramgroups.schedules.__all__)
    shapes = {found for found in public if isinstance(found, type) and issubclass(found, Shape)}
    assert shapes - {Shape, function, multiplicative} == set(SHAPES.values())
