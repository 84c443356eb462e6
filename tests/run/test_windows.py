"""What is frozen now and then, and what of it is forgotten."""

from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.run.windows import Windowed, windows_of


def windows(*rules: pg.Rule, count: int = 10) -> list[Windowed]:
    model = nn.ModuleDict({"embed": nn.Embedding(count, 2), "head": nn.Linear(2, 2)})
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=rules), steps=20)
    found = []
    for place, (group, held) in enumerate(zip(plan.groups, plan.param_groups(model), strict=True)):
        found += windows_of(place, group, held["params"], held["param_names"])
    return found


def told(one: Windowed, ticks: range) -> list[tuple[bool, bool, list[Any]]]:
    """At each tick whether it lives, is kept, and which rows are forgotten."""
    found = []
    for tick in ticks:
        gone = [piece.rows for piece in one.turn(tick)]
        found.append((one.live, one.kept, gone))
    return found


def test_what_is_always_trained_has_no_window() -> None:
    assert windows(pg.rule("head", lr_scale=2)) == []


def test_tensors_of_a_group_are_frozen_together() -> None:
    (found,) = windows(pg.rule("head", trainable=False, start=1, until=2))
    assert len(found.tensors) == 2
    assert told(found, range(3)) == [(True, True, []), (False, False, [None]), (True, True, [])]


def test_what_was_never_trained_is_not_forgotten() -> None:
    (found,) = windows(pg.rule("head", trainable=False, until=1))
    assert told(found, range(2)) == [(False, False, []), (True, True, [])]


@pytest.mark.parametrize(("until", "kept"), [(1, False), (2, True)])
def test_whether_it_is_kept_is_asked_at_the_tick_of_the_freeze(*, until: int, kept: bool) -> None:
    (found,) = windows(
        pg.rule("head", trainable=False, start=1, until=4), pg.rule("head", moments="keep", until=until)
    )
    assert told(found, range(4))[1:] == [(False, kept, [] if kept else [None]), *[(False, kept, [])] * 2]


def test_rows_have_their_own_times_and_those_between_are_pieces_too() -> None:
    (found,) = windows(
        pg.rule("embed.weight[2:4]", trainable=False, start=1, until=3),
        pg.rule("embed.weight[6:10]", trainable=False, start=2, until=4, moments="keep"),
    )
    assert [piece.rows for piece in found.pieces] == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 10)]
    assert [gone for *_, gone in told(found, range(5))] == [[], [slice(2, 4)], [], [], []]
    assert [piece.kept for piece in found.pieces] == [False] * 4


def test_a_tensor_of_which_all_rows_are_frozen_and_none_kept_is_not_kept() -> None:
    (found,) = windows(
        pg.rule("embed", trainable=False, start=2, until=5), pg.rule("embed.weight[2:4]", trainable=False)
    )
    assert told(found, range(2, 4)) == [(False, False, []), (False, False, [])]
    (found,) = windows(
        pg.rule("embed", trainable=False, start=2, until=5),
        pg.rule("embed.weight[2:4]", trainable=False, start=1, until=5),
    )
    whole = [slice(0, 2), slice(4, 10)]
    assert told(found, range(3)) == [(True, True, []), (True, True, [slice(2, 4)]), (False, False, whole)]


def test_the_tensors_are_the_optimizers() -> None:
    (found,) = windows(pg.rule("embed.weight[2:4]", trainable=False, until=3))
    assert [tuple(tensor.shape) for tensor in found.tensors] == [(10, 2)]
    assert isinstance(found.tensors[0], torch.nn.Parameter)
