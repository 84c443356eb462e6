"""When a rule acts: from row to row, in every way of writing it, and what is no window."""

from typing import Any

import pytest

import paramgroups as pg
from paramgroups.errors import NoMatchError, ParamGroupsError, PlanError, ScheduleError
from paramgroups.recipes import layer_decay
from paramgroups.rules import RowValue, Table
from tests.planning.models import INDEX, planned


def by_depth(*ends: Any, label: str = "thaw") -> RowValue:
    """An end for the stem, the blocks of depth 4 and 8, and the head."""
    return pg.per_parameter(label, lambda row: ends[(0, 4, 8, 11).index(row.depth)])


def trained(plan: pg.Plan, step: int) -> list[bool]:
    names = ("stem.weight", "blocks.0.fc.weight", "blocks.1.fc.weight", "head.weight")
    return [plan.at(step)[name].trainable for name in names]


def test_each_row_has_the_end_that_the_function_gives() -> None:
    plan = planned(pg.rule("**", trainable=False, until=by_depth(8, "50%", 2, 0)), steps=10)
    assert [trained(plan, step) for step in (0, 2, 5, 8)] == [
        [False, False, False, True],
        [False, False, True, True],
        [False, True, True, True],
        [True, True, True, True],
    ]


def test_none_is_no_bound_on_that_side() -> None:
    plan = planned(pg.rule("**", lr=0.5, start=by_depth(None, 3, 3, None), until=by_depth(None, None, 5, 5)))
    assert [plan.at(step)["stem.weight"].lr for step in (0, 9)] == [0.5, 0.5]
    assert [plan.at(step)["blocks.0.fc.weight"].lr for step in (2, 3, 9)] == [1.0, 0.5, 0.5]
    assert [plan.at(step)["blocks.1.fc.weight"].lr for step in (2, 3, 5)] == [1.0, 0.5, 1.0]
    assert [plan.at(step)["head.weight"].lr for step in (0, 4, 5)] == [0.5, 0.5, 1.0]


def test_an_empty_window_of_a_row_says_that_the_rule_does_not_act_on_it() -> None:
    thaw = by_depth(3, 0, 3, 0)
    plan = planned(pg.rule("**", lr=0.5, trainable=False, until=thaw, group="late", clock="thaw"))
    assert plan["head.weight"].lr == 1.0
    assert [group.name for group in plan.groups if "stem.weight" in group.names] == ["late"]
    assert not [group for group in plan.groups if group.name == "late" and "head.weight" in group.names]
    assert plan.explain("head.weight").chains["trainable"] == ["yes (model)"]
    later = planned(pg.rule("**", lr=0.5, start=by_depth("50%", 5, 3, 0), until=5))
    assert [later.at(4)[name].lr for name in ("stem.weight", "blocks.1.fc.weight")] == [1.0, 0.5]


def test_a_rule_that_acts_on_no_row_is_idle() -> None:
    plan = planned(pg.rule("**", lr=0.5, until=by_depth(0, 0, 0, 0)))
    assert [finding.code for finding in plan.check() if "Rule 1" in finding.message] == ["PG008"]
    assert len(plan.groups) == 1


def test_rows_of_a_tensor_have_the_end_of_their_tensor() -> None:
    plan = planned(pg.rule("embed.weight[5:] | head.bias", trainable=False, until=by_depth(4, 4, 4, 2)))
    assert [plan.at(step)["head.bias"].trainable for step in (1, 2)] == [False, True]
    (group,) = [one for one in plan.groups if "embed.weight" in one.names]
    (part,) = group.segments
    assert (part.start, part.stop, part.profile.trainable.pieces) == (5, 20, ((0.0, False), (4, True)))


def test_both_a_value_and_a_window_may_differ_from_row_to_row() -> None:
    scale = pg.per_parameter("scale", lambda row: 0.5 if row.ndim == 1 else 0.1)
    plan = planned(pg.rule("head | stem", lr_scale=scale, until=by_depth(3, 0, 0, 5)))
    names = ("head.weight", "head.bias", "stem.weight", "stem.bias")
    assert [plan.at(step)[name].lr for step in (0, 4, 9) for name in names] == [
        0.1, 0.5, 0.1, 0.5,
        0.1, 0.5, 1.0, 1.0,
        1.0, 1.0, 1.0, 1.0,
    ]  # fmt: skip


def test_a_rule_of_schedules_alone_may_have_a_window_by_row() -> None:
    plan = planned(pg.rule("**", schedule=pg.schedules.constant(0.5), until=by_depth(0, 0, 0, 5)))
    assert [plan.at(step)["head.weight"].lr for step in (4, 5)] == [0.5, 1.0]
    assert plan.at(4)["stem.weight"].lr == 1.0


def test_groups_are_named_by_what_the_function_gives() -> None:
    plan = planned(pg.rule("~old", trainable=False, until=by_depth(8, 4, 4, 0)))
    assert [group.name for group in plan.groups] == ["thaw 8", "thaw 4", "default"]
    plan = planned(pg.rule("~old", lr=0.5, start=by_depth(8, 4, 4, None, label="late")))
    assert [group.name for group in plan.groups] == ["late 8", "late 4", "late 0"]


def test_the_chain_names_the_function_and_the_parameter() -> None:
    plan = planned(pg.rule("~old", trainable=False, until=by_depth(8, 4, 4, 0)))
    assert plan.explain("stem.weight").chains["trainable"] == [
        'no (rule 1 "~old", thaw at stem.weight)',
        "from step 8: yes (model)",
    ]


def test_two_plans_differ_in_the_rows_whose_windows_differ() -> None:
    one, other = (planned(pg.rule("~old", trainable=False, until=by_depth(8, 4, 4, end))) for end in (0, 2))
    (change,) = one.diff(other).changes
    assert (change.hyper, change.names) == ("trainable", ("head.weight", "head.bias"))


BACKWARDS: list[tuple[Any, Any, str]] = [
    (50, 30, "from step 50 to before step 30"),
    (50, 50, "from step 50 to before step 50"),
    ("5 epochs", "3 epochs", "from step 50 to before step 30"),
    ("50%", "30%", "from step 50 to before step 30"),
    ("50 steps", "3 epochs", "from step 50 to before step 30"),
    ("50%", 30, "from step 50 to before step 30"),
    ("50%", by_depth(90, 90, 90, "30%"), 'thaw for "head.weight": .* from step 50 to before step 30'),
    (by_depth(0, "5 epochs", 0, 0), "3 epochs", 'thaw for "blocks.0.norm.weight": .*50 to before step 30'),
    (
        by_depth(0, 0, 50, 0, label="late"),
        by_depth(9, 9, 30, 9),
        'late and thaw for "blocks.1.norm.weight": start=50, until=30',
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "until", "message"), BACKWARDS, ids=[str(n) for n in range(len(BACKWARDS))]
)
def test_a_window_that_runs_backwards_is_refused(start: Any, until: Any, message: str) -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=[pg.rule("**", lr=0.5, start=start, until=until)])
    with pytest.raises(PlanError, match=rf"{message}(.|\n)*Rule 1 of recipe"):
        pg.plan(INDEX, recipe, epochs=10, steps_per_epoch=10)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("soon", "until='soon' is no length"),
        (0.5, 'until=0.5 is a bare float: a share or a count\\? "50%" is that share'),
        (-1, "until=-1 is not between 0"),
        (True, "until=True is no length"),
        (len, "until=<built-in function len> is no length"),
        (by_depth(), "until=PerParameter.* is no length"),
        ("120%", "is more than all of training"),
        ("1 epoch", "how long an epoch is was not told"),
    ],
    ids=["word", "float", "negative", "switch", "function", "value", "too much", "epochs"],
)
def test_what_a_function_gives_that_is_no_length_is_told_with_the_parameter(given: Any, message: str) -> None:
    with pytest.raises(PlanError, match=rf'thaw for "head.weight": .*{message}(.|\n)*Rule 1 of recipe'):
        planned(pg.rule("**", trainable=False, until=by_depth(1, 2, 3, given)))


def test_a_function_that_raises_is_told_with_the_parameter() -> None:
    with pytest.raises(
        ParamGroupsError, match=r'"thaw"\) raised IndexError for "blocks.0.norm.weight"(.|\n)*Rule 1'
    ):
        planned(pg.rule("**", trainable=False, until=by_depth(1)))


def test_a_value_of_another_kind_is_no_window() -> None:
    decay = layer_decay(0.5).settings["lr_scale"]
    with pytest.raises(
        PlanError, match=r'layer_decay\(0.5\) for "embed.weight": start=0.00.* is a bare float'
    ):
        planned(pg.rule("**", lr=0.5, start=decay))


def test_a_table_without_a_name_is_refused() -> None:
    with pytest.raises(ParamGroupsError, match=r'The table "thaw" has no value for head.bias(.|\n)*Rule 1'):
        planned(pg.rule("head", trainable=False, until=Table("thaw", (("head.weight", 3),))))


def test_an_optimizer_holds_for_the_whole_run_in_every_row() -> None:
    assert planned(pg.rule("head", optimizer="sgd", until=by_depth(None, None, None, None)))
    with pytest.raises(PlanError, match=r'thaw for "head.weight": optimizer= holds for the whole run'):
        planned(pg.rule("head", optimizer="sgd", until=by_depth(None, None, None, 3)))


def test_a_rule_that_matches_nothing_asks_no_function() -> None:
    assert planned(pg.rule("nothing", lr=0.5, until=by_depth(), missing="ignore"))
    with pytest.raises(NoMatchError):
        planned(pg.rule("nothing", lr=0.5, until=by_depth()))


def test_past_the_end_a_window_goes_on() -> None:
    plan = planned(pg.rule("**", trainable=False, until=by_depth(10, 12, "100%", 3)))
    assert {row.name for row in plan.frozen} >= {"stem.weight", "blocks.0.fc.weight", "blocks.1.fc.weight"}
    assert not plan.at(12)["stem.weight"].trainable
    assert plan.at(3)["head.weight"].trainable


def test_a_horizon_without_an_end_knows_no_shares() -> None:
    with pytest.raises(
        ParamGroupsError, match=r'thaw for "head.weight": until=.* training without a known end'
    ):
        planned(pg.rule("**", trainable=False, until=by_depth(1, 2, 3, "50%")), steps=None)
    plan = planned(pg.rule("**", trainable=False, until=by_depth(1, 2, 3, 400)), steps=None)
    assert [plan.at(step)["head.weight"].trainable for step in (399, 400)] == [False, True]


def test_a_plain_length_that_the_horizon_does_not_know_is_a_schedule_error() -> None:
    with pytest.raises(
        ScheduleError, match=r"until='1 epoch': how long an epoch is was not told(.|\n)*Rule 1"
    ):
        planned(pg.rule("**", trainable=False, until="1 epoch"))
