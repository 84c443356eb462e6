"""Advice on turns of less than a tick, where it is due and where it is not."""

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.errors import Finding
from paramgroups.recipes import chain_thaw, gradual_unfreezing
from tests.planning.models import Reader


def found(*rules: pg.Rule | list[pg.Rule], steps: int, model: nn.Module | None = None) -> list[Finding]:
    plan = pg.plan(model or Reader(), pg.Recipe(optimizer="adamw", lr=1.0, rules=rules), steps=steps)
    return [one for one in plan.check() if one.code == "PG018"]


def test_levels_that_thaw_at_one_tick_are_told() -> None:
    """Five levels over two steps thaw at 0, 1, 1, 2, 2: all but the head share their tick."""
    (told,) = found(gradual_unfreezing(over="2%"), steps=100)
    assert told.message == (
        "gradual_unfreezing(over='2%') leaves less than one step from some turns to the next: they come "
        "together on embed.weight, stem.weight, stem.bias and 18 more."
    )
    assert len(told.names) == 21
    assert (told.severity, told.fix) == ("advice", "Let each turn be one step or more.")


@pytest.mark.parametrize(("rule", "steps"), [(gradual_unfreezing(every="1%"), 30), (chain_thaw("1%"), 30)])
def test_shares_of_less_than_a_tick_are_told_once(rule: pg.Rule | list[pg.Rule], steps: int) -> None:
    assert len(found(rule, steps=steps)) == 1


@pytest.mark.parametrize(
    "rule",
    [gradual_unfreezing(every=1), gradual_unfreezing(every="5%"), gradual_unfreezing(over="50%"),
     chain_thaw(1), chain_thaw("5%"), pg.rule("stem", trainable=False, until=1)],
    ids=["every", "share", "over", "chain", "chain of shares", "one bound"],
)  # fmt: skip
def test_a_tick_for_each_is_enough(rule: pg.Rule | list[pg.Rule]) -> None:
    assert not found(rule, steps=30)


def test_what_never_thaws_within_the_run_is_told_otherwise() -> None:
    assert not found(gradual_unfreezing(every="60%"), steps=10)


def test_towers_take_their_turns_side_by_side() -> None:
    model = nn.Transformer(4, 2, 2, 3, 4, batch_first=True)
    assert not found(gradual_unfreezing(every=1), steps=30, model=model)


def test_whole_ticks_that_leave_some_levels_none_of_their_own_are_told() -> None:
    """Five levels over two ticks thaw at 0, 1, 1, 2, 2."""
    (told,) = found(gradual_unfreezing(over=2), steps=100)
    assert told.names
    assert not found(gradual_unfreezing(over=4), steps=100)


def test_a_function_of_the_row_promises_no_turns() -> None:
    until = pg.per_parameter("share", lambda row: f"{1 + row.depth / 100:.2f}%")
    assert not found(pg.rule("**", trainable=False, until=until), steps=100)
