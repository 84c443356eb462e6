"""What processes tell each other, as one process can check it; several are in `distributed/`."""

import copy
import json
import math
import pickle

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.control import plateau
from paramgroups.errors import PlanError
from paramgroups.journal import Event
from paramgroups.run.agreeing import Agreement, _are_alike, _header
from paramgroups.run.differing import lines_of, told_apart, told_of_plans

WORDS = st.lists(st.text(max_size=3), min_size=1, max_size=5)


def built(model: nn.Module, **said: object) -> tuple[pg.Optimizer, pg.Scheduler]:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, controllers=[plateau("**", "loss", patience=0)])
    return pg.build(pg.plan(model, recipe, steps=10), **said)  # type: ignore[arg-type]  # by name


def said(rank: int, **what: object) -> tuple[int, str]:
    return rank, json.dumps({"call": "scheduler.step()", "tick": 3.0, "events": [], **what})


@given(WORDS)
def test_headers_are_alike_only_where_all_words_are(words: list[str]) -> None:
    sums = [sum(column) for column in zip(*(_header(one) for one in words), strict=True)]
    assert _are_alike(sums) == (len(set(words)) == 1)


def test_sums_of_headers_are_exact_for_a_million_processes() -> None:
    largest = [float((1 << 16) - 1)] * 4
    header = [1.0, *largest, *(one * one for one in largest)]
    count = 1 << 20
    sums = [one * count for one in header]
    assert all(one < 1 << 53 for one in sums)
    assert _are_alike(sums)
    assert not _are_alike([sums[0], sums[1] - 1, *sums[2:]])


@pytest.mark.parametrize("together", [None, True, False])
def test_one_process_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
    together: bool | None,  # noqa: FBT001  # a case
) -> None:
    monkeypatch.delattr(dist, "all_reduce")
    optimizer, scheduler = built(nn.Linear(2, 2), together=together)
    for loss in (1.0, 2.0, 2.0):
        scheduler.observe(loss=loss)
        optimizer.step()
        scheduler.step()
    assert len(scheduler.journal) == 2


def test_none_is_no_number_where_one_process_trains() -> None:
    _, scheduler = built(nn.Linear(2, 2))
    with pytest.raises(PlanError, match=r"observe\(loss=None\): a metric is one number"):
        scheduler.observe(loss=None)


@pytest.mark.parametrize("together", ["all", 2, [0, 1]], ids=str)
def test_what_names_no_processes_is_refused(together: object) -> None:
    with pytest.raises(
        PlanError, match=r"names no processes\. Give a process group of torch.distributed, True"
    ):
        built(nn.Linear(2, 2), together=together)


def test_a_copy_looks_for_its_processes_anew() -> None:
    plan = pg.plan(nn.Linear(2, 2), pg.Recipe(optimizer="sgd", lr=0.1), steps=10)
    agreement = Agreement(plan, together=False)
    agreement.meet([], 0)
    for other in (copy.deepcopy(agreement), pickle.loads(pickle.dumps(agreement))):  # noqa: S301  # ours
        assert not other._met
        assert other._together is False


def test_a_failure_is_named_first() -> None:
    told = told_apart([said(0), (1, json.dumps({"error": "PlanError: no"})), said(2, call="other")])
    assert told == "rank 1 cannot go on, and so the others cannot: PlanError: no"


def test_ticks_that_differ_are_told() -> None:
    told = told_apart([said(0), said(1, tick=4.0), said(2)])
    assert told.startswith(
        "The schedulers of the processes stand at different ticks: at tick 3 on ranks 0, 2; at tick 4 on"
    )


def test_the_first_event_that_differs_is_told() -> None:
    events = [
        json.dumps(Event(3, "scale", "scale", "lr", factor, 1.0, factor, ("w",)).data)
        for factor in (0.5, 0.1)
    ]
    told = told_apart([said(0, events=events), said(1, events=events[:1])])
    assert told.startswith(
        'The journals of the processes differ: "step 3  lr 1 → 0.1  × 0.1  scale  "w"" on rank 0; '
        "nothing more on rank 1. Make every edit on all processes"
    )


def test_lines_of_plans_are_their_values_in_the_course_of_the_run() -> None:
    model = nn.Linear(2, 2)
    plans = [
        pg.plan(model, pg.Recipe(optimizer="sgd", lr=lr, schedule=pg.schedules.linear()), steps=steps)
        for lr, steps in ((1.0, 8), (1.0, 8), (0.5, 8), (1.0, 9))
    ]
    lines = [lines_of(plan) for plan in plans]
    assert lines[0] == lines[1]
    assert 'lr 1 → 0.75 → 0.5 → 0.25 in group "default"' in lines[0]
    told = told_of_plans([(rank, json.dumps(one)) for rank, one in enumerate(lines[1:3])])
    assert 'lr 1 → 0.75 → 0.5 → 0.25 in group "default" on rank 0; lr 0.5 → 0.375' in told
    assert "8 steps on rank 0; 9 steps on rank 1. Plan on all processes" in told_of_plans(
        [(0, json.dumps(lines[0])), (1, json.dumps(lines[3]))]
    )


def test_nan_is_measured() -> None:
    plan = pg.plan(nn.Linear(2, 2), pg.Recipe(optimizer="sgd", lr=0.1), steps=10)
    _, scheduler = built(nn.Linear(2, 2))
    found = Agreement(plan).averaged({"loss": math.nan}, 0, scheduler._ledger)
    assert math.isnan(found["loss"])
