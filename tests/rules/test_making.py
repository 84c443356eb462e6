import pytest

from paramgroups.errors import RuleError
from paramgroups.rules import Rule, rule
from paramgroups.rules.making import made_by, table_of, value_of


def halve(select: str, times: int = 1) -> Rule:
    return rule(select, lr_scale=0.5**times)


def test_a_maker_takes_the_other_keys() -> None:
    data = {"use": "halve", "select": "head", "times": 2}
    assert made_by(dict(data), {"halve": halve}) == rule("head", lr_scale=0.25)


def test_what_a_maker_does_not_take_is_told_with_what_it_takes() -> None:
    with pytest.raises(RuleError, match=r'use = "halve": .*\'time\'\. It takes: select, times'):
        made_by({"use": "halve", "select": "head", "time": 2}, {"halve": halve})
    with pytest.raises(RuleError, match=r"use = 'halv' is not known\. Nearest: \"halve\""):
        made_by({"use": "halv"}, {"halve": halve})


def test_plain_data_stand_for_themselves() -> None:
    for data in (1, 0.5, True, "text", None, [1, [2]]):
        assert value_of(data, {}) == data
    assert value_of([{"use": "none"}, 1], {}) == [None, 1]


def test_reading_takes_nothing_from_the_data() -> None:
    data = {"use": "table", "values": {"a": 1.0}}
    value_of(data, {})
    table_of(data, "here").clear()
    assert data == {"use": "table", "values": {"a": 1.0}}
