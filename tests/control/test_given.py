from typing import Any

import pytest

from paramgroups.control import Observation, ask, function
from paramgroups.errors import RuleError, SelectorError
from paramgroups.rules import Rule, rule
from paramgroups.select import parse


def halve(best: Any, seen: Observation) -> tuple[Any, Rule | list[Rule]]:
    """Halves when the loss is twice the best."""
    if best is not None and seen["loss"] > 2 * best:
        return best, rule("head", lr_scale=0.5, until=int(seen.step) + 100)
    return min(seen["loss"], best or seen["loss"]), []


GUARD = function("halve on a spike", halve, selector="head", metric="loss")


def test_a_function_of_the_users_own() -> None:
    state, rules = ask(GUARD, GUARD.begin(), Observation(4, {"loss": 1.0}))
    assert (state, rules) == ({"own": 1.0}, ())
    state, rules = ask(GUARD, state, Observation(5, {"loss": 3.0}))
    assert (state, rules) == ({"own": 1.0}, (rule("head", lr_scale=0.5, until=105),))


def test_what_it_says_of_itself() -> None:
    assert GUARD.title == "halve on a spike"
    assert GUARD.metrics == ("loss",)
    assert GUARD.selectors == (parse("head"),)
    assert repr(GUARD) == "function('halve on a spike', halve, selector='head', metric='loss')"
    both = function("both", halve, selector=["head", parse("stem")], metric=("a", "b"), start={"n": (0,)})
    assert both.selectors == (parse("head"), parse("stem"))
    assert both.begin() == {"own": {"n": [0]}}
    assert (
        repr(both)
        == "function('both', halve, selector=['head', 'stem'], metric=['a', 'b'], start={'n': [0]})"
    )
    for one in (GUARD, both):
        assert eval(repr(one), {"function": function, "halve": halve}) == one  # noqa: S307  # our own text
        assert hash(one) == hash(eval(repr(one), {"function": function, "halve": halve}))  # noqa: S307
    assert both != GUARD


def test_a_function_is_no_data() -> None:
    with pytest.raises(
        RuleError, match='The controller "halve on a spike" is a function, and a function is no data'
    ):
        GUARD.to_data()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": " "}, "label=' ': give a name"),
        ({"label": "two\nlines"}, r"label='two\\nlines': give a name on one line"),
        ({"fn": 3}, r"fn=3 is no function\. Give one"),
        ({"metric": []}, r"metric= is empty\. Give at least one"),
        ({"metric": 3}, "metric=3: give a name"),
        ({"metric": ["loss", "class"]}, 'metric="class" is a word of Python'),
        ({"selector": ()}, r"selector= is empty\. Give at least one"),
        ({"start": {1, 2}}, r"start is \{1, 2\}, which JSON cannot hold.*Keep finite numbers"),
        ({"start": float("nan")}, "start is nan, which JSON cannot hold"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_has_no_meaning_is_refused(options: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"label": "mine", "fn": halve, "selector": "head", "metric": "loss", **options}
    with pytest.raises(RuleError, match=message):
        function(given.pop("label"), given.pop("fn"), **given)


def test_what_is_no_selector_is_refused() -> None:
    for wrong in (3, ["head", None], "head |"):
        with pytest.raises(SelectorError):
            function("mine", halve, selector=wrong, metric="loss")  # type: ignore[arg-type]  # the mistake
