"""What a guard is, also one of a user's own."""

from typing import Any

import pytest

from paramgroups.control import Controller, Gate, Guard, Report, Verdict
from paramgroups.errors import RuleError
from paramgroups.rules import Recipe
from paramgroups.select import Selector, parse
from tests.control.support import Run, stats


class Least(Guard):
    """The least that a user writes."""

    title = "least"
    selectors: tuple[Selector, ...] = (parse("head"),)

    def begin(self) -> dict[str, Any]:
        return {}


def test_what_is_not_written_lets_all_pass() -> None:
    run = Run(Least())
    assert isinstance(run.guard, Controller)
    assert run.guard.metrics == ()
    assert run.guard.gate(run.state) is None
    assert not run.guard.due(run.state)
    assert not run.guard.answers
    assert run.update(1e9) == frozenset()
    assert run.state == {}


def test_one_of_the_users_is_no_data() -> None:
    recipe = Recipe(optimizer="sgd", lr=0.1, controllers=[Least()])
    with pytest.raises(
        RuleError, match=r"The guard least is a class of your own.*Keep this recipe in Python"
    ):
        recipe.to_toml()


def test_a_gate_is_open_and_a_report_without_faults_when_unsaid() -> None:
    assert Gate() == Gate(bound=float("inf"), clip=False, alone=False, shut=False, bounds={})
    assert hash(Gate()) == hash(Gate(bounds={"head": 1.0}))
    assert Report(0, {"head": stats()}).refused == frozenset()
    assert Verdict("keep") == Verdict("keep", (), 1.0, "")
