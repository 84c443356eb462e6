"""Silence is refused: each error by its text."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import ModelError, NoMatchError, PlanError, RuleError, ScheduleError, SelectorError
from paramgroups.recipes import layer_decay
from paramgroups.schedules import cosine, function, linear, step, warmup
from tests.planning.models import INDEX, planned
from tests.select.models import INDEX as ENCODER

Case = tuple[Callable[[], pg.Plan], type[Exception], str]

CASES: dict[str, Case] = {
    "a hyperparameter nobody reads": (
        lambda: planned(pg.rule("head", weigth_decay=0.1), name="tune"),
        PlanError,
        (
            '"weigth_decay" is not read by AdamW, which steps what "head" matches. Nearest: "weight_decay".\n'
            '  Rule 1 of recipe "tune".'
        ),
    ),
    "a multiplier nobody reads": (
        lambda: planned(pg.rule("head", lr_mult=0.1)),
        PlanError,
        (
            '"lr_mult" is not read by AdamW, which steps what "head" matches. Nearest: "lr_scale".\n'
            "  Rule 1 of recipe."
        ),
    ),
    "a default nobody reads": (
        lambda: planned(momentum=0.9, name="tune"),
        PlanError,
        '"momentum" is not read by AdamW, which the recipe names.',
    ),
    "a default that only an optimizer reads which steps nothing": (
        lambda: planned(pg.rule("**", optimizer="sgd"), beta1=0.9),
        PlanError,
        '"beta1" is not read by SGD, which the recipe names.',
    ),
    "a name that the matched optimizer does not read": (
        lambda: planned(pg.rule("head", optimizer="sgd"), pg.rule("head", beta1_scale=0.5)),
        PlanError,
        '"beta1" is not read by SGD, which steps what "head" matches.',
    ),
    "a schedule nobody reads": (
        lambda: planned(schedules={"momentum": linear()}),
        PlanError,
        '"momentum" is not read by AdamW',
    ),
    "an unread name in a rule that may match nothing": (
        lambda: planned(pg.rule("nothing", momentum=0.5, missing="ignore")),
        PlanError,
        '"momentum" is not read by AdamW',
    ),
    "a schedule that drives a value out of its domain": (
        lambda: planned(schedules={"beta1": linear(end=1.3)}, beta1=0.9),
        PlanError,
        (
            'At step 10 for "embed.weight": beta1=1.17 is out of its domain: it must be from 0 to below 1. '
            "Change its schedule, or the factors of its rules.\n"
            "  0.9 (recipe) × 1.3 (linear(end=1.3))."
        ),
    ),
    "a factor that drives a value out of its domain, in a window": (
        lambda: planned(pg.rule("head", beta2_scale=1.5, start=3, until=5)),
        PlanError,
        (
            'At step 3 for "head.weight": beta2=1.4985 is out of its domain: it must be from 0 to below 1. '
            "Change its schedule, or the factors of its rules.\n  0.999 (default of AdamW) × 1.5 "
            '(rule 1 "head").'
        ),
    ),
    "a product too large for a number": (
        lambda: planned(pg.rule("head", lr_scale=1e10), lr=1e308),
        PlanError,
        'At step 0 for "head.weight": lr=inf is out of its domain: it must be finite.',
    ),
    "one bad step of a function": (
        lambda: planned(schedules={"beta1": function("spike", lambda u: 2.0 if u == 0.7 else 1.0)}),
        PlanError,
        'At step 7 for "embed.weight": beta1=1.8 is out of its domain',
    ),
    "a window that ends where it starts": (
        lambda: planned(pg.rule("head", lr=0.1, start=3, until="30%"), name="tune"),
        PlanError,
        (
            "start=3, until='30%': the window from step 3 to before step 3 is empty. Let it end after "
            "it starts.\n"
            '  Rule 1 of recipe "tune".'
        ),
    ),
    "a window that ends before it starts": (
        lambda: planned(pg.rule("head", lr=0.1, start=5, until=2)),
        PlanError,
        "start=5, until=2: the window from step 5 to before step 2 is empty.",
    ),
    "a share of a run without an end": (
        lambda: planned(pg.rule("head", lr=0.1, until="10%"), steps=None),
        ScheduleError,
        "until='10%' is a share of a training without a known end. Give steps=.\n  Rule 1 of recipe.",
    ),
    "a schedule of a run without an end": (
        lambda: planned(schedule=cosine(), steps=None),
        ScheduleError,
        (
            'The schedule of lr for "embed.weight": cosine needs to know how long it takes, and '
            "training has no "
            "known end. Give steps="
        ),
    ),
    "a share for a warmup of a run without an end": (
        lambda: planned(schedule=warmup("5%"), steps=None),
        ScheduleError,
        "is a share of a training without a known end. Give steps=.",
    ),
    "epochs of unknown length": (
        lambda: planned(pg.rule("head", lr=0.1, until="1 epoch")),
        ScheduleError,
        "how long an epoch is was not told. Give steps_per_epoch=.\n  Rule 1 of recipe.",
    ),
    "a schedule longer than what is left after a thaw": (
        lambda: planned(
            pg.rule("stem", trainable=False, until=8, clock="thaw"), schedule=warmup(5).then(cosine())
        ),
        ScheduleError,
        (
            'The schedule of lr for "stem.weight": A schedule of 5 steps (warmup 5) is longer than '
            "the horizon "
            "of 2 steps."
        ),
    ),
    "a growing schedule without an end": (
        lambda: planned(schedules={"beta1": step(1.001, every=10)}, steps=None),
        PlanError,
        "beta1=",
    ),
    "an optimizer for rows": (
        lambda: planned(pg.rule("embed.weight[5:]", optimizer="sgd")),
        PlanError,
        (
            'optimizer= is for whole tensors, and "embed.weight[5:]" selects rows of "embed.weight": '
            "take the "
            "rows off, or leave optimizer= out.\n  Rule 1 of recipe."
        ),
    ),
    "a group of rows": (
        lambda: planned(pg.rule("embed.weight[5:]", group="new")),
        PlanError,
        'group= is for whole tensors, and "embed.weight[5:]" selects rows of "embed.weight"',
    ),
    "an optimizer for a while": (
        lambda: planned(pg.rule("head", optimizer="sgd", start=5)),
        PlanError,
        "optimizer= holds for the whole run",
    ),
    "a statistic without values": (
        lambda: planned(pg.rule("[rms>0.5]", lr=0.1)),
        SelectorError,
        "rms",
    ),
    "a factor on what is no number": (
        lambda: planned(pg.rule("head", foreach_scale=0.5)),
        PlanError,
        "foreach_scale=0.5: foreach=None is no number.\n  Rule 1 of recipe.",
    ),
    "a schedule of what is no number": (
        lambda: planned(schedules={"amsgrad": linear()}),
        PlanError,
        'amsgrad=False of "embed.weight" is no number, so no schedule can scale it.',
    ),
    "a number for a switch": (
        lambda: planned(pg.rule("head", amsgrad=1)),
        PlanError,
        'At step 0 for "head.weight": amsgrad=1 is no switch. Write amsgrad=True or amsgrad=False.',
    ),
    "text for a number": (
        lambda: planned(pg.rule("head", dampening="much"), optimizer="sgd"),
        PlanError,
        "dampening='much' is no number. The optimizer wants one, such as 0.",
    ),
    "a NaN from a function of the row": (
        lambda: planned(pg.rule("head", lr=pg.per_parameter("odd", lambda _: float("nan")))),
        PlanError,
        'odd for "head.weight": lr=nan is out of its domain: it must be finite.\n  Rule 1 of recipe.',
    ),
    "text from a function of the row": (
        lambda: planned(pg.rule("head", lr=pg.per_parameter("odd", lambda _: "1e-4"))),
        PlanError,
        "odd for \"head.weight\": lr='1e-4' is no number. Write it without quotes",
    ),
    "a list from a function of the row": (
        lambda: planned(pg.rule("head", lr=pg.per_parameter("odd", lambda _: [1.0]))),
        PlanError,
        "odd gives what is no plain value",
    ),
    "a tensor from a function of the row": (
        lambda: planned(pg.rule("head", lr=pg.per_parameter("odd", lambda _: torch.tensor(1.0)))),
        PlanError,
        "is a tensor, which several groups would share",
    ),
    "a number for trainable from a function of the row": (
        lambda: planned(pg.rule("head", trainable=pg.per_parameter("odd", lambda _: 1))),
        PlanError,
        'odd for "head.weight": trainable=1: a parameter is trainable or not',
    ),
    "a negative factor from a function of the row": (
        lambda: planned(pg.rule("head", lr_scale=pg.per_parameter("odd", lambda _: -1.0))),
        PlanError,
        "lr_scale=-1.0: a factor is at least 0.",
    ),
    "a function of the row that raises": (
        lambda: planned(pg.rule("head", lr_scale=pg.per_parameter("odd", lambda row: 1 / (row.depth - 11)))),
        RuleError,
        'per_parameter("odd") raised ZeroDivisionError for "head.weight"',
    ),
    "a model without parameters": (
        lambda: pg.plan(nn.ReLU(), pg.Recipe(optimizer="sgd", lr=1.0)),
        PlanError,
        "The model has no parameters, so there is nothing to plan. Is it the right module?",
    ),
    "no model": (
        lambda: pg.plan([nn.Linear(1, 1)], pg.Recipe(optimizer="sgd", lr=1.0)),  # type: ignore[arg-type]  # wrong
        PlanError,
        "pg.plan: list is no model. Give a torch.nn.Module, or its index.",
    ),
    "no recipe": (
        lambda: pg.plan(INDEX, {"lr": 1.0}),  # type: ignore[arg-type]  # wrong
        RuleError,
        "pg.plan: {'lr': 1.0} is no recipe. Give a pg.Recipe, or pg.load_recipe(path).",
    ),
    "a depth for an index": (
        lambda: pg.plan(INDEX, pg.Recipe(optimizer="sgd", lr=1.0), depth={"": 0}),
        PlanError,
        "pg.plan: an index has its depths already. Give depth= or example= to pg.index.",
    ),
    "steps that are no count": (
        lambda: planned(steps=10.5),  # type: ignore[arg-type]  # wrong
        ScheduleError,
        "steps",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_refused(case: Case) -> None:
    make, error, words = case
    with pytest.raises(error, match=re.escape(words)) as caught:
        make()
    assert type(caught.value) is error


def test_a_rule_that_matches_nothing_names_the_nearest_the_rule_and_the_fix() -> None:
    rules = [pg.rule("**", lr_scale=0.5), pg.rule("encoder.layer.*.atn.*", lr_scale=2)]
    with pytest.raises(NoMatchError) as caught:
        pg.plan(ENCODER, pg.Recipe(optimizer="adamw", lr=1.0, name="finetune", rules=rules))
    assert str(caught.value) == (
        '"encoder.layer.*.atn.*" matches none of 21 parameters.\n'
        '  Nearest: "encoder.layer.*.attn.*" (9 parameters).\n'
        '  Rule 2 of recipe "finetune". If that is meant, give the rule missing="ignore".'
    )


def test_the_nearest_is_found_beside_a_statistic() -> None:
    pins = {"rms": dict.fromkeys((row.name for row in INDEX), 1.0)}
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=[pg.rule("haed[rms>0.5]", lr=0.1)])
    with pytest.raises(NoMatchError, match=r"Nearest: .*head.* \(2 parameters\)"):
        pg.plan(INDEX, recipe, pins=pins)


def test_one_parameter_is_told_in_the_singular() -> None:
    with pytest.raises(NoMatchError, match=r'Nearest: "head\.bias" \(1 parameter\)\.'):
        planned(pg.rule("head.bais", lr=0.1))


def test_missing_may_be_ignored_by_name() -> None:
    plan = planned(pg.rule("nothing", lr=0.1, missing="ignore"))
    assert {row.lr for row in plan.rows} == {1.0}


def test_a_statistic_of_a_model_on_meta_needs_pins() -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=[pg.rule("[rms>0.5]", lr=0.1, missing="ignore")])
    with torch.device("meta"):
        model = nn.Linear(2, 2)
    with pytest.raises(ModelError, match="meta"):
        pg.plan(model, recipe)
    pins = {"rms": {"weight": 1.0, "bias": 0.0}}
    assert [row.lr for row in pg.plan(model, recipe, pins=pins).rows] == [0.1, 1.0]


def test_one_layer_says_so_where_a_layer_decay_is_asked() -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, name="tune", rules=[layer_decay(0.9)])
    with pytest.raises(RuleError, match=r"lie at one depth(?s:.)*Rule 1 of recipe \"tune\"\."):
        pg.plan(nn.Linear(2, 2), recipe)
