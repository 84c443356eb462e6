"""Silence is refused: each item of the design's list, with what was asked, what was found and the fix."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.schedules import cosine, function, linear, warmup
from tests.acceptance.models import planned, small

REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a key that nobody reads": ({"rule": {"weigth_decay": 0.1}}, ["weigth_decay", "weight_decay"]),
    "a multiplier key": ({"rule": {"lr_mult": 0.1}}, ["lr_mult"]),
    "a default that nobody reads": ({"recipe": {"momentum": 0.9}}, ["momentum", "AdamW"]),
    "a schedule of what nobody reads": (
        {"recipe": {"schedules": {"momentum": linear()}}},
        ["momentum", "AdamW"],
    ),
    "a rate as text": ({"rule": {"lr": "1e-4"}}, ["1e-4", "0.0001"]),
    "a negative rate": ({"rule": {"lr": -0.1}}, ["-0.1"]),
    "a rate that is NaN": ({"rule": {"lr": float("nan")}}, ["nan"]),
    "an infinite rate": ({"recipe": {"lr": float("inf")}}, ["inf"]),
    "a rate that is a switch": ({"rule": {"lr": True}}, ["True"]),
    "a rate that is None": ({"rule": {"lr": None}}, ["None"]),
    "a rate that is a tensor": ({"rule": {"lr": torch.tensor(0.1)}}, ["tensor"]),
    "a negative factor": ({"rule": {"lr_scale": -1}}, ["-1"]),
    "a decay below 0": ({"rule": {"weight_decay": -0.1}}, ["weight_decay", "-0.1"]),
    "a beta of 1": ({"rule": {"beta1": 1.0}}, ["beta1"]),
    "a beta that leaves its domain": (
        {"recipe": {"schedules": {"beta1": linear(start=1.0, end=1.2)}}},
        ["beta1"],
    ),
    "a factor that is NaN": ({"recipe": {"schedule": function("nan", lambda _: float("nan"))}}, ["nan"]),
    "a factor below 0": ({"recipe": {"schedule": function("minus", lambda u: 0.5 - u)}}, ["minus"]),
    "a schedule longer than training": ({"recipe": {"schedule": warmup(101)}}, ["101", "100"]),
    "a window of nothing": ({"rule": {"lr": 1.0, "start": 20, "until": 20}}, ["20"]),
    "trainable that is text": ({"rule": {"trainable": "no"}}, ["trainable"]),
    "a schedule that is a number": ({"recipe": {"schedule": 0.5}}, ["0.5"]),
    "a schedule that is a bare function": ({"recipe": {"schedule": lambda u: u}}, ["function"]),
}


@pytest.mark.parametrize(("said", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(said: dict[str, dict[str, Any]], words: list[str]) -> None:
    with pytest.raises(pg.ParamGroupsError) as error:
        planned(
            *[pg.rule("0", **settings) for settings in [said.get("rule")] if settings],
            **said.get("recipe", {}),
        )
    for word in words:
        assert word in str(error.value)


def test_a_rule_that_matches_nothing() -> None:
    model = nn.ModuleDict({"encoder": nn.ModuleDict({"attn": nn.Linear(2, 2)})})
    recipe = pg.Recipe(
        optimizer="sgd", lr=0.1, name="finetune", rules=[pg.rule("encoder.atn.*", lr_scale=0.5)]
    )
    with pytest.raises(pg.ParamGroupsError) as error:
        pg.plan(model, recipe, steps=10)
    assert str(error.value) == (
        '"encoder.atn.*" matches none of 2 parameters.\n'
        '  Nearest: "encoder.attn.*" (2 parameters).\n'
        '  Rule 1 of recipe "finetune". If that is meant, give the rule missing="ignore".'
    )
    assert planned(pg.rule("encoder.atn.*", lr_scale=0.5, missing="ignore"), model=model)


def test_a_trainable_parameter_in_no_group() -> None:
    model = small()
    plan = planned(model=model)
    model.append(nn.Linear(2, 2))
    with pytest.raises(pg.ParamGroupsError, match=r"3\.weight"):
        pg.build(plan)


def test_a_layer_decay_over_one_depth() -> None:
    with pytest.raises(pg.ParamGroupsError, match="one depth"):
        planned(pg.recipes.layer_decay(0.5), model=nn.Linear(2, 2))


def test_no_group_is_empty_and_none_twice() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    groups = planned(pg.rule(":norm | :bias", weight_decay=0.0, missing="ignore"), model=model).param_groups()
    assert [len(group["params"]) for group in groups] == [1]


def test_a_model_without_parameters() -> None:
    with pytest.raises(pg.ParamGroupsError, match="no parameters"):
        planned(model=nn.ReLU())


WRONG_CALLS = {
    "a recipe that is a dict": lambda: pg.plan(small(), {"lr": 0.1}, steps=1),  # type: ignore[arg-type]  # wrong
    "a model that is none": lambda: pg.plan(None, pg.Recipe(optimizer="sgd", lr=0.1), steps=1),  # type: ignore[arg-type]  # wrong
    "an unknown optimizer": lambda: pg.Recipe(optimizer="adamv", lr=0.1),
    "a rule that is a dict": lambda: pg.Recipe(optimizer="sgd", lr=0.1, rules=[{"select": "0"}]),
    "a selector that is a number": lambda: pg.rule(5, lr=0.1),  # type: ignore[arg-type]  # wrong
    "a rule that says nothing": lambda: pg.rule("0"),
    "steps of 0": lambda: planned(steps=0),
    "steps as text": lambda: planned(steps="10"),  # type: ignore[arg-type]  # wrong
    "a horizon that contradicts itself": lambda: pg.plan(
        small(), pg.Recipe(optimizer="sgd", lr=0.1), steps=7, epochs=2, steps_per_epoch=3
    ),
    "a step before the first": lambda: planned().at(-1),
    "an unknown parameter": lambda: planned()["0.weigth"],
    "an unknown parameter at a step": lambda: planned().at(0)["0.weigth"],
    "an unknown parameter explained": lambda: planned().explain("0.weigth"),
    "the curve of what nobody reads": lambda: planned().curve("0.weight", "momentum"),
    "a diff with no plan": lambda: planned().diff("other"),  # type: ignore[arg-type]  # wrong
    "a built plan that is none": lambda: pg.build("plan"),  # type: ignore[arg-type]  # wrong
    "a scheduler of no optimizer": lambda: pg.Scheduler("sgd", planned()),  # type: ignore[arg-type]  # wrong
    "a recipe file that is not there": lambda: pg.load_recipe("/nowhere/r.toml"),
    "a decay of 0": lambda: pg.recipes.layer_decay(0),
    "an index of nothing": lambda: pg.index(None),  # type: ignore[arg-type]  # wrong
    "all frozen and built": lambda: pg.build(planned(pg.rule("**", trainable=False))),
    "a function of the row that fails": lambda: planned(
        pg.rule("0", lr=pg.per_parameter("bad", lambda row: row.depth / 0))
    ),
    "a function of the row that gives text": lambda: planned(
        pg.rule("0", lr=pg.per_parameter("bad", lambda row: f"1e-{row.ndim}"))
    ),
    "a bare function as a value": lambda: planned(pg.rule("0", lr=lambda row: row.fan_in)),
}


@pytest.mark.parametrize("call", WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_is_an_error_of_ours(call: Any) -> None:
    with pytest.raises(pg.ParamGroupsError) as error:
        call()
    assert len(str(error.value)) > 20


FILES = {
    "an unknown key": ('lr = 0.1\noptimizer = "sgd"\nrulez = 3\n', "rulez"),
    "an unknown key of a rule": (
        'lr = 0.1\noptimizer = "sgd"\n[[rules]]\nselect = "0"\nlr_scael = 3\n',
        "lr_scael",
    ),
    "a wrong type": ('lr = "0.1"\noptimizer = "sgd"\n', "lr"),
    "a bad selector": ('lr = 0.1\noptimizer = "sgd"\n[[rules]]\nselect = "a["\nlr = 1.0\n', "^"),
    "no TOML": ('lr = 0.1\noptimizer = sgd"\n', "line 2"),
    "a bad schedule": ('lr = 0.1\noptimizer = "sgd"\nschedule = { use = "cosin" }\n', "cosine"),
    "a bare float length": (
        'lr = 0.1\noptimizer = "sgd"\nschedule = { use = "warmup", length = 0.1 }\n',
        "0.1",
    ),
    "an optimizer by a path": ('lr = 0.1\noptimizer = "os.system"\n', "os.system"),
    "nothing": ("", "optimizer"),
}


@pytest.mark.parametrize(("text", "word"), FILES.values(), ids=FILES)
def test_a_bad_file_is_one_error_with_its_place(text: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(pg.ParamGroupsError) as error:
        pg.plan(small(), pg.load_recipe(path), steps=10)
    assert word in str(error.value)


def test_a_rate_of_text_in_a_schedule_or_a_window_is_told_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        'lr = 0.1\noptimizer = "sgd"\n[[rules]]\nselect = "0"\nlr = 1.0\n[[rules]]\nselect = "2"\nlr = -1\n',
        encoding="utf-8",
    )
    with pytest.raises(pg.ParamGroupsError, match=r"(?s)r\.toml.*2"):
        pg.load_recipe(path)


def test_ticks_and_updates_that_part_are_an_error_with_the_fix() -> None:
    model = small()
    optimizer, scheduler = pg.build(planned(model=model, schedule=cosine()))
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    for _ in range(10):
        optimizer.step()
    with pytest.raises(pg.ParamGroupsError, match="epochs="):
        optimizer.step()
