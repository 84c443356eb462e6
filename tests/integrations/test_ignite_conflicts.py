import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from paramgroups.errors import HostError, PlanError

with warnings.catch_warnings():
    # Ignite imports torch.distributed.optim, which warns of itself.
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
    from ignite.engine import Events
    from ignite.handlers import (
        ConcatScheduler,
        LinearCyclicalScheduler,
        ParamGroupScheduler,
    )

    from paramgroups.integrations import ignite

from tests.integrations.ignite_cases import BATCHES, batches, net, recipe, trained


def test_twice_on_one_trainer_is_refused() -> None:
    trainer, scheduler = trained(net(), recipe())
    with pytest.raises(HostError, match="follows this trainer already, and would tick twice"):
        ignite.attach(trainer, scheduler)
    trainer.run(batches(), max_epochs=3)
    assert scheduler.last_epoch == 3 * BATCHES


def cyclical(optimizer: Any, **said: Any) -> LinearCyclicalScheduler:
    return LinearCyclicalScheduler(optimizer, "lr", 1e-3, 1e-1, 10, **said)


@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")  # torch's, of the wrapped scheduler
@pytest.mark.parametrize(
    "make",
    [
        cyclical,
        lambda optimizer: ConcatScheduler([cyclical(optimizer), cyclical(optimizer)], [10]),
        lambda optimizer: ParamGroupScheduler([cyclical(optimizer, param_group_index=0)]),
    ],
    ids=["one", "in a row", "of a group"],
)
@pytest.mark.parametrize(
    "event", [Events.ITERATION_STARTED, Events.ITERATION_STARTED(every=2)], ids=["each", "second"]
)
def test_a_scheduler_of_ignites_beside_ours_is_refused(make: Callable[..., Any], event: Any) -> None:
    trainer, scheduler = trained(net(), recipe(rules=[]))
    other = make(scheduler.optimizer)
    trainer.add_event_handler(event, other)
    with pytest.raises(HostError, match=f"{type(other).__name__} writes into the optimizer that follows"):
        trainer.run(batches(), max_epochs=3)


def test_a_scheduler_of_ignites_for_another_optimizer_is_none_of_ours() -> None:
    trainer, scheduler = trained(net(), recipe())
    other = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    trainer.add_event_handler(Events.ITERATION_STARTED, cyclical(other))
    trainer.run(batches(), max_epochs=3)
    assert scheduler.last_epoch == 3 * BATCHES


@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")  # torch's, of its own scheduler
def test_a_scheduler_of_torchs_beside_ours_is_refused() -> None:
    trainer, scheduler = trained(net(), recipe())
    other = torch.optim.lr_scheduler.StepLR(scheduler.optimizer, 2)

    def step() -> None:
        other.step()

    trainer.add_event_handler(Events.ITERATION_COMPLETED, step)
    with pytest.raises(PlanError, match="StepLR writes this optimizer's rates too"):
        trainer.run(batches(), max_epochs=3)


def test_a_recipe_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe().to_toml())
    _, scheduler = ignite.build(net(), path, batches(), max_epochs=3)
    assert scheduler.plan.recipe == recipe()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loader": iter([])}, "does not know its length. Plan by hand"),
        ({"max_epochs": 0}, "max_epochs=0: give a whole number above 0"),
        ({"max_epochs": "3"}, "max_epochs='3': give a whole number"),
        ({"gradient_accumulation_steps": True}, "gradient_accumulation_steps=True: give a whole number"),
        ({"gradient_accumulation_steps": 19}, "3 epochs of 6 batches are fewer than the 19 of one update"),
        ({"loader": []}, "3 epochs of 0 batches are fewer than the 1 of one update"),
        ({"recipe": 3}, "ignite.build: recipe=3 is no recipe"),
    ],
    ids=["a stream", "no epoch", "a text", "a truth", "too few batches", "no batch", "no recipe"],
)
def test_what_cannot_be_built(given: dict[str, Any], message: str) -> None:
    said: dict[str, Any] = {"recipe": recipe(), "loader": batches(), "max_epochs": 3} | given
    with pytest.raises(HostError, match=message):
        ignite.build(net(), said.pop("recipe"), said.pop("loader"), **said)


def test_what_is_no_engine_and_no_scheduler() -> None:
    trainer, scheduler = trained(net(), recipe())
    both: list[Any] = [ignite.attach, ignite.feed]
    for who in both:
        with pytest.raises(HostError, match=f"ignite.{who.__name__}: 3 is no ignite.engine.Engine"):
            who(3, scheduler)
        with pytest.raises(HostError, match=rf"ignite.{who.__name__}: None is no pg\.Scheduler"):
            who(trainer, None)
    with pytest.raises(HostError, match=r"None is no pg\.Scheduler"):
        ignite.rates(None)  # type: ignore[arg-type]  # the mistake
