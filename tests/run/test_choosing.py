"""Which groups an edit means."""

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.errors import NoMatchError, PlanError, SelectorError
from paramgroups.planning.cutting import Rows
from paramgroups.run.choosing import Chosen, chosen_groups
from tests.run.models import Net

RULES = [
    pg.rule("head", lr_scale=10),
    pg.rule(":bias", weight_decay=0.0),
    pg.rule("blocks.1", group="last"),
    pg.rule("stem", trainable=False),
]


def chosen(model: nn.Module, selector: str | pg.select.Selector, *more: pg.Rule) -> tuple[str, ...]:
    recipe = pg.Recipe(optimizer="adamw", lr=0.1, rules=[*RULES, *more])
    plan = pg.plan(model, recipe)
    found = chosen_groups(selector, plan, plan.groups)
    assert not found.rows
    return found.groups


def test_a_selector_of_whole_groups(model: Net) -> None:
    assert chosen(model, "head") == ("head", "head, :bias")
    assert chosen(model, "head.weight") == ("head",)
    assert chosen(model, pg.select.parse("head") - ":bias") == ("head",)
    assert len(chosen(model, "**")) == 6


def test_the_name_of_a_group(model: Net) -> None:
    assert chosen(model, "head, :bias") == ("head, :bias",)
    assert chosen(model, "default") == ("default",)


def test_the_name_that_the_recipe_gives_means_all_its_groups(model: Net) -> None:
    assert chosen(model, "last") == ("last", "last, :bias")


def test_the_name_that_the_recipe_gives_wins_where_the_selector_would_cut(model: Net) -> None:
    assert chosen(model, "head", pg.rule("head.weight", group="head")) == ("head", "head, :bias")
    more = [pg.rule("head.weight", group="head"), pg.rule(":bias", lr=0.5, group="biases")]
    assert chosen(model, "head", *more) == ("head",)


def test_a_name_that_was_not_given_does_not_hide_a_cut(model: Net) -> None:
    more = pg.rule(":bias", lr=0.5)
    with pytest.raises(PlanError, match=r'"head" would cut the group ":bias".*group="head"'):
        chosen(model, "head", more)


def test_a_cut_names_what_to_plan(model: Net) -> None:
    with pytest.raises(PlanError) as told:
        chosen(model, "blocks.0.fc")
    assert str(told.value) == (
        '"blocks.0.fc" would cut the group "default": 1 of its 2 parameters are not matched, such as '
        '"blocks.0.norm.weight". Groups never change in training: plan with pg.rule("blocks.0.fc", '
        'group="blocks.0.fc").'
    )


def test_what_matches_nothing_is_told_the_nearest(model: Net) -> None:
    with pytest.raises(NoMatchError, match=r'"haed" matches no parameter.*Nearest: "head"'):
        chosen(model, "haed")


def test_what_is_never_trained_cannot_be_edited(model: Net) -> None:
    with pytest.raises(NoMatchError, match='"stem" matches only parameters that are never trained'):
        chosen(model, "stem")


def test_what_is_no_selector_and_no_name(model: Net) -> None:
    with pytest.raises(SelectorError):
        chosen(model, "head[")
    with pytest.raises(SelectorError):
        chosen(model, None)  # type: ignore[arg-type]  # the mistake


def test_rows_are_chosen_where_the_optimizer_steps_them(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule("head.bias", lr=0.2)]))
    found = chosen_groups("head.weight[0:1] | head.bias", plan, plan.groups, rows=True)
    assert found == Chosen(("head.bias",), (Rows("head.weight", 0, 1),))


def test_rows_of_what_another_class_steps_are_refused(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="adamax", lr=0.1))
    with pytest.raises(SelectorError, match="selects rows, and Adamax steps whole tensors"):
        chosen_groups("head.weight[0:1]", plan, plan.groups, rows=True)


def test_rows_are_refused(model: Net) -> None:
    with pytest.raises(SelectorError, match=r'"head.weight\[0:1\]" selects rows'):
        chosen(model, "head.weight[0:1]")
