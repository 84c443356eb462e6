"""The optimizer's groups are the plan's, or refused."""

import copy
import gc
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.schedules import linear
from tests.run.models import Net, net, train

RECIPE = pg.Recipe(
    optimizer="sgd",
    lr=0.1,
    rules=[pg.rule("head", lr_scale=10), pg.rule("stem", lr_scale=0.1)],
    schedule=linear(),
)


def groups_of(model: nn.Module) -> tuple[pg.Plan, list[dict[str, Any]]]:
    plan = pg.plan(model, RECIPE, steps=4)
    return plan, plan.param_groups()


def test_groups_in_another_order_keep_their_rates(model: Net) -> None:
    plan, groups = groups_of(model)
    optimizer = torch.optim.SGD(groups[::-1])
    train(model, optimizer, pg.Scheduler(optimizer, plan), range(2))
    assert {group["name"]: group["lr"] for group in optimizer.param_groups} == {
        "stem": 0.1 * 0.1 * 0.5, "default": 0.05, "head": 0.5
    }  # fmt: skip


def test_a_group_without_a_name(model: Net) -> None:
    plan, _ = groups_of(model)
    with pytest.raises(
        PlanError, match=r"Group 0 of the optimizer has no name. Make .*plan.param_groups\(\)"
    ):
        pg.Scheduler(torch.optim.SGD(model.parameters(), lr=0.1), plan)


def test_a_group_of_an_unknown_name(model: Net) -> None:
    plan, groups = groups_of(model)
    groups[2]["name"] = "haed"
    with pytest.raises(PlanError, match=r"no group 'haed'\. Nearest: .head."):
        pg.Scheduler(torch.optim.SGD(groups), plan)


def test_a_group_that_is_lacking(model: Net) -> None:
    plan, groups = groups_of(model)
    with pytest.raises(PlanError, match=r"lacks 1 of the plan's groups: head\. .*model=part"):
        pg.Scheduler(torch.optim.SGD(groups[:2]), plan)


def test_a_group_that_is_lacking_where_the_model_is_gone(model: Net) -> None:
    plan, groups = groups_of(model)
    del model
    gc.collect()
    with pytest.raises(PlanError, match="lacks 1 of the plan's groups"):
        pg.Scheduler(torch.optim.SGD(groups[:2]), plan)
    assert pg.Scheduler(torch.optim.SGD(groups), plan).get_last_lr() == [0.010000000000000002, 0.1, 1.0]


def test_a_group_that_is_there_twice(model: Net) -> None:
    plan, groups = groups_of(model)
    weight, bias = groups[2]["params"]
    twice = [*groups[:2], groups[2] | {"params": [weight]}, groups[2] | {"params": [bias]}]
    for group in twice:
        del group["param_names"]
    with pytest.raises(PlanError, match="has the group 'head' more than once"):
        pg.Scheduler(torch.optim.SGD(twice), plan)


@pytest.mark.parametrize("params", ["fewer", "others"])
def test_a_group_with_other_tensors(params: str) -> None:
    model = net()
    plan, groups = groups_of(model)
    other = nn.Linear(6, 3)
    groups[2]["params"] = [other.weight, other.bias] if params == "others" else [model.head.weight]
    del groups[2]["param_names"]
    with pytest.raises(PlanError, match='group "head" of the optimizer does not hold the tensors'):
        pg.Scheduler(torch.optim.SGD([group for group in groups if group.pop("param_names", 1)]), plan)


def test_an_optimizer_made_before_the_parameters_were_replaced(model: Net) -> None:
    plan, groups = groups_of(model)
    optimizer = torch.optim.SGD(groups)
    model.load_state_dict(net(1).state_dict(), assign=True)
    with pytest.raises(PlanError, match="Make the optimizer after whatever replaces parameters"):
        pg.Scheduler(optimizer, plan)


def test_another_class_that_reads_what_is_said_is_driven(model: Net) -> None:
    plan, groups = groups_of(model)
    assert pg.Scheduler(torch.optim.RMSprop(groups), plan).rates == {g.name: g.lr for g in plan.groups}


def test_another_class_that_does_not_read_what_is_said(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True))
    with pytest.raises(
        PlanError, match=r'"nesterov" of the group "default" .* for SGD, and RMSprop does not'
    ):
        pg.Scheduler(torch.optim.RMSprop(plan.param_groups()), plan)


def test_a_subclass_of_the_planned_class_is_taken(model: Net) -> None:
    class Mine(torch.optim.SGD):
        pass

    plan, groups = groups_of(model)
    assert len(pg.Scheduler(Mine(groups), plan).get_last_lr()) == 3


def test_rows_are_refused() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0.weight[8:]", lr_scale=10)]))
    with pytest.raises(PlanError, match="SGD steps whole tensors: give the rule the whole tensor"):
        pg.Scheduler(torch.optim.SGD(plan.param_groups()), plan)


def test_our_optimizer_is_adopted_with_rows() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0.weight[8:]", lr_scale=10)]))
    optimizer = pg.Optimizer(plan.param_groups(), "sgd")
    pg.Scheduler(optimizer, plan)
    assert optimizer.param_groups[0]["rows"] == [{"name": "0.weight", "start": 8, "stop": 10, "lr": 1.0}]


def test_rows_that_the_plan_does_not_know_are_refused() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1))
    groups = plan.param_groups()
    groups[0]["rows"] = [{"name": "0.weight", "start": 0, "stop": 2, "lr": 1.0}]
    with pytest.raises(PlanError, match=r'group "default" of the optimizer has rows of its own'):
        pg.Scheduler(pg.Optimizer(groups, "sgd"), plan)


def test_several_optimizers_are_refused_in_one_of_torch(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule("head", optimizer="sgd")]))
    with pytest.raises(
        PlanError, match=r"several optimizers, AdamW, SGD, and SGD steps all.*pg.build\(plan\)"
    ):
        pg.Scheduler(torch.optim.SGD(plan.param_groups()), plan)


def test_another_optimizer_of_a_group_is_refused(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule("head", optimizer="sgd")]))
    groups = plan.param_groups()
    groups[1]["optimizer"] = "adam"
    with pytest.raises(PlanError, match=r'"head" is planned for SGD, and the optimizer steps it by \'adam\''):
        pg.Scheduler(pg.Optimizer(groups), plan)


def test_clipping_is_refused_with_an_optimizer_of_torch(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", clip_norm=0.1)]))
    with pytest.raises(PlanError, match=r'"clip_norm" of the group "head".*SGD does not clip. Let pg.build'):
        pg.Scheduler(torch.optim.SGD(plan.param_groups()), plan)


def test_clipping_that_is_unsaid_is_in_no_group(model: Net) -> None:
    plan, groups = groups_of(model)
    optimizer = torch.optim.SGD(groups)
    train(model, optimizer, pg.Scheduler(optimizer, plan), range(1))
    assert not any("clip" in key for group in optimizer.param_groups for key in group)


def test_a_refused_scheduler_freezes_nothing(model: Net) -> None:
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("stem", trainable=False)]))
    with pytest.raises(PlanError, match="has no name"):
        pg.Scheduler(torch.optim.SGD(model.parameters(), lr=0.1), plan)
    assert model.stem[0].weight.requires_grad


def test_what_is_no_optimizer_or_no_plan(model: Net) -> None:
    plan, groups = groups_of(model)
    with pytest.raises(PlanError, match="Net is no torch optimizer"):
        pg.Scheduler(model, plan)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(PlanError, match=r"list is no plan. Make one"):
        pg.Scheduler(torch.optim.SGD(groups), groups)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("made", [torch.optim.AdamW, pg.Optimizer], ids=["torch's", "ours"])
def test_a_scheduler_is_copied_and_pickled_with_its_optimizer(model: Net, made: Any) -> None:
    recipe = pg.Recipe(optimizer="adamw", lr=0.1, schedule=linear())
    plan = pg.plan(model, recipe, steps=10)
    optimizer = made(plan.param_groups())
    run = optimizer, pg.Scheduler(optimizer, plan)
    for theirs, scheduler in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):  # noqa: S301  # ours
        theirs.step()
        scheduler.step()
        assert theirs.param_groups[0]["lr"] == plan.curve("head.weight")[1]
    assert optimizer.param_groups[0]["lr"] == 0.1
