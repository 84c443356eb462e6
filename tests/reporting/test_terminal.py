"""A plan and an explanation in a terminal of any width."""

import io
import re
from typing import Any

import pytest
from rich.console import Console, RenderableType
from torch import nn

import paramgroups as pg
from paramgroups.errors import Finding, PlanError
from paramgroups.reporting.terminal import explanation_view, plan_text, plan_view
from paramgroups.schedules import constant, cosine

FINDING = Finding("PG999", "warning", "Something [bold]odd[/bold].", "Write [depth>=6].", ("head.weight",))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.body = nn.Linear(8, 1024)
        self.head = nn.Linear(1024, 2)


def make(**settings: Any) -> pg.Plan:
    rules = [
        pg.rule("head[ndim>=2] - stem", lr_scale=10),
        pg.rule("body", betas=(0.8, 0.99)),
        pg.rule("stem", trainable=False),
    ]
    recipe = pg.Recipe(optimizer="adamw", lr=1e-3, schedule=cosine(), rules=rules, **settings)
    return pg.plan(Net(), recipe, steps=100)


def shown(view: RenderableType, width: int, *, colour: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=True, color_system="standard" if colour else None
    )
    console.print(view)
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()) if not colour else file.getvalue()


def view_of(plan: pg.Plan, width: int, step: int | None = None) -> str:
    return shown(plan_view(plan, [FINDING], step, width), width)


def test_text_has_title_table_frozen_and_findings() -> None:
    plan = make()
    lines = plan_text(plan, [FINDING]).splitlines()
    assert lines[0] == plan.title
    assert lines[1].split() == ["group", "tensors", "numbers", "lr", "weight_decay", "betas"]
    assert lines[2].endswith("0.001          0.01   (0.8, 0.99)")
    assert lines[5].split() == ["(frozen)", "2", "40"]
    assert lines[6:8] == ["Schedule of all: cosine().", "Never trained: stem.weight, stem.bias."]
    assert lines[8:] == ["", "warning PG999: Something [bold]odd[/bold].", "  Write [depth>=6]."]


def test_text_at_a_step_has_that_steps_values() -> None:
    plan = make(schedules={"weight_decay": constant(0.5)})
    lines = plan_text(plan, [], 50).splitlines()
    assert lines[0] == f"{plan.title}, at step 50 (50%)"
    assert lines[1].split() == ["group", "tensors", "numbers", "lr", "weight_decay", "betas"]
    assert lines[2].endswith("0.0005         0.005   (0.8, 0.99)")
    assert lines[3].endswith("0.005         0.005  (0.9, 0.999)")
    assert lines[6:8] == ["Schedule of all: cosine(); weight_decay: constant(0.5).", "Trained: yes."]


def test_what_differs_at_the_step_only_has_a_column_there() -> None:
    decayed = pg.rule("body", schedules={"eps": constant(0.5)})
    plan = pg.plan(Net(), pg.Recipe(optimizer="adamw", lr=0.1, eps=0.25, rules=[decayed]), steps=10)
    assert "eps" not in plan_text(plan, []).splitlines()[1].split()
    lines = plan_text(plan, [], 5).splitlines()
    column = lines[1].split().index("eps")
    assert [line.split()[column] for line in lines[2:4]] == ["0.25", "0.125"]


def test_a_step_past_the_end_holds_and_one_before_the_start_is_refused() -> None:
    assert plan_text(make(), [], 100_000).splitlines()[0].endswith("at step 100,000 (100%)")
    with pytest.raises(PlanError):
        plan_text(make(), [], -1)


def test_without_an_end_the_step_stands_alone() -> None:
    plan = pg.plan(Net(), pg.Recipe(optimizer="sgd", lr=0.1))
    assert plan_text(plan, [], 3).splitlines()[0].endswith("no known end, at step 3")


def test_what_is_the_same_for_all_groups_is_said_once() -> None:
    wide = view_of(make(), 120)
    assert "Schedule of all: cosine()." in wide
    assert "always" not in wide
    assert "schedule" not in wide.splitlines()[1]
    thaw = pg.rule("body", trainable=False, until=20)
    plan = pg.plan(Net(), pg.Recipe(optimizer="sgd", lr=0.1, rules=[thaw]), steps=100)
    assert "trained" in view_of(plan, 120).splitlines()[1]
    late = pg.rule("**", trainable=False, until=20)
    plan = pg.plan(Net(), pg.Recipe(optimizer="sgd", lr=0.1, rules=[late]), steps=100)
    assert "Trained: step 20 on." in view_of(plan, 120)
    assert "Trained: no." in view_of(plan, 120, 3)


@pytest.mark.parametrize("width", [20, 40, 60, 72, 80, 100, 120, 200])
@pytest.mark.parametrize("step", [None, 50])
def test_no_number_is_cut_and_no_line_is_too_long(width: int, step: int | None) -> None:
    text = view_of(make(), width, step)
    assert max(map(len, text.splitlines())) <= width
    for number in ("9,216", "2,048", "0.01" if step is None else "0.005", "(0.8, 0.99)"):
        assert number in text
    assert "…" not in text


def test_brackets_are_text_and_no_markup() -> None:
    text = view_of(make(), 160)
    assert "head[ndim>=2] - stem" in text
    assert "Something [bold]odd[/bold]." in text
    assert "Write [depth>=6]." in text


def test_severity_has_a_colour() -> None:
    assert "\x1b[33mwarning\x1b[0m PG999" in shown(plan_view(make(), [FINDING], None, 80), 80, colour=True)


def test_a_plan_in_which_all_is_frozen() -> None:
    plan = pg.plan(Net(), pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("**", trainable=False)]))
    for step in (None, 3):
        assert "Never trained: stem.weight" in plan_text(plan, plan.check(), step)
        assert "error PG001" in shown(plan_view(plan, plan.check(), step, 80), 80)


def test_an_explanation_keeps_its_words_and_folds_under_its_column() -> None:
    explanation = make().explain("head.weight", 50)
    wide = shown(explanation_view(explanation), 200)
    assert [line.split() for line in wide.splitlines()] == [
        line.split() for line in str(explanation).splitlines()
    ]
    narrow = shown(explanation_view(explanation), 60).splitlines()
    assert max(map(len, narrow)) <= 60
    assert " ".join(wide.split()) == " ".join(" ".join(narrow).split())
    folded = next(number for number, line in enumerate(narrow) if line.lstrip().startswith("lr "))
    assert narrow[folded + 1].startswith(" " * len("  weight_decay  "))
