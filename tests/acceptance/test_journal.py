"""The journal: every decision, its file, its comparison, and the rates of the whole run from it again."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.journal import Event, Journal
from paramgroups.schedules import cosine, linear, step, warmup
from tests.acceptance.models import go, planned, small

HEAD = ("2.weight", "2.bias")


@pytest.fixture
def model() -> nn.Sequential:
    """Kept by the test: a plan holds no model."""
    return small()


def plan_of(model: nn.Module) -> pg.Plan:
    return planned(
        pg.rule("2", lr_scale=10, schedule=step(0.5, every=20)),
        pg.rule(":norm", trainable=False, until=10),
        model=model,
        lr=0.01,
        schedule=warmup(5).then(cosine(end=0.1)),
        controllers=[pg.control.plateau("2", "loss", factor=0.5, patience=0)],
    )


def a_run(model: nn.Module) -> tuple[pg.Plan, Journal, list[dict[str, tuple[float, float]]]]:
    """Sixty steps with decisions of every kind, and what was applied at each."""
    plan = plan_of(model)
    optimizer, scheduler = pg.build(plan)
    applied = []
    for tick in range(60):
        if tick == 7:
            scheduler.scale("2", 0.5, steps=20)
        if tick in {12, 25, 26}:
            scheduler.observe(loss=1.0)
        if tick == 30:
            scheduler.set("**", lr=0.004, weight_decay=0.02)
        if tick == 40:
            scheduler.extend(steps=140)
        applied.append(
            {
                name: (group["lr"], group["weight_decay"])
                for group in optimizer.param_groups
                for name in group["param_names"]
            }
        )
        go(optimizer, scheduler, 1)
        if tick == 33:
            optimizer.param_groups[0]["lr"] *= 3
    return plan, scheduler.journal, applied


def test_each_event_tells_when_who_what_and_whose(model: nn.Module) -> None:
    _, journal, _ = a_run(model)
    found = [(event.step, event.cause, event.action, event.hyper, event.value) for event in journal]
    by_plateau = 'plateau("2", "loss")'
    assert [one for one in found if one[3] == "lr" and one[2] != "set"] == [
        (7, "scale", "scale", "lr", 0.5),
        (25, by_plateau, "scale", "lr", 0.5),
        (26, by_plateau, "scale", "lr", 0.5),
        (34, "written", "write", "lr", pytest.approx(3)),
    ]
    assert {one[0] for one in found if one[2] == "set"} == {30}
    assert {one[3] for one in found if one[2] == "set"} == {"lr", "weight_decay"}
    first = journal[0]
    assert (first.names, first.until, first.old, first.new) == (HEAD, 27, 0.1, 0.05)
    (longer,) = (event for event in journal if event.action == "horizon")
    assert (longer.step, longer.old, longer.new) == (40, 100, 140)


def test_the_schedules_own_movement_is_never_in_it(model: nn.Module) -> None:
    optimizer, scheduler = pg.build(plan_of(model))
    scheduler.observe(loss=1.0)
    go(optimizer, scheduler, 100)  # a warm-up, a thaw, steps and a cosine
    assert not scheduler.journal
    assert str(scheduler.journal) == "No events."


def test_plan_and_journal_give_the_rates_of_the_whole_run_again(model: nn.Module, tmp_path: Path) -> None:
    plan, journal, applied = a_run(model)
    journal.save(tmp_path / "run.jsonl")
    again = plan_of(small()).replay(Journal.load(tmp_path / "run.jsonl"))
    for tick, rows in enumerate(applied):
        found = again.at(tick)
        for name, values in rows.items():
            if plan.at(tick)[name].trainable:
                assert (found[name].lr, found[name].weight_decay) == values, (tick, name)
    assert again.curve("2.weight", "lr")[:60] == [rows["2.weight"][0] for rows in applied]


def test_its_lines_are_json_and_come_back_equal(model: nn.Module, tmp_path: Path) -> None:
    _, journal, _ = a_run(model)
    lines = journal.to_json_lines().splitlines()
    assert len(lines) == len(journal)
    first = json.loads(lines[0])
    assert (first["step"], first["cause"], first["hyper"], first["value"]) == (7, "scale", "lr", 0.5)
    assert (first["names"], first["old"], first["new"], first["until"]) == (list(HEAD), 0.1, 0.05, 27)
    assert Journal.from_json_lines(journal.to_json_lines()) == journal
    journal.save(tmp_path / "journal.jsonl")
    assert Journal.load(tmp_path / "journal.jsonl") == journal
    assert (tmp_path / "journal.jsonl").read_text() == journal.to_json_lines()


def test_what_touches_one_parameter(model: nn.Module) -> None:
    _, journal, _ = a_run(model)
    assert {event.step for event in journal.about("0.weight")} == {30, 34}
    assert {7, 25, 26, 30} == {event.step for event in journal.about("2.bias")}
    assert not journal.about("3.weight")


def test_two_runs_are_compared(model: nn.Module) -> None:
    def run(second: float) -> Journal:
        optimizer, scheduler = pg.build(plan_of(model))
        go(optimizer, scheduler, 3)
        scheduler.scale("2", 0.5)
        go(optimizer, scheduler, 3)
        scheduler.scale("2", second)
        return scheduler.journal

    here, same, other = run(0.1), run(0.1), run(0.2)
    assert here == same
    assert not here.diff(same)
    found = here.diff(other)
    assert found
    told = str(found)
    assert "step 6" in told
    assert "step 3" not in told
    assert [line[0] for line in told.splitlines()[1:]] == ["-", "+"]
    assert "× 0.1" in told
    assert "× 0.2" in told
    assert here.diff(Journal())
    assert Journal().diff(here)


def test_it_goes_through_a_checkpoint(model: nn.Module, tmp_path: Path) -> None:
    optimizer, scheduler = pg.build(plan_of(model))
    go(optimizer, scheduler, 5)
    scheduler.scale("2", 0.5)
    torch.save({"o": optimizer.state_dict(), "s": scheduler.state_dict()}, tmp_path / "last.pt")
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    other = small()
    later, again = pg.build(plan_of(other))
    later.load_state_dict(saved["o"])
    again.load_state_dict(saved["s"])
    assert again.journal == scheduler.journal
    again.scale("2", 0.5)
    assert (len(again.journal), len(scheduler.journal)) == (2, 1)
    assert again.rates["2"] == 0.25 * 0.1


def test_the_table_is_for_people(model: nn.Module) -> None:
    _, scheduler = pg.build(plan_of(model))
    scheduler.scale("2", 0.5, steps=20)
    told = str(scheduler.journal)
    for word in ("lr 0.1 → 0.05", "× 0.5", "until 20", "scale", "2.weight"):
        assert word in told


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("{", "Line 1"),
        ("[]", "Line 1"),
        ('{"step": 0}', "Line 1"),
        (
            '{"step": -1, "cause": "x", "action": "scale", "hyper": "lr", "value": 1, "old": 1, "new": 1}\n',
            "step",
        ),
        (
            '{"step": 1, "cause": "x", "action": "run", "hyper": "lr", "value": 1, "old": 1, "new": 1}\n',
            "run",
        ),
    ],
    ids=["torn", "a list", "half an event", "a negative step", "an unknown action"],
)
def test_a_bad_file_is_one_error_with_its_line(tmp_path: Path, line: str, word: str) -> None:
    (tmp_path / "bad.jsonl").write_text(line)
    with pytest.raises(pg.ParamGroupsError, match=word) as error:
        Journal.load(tmp_path / "bad.jsonl")
    assert "bad.jsonl" in str(error.value)
    with pytest.raises(pg.ParamGroupsError):
        Journal.load(tmp_path / "nowhere.jsonl")


def test_a_journal_of_another_model_is_refused(model: nn.Module) -> None:
    strange = Journal([Event(3, "scale", "scale", "lr", 0.5, 0.1, 0.05, ("encoder.weight",))])
    with pytest.raises(pg.ParamGroupsError, match=r"encoder\.weight"):
        plan_of(model).replay(strange)
    _, scheduler = pg.build(plan_of(model))
    state = copy.deepcopy(scheduler.state_dict()) | {"journal": [strange[0].data]}
    with pytest.raises(pg.ParamGroupsError, match=r"encoder\.weight"):
        scheduler.load_state_dict(state)
    assert not scheduler.journal


DECISIONS = st.lists(
    st.tuples(
        st.integers(0, 29),
        st.sampled_from(["scale", "set", "write", "observe", "extend"]),
        st.sampled_from(["0", "1", "2", "**"]),
        st.floats(0.25, 4.0),
        st.one_of(st.none(), st.integers(1, 12)),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(DECISIONS, st.integers(0, 29))
def test_any_run_resumed_anywhere_is_what_its_journal_says(decisions: list[Any], stop: int) -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1))
    rules = [
        pg.rule(name, lr_scale=scale, group=name) for name, scale in (("0", 0.5), ("1", 1.0), ("2", 3.0))
    ]
    plan = planned(
        *rules,
        model=model,
        optimizer="sgd",
        schedule=linear(end=0.2),
        steps=40,
        controllers=[pg.control.plateau("2", "loss", factor=0.5, patience=0)],
    )
    optimizer, scheduler = pg.build(plan)
    scheduler.observe(loss=9.0)
    applied: list[list[float]] = []
    for tick in range(30):
        if tick == stop:
            state = optimizer.state_dict(), scheduler.state_dict()
            optimizer, scheduler = pg.build(plan)
            optimizer.load_state_dict(state[0])
            scheduler.load_state_dict(state[1])
        for one in decisions:
            if one[0] == tick:
                decide(optimizer, scheduler, one)
        scheduler.state_dict()  # writes are found when it is saved
        applied.append([group["lr"] for group in optimizer.param_groups])
        go(optimizer, scheduler, 1)
    again = plan.replay(scheduler.journal)
    for place, name in enumerate(("0.weight", "1.weight", "2.weight")):
        assert [rates[place] for rates in applied] == again.curve(name, "lr")[:30]


def decide(optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, decision: tuple[Any, ...]) -> None:
    _, what, which, number, steps = decision
    match what:
        case "scale":
            scheduler.scale(which, number, steps=steps)
        case "set":
            scheduler.set(which, lr=number, steps=steps)
        case "write":
            optimizer.param_groups[0]["lr"] *= number
        case "observe":
            scheduler.observe(loss=number)
        case _:
            scheduler.extend(steps=round(30 + 4 * number))
