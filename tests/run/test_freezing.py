"""Frozen is frozen, for as long as a rule says so."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.run.freezing import freeze, thaw
from paramgroups.schedules import linear
from tests.run.models import Net, loss_at, net, same, train, update, values

DECAYED: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9, "weight_decay": 0.1},
    "adamw": {"weight_decay": 0.1},
    "rmsprop": {"momentum": 0.9, "weight_decay": 0.1},
    "adagrad": {"weight_decay": 0.1},
}


def built(model: nn.Module, *rules: pg.Rule, optimizer: str = "sgd", steps: int = 50) -> Any:
    recipe = pg.Recipe(optimizer=optimizer, lr=0.05, rules=rules, **DECAYED[optimizer])
    return pg.build(pg.plan(model, recipe, steps=steps))


def test_to_freeze_stops_gradients_and_clears_those_left_over() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    freeze([weight])
    assert not weight.requires_grad
    assert weight.grad is None
    thaw([weight])
    assert weight.requires_grad


@pytest.mark.parametrize("optimizer", sorted(DECAYED))
@pytest.mark.parametrize("zeroed", ["to none", "in place"])
@pytest.mark.parametrize("until", [None, "100%"])
def test_fifty_steps_leave_a_frozen_stem_bit_identical(
    model: Net, optimizer: str, zeroed: str, until: str | None
) -> None:
    made, scheduler = built(model, pg.rule("stem", trainable=False, until=until), optimizer=optimizer)
    before = values(model)
    for step in range(50):
        model.train()
        update(model, made, step, set_to_none=zeroed == "to none")
        scheduler.step() if step < 49 else None
    assert same(before, values(model), "stem.")
    assert before["stem.1.num_batches_tracked"] == 0
    assert not same(before, values(model), "blocks.")


def test_a_window_thaws_at_the_very_tick(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=7))
    before = values(model)
    train(model, optimizer, scheduler, range(6))
    update(model, optimizer, 6)
    assert same(before, values(model), "stem.")
    assert model.stem[0].weight not in optimizer.state
    scheduler.step()
    update(model, optimizer, 7)
    now = values(model)
    assert not torch.equal(before["stem.0.weight"], now["stem.0.weight"])
    assert now["stem.1.num_batches_tracked"] == 1


def test_a_gradient_left_over_from_before_does_not_move_what_is_frozen(model: Net) -> None:
    loss_at(model, 0).backward()
    before = values(model)
    optimizer, _ = built(model, pg.rule("stem", trainable=False))
    optimizer.step()
    assert same({k: v for k, v in before.items() if "running" not in k}, values(model), "stem.0")


def test_frozen_for_the_whole_run_is_in_no_group(model: Net) -> None:
    optimizer, _ = built(model, pg.rule("stem", trainable=False))
    held = {id(tensor) for group in optimizer.param_groups for tensor in group["params"]}
    assert not held & {id(tensor) for tensor in model.stem.parameters()}
    assert not any(tensor.requires_grad for tensor in model.stem.parameters())


def test_what_the_user_froze_stays_frozen_under_a_window(model: Net) -> None:
    model.stem[0].bias.requires_grad_(False)
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=2))
    train(model, optimizer, scheduler, range(4))
    assert model.stem[0].weight.requires_grad
    assert not model.stem[0].bias.requires_grad


def test_a_rule_thaws_what_the_user_froze_also_for_the_whole_run(model: Net) -> None:
    model.requires_grad_(False)
    optimizer, scheduler = built(model, pg.rule("head | stem.1", trainable=True))
    before = values(model)
    train(model, optimizer, scheduler, range(2))
    now = values(model)
    assert not torch.equal(before["head.weight"], now["head.weight"])
    assert same(before, now, "stem.0.")
    assert {name for name, one in model.named_parameters() if one.requires_grad} == {
        "head.weight", "head.bias", "stem.1.weight", "stem.1.bias"
    }  # fmt: skip


def test_statistics_that_an_earlier_run_left_standing_go_on_where_they_train_again(model: Net) -> None:
    built(model, pg.rule("stem", trainable=False))
    assert not model.train().stem[1].training
    model.requires_grad_(True)
    optimizer, scheduler = built(model)
    train(model.train(), optimizer, scheduler, range(3))
    assert model.stem[1].training
    assert model.stem[1].num_batches_tracked == 3


def test_what_the_user_freezes_while_training_stays_frozen(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=2))
    train(model, optimizer, scheduler, range(4))
    model.stem[0].weight.requires_grad_(False)
    train(model, optimizer, scheduler, range(4, 6))
    assert not model.stem[0].weight.requires_grad


def test_what_another_thaws_within_a_window_is_frozen_again(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=9))
    train(model, optimizer, scheduler, range(2))
    model.requires_grad_(True)
    scheduler.step()
    assert not model.stem[0].weight.requires_grad


def test_evaluation_within_a_window_and_back(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=3))
    for step in range(5):
        model.train()
        update(model, optimizer, step)
        model.eval()
        assert not model.stem[1].training
        loss_at(model, step)
        model.train()
        scheduler.step()
        assert model.stem[1].training == (step >= 2)
    assert model.stem[1].num_batches_tracked == 2


def test_a_window_that_opens_later_freezes_from_its_tick_on(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, start=3))
    train(model, optimizer, scheduler, range(3))
    before = values(model)
    train(model, optimizer, scheduler, range(3, 9))
    assert same(before, values(model), "stem.")
    assert model.stem[0].weight.grad is None


@pytest.mark.parametrize("optimizer", sorted(DECAYED))
def test_what_thaws_a_second_time_starts_as_a_new_parameter_does(model: Net, optimizer: str) -> None:
    made, scheduler = built(
        model, pg.rule("stem", trainable=False, start=5, until=8), optimizer=optimizer, steps=20
    )
    train(model, made, scheduler, range(8))
    other = copy.deepcopy(model)
    other.requires_grad_(True)
    new, _ = built(other, optimizer=optimizer)
    update(model, made, 8)
    update(other, new, 8)
    assert torch.equal(values(model)["stem.0.weight"], values(other)["stem.0.weight"])
    assert not torch.equal(model.head.weight, other.head.weight)


def test_what_is_frozen_again_has_no_memory_in_the_optimizer(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, start=2, until=4))
    train(model, optimizer, scheduler, range(2))
    assert model.stem[0].weight not in optimizer.state
    assert model.head.weight in optimizer.state


def test_a_module_shared_by_a_frozen_and_a_trained_part_is_frozen() -> None:
    shared, norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
    model = nn.ModuleDict({"a": nn.Sequential(shared, norm), "b": nn.Sequential(shared)})
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("b", trainable=False)])
    optimizer, _ = pg.build(pg.plan(model, recipe))
    assert not shared.weight.requires_grad
    assert norm.weight.requires_grad
    assert model.train().training is norm.training is True
    assert optimizer.param_groups[0]["param_names"] == ["a.1.weight", "a.1.bias"]


def test_a_rate_with_the_thaws_clock_starts_at_the_thaw(model: Net) -> None:
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=1.0,
        schedule=linear(),
        rules=[
            pg.rule("stem", trainable=False, until=4),
            pg.rule("stem", clock="thaw", schedule=linear()),
        ],
    )
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=8))
    train(model, optimizer, scheduler, range(4))
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates == {"default": 0.5, "stem": 1.0}
    train(model, optimizer, scheduler, range(4, 6))
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_scheduler_without_a_model_cannot_freeze() -> None:
    model = net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("stem", trainable=False)]))
    optimizer = torch.optim.SGD(plan.param_groups())
    del model
    with pytest.raises(PlanError, match=r"freezes or thaws parameters, and the model .* is gone.*model=…"):
        pg.Scheduler(optimizer, plan)
