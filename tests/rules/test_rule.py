import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given

import paramgroups.schedules
from paramgroups.errors import RuleError, ScheduleError, SelectorError
from paramgroups.recipes import ChainThaw, GradualUnfreezing, LayerDecay
from paramgroups.rules import Assignment, Rule, Table, per_parameter, rule
from paramgroups.schedules import cosine, linear, warmup
from paramgroups.select import parse, where
from tests.rules.strategies import rules

WORDS = vars(paramgroups.schedules) | {
    "rule": rule,
    "ChainThaw": ChainThaw,
    "GradualUnfreezing": GradualUnfreezing,
    "LayerDecay": LayerDecay,
    "Table": Table,
}


def test_x_sets_and_x_scale_multiplies() -> None:
    made = rule("head", lr=1e-3, weight_decay_scale=2)
    assert made.assignments == (Assignment("lr", False, 1e-3), Assignment("weight_decay", True, 2.0))
    assert made.settings == {"lr": 1e-3, "weight_decay_scale": 2.0}
    assert made.hyperparameters == ["lr", "weight_decay"]


def test_betas_are_short_for_their_parts() -> None:
    assert rule("head", betas=(0.9, 0.95)) == rule("head", beta1=0.9, beta2=0.95)
    assert rule("head", betas=[0.9, 0.95, 0.99]).settings == {"beta1": 0.9, "beta2": 0.95, "beta3": 0.99}


def test_what_is_no_hyperparameter_is_known() -> None:
    made = rule("head", optimizer="sgd", trainable=False, momentum=0.9, schedules={"dampening": linear()})
    assert made.optimizer == "sgd"
    assert made.hyperparameters == ["momentum", "dampening"]


def test_options() -> None:
    made = rule("stem", trainable=False, start=10, until="20%", clock="thaw", group="a", missing="ignore")
    assert (made.start, made.until, made.clock, made.group, made.missing) == (
        10,
        "20%",
        "thaw",
        "a",
        "ignore",
    )
    assert made.options == {
        "start": 10, "until": "20%", "clock": "thaw", "group": "a", "missing": "ignore"
    }  # fmt: skip
    assert rule("stem", lr=1).options == {}


def test_the_schedule_is_the_rates() -> None:
    made = rule("head", schedule=cosine(), schedules={"weight_decay": linear()})
    assert dict(made.schedules) == {"lr": cosine(), "weight_decay": linear()}
    assert made == rule("head", schedules={"weight_decay": linear(), "lr": cosine()})
    assert made.options == {"schedule": cosine(), "schedules": {"weight_decay": linear()}}


@pytest.mark.parametrize("said", [{"lr": 0.0}, {"lr_scale": 0}, {"start": 0, "lr": 1}, {"weight_decay": 0}])
def test_zero_is_a_value(said: dict[str, Any]) -> None:
    made = rule("head", **said)
    assert {**made.settings, **made.options} == said


@pytest.mark.parametrize(
    "said", [{"group": "a"}, {"clock": "thaw"}, {"schedule": cosine()}, {"foreach": None}]
)
def test_what_says_something_without_a_number(said: dict[str, Any]) -> None:
    made = rule("head", **said)
    assert {**made.settings, **made.options} == said


@pytest.mark.parametrize(
    "said", [{}, {"start": 3, "until": 5}, {"missing": "ignore"}, {"schedules": {}}, {"clock": None}]
)
def test_a_rule_that_says_nothing_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(RuleError, match=r'rule\("head"\) says nothing: give a setting, such as lr_scale=0.1'):
        rule("head", **said)


BAD = [
    ({"lr": "1e-4"}, r"lr='1e-4' is no number. Write it without quotes: 0.0001 \(YAML reads 1e-4 as text"),
    ({"lr_scale": "0.1"}, r"lr_scale='0.1' is no number. Write it without quotes: 0.1"),
    ({"lr": "fast"}, "lr='fast' is no number. Write a number, such as 0.1"),
    ({"lr": "nan"}, "lr='nan' is no number. Write a number"),
    ({"lr": -1e-3}, "lr=-0.001 is out of its domain: it must be at least 0"),
    ({"lr": float("nan")}, "lr=nan is out of its domain: it must be finite"),
    ({"lr": float("inf")}, "lr=inf is out of its domain: it must be finite"),
    ({"lr": 10**400}, r"lr=1000.*\.\.\.0* is out of its domain: it must be finite"),
    ({"lr": 10**5000}, "lr=<int> is out of its domain: it must be finite"),
    ({"lr": True}, "lr=True is no number"),
    ({"lr": None}, "lr=None is no number"),
    ({"lr": (0.1, 0.2)}, r"lr=\(0.1, 0.2\) is no number"),
    ({"lr": lambda row: 1 / row.fan_in}, r'For a function of the row write per_parameter\("label", fn\)'),
    ({"lr": torch.tensor(1e-3)}, r"lr=tensor\(0.0010\) is a tensor, which several groups would share"),
    ({"lr": np.array(1e-3)}, "is a tensor"),
    ({"foo": (1, torch.ones(2))}, "is a tensor"),
    ({"lr_scale": -1}, "lr_scale=-1: a factor is at least 0"),
    ({"lr_scale": float("inf")}, "lr_scale=inf is out of its domain: it must be finite"),
    ({"lr_scale": 10**400}, "it must be finite"),
    ({"lr_scale": True}, "lr_scale=True is no number"),
    ({"foo": {}}, "foo={}: a setting is a number, text, a switch or a tuple of those"),
    ({"foo": [1, {2}]}, r"foo=\{2\}: a setting is"),
    ({"foo": (0.1, float("nan"))}, "foo=nan is out of its domain"),
    ({"betas": 0.9}, r"betas=0.9: give a tuple, such as betas=\(0.9, 0.999\), or one part: beta1=0.9"),
    ({"betas": ()}, r"betas=\(\): give a tuple"),
    ({"betas": (0.9,)}, r"betas=\(0.9,\): give a tuple"),
    ({"betas": "0.9"}, "betas='0.9': give a tuple"),
    ({"betas": np.array([0.9, 0.99])}, r"betas=array\(\[0.9 , 0.99\]\): give a tuple"),
    ({"betas": (0.9, 1.0028)}, "beta2=1.0028 is out of its domain: it must be from 0 to below 1"),
    ({"betas": (0.9, "0.99")}, "beta2='0.99' is no number. Write it without quotes"),
    ({"betas": (0.9, 0.99), "beta1": 0.5}, "beta1= is given twice"),
    ({"betas_scale": 0.9}, "betas_scale: scale a part, such as beta1_scale=0.9"),
    ({"trainable": 0}, "trainable=0: a parameter is trainable or not: trainable=True or trainable=False"),
    ({"trainable": "no"}, "trainable='no'"),
    ({"trainable": None}, "trainable=None"),
    ({"trainable_scale": 2}, "trainable_scale: trainable is no number, so nothing can scale it"),
    ({"optimizer": "adamW"}, "optimizer='adamW' is not known. Nearest: \"adamw\""),
    ({"optimizer": None}, "optimizer=None is no optimizer"),
    ({"optimizer": per_parameter("mine", lambda _: "sgd")}, "is no optimizer"),
    ({"optimizer_scale": 2}, "optimizer is no number"),
    ({"_scale": 2}, '"_scale" names no hyperparameter'),
    ({"": 2}, '"" names no hyperparameter'),
    ({"select": "head"}, "select= is a word of recipe files"),
    ({"use_scale": 2}, "use_scale= is a word of recipe files"),
    ({"lr": 1, "clock": "thwa"}, "clock='thwa' is not known. Nearest: \"thaw\""),
    ({"lr": 1, "clock": np.array(["run", "run"])}, "clock=.* is not known"),
    ({"lr": 1, "missing": "ignored"}, "missing='ignored' is not known. Nearest: \"ignore\""),
    ({"lr": 1, "missing": []}, r"missing=\[\] is not known. Known: error, ignore"),
    ({"group": ""}, "group='': give a name, such as group=\"head\""),
    ({"group": 3}, "group=3: give a name"),
    (
        {"schedule": lambda u: 1 - u},
        r"The schedule of lr is <.*>, which is no schedule. Write schedules.funct",
    ),
    ({"schedule": "cosine"}, r"The schedule of lr is 'cosine', .* Write schedules.cosine\(\)"),
    ({"schedule": False}, "The schedule of lr is False"),
    ({"schedule": cosine}, r"Write schedules.cosine\(…\)"),
    ({"schedules": {"beta1": None}}, "The schedule of beta1 is None"),
    ({"schedules": {"betas": cosine()}}, "schedules= names betas: name a part, such as beta1"),
    ({"schedules": {3: cosine()}}, "name a hyperparameter"),
    ({"schedules": [cosine()]}, r"schedules=\[cosine\(\)\]: name the hyperparameters"),
    ({"schedules": "lr"}, "schedules='lr': name the hyperparameters"),
    ({"schedule": cosine(), "schedules": {"lr": linear()}}, 'schedules= names "lr" again'),
]


@pytest.mark.parametrize(("said", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_what_has_no_meaning_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message) as caught:
        rule("head", **said)
    assert len(str(caught.value)) < 400


def test_a_window_may_differ_from_row_to_row() -> None:
    thaw = per_parameter("thaw", lambda row: 10 * row.depth)
    made = rule("head", lr=1, start=2, until=thaw)
    assert (made.start, made.until) == (2, thaw)
    assert made.options == {"start": 2, "until": thaw}


@pytest.mark.parametrize("option", ["start", "until"])
def test_a_bare_function_is_no_end_of_a_window(option: str) -> None:
    with pytest.raises(RuleError, match=rf'{option}=.* is no length. .* write per_parameter\("label", fn\)'):
        rule("head", lr=1, **{option: lambda row: row.depth})  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("option", ["start", "until"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0.2, '=0.2 is a bare float: a share or a count\\? "20%" is that share'),
        (3.0, "=3.0 is a bare float"),
        (True, "=True is no length. Write an int"),
        (-1, "=-1 is not between 0 and"),
        ("soon", "='soon' is no length"),
        ("120%", "='120%' is more than all of training"),
        ([], r"=\[\] is no length"),
        (10**400, r"=1000.*0 is not between 0 and"),
    ],
    ids=["share", "whole float", "bool", "negative", "word", "too much", "list", "huge"],
)
def test_a_window_is_read_when_the_rule_is_written(option: str, given: Any, message: str) -> None:
    with pytest.raises(ScheduleError, match=option + message):
        rule("head", lr=1, **{option: given})


def test_a_bad_selector_is_shown_with_a_caret() -> None:
    with pytest.raises(SelectorError, match=r"a segment is missing.*\n  blocks\.\.norm\n {10}\^"):
        rule("blocks..norm", lr=1)
    with pytest.raises(SelectorError, match="A selector is text; found 3"):
        rule(3, lr=1)  # type: ignore[arg-type]  # the mistake


def test_numbers_of_numpy_become_pythons() -> None:
    made = rule(
        "head",
        lr=np.float64(1e-3),
        weight_decay=np.float32(0.5),
        lr_scale=np.int64(2),
        eps=(None, np.float64(1e-3)),
        trainable=np.bool_(False),
        until=np.int64(3),  # type: ignore[arg-type]  # it counts as an int
    )
    found = [*made.settings.values(), made.settings["eps"][1], made.until]
    assert [type(value) for value in found] == [float, float, float, tuple, bool, float, int]
    assert made.settings["trainable"] is False


def test_what_no_list_can_harm() -> None:
    steps = [1, [2, 3]]
    made = rule("head", steps=steps)
    steps.append(4)
    assert made.settings["steps"] == (1, (2, 3))


def test_deep_and_cyclic_values_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    for value in (deep, cyclic):
        with pytest.raises(RuleError, match="a setting is a number"):
            rule("head", foo=value)


def test_torchs_class_is_its_name() -> None:
    assert rule("head", optimizer=torch.optim.Muon) == rule("head", optimizer="muon")


def test_adafactors_eps_is_a_pair() -> None:
    assert rule("head", eps=(None, 1e-3)).settings == {"eps": (None, 1e-3)}


@given(rules())
def test_a_rule_pastes_back_copies_and_pickles(made: Rule) -> None:
    assert eval(repr(made), dict(WORDS)) == made  # noqa: S307  # its own words
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):  # noqa: S301
        assert other == made
        assert hash(other) == hash(made)


def test_the_repr_reads_as_it_is_written() -> None:
    made = rule(
        parse("head") | ":norm", lr_scale=10, until="20%", group="h", schedule=warmup("5%").then(cosine())
    )
    assert repr(made) == (
        "rule('head | :norm', lr_scale=10.0, until='20%', group='h', schedule=warmup('5%').then(cosine()))"
    )
    assert repr(rule("head", betas=(0.9, 0.95))) == "rule('head', beta1=0.9, beta2=0.95)"


def test_a_function_in_the_selector_is_not_shown_as_text_of_the_language() -> None:
    assert repr(rule(where("wide", lambda row: row.fan_out > 9), lr=1)) == (
        "rule(<Selector where(wide)>, lr=1.0)"
    )


def test_a_rule_is_immutable() -> None:
    made = rule("head", lr=1)
    for name in ("group", "lr"):
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, "mine")


def test_equality() -> None:
    assert rule("head", lr=1) == rule("head", lr=1.0)
    assert rule(parse(" head "), lr=1) == rule("head", lr=1)
    assert rule("head", lr=1) != rule("head", lr_scale=1)
    assert rule("head", lr=1) != rule("head", lr=1, until=5)
    assert rule("head", lr=1) != rule("heads", lr=1)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"moments": "kept"}, 'moments=.kept. is not known. Nearest: "keep"'),
        ({"moments": True}, "moments=True is not known. Known: clean, keep"),
        ({"dropout": 0}, "dropout=0: dropout of what is frozen stays on or not: dropout=True or"),
        ({"decay": "decoupled"}, "decay=.decoupled. is not known"),
        ({"decay": None}, "decay=None is not known. Known: coupled, independent"),
        ({"decay_scale": 2}, "decay_scale: decay is no number, so nothing can scale it. Write decay="),
        ({"rewarm_scale": 2}, "rewarm_scale: rewarm is no number"),
        ({"rewarm": 0}, "rewarm=0 is 0"),
        ({"rewarm": 0.1}, "rewarm=0.1 is a bare float"),
        ({"rewarm": "soon"}, "rewarm=.soon. is no length"),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
def test_what_no_optimizer_reads_has_words_of_its_own(said: dict[str, Any], message: str) -> None:
    with pytest.raises((RuleError, ScheduleError), match=message):
        rule("head", **said)


def test_what_no_optimizer_reads_is_asked_of_none() -> None:
    made = rule("head", trainable=False, until=9, moments="keep", dropout=False, rewarm="2%", decay="coupled")
    assert made.hyperparameters == []
    assert rule("head", rewarm=None).settings == {"rewarm": None}
