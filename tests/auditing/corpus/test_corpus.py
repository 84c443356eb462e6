"""Every fault is found, nothing else is said, and nothing is changed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from paramgroups.auditing.checks import catalogue
from tests.auditing.corpus.cases import FILES, Case, Setup, cases
from tests.auditing.corpus.scoring import Outcome, audited, score
from tests.auditing.corpus.snapshots import changed, snapshot

ALL = cases()
WATCHED = "PG4"
"""Kinds that only a loop in progress shows."""


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_the_fault_is_found_and_nothing_is_touched(case: Case) -> None:
    setup = case.build()
    before = snapshot(setup)
    outcome = audited(case, setup)
    assert not changed(before, snapshot(setup))
    assert not outcome.missed, str(outcome)
    assert not outcome.alarms, str(outcome)


def test_there_are_as_many_as_promised() -> None:
    assert sum(bool(case.codes) for case in ALL) >= 60
    assert sum(not case.codes for case in ALL) >= 40


def test_every_kind_has_a_set_up() -> None:
    shown = {code for case in ALL for code in case.codes}
    assert {code for code in catalogue() if not code.startswith(WATCHED)} <= shown


def test_every_file_has_both() -> None:
    files = {case.name.partition(".")[0] for case in ALL}
    assert files == set(FILES)


def test_a_score_counts_what_is_missed_and_what_is_told_too_often() -> None:
    wrong = Case("wrong", ALL[0].make, frozenset({"PG101", "PG105"}), frozenset({"PG120"}))
    right = Case("right", ALL[0].make, frozenset(), frozenset())
    found = [Outcome(wrong, {"PG101": "", "PG120": ""}), Outcome(right, {"PG111": ""})]
    figures = score(found)
    assert (figures["found"], figures["missed"], figures["false_alarms"]) == (1, 1, 1)
    assert (figures["recall"], figures["precision"]) == (0.5, 0.5)
    assert figures["differ"] == {"wrong": ["PG105"], "right": ["PG111"]}


CHANGES: dict[str, tuple[Callable[[Setup], Any], list[str]]] = {
    "nothing": (lambda _: None, []),
    "mode": (lambda setup: setup.model.eval(), ["model"]),
    "state": (lambda setup: next(iter(setup.optimizer.state.values()))["exp_avg"].mul_(2.0), ["optimizers"]),
    "tick": (lambda setup: setup.scheduler.step(), ["optimizers", "schedulers"]),
    "draw": (lambda _: torch.rand(1), ["torch"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_snapshot_sees_what_changes(change: str) -> None:
    act, parts = CHANGES[change]
    setup = next(case for case in ALL if case.name == "sound_loops.a_tick_for_each_step").build()
    before = snapshot(setup)
    act(setup)
    assert changed(before, snapshot(setup)) == parts
