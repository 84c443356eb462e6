"""What controllers may change makes groups of its own."""

from typing import Any

import pytest

import paramgroups as pg
from paramgroups.control import function, greedy, plateau
from paramgroups.errors import NoMatchError, ParamGroupsError, PlanError
from paramgroups.planning.watched import kinds_of, watched_at, watches_of
from tests.planning.models import INDEX, planned


def groups_with(*controllers: Any, rules: Any = ()) -> dict[str, tuple[str, ...]]:
    return {group.name: group.names for group in planned(*rules, controllers=controllers).groups}


def test_a_selector_cuts_groups_when_planned() -> None:
    found = groups_with(plateau("head", "loss"))
    assert found["head"] == ("head.weight", "head.bias")
    assert set(found) == {"default", "head"}


def test_names_say_which_controllers_and_rules() -> None:
    found = groups_with(
        plateau("blocks.1", "loss"), greedy(":norm", "loss"), rules=[pg.rule("head", lr_scale=10)]
    )
    assert set(found) == {"default", "head", "blocks.1", ":norm", "blocks.1, :norm"}


def test_what_all_controllers_treat_alike_stays_one_group() -> None:
    one = groups_with(plateau("head", "loss"))
    assert groups_with(plateau("head", "loss"), greedy("head", "acc")) == one
    assert len(groups_with(plateau("**", "loss"))) == 1


def test_each_selector_is_matched_once() -> None:
    both = function("mine", lambda state, _: (state, []), selector=["head", ":norm"], metric="loss")
    plan = planned(controllers=[plateau("head", "loss"), both])
    watches = watches_of(plan.given, INDEX, {})
    assert [watch.selector.text for watch in watches] == ["head", ":norm"]
    names = [row.name for row in INDEX]
    assert watched_at(names.index("head.bias"), watches) == ("head",)
    assert watched_at(names.index("blocks.0.norm.weight"), watches) == (":norm",)
    assert watched_at(names.index("stem.bias"), watches) == ()
    kinds = kinds_of(0 * watches[0].codes, watches)
    assert len(set(kinds.tolist())) == 3


@pytest.mark.parametrize(
    ("controller", "error", "why"),
    [
        (plateau("haed", "loss"), NoMatchError, r'"haed" matches none of 12 parameters\.\s+Nearest: "head"'),
        (
            plateau("embed.weight[3:]", "loss"),
            PlanError,
            "selects rows, and a controller changes whole groups",
        ),
        (plateau("old", "loss"), ParamGroupsError, "never trained"),
    ],
    ids=["nothing", "rows", "frozen"],
)
def test_what_it_may_not_watch(controller: Any, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why) as told:
        planned(controllers=[controller])
    assert f"Controller {controller.title}" in str(told.value)
