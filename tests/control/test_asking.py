"""What a controller may answer, also one of a user's own class."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import pytest
import torch

from paramgroups.control import Controller, Observation, ask, function, plateau
from paramgroups.errors import ParamGroupsError, RuleError
from paramgroups.rules import Rule, per_parameter, rule
from paramgroups.schedules import cosine
from paramgroups.select import Selector, parse

SEEN = Observation(8, {"loss": 1.0})


def answering(answer: Any, selector: Any = ("head", "stem")) -> Controller:
    return function("mine", lambda _state, _seen: answer, selector=selector, metric="loss")


class Counts(Controller):
    """A user's own class, which changes the state that it is given in place."""

    selectors: tuple[Selector, ...] = (parse("head"),)
    metrics: tuple[str, ...] = ("loss",)
    title: str = "counts"
    answer: Any = ()

    def begin(self) -> dict[str, Any]:
        return {"seen": ()}

    def observe(self, state: Any, seen: Observation) -> tuple[Any, Sequence[Rule]]:
        state["seen"].append(seen["loss"])
        return state, self.answer

    def to_data(self) -> dict[str, Any]:
        return {}


def test_the_state_that_was_given_stays_as_it_was() -> None:
    state = {"seen": [2.0]}
    after, rules = ask(Counts(), MappingProxyType(state), SEEN)
    assert state == {"seen": [2.0]}
    assert (after, rules) == ({"seen": [2.0, 1.0]}, ())


def test_the_state_that_comes_back_is_not_the_controllers() -> None:
    kept: dict[str, Any] = {"n": [0]}
    state, _ = ask(answering((kept, [])), {"own": None}, SEEN)
    kept["n"].append(1)
    assert state == {"own": {"n": [0]}}


def test_one_rule_is_as_a_list_of_one() -> None:
    half = rule("head", lr_scale=0.5)
    controller = Counts()
    controller.answer = half
    assert ask(controller, controller.begin(), SEEN)[1] == (half,)
    assert ask(answering((None, half)), {"own": None}, SEEN)[1] == (half,)


@pytest.mark.parametrize(
    "allowed",
    [
        rule("head", lr_scale=0.5),
        rule("head", lr_scale=0.5, until=9),
        rule("stem", lr=0.1, weight_decay_scale=2.0, until="50%", missing="ignore"),
        rule(parse(" stem "), betas=(0.9, 0.95)),
    ],
    ids=repr,
)
def test_rules_that_set_or_scale_are_allowed(allowed: Rule) -> None:
    assert ask(answering((None, [allowed])), {"own": None}, SEEN)[1] == (allowed,)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (
            rule("body", lr_scale=0.5),
            r'selects what the controller did not declare.*It declared: "head", "stem"',
        ),
        (rule("head | stem", lr_scale=0.5), "did not declare"),
        (rule("head", lr_scale=0.5, start=10), "has start=, which the plan has decided"),
        (rule("head", lr_scale=0.5, group="head"), "has group=, which"),
        (rule("head", lr_scale=0.5, clock="thaw"), "has clock=, which"),
        (rule("head", schedule=cosine()), "has schedule=, which"),
        (rule("head", schedules={"weight_decay": cosine()}), "has schedules=, which"),
        (rule("head", lr_scale=0.5, until=8), r"ends before it acts\. Give until= a tick after 8"),
        (
            rule("head", lr_scale=0.5, until=per_parameter("n", lambda row: row.depth)),
            "until= differs from row",
        ),
        (rule("head", trainable=False), "sets trainable, which the plan has decided"),
        (rule("head", optimizer="sgd"), "sets optimizer, which the plan has decided"),
        (rule("head", rewarm=5), "sets rewarm, which the plan has decided"),
        (rule("head", lr=per_parameter("n", lambda row: row.numel)), "lr differs from row to row"),
    ],
    ids=[
        "other",
        "wider",
        "start",
        "group",
        "clock",
        "schedule",
        "schedules",
        "until",
        "until of rows",
        "trainable",
        "optimizer",
        "rewarm",
        "rows",
    ],
)
def test_rules_that_the_plan_decides_are_refused(refused: Rule, message: str) -> None:
    with pytest.raises(RuleError, match=rf"mine at step 8: (?s:.*){message}"):
        ask(answering((None, [refused])), {"own": None}, SEEN)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, r"It returned None\. Return a pair"),
        ([None, []], r"It returned \[None, \[\]\]\. Return a pair"),
        ((None, [], []), r"It returned \(None, \[\], \[\]\)\. Return a pair"),
        ((None, None), r"Its rules are None\. Return a list of rules, empty where"),
        ((None, "head"), "Its rules are 'head'"),
        ((None, {"head": 0.5}), "Its rules are {'head': 0.5}"),
        ((None, [("head", 0.5)]), r"\('head', 0\.5\) is no rule\. Write pg\.rule"),
        ((float("nan"), []), "Its state is .*nan.*which JSON cannot hold"),
        ((torch.zeros(2), []), "Its state is .*which JSON cannot hold"),
        (({(1, 2): 3}, []), "Its state is .*which JSON cannot hold: keys must be"),
    ],
    ids=["none", "list", "three", "no rules", "text", "dict", "pairs", "nan", "tensor", "keys"],
)
def test_what_is_no_answer_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(RuleError, match=f"mine at step 8: {message}"):
        ask(answering(answer), {"own": None}, SEEN)


def test_a_state_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RuleError, match="which JSON cannot hold"):
        ask(answering((endless, [])), {"own": None}, SEEN)


def test_a_class_of_the_users_returns_a_dict_as_its_state() -> None:
    class Forgets(Counts):
        def observe(self, state: Any, seen: Observation) -> Any:
            super().observe(state, seen)
            return None, []

    with pytest.raises(RuleError, match=r"counts at step 8: Its state is None\. Keep a dict"):
        ask(Forgets(), {"seen": []}, SEEN)


def raising(make: Callable[[Observation], Any]) -> Controller:
    return function("mine", lambda _state, seen: make(seen), selector="head", metric="loss")


def test_what_a_controller_raises_names_it_and_the_step() -> None:
    with pytest.raises(
        RuleError, match=r"^mine at step 8 raised KeyError: 'accuracy'\. Mend the controller\.$"
    ):
        ask(raising(lambda seen: seen["accuracy"]), {"own": None}, SEEN)
    with pytest.raises(RuleError, match=r"^mine at step 8: lr_scale=-1: a factor is at least 0"):
        ask(raising(lambda _: rule("head", lr_scale=-1)), {"own": None}, SEEN)
    cut = plateau("head", "loss", nan="error")
    with pytest.raises(ParamGroupsError, match=r'^plateau\("head", "loss"\) at step 3: loss is nan'):
        ask(cut, cut.begin(), Observation(3, {"loss": float("nan")}))
