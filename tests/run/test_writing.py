"""Writing planned values into groups: plain ones, and tensors in place."""

from typing import Any

import pytest
import torch

import paramgroups as pg
from paramgroups.schedules import linear
from tests.run.models import Net, train, update

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=0.1,
    schedule=linear(),
    rules=[pg.rule("head", lr_scale=10), pg.rule("stem", lr_scale=0.1)],
)


def with_tensor_rates(
    model: Net, *, shared: bool
) -> tuple[torch.optim.AdamW, pg.Scheduler, list[torch.Tensor]]:
    plan = pg.plan(model, RECIPE, steps=10)
    groups = plan.param_groups()
    one = torch.tensor(0.1, dtype=torch.float64)
    for group in groups:
        group["lr"] = one if shared else torch.tensor(group["lr"], dtype=torch.float64)
    optimizer = torch.optim.AdamW(groups)
    scheduler = pg.Scheduler(optimizer, plan)
    return optimizer, scheduler, [group["lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_each_group_has_a_tensor_of_its_own_that_is_written_in_place(model: Net, *, shared: bool) -> None:
    optimizer, scheduler, tensors = with_tensor_rates(model, shared=shared)
    assert len({id(tensor) for tensor in tensors}) == 3
    train(model, optimizer, scheduler, range(5))
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, tensors, strict=True))
    assert [float(tensor) for tensor in tensors] == [0.1 * 0.1 * 0.5, 0.05, 0.5]


def test_the_reported_rate_is_no_alias_of_the_groups(model: Net) -> None:
    optimizer, scheduler, tensors = with_tensor_rates(model, shared=True)
    torch.as_tensor(scheduler.get_last_lr()[0]).fill_(7.0)
    assert tensors[0] == 0.1 * 0.1
    assert optimizer.param_groups[0]["lr"] is tensors[0]


def test_a_tensor_is_put_back_after_a_state_with_plain_rates_was_loaded(model: Net) -> None:
    plain, _ = pg.build(pg.plan(model, RECIPE, steps=10))
    update(model, plain, 0)
    optimizer, scheduler, tensors = with_tensor_rates(model, shared=True)
    optimizer.load_state_dict(plain.state_dict())
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, tensors, strict=True))
    assert scheduler.get_last_lr() == [0.1 * 0.1, 0.1, 1.0]


def test_a_float32_rate_is_rounded_and_does_not_drift(model: Net) -> None:
    plan = pg.plan(model, RECIPE, steps=1000)
    groups = plan.param_groups()
    for group in groups:
        group["lr"] = torch.tensor(group["lr"])
    optimizer = torch.optim.AdamW(groups)
    scheduler = pg.Scheduler(optimizer, plan)
    train(model, optimizer, scheduler, range(20))
    held = float(optimizer.param_groups[1]["lr"])
    assert held == float(torch.tensor(plan.at(20)["blocks.0.fc.weight"].lr))


@pytest.mark.parametrize("switch", ["foreach", "fused", "differentiable", "capturable"])
def test_how_torch_computes_is_left_to_who_makes_the_optimizer(model: Net, switch: str) -> None:
    plan = pg.plan(model, RECIPE, steps=10)
    groups: list[dict[str, Any]] = [group | {switch: True} for group in plan.param_groups()]
    optimizer = torch.optim.AdamW(groups)
    scheduler = pg.Scheduler(optimizer, plan)
    optimizer.step()
    scheduler.step()
    assert all(group[switch] is True for group in optimizer.param_groups)


def test_a_switch_that_the_recipe_throws_is_written(model: Net) -> None:
    recipe = pg.Recipe(optimizer="adamw", lr=0.1, foreach=False)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=10))
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["foreach"] is False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler imports torch.jit
def test_a_compiled_step_is_compiled_once(model: Net) -> None:
    optimizer, scheduler, _ = with_tensor_rates(model, shared=True)
    compiled = 0

    def backend(graph: torch.fx.GraphModule, _: Any) -> Any:
        nonlocal compiled
        compiled += 1
        return graph.forward

    step = torch.compile(optimizer.step, backend=backend)
    after = []
    for tick in range(6):
        optimizer.zero_grad()
        model(torch.ones(4, 4)).square().mean().backward()
        step()
        scheduler.step()
        after.append(compiled)
        assert scheduler.last_epoch == tick + 1
    assert after[-1] == after[1] > 0
