"""Groups that are added in mid-run join at their own values times the schedules, in the very next update."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR

import paramgroups as pg
from paramgroups.errors import CheckpointError, PlanError
from paramgroups.schedules import linear
from tests.run.models import Net, train

RULES = [pg.rule("head", lr_scale=10, group="head")]


def built(model: nn.Module, **said: Any) -> Any:
    found: dict[str, Any] = {
        "optimizer": "sgd",
        "lr": 1.0,
        "momentum": 0.5,
        "schedule": linear(),
        "rules": RULES,
    }
    return pg.build(pg.plan(model, pg.Recipe(**(found | said)), steps=10))


def tensor(count: int = 2) -> nn.Parameter:
    return nn.Parameter(torch.ones(count))


def named(count: int = 2, name: str = "new") -> list[tuple[str, nn.Parameter]]:
    return [(name, tensor(count))]


def test_torch_multiplies_the_asked_rate() -> None:
    """What goes wrong without us: pitfall 5."""
    optimizer = torch.optim.SGD([tensor()], lr=1.0)
    scheduler = LinearLR(optimizer, start_factor=0.1, total_iters=10)
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    optimizer.add_param_group({"params": [tensor()], "lr": 1.0})
    for _ in range(6):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[1]["lr"] > 2


def test_it_has_its_rate_times_the_schedule_in_the_next_update(model: Net) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(4))
    new = tensor()
    optimizer.add_param_group({"params": [("new", new)], "lr": 0.5, "momentum": 0.0})
    new.grad = torch.ones(2)
    optimizer.step()
    assert new.tolist() == pytest.approx([1 - 0.5 * 0.6] * 2)
    assert optimizer.param_groups[-1]["lr"] == 0.5 * 0.6
    scheduler.step()
    assert optimizer.param_groups[-1]["lr"] == 0.5 * 0.5
    assert scheduler.rates["added 1"] == 0.25


def test_every_hyperparameter_follows_the_recipes_schedules(model: Net) -> None:
    said = {"momentum": linear(end=0.5), "weight_decay": linear()}
    optimizer, scheduler = built(model, schedules=said)
    train(model, optimizer, scheduler, range(5))
    optimizer.add_param_group({"params": named(), "lr": 2.0, "momentum": 0.8, "weight_decay": 0.4})
    scheduler.state_dict()
    group = optimizer.param_groups[-1]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (2.0 * 0.5, 0.8 * 0.75, 0.4 * 0.5)
    (event,) = scheduler.journal
    assert (event.action, event.step, event.new, event.names) == ("join", 5, "added 1", ("new",))
    joined = scheduler.plan.replay(scheduler.journal).groups[-1]
    assert [joined.courses["lr"].at(tick) for tick in (5, 6, 9)] == [1.0, 2.0 * 0.4, 2.0 * (1 - 0.9)]


def test_without_a_rate_it_has_that_of_the_recipe(model: Net) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(5))
    optimizer.add_param_group({"params": named()})
    scheduler.scale("head", 1.0)
    assert optimizer.param_groups[-1]["lr"] == 1.0 * 0.5
    assert optimizer.param_groups[-1]["momentum"] == 0.5


def test_it_has_names_of_its_own_in_the_journal(model: Net) -> None:
    optimizer, scheduler = built(model)
    optimizer.add_param_group({"params": [("head.weight", tensor())], "name": "adapter"})
    scheduler.scale("head", 0.5)
    assert scheduler.journal[0].names == ("adapter: head.weight",)
    assert scheduler.rates == {"default": 1.0, "head": 5.0, "adapter": 1.0}


def test_of_the_model_it_has_the_models_names() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].requires_grad_(requires_grad=False)
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.5))
    optimizer = torch.optim.SGD(
        [
            {key: value for key, value in group.items() if key != "param_names"}
            for group in plan.param_groups()
        ]
    )
    scheduler = pg.Scheduler(optimizer, plan)
    model[1].requires_grad_(requires_grad=True)
    optimizer.add_param_group({"params": list(model[1].parameters()), "lr": 0.25})
    scheduler.state_dict()
    assert scheduler.journal[0].names == ("1.weight", "1.bias")
    run = plan.replay(scheduler.journal)
    assert (run["1.weight"].lr, run["0.weight"].lr) == (0.25, 0.5)


def test_two_groups_and_edits_of_both(model: Net) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(2))
    optimizer.add_param_group({"params": named(name="one"), "lr": 1.0})
    optimizer.add_param_group({"params": named(name="two"), "lr": 2.0, "name": "second"})
    scheduler.scale("added 1", 0.5)
    scheduler.set("second", lr=4.0)
    assert [group["lr"] for group in optimizer.param_groups[-2:]] == [1.0 * 0.5 * 0.8, 4.0 * 0.8]
    optimizer.param_groups[-1]["lr"] *= 0.5
    train(model, optimizer, scheduler, range(2, 5))
    assert [group["lr"] for group in optimizer.param_groups[-2:]] == [0.25, 1.0]


def test_what_was_written_by_hand_before_it_came_stays(model: Net) -> None:
    optimizer, scheduler = built(model)
    train(model, optimizer, scheduler, range(2))
    optimizer.param_groups[0]["lr"] = 0.4
    optimizer.add_param_group({"params": named(), "lr": 1.0})
    train(model, optimizer, scheduler, range(2, 3))
    assert [event.action for event in scheduler.journal] == ["write", "join"]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * 0.7)


def test_a_tensor_as_its_rate_is_written_in_place(model: Net) -> None:
    optimizer, scheduler = built(model)
    rate = torch.tensor(0.5, dtype=torch.float64)
    optimizer.add_param_group({"params": named(), "lr": rate})
    train(model, optimizer, scheduler, range(5))
    held = optimizer.param_groups[-1]["lr"]
    assert isinstance(held, torch.Tensor)
    assert (float(held), float(rate)) == (0.25, 0.5)


def test_a_name_that_is_taken(model: Net) -> None:
    optimizer, scheduler = built(model)
    optimizer.add_param_group({"params": named(), "name": "head"})
    with pytest.raises(PlanError, match=r'A group named "head" was added, and there is one already'):
        optimizer.step()
    with pytest.raises(PlanError, match="Give it another name"):
        scheduler.step()
    optimizer.param_groups[-1]["name"] = "second head"
    train(model, optimizer, scheduler, range(1))
    assert scheduler.rates["second head"] == 0.9


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"lr": -1.0},
            r"""lr of "added 1" would leave its domain: -1.0 at step 0. It must be at least 0""",
        ),
        ({"lr": float("nan")}, "value.settings.lr=nan is not finite"),
        ({"lr": "1e-4"}, "lr='1e-4' is no number"),
        ({"lr": None}, "lr=None is no number"),
        ({"nesterov": 1.0}, "nesterov=1.0 is no switch"),
    ],
    ids=str,
)
def test_a_value_that_has_no_meaning(model: Net, said: dict[str, Any], why: str) -> None:
    plan = built(model)[1].plan
    optimizer = torch.optim.SGD(plan.param_groups())
    scheduler = pg.Scheduler(optimizer, plan)
    optimizer.add_param_group({"params": named()} | said)
    with pytest.raises((PlanError, CheckpointError), match=why):
        scheduler.step()
    assert not scheduler.journal


class TestLoaded:
    def started(self, add: Callable[[Any], None] | None = None) -> Any:
        model = nn.Linear(2, 2)
        optimizer, scheduler = built(model, rules=[])
        if add is not None:
            add(optimizer)
        return model, optimizer, scheduler

    def test_a_group_that_joined_after_the_saved_state_joins_again(self) -> None:
        _, optimizer, scheduler = self.started()
        early = scheduler.state_dict()
        for _ in range(5):
            optimizer.step()
            scheduler.step()
        optimizer.add_param_group({"params": named(), "lr": 2.0})
        scheduler.scale("added 1", 0.5)
        assert optimizer.param_groups[-1]["lr"] == 2.0 * 0.5 * 0.5
        scheduler.load_state_dict(early)
        assert [group["lr"] for group in optimizer.param_groups] == [1.0, 2.0]
        optimizer.param_groups[-1]["lr"] = 1.0
        optimizer.step()
        scheduler.step()
        assert [group["lr"] for group in optimizer.param_groups] == [0.9, 0.9]
        assert [event.action for event in scheduler.journal] == ["join", "write"]

    @pytest.mark.parametrize("taken_in", [True, False], ids=["taken in", "new"])
    def test_another_group_in_its_place_is_refused(self, *, taken_in: bool) -> None:
        _, _, scheduler = self.started(lambda o: o.add_param_group({"params": named(), "name": "new"}))
        state = scheduler.state_dict()
        for group in ({"params": named(3), "name": "new"}, {"params": named(), "name": "other"}):
            _, optimizer, clock = self.started()
            optimizer.add_param_group(group)
            if taken_in:
                clock.scale("default", 1.0)
            with pytest.raises(CheckpointError, match=r'The saved run added the group "new" of 2 numbers'):
                clock.load_state_dict(state)

    def test_another_group_than_the_one_that_was_waited_for(self) -> None:
        _, _, scheduler = self.started(lambda o: o.add_param_group({"params": named(), "name": "new"}))
        _, optimizer, clock = self.started()
        clock.load_state_dict(scheduler.state_dict())
        optimizer.add_param_group({"params": named(3), "name": "new"})
        with pytest.raises(CheckpointError, match=r'here stands "new" of 3'):
            optimizer.step()

    def test_a_group_that_is_not_there_yet_is_waited_for(self) -> None:
        _, _, scheduler = self.started(lambda o: o.add_param_group({"params": named(), "lr": 3.0}))
        scheduler.scale("added 1", 0.5)
        _, optimizer, clock = self.started()
        clock.load_state_dict(scheduler.state_dict())
        assert clock.get_last_lr() == clock.get_lr() == [1.0]
        clock.scale("added 1", 0.5)
        optimizer.add_param_group({"params": named(), "lr": 3.0})
        optimizer.step()
        assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.75]
