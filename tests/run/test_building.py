"""Building the optimizer and the scheduler of a plan."""

import copy
import gc
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import OptimizerError, ParamGroupsError, PlanError
from paramgroups.schedules import linear
from tests.run.models import Net, net, same, train, update, values

RECIPE = pg.Recipe(optimizer="sgd", lr=0.1, momentum=0.9, rules=[pg.rule("head", lr_scale=10)])
FREEZES = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("stem", trainable=False, until=2)])


def test_the_optimizer_is_the_one_that_the_recipe_names(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, RECIPE))
    assert type(optimizer) is pg.Optimizer
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    assert {group["name"]: group["lr"] for group in optimizer.param_groups} == {"default": 0.1, "head": 1.0}
    assert all(group["momentum"] == 0.9 for group in optimizer.param_groups)


def test_what_the_state_begins_with_reaches_it(model: Net) -> None:
    recipe = pg.Recipe(optimizer="adagrad", lr=0.1, initial_accumulator_value=0.5)
    optimizer, _ = pg.build(pg.plan(model, recipe))
    update(model, optimizer, 0)
    assert model.head.bias.grad is not None
    assert torch.allclose(optimizer.state[model.head.bias]["sum"], 0.5 + model.head.bias.grad**2)


def test_a_group_that_is_added_has_the_settings_of_the_recipe(model: Net) -> None:
    optimizer, _ = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, momentum=0.9, clip_norm=2.0)))
    optimizer.add_param_group({"params": [("extra", nn.Parameter(torch.ones(2)))]})
    added = optimizer.param_groups[-1]
    assert (added["lr"], added["momentum"], added["clip_norm"]) == (0.1, 0.9, 2.0)


def test_options_reach_the_optimizer(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, RECIPE), backend="torch", statistics=False)
    train(model, optimizer, scheduler, range(1))
    with pytest.raises(OptimizerError, match="statistics=False"):
        optimizer.statistics()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"bakend": "cpu"}, r'no option "bakend". Nearest: "backend"'),
        ({"lr": 0.1}, r'no option "lr".*stands in the recipe'),
    ],
    ids=["mistyped", "a setting"],
)
def test_an_unknown_option_is_an_error(model: Net, said: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        pg.build(pg.plan(model, RECIPE), **said)


def test_fused_reaches_the_class_and_stays(model: Net) -> None:
    optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, fused=True), steps=9))
    train(model, optimizer, scheduler, range(2))
    assert optimizer.param_groups[0]["fused"] is True


def test_one_plan_is_built_twice(model: Net) -> None:
    plan = pg.plan(model, FREEZES, steps=4)
    first, clock = pg.build(plan)
    train(model, first, clock, range(1))
    second, _ = pg.build(plan)
    assert not model.stem[0].weight.requires_grad
    assert [group["name"] for group in second.param_groups] == [group["name"] for group in first.param_groups]
    assert not second.state


def test_all_frozen_is_an_error(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("**", trainable=False)]))
    with pytest.raises(PlanError, match=r"nothing to step. Take trainable=False off"):
        pg.build(plan)


def test_what_is_no_plan_is_an_error() -> None:
    with pytest.raises(PlanError, match=r"Net is no plan. Make one: pg.plan\(model"):
        pg.build(net())  # type: ignore[arg-type]  # the mistake


def test_rows_are_an_error_where_a_class_of_torch_steps_their_group() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    rules = [pg.rule("0.weight[8:]", lr_scale=10)]
    plan = pg.plan(model, pg.Recipe(optimizer="adamax", lr=0.1, rules=rules))
    with pytest.raises(PlanError, match=r'Rows 8 to 9 of "0.weight".*Adamax steps whole.*optimizer="adamw"'):
        pg.build(plan)


def test_several_optimizers_are_one(model: Net) -> None:
    recipe = pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule("head", optimizer="sgd", momentum=0.5)])
    plan = pg.plan(model, recipe, steps=4)
    optimizer, scheduler = pg.build(plan)
    train(model, optimizer, scheduler, range(2))
    body, head = optimizer.param_groups
    assert (body["optimizer"], head["optimizer"]) == ("adamw", "sgd")
    assert "betas" not in head
    assert "momentum" not in body
    assert "momentum_buffer" in optimizer.state[model.head.weight]
    assert "exp_avg" in optimizer.state[body["params"][0]]


def test_the_only_optimizer_of_a_plan_need_not_be_the_recipes(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule("**", optimizer="sgd")]))
    optimizer, _ = pg.build(plan)
    assert "momentum" in optimizer.defaults
    assert all("optimizer" not in group for group in plan.param_groups())


def test_classes_of_one_name_are_several_optimizers(model: Net) -> None:
    class SGD(torch.optim.SGD):
        pass

    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", optimizer=SGD)])
    plan = pg.plan(model, recipe)
    assert [group["optimizer"] for group in plan.param_groups()] == ["sgd", SGD]
    optimizer, scheduler = pg.build(plan)
    before = values(model)
    train(model, optimizer, scheduler, range(1))
    assert not same(before, values(model), "head.")


def test_what_the_class_refuses_is_our_error(model: Net) -> None:
    with pytest.raises(ParamGroupsError, match=r"LBFGS .*per-parameter options"):
        pg.build(pg.plan(model, pg.Recipe(optimizer="lbfgs", lr=0.1, rules=RECIPE.rules)))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has no Muon before 2.9")
def test_muon_refuses_vectors(model: Net) -> None:
    with pytest.raises(ParamGroupsError, match=r"Muon .*2D"):
        pg.build(pg.plan(model, pg.Recipe(optimizer="muon", lr=0.1)))


class TestLateBinding:
    def test_a_plan_made_on_meta_says_what_to_give(self) -> None:
        with torch.device("meta"):
            model = Net()
        with pytest.raises(PlanError, match=r"on meta and has no values.*pg.build\(plan, model=…\)"):
            pg.build(pg.plan(model, RECIPE))

    def test_a_plan_made_on_meta_binds_to_the_real_model(self) -> None:
        with torch.device("meta"):
            model = Net()
        plan = pg.plan(model, FREEZES, steps=4)
        real = net()
        optimizer, scheduler = pg.build(plan, model=real)
        assert not real.stem[0].weight.requires_grad
        assert not real.train().stem[1].training
        before = values(real)
        train(real, optimizer, scheduler, range(2))
        assert same(before, values(real), "stem.")

    def test_after_to_empty(self) -> None:
        with torch.device("meta"):
            model = Net()
        plan = pg.plan(model, FREEZES, steps=4)
        model.to_empty(device="cpu")
        optimizer, _ = pg.build(plan)
        assert optimizer.param_groups[0]["params"][0] is model.stem[0].weight

    def test_after_load_state_dict_with_assign(self, model: Net) -> None:
        plan = pg.plan(model, RECIPE)
        model.load_state_dict({name: tensor + 1 for name, tensor in net().state_dict().items()}, assign=True)
        optimizer, _ = pg.build(plan, model=model)
        assert optimizer.param_groups[1]["params"][0] is model.head.weight

    def test_a_model_that_is_gone_is_an_error(self) -> None:
        plan = pg.plan(net(), RECIPE)
        gc.collect()
        with pytest.raises(PlanError, match=r"no live model: it holds names. Give it one: model=…"):
            pg.build(plan)
        assert len(pg.build(plan, model=net())[0].param_groups) == 2

    def test_a_new_head_is_an_error(self, model: Net) -> None:
        plan = pg.plan(model, RECIPE)
        model.head = nn.Linear(6, 7)
        with pytest.raises(
            PlanError, match=re.escape('"head.weight" was planned with shape (3, 6) and has (7, 6)')
        ):
            pg.build(plan)

    def test_an_added_adapter_is_an_error(self, model: Net) -> None:
        plan = pg.plan(model, RECIPE)
        model.blocks[0].register_parameter("lora_A", nn.Parameter(torch.zeros(2, 6)))
        with pytest.raises(PlanError, match=r"not the planned one: it has blocks.0.lora_A.*Plan this model"):
            pg.build(plan)

    def test_another_model_is_an_error(self, model: Net) -> None:
        with pytest.raises(PlanError, match="not the planned one"):
            pg.build(pg.plan(model, RECIPE), model=nn.Linear(2, 2))

    def test_a_part_of_the_model_binds_by_its_names(self, model: Net) -> None:
        plan = pg.plan(model, RECIPE, steps=4)
        stage = copy.deepcopy(model)
        del stage.head
        optimizer, scheduler = pg.build(plan, model=stage)
        assert [group["name"] for group in optimizer.param_groups] == ["default"]
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [0.1]

    def test_a_part_with_one_of_several_optimizers_builds(self, model: Net) -> None:
        recipe = pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule("head", optimizer="sgd")])
        plan = pg.plan(model, recipe)
        del model.head
        assert [group["optimizer"] for group in pg.build(plan)[0].param_groups] == ["adamw"]

    def test_a_part_that_holds_only_the_alias_of_a_tied_tensor_is_frozen(self) -> None:
        model = nn.ModuleDict({"embed": nn.Embedding(5, 4), "body": nn.Linear(4, 4), "out": nn.Linear(4, 5)})
        model["out"].weight = model["embed"].weight
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("embed", trainable=False)]))
        stage = copy.deepcopy(model)
        del stage["embed"]
        pg.build(plan, model=stage)
        assert not stage["out"].weight.requires_grad


class TestUsersOwnOptimizer:
    def test_the_groups_are_plain_dicts_that_any_optimizer_takes(self, model: Net) -> None:
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, schedule=linear()), steps=4)
        optimizer = torch.optim.SGD(plan.param_groups())
        scheduler = pg.Scheduler(optimizer, plan)
        train(model, optimizer, scheduler, range(2))
        assert optimizer.param_groups[0]["lr"] == 0.05

    def test_of_a_model_that_is_not_the_planned_one(self) -> None:
        with torch.device("meta"):
            model = Net()
        plan = pg.plan(model, FREEZES, steps=4)
        real = net()
        optimizer = torch.optim.SGD(plan.param_groups(real))
        with pytest.raises(PlanError, match=r"does not hold the tensors.*\"stem.0.weight\".*model=…"):
            pg.Scheduler(optimizer, plan)
        assert real.stem[0].weight.requires_grad
        pg.Scheduler(optimizer, plan, real)
        assert not real.stem[0].weight.requires_grad

    def test_a_run_is_saved_and_goes_on_from_a_file(self, tmp_path: Path) -> None:
        model = net()
        plan = pg.plan(model, RECIPE, steps=4)
        optimizer, scheduler = pg.build(plan)
        update(model, optimizer, 0)
        scheduler.step()
        torch.save({"o": optimizer.state_dict(), "s": scheduler.state_dict()}, tmp_path / "run.pt")
        saved = torch.load(tmp_path / "run.pt", weights_only=True)
        other, clock = pg.build(plan)
        other.load_state_dict(saved["o"])
        clock.load_state_dict(saved["s"])
        assert clock.last_epoch == 1


def test_how_freezing_is_done_stands_in_the_journal_where_it_is_asked_for(model: Net) -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("stem", trainable=False, until=2)])
    plan = pg.plan(model, recipe, steps=4)
    assert not pg.build(plan)[1].journal
    optimizer, scheduler = pg.build(plan, freezing="masks")
    (event,) = scheduler.journal
    assert (event.action, event.value["how"]) == ("freezing", "masks")
    assert event.value["reason"].startswith('freezing="masks" was asked for: ')
    assert model.stem.get_parameter("0.weight").requires_grad
    train(model, optimizer, scheduler, range(2))
    again = pg.build(plan, freezing="masks")[1]
    again.load_state_dict(scheduler.state_dict())
    assert again.journal == scheduler.journal
    flags = pg.build(plan, freezing="flags")[1]
    flags.load_state_dict(scheduler.state_dict())
    assert [one.value["how"] for one in flags.journal] == ["masks", "flags"]
    with pytest.raises(PlanError, match=r"freezing='mask' is no way to freeze\."):
        pg.build(plan, freezing="mask")
