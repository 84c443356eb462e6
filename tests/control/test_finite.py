"""What is not finite is left out, and has no effect on what comes after."""

import math

import pytest

from paramgroups.control import Gate, nonfinite
from paramgroups.errors import RuleError
from tests.control.support import Run

NAN, INF = math.nan, math.inf


def test_its_gate_is_open_to_all_that_is_finite() -> None:
    assert nonfinite().gate(nonfinite().begin()) == Gate()
    assert nonfinite(alone=True).gate({"shut": None}) == Gate(alone=True)


@pytest.mark.parametrize("value", [NAN, INF, -INF], ids=str)
def test_a_metric_that_is_not_finite_shuts_one_update(value: float) -> None:
    run = Run(nonfinite(metric="loss"))
    run.tell(loss=value)
    assert run.update(1.0) == {"a"}
    run.tell(loss=0.5)
    assert run.update(1.0) == frozenset()


def test_what_is_not_told_again_is_forgotten_after_the_update() -> None:
    run = Run(nonfinite(metric="loss"))
    run.tell(loss=NAN)
    assert [run.update(1.0), run.update(1.0)] == [{"a"}, frozenset()]


def test_of_several_metrics_before_one_update_one_is_enough() -> None:
    run = Run(nonfinite(metric="loss"))
    run.tell(loss=NAN)
    run.tell(loss=0.5)
    assert run.update(1.0) == {"a"}


def test_an_update_that_was_never_made_holds_nothing_back() -> None:
    run = Run(nonfinite(metric="loss"))
    run.tell(loss=NAN)
    run.step = 1
    run.tell(loss=0.5)
    assert run.update(1.0) == frozenset()


def test_what_it_says_of_itself() -> None:
    guard = nonfinite("head", metric="loss", alone=True)
    assert repr(guard) == "nonfinite('head', metric='loss', alone=True)"
    assert guard.title == 'nonfinite("head", "loss")'
    assert guard.metrics == ("loss",)
    assert guard.to_data() == {"use": "nonfinite", "select": "head", "metric": "loss", "alone": True}
    assert repr(nonfinite()) == "nonfinite('**')"
    assert nonfinite().metrics == ()


def test_a_switch_is_a_switch() -> None:
    with pytest.raises(RuleError, match="alone=1 is no switch: give True or False"):
        nonfinite(alone=1)  # type: ignore[arg-type]  # the mistake
