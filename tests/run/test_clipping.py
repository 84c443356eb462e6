"""A bound for gradients is a hyperparameter as any other: planned, told, scheduled, edited, saved."""

from pathlib import Path
from typing import Any

import pytest
import torch

import paramgroups as pg
from paramgroups.errors import ParamGroupsError, PlanError, RuleError
from paramgroups.schedules import linear
from tests.run.models import Net, net, train, update, values

RECIPE = pg.Recipe(optimizer="adamw", lr=0.1, clip_norm=1.0, rules=[pg.rule("head", clip_norm=0.1)])


def clips(optimizer: Any) -> list[Any]:
    return [group["clip_norm"] for group in optimizer.param_groups]


def test_groups_differ_by_it_and_hold_it(model: Net) -> None:
    plan = pg.plan(model, RECIPE, steps=4)
    assert [(group.name, group.settings()["clip_norm"]) for group in plan.groups] == [
        ("default", 1.0),
        ("head", 0.1),
    ]
    optimizer, scheduler = pg.build(plan)
    train(model, optimizer, scheduler, range(2))
    assert clips(optimizer) == [1.0, 0.1]


def test_the_table_and_explain_tell_it(model: Net) -> None:
    plan = pg.plan(model, RECIPE)
    assert "clip_norm" in plan.table()[0]
    assert '0.1 (rule 1 "head")' in str(plan.explain("head.weight"))
    assert plan["head.weight"].clip_norm == 0.1
    unsaid = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1))
    assert "clip_norm" not in f"{unsaid} {unsaid.explain('head.weight')} {unsaid.param_groups()}"


def test_toml_keeps_it(tmp_path: Path) -> None:
    none = pg.rule("stem", clip_norm=None)
    recipe = pg.Recipe(
        optimizer="lion", lr=0.1, clip_norm=1.0, rules=[none, pg.rule("head", clip_alone=True)]
    )
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    assert pg.load_recipe(tmp_path / "recipe.toml") == recipe


@pytest.mark.parametrize("value", [0, 0.0, -1.0, "1.0", True, float("nan")], ids=repr)
def test_what_is_no_bound_is_refused(value: Any) -> None:
    with pytest.raises(RuleError, match="clip_norm="):
        pg.rule("head", clip_norm=value)


def test_a_schedule_multiplies_it(model: Net) -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, clip_norm=2.0, schedules={"clip_norm": linear(end=0.5)})
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=4))
    train(model, optimizer, scheduler, range(2))
    assert clips(optimizer) == [1.5]


def test_a_schedule_to_0_is_refused(model: Net) -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, clip_norm=2.0, schedules={"clip_norm": linear()})
    with pytest.raises(PlanError, match="clip_norm=0 is out of its domain: it must be above 0"):
        pg.plan(model, recipe, steps=4)


def test_rows_of_a_tensor_have_none_of_their_own(model: Net) -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head.weight[1:]", clip_norm=0.1)])
    with pytest.raises(PlanError, match="clip_norm= is for whole tensors"):
        pg.plan(model, recipe)


class TestEdits:
    def test_it_is_set_and_scaled_and_taken_away(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, steps=4))
        scheduler.set("head", clip_norm_scale=0.5)
        assert clips(optimizer) == [1.0, 0.05]
        scheduler.set("**", clip_norm=3.0)
        assert clips(optimizer) == [3.0, 3.0]
        scheduler.set("head", clip_norm=None)
        assert clips(optimizer) == [3.0, None]
        train(model, optimizer, scheduler, range(1))
        other, clock = pg.build(pg.plan(model, RECIPE, steps=4))
        clock.load_state_dict(scheduler.state_dict())
        assert clips(other) == [3.0, None]

    def test_it_begins_in_the_middle_of_a_run(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), steps=4))
        train(model, optimizer, scheduler, range(1))
        scheduler.set("**", clip_norm=0.5)
        train(model, optimizer, scheduler, range(1, 3))
        assert clips(optimizer) == [0.5]

    @pytest.mark.parametrize("value", [0.0, -1.0, "1"], ids=repr)
    def test_what_is_no_bound(self, model: Net, value: Any) -> None:
        _, scheduler = pg.build(pg.plan(model, RECIPE, steps=4))
        with pytest.raises(ParamGroupsError, match="clip_norm"):
            scheduler.set("head", clip_norm=value)

    def test_a_plain_write_is_a_factor(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, steps=4))
        optimizer.param_groups[1]["clip_norm"] *= 0.5
        train(model, optimizer, scheduler, range(1))
        assert [(event.hyper, event.value) for event in scheduler.journal] == [("clip_norm", 0.5)]
        assert clips(optimizer) == [1.0, 0.05]

    def test_a_plain_write_into_the_only_group_that_has_it_is_a_factor_too(self, model: Net) -> None:
        recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", clip_norm=0.1)], schedule=linear())
        optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=4))
        optimizer.param_groups[1]["clip_norm"] *= 0.5
        train(model, optimizer, scheduler, range(2))
        assert [(event.hyper, event.value) for event in scheduler.journal] == [("clip_norm", 0.5)]
        assert clips(optimizer) == [None, 0.05]


def test_it_is_as_torch_clips() -> None:
    ours, theirs = net(), net()
    optimizer, _ = pg.build(pg.plan(ours, pg.Recipe(optimizer="sgd", lr=0.1, clip_norm=0.5)), backend="torch")
    other = torch.optim.SGD(theirs.parameters(), lr=0.1)
    update(ours, optimizer, 0)
    other.zero_grad()
    update(theirs, torch.optim.SGD(theirs.parameters(), lr=0.0), 0)
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
    other.step()
    for name, tensor in values(theirs).items():
        assert torch.allclose(values(ours)[name], tensor, rtol=1e-5), name
