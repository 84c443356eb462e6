import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import paramgroups as pg
from paramgroups.schedules import linear

with warnings.catch_warnings():
    # Ignite imports torch.distributed.optim, which warns of itself.
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
    from ignite.engine import Engine, Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.handlers import (
        Checkpoint,
        DiskSaver,
    )
    from ignite.handlers.base_logger import BaseLogger, BaseOutputHandler
    from ignite.handlers.tensorboard_logger import TensorboardLogger
    from ignite.metrics import Accuracy, Loss

    from paramgroups.integrations import ignite

from tests.integrations.ignite_cases import BATCHES, batches, net, recipe, trained


def test_each_update_has_the_planned_rates_and_what_is_frozen_stands_still() -> None:
    model = net()
    trainer, scheduler = trained(model, recipe())
    first, seen, moved = model[0].weight.clone(), [], []

    def note() -> None:
        seen.append(dict(scheduler.rates))
        moved.append(not torch.equal(model[0].weight, first))

    trainer.add_event_handler(Events.ITERATION_STARTED, note)
    trainer.run(batches(), max_epochs=3)
    steps = 3 * BATCHES
    planned = {group.name: scheduler.plan.curve(group.names[0]) for group in scheduler.plan.groups}
    assert seen == [{name: curve[step] for name, curve in planned.items()} for step in range(steps)]
    assert moved == [step > steps // 2 for step in range(steps)]
    assert scheduler.last_epoch == steps


@pytest.mark.parametrize(("each", "updates"), [(2, 9), (4, 4), (18, 1)])
def test_gradient_accumulation_ticks_once_an_update(each: int, updates: int) -> None:
    trainer, scheduler = trained(net(), recipe(rules=[]), each=each)
    assert scheduler.plan.horizon.ticks == updates
    trainer.run(batches(), max_epochs=3)
    assert scheduler.last_epoch == updates


def test_an_epoch_in_updates_is_known_where_accumulation_divides_it() -> None:
    assert trained(net(), recipe(), each=2)[1].plan.horizon.ticks_per_epoch == 3
    assert trained(net(), recipe(), each=4)[1].plan.horizon.ticks_per_epoch is None


def test_a_plan_of_epochs_ticks_once_an_epoch() -> None:
    model = net()
    optimizer, scheduler = pg.build(pg.plan(model, recipe(schedule=linear()), epochs=4))
    trainer = create_supervised_trainer(model, optimizer, functional.cross_entropy)
    ignite.attach(trainer, scheduler)
    rates: list[float] = []
    trainer.add_event_handler(Events.ITERATION_STARTED, lambda: rates.append(scheduler.rates["head"]))
    trainer.run(batches(), max_epochs=4)
    assert rates == pytest.approx([rate for rate in (0.1, 0.075, 0.05, 0.025) for _ in range(BATCHES)])


def test_any_optimizer_follows_a_plan() -> None:
    model = net()
    plan = pg.plan(model, recipe(rules=[]), steps=2 * BATCHES)
    optimizer = torch.optim.AdamW(plan.param_groups())
    scheduler = pg.Scheduler(optimizer, plan)
    trainer = create_supervised_trainer(model, optimizer, functional.cross_entropy)
    ignite.attach(trainer, scheduler)
    trainer.run(batches(), max_epochs=2)
    assert scheduler.last_epoch == 2 * BATCHES


def test_a_batch_without_an_update_is_no_tick() -> None:
    model = net()
    optimizer, scheduler = ignite.build(model, recipe(), batches(), max_epochs=1)

    def update(engine: Engine, batch: tuple[Tensor, Tensor]) -> None:
        if engine.state.iteration % 3:
            functional.cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()

    trainer = Engine(update)
    ignite.attach(trainer, scheduler)
    trainer.run(batches(), max_epochs=1)
    assert scheduler.last_epoch == 4


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "torch's"])
def test_an_update_that_a_gradient_scaler_leaves_out_is_no_tick(*, ours: bool) -> None:
    model = net()
    plan = pg.plan(model, recipe(rules=[]), steps=BATCHES)
    optimizer = pg.build(plan)[0] if ours else torch.optim.AdamW(plan.param_groups(), fused=True)
    scheduler = pg.Scheduler(optimizer, plan)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)

    def update(engine: Engine, batch: tuple[Tensor, Tensor]) -> None:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(batch[0]), batch[1])
        scaler.scale(loss * (torch.inf if engine.state.iteration == 3 else 1)).backward()
        scaler.step(optimizer)
        scaler.update()

    trainer = Engine(update)
    ignite.attach(trainer, scheduler)
    trainer.run(batches(), max_epochs=1)
    assert scheduler.last_epoch == BATCHES - 1


def with_metrics(model: nn.Module) -> Engine:
    return create_supervised_evaluator(
        model, {"accuracy": Accuracy(), "loss": Loss(functional.cross_entropy)}
    )


def test_an_evaluator_feeds_controllers() -> None:
    model = net()
    cut = pg.control.plateau("4", "val_accuracy", mode="max", patience=0, threshold=1.0)
    trainer, scheduler = trained(model, recipe(controllers=[cut]))
    evaluator = with_metrics(model)
    ignite.feed(evaluator, scheduler, prefix="val_")
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: evaluator.run(batches()))
    trainer.run(batches(), max_epochs=3)
    assert [(event.step, event.value) for event in scheduler.journal] == [(12, 0.1), (18, 0.1)]


def test_a_trainer_feeds_controllers_of_its_own_metrics_tensors_too() -> None:
    cut = pg.control.plateau("4", "loss", patience=0)
    trainer, scheduler = trained(net(), recipe(controllers=[cut]))

    def measure(engine: Engine) -> None:
        engine.state.metrics["loss"] = torch.tensor(1.0)

    trainer.add_event_handler(Events.EPOCH_COMPLETED, measure)
    ignite.feed(trainer, scheduler, event=Events.EPOCH_COMPLETED)
    trainer.run(batches(), max_epochs=2)
    assert [event.value for event in scheduler.journal] == [0.1]


def test_named_rates_in_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415  # slow

    trainer, scheduler = trained(net(), recipe())
    with TensorboardLogger(log_dir=tmp_path) as logger:
        logger.attach_output_handler(
            trainer,
            Events.ITERATION_STARTED,
            tag="training",
            output_transform=ignite.rates(scheduler, statistics=True),
        )
        trainer.run(batches(), max_epochs=3)
    found = EventAccumulator(str(tmp_path)).Reload()
    rates = [scalar.value for scalar in found.Scalars("training/lr/head")]
    assert rates == pytest.approx(scheduler.plan.curve("4.weight"), rel=1e-6)
    assert "training/grad_norm/head" in found.Tags()["scalars"]


def test_any_logger_of_ignites_takes_them() -> None:
    written: list[dict[str, float]] = []

    class Handler(BaseOutputHandler):
        def __call__(self, engine: Engine, logger: Any, event_name: Any) -> None:  # noqa: ARG002  # Ignite's form
            written.append(self._setup_output_metrics_state_attrs(engine, key_tuple=False))

    class Lines(BaseLogger):
        def _create_output_handler(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
            return Handler(*args, **kwargs)

        def _create_opt_params_handler(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
            raise NotImplementedError

    trainer, scheduler = trained(net(), recipe())
    Lines().attach_output_handler(
        trainer, Events.EPOCH_STARTED, tag="run", output_transform=ignite.rates(scheduler)
    )
    trainer.run(batches(), max_epochs=2)
    assert [set(one) for one in written] == [{f"run/lr/{name}" for name in scheduler.rates}] * 2


def resumed(folder: Path, stop: int | None) -> Any:
    """A run of 18 updates, unbroken, or stopped after some and gone on with by new objects."""
    data = batches()
    cut = pg.control.plateau("4", "loss", patience=1, factor=0.5)

    def run(until: int, *, load: bool) -> Any:
        model = net()
        optimizer, scheduler = ignite.build(model, recipe(controllers=[cut]), data, max_epochs=3)

        def update(engine: Engine, _: object) -> None:
            features, labels = data[(engine.state.iteration - 1) % BATCHES]
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(features), labels)
            loss.backward()
            optimizer.step()
            engine.state.metrics["loss"] = loss.item()

        trainer = Engine(update)
        kept = {"trainer": trainer, "model": model, "optimizer": optimizer, "scheduler": scheduler}
        saver = Checkpoint(kept, DiskSaver(folder, require_empty=False), filename_pattern="last.pt")
        ignite.attach(trainer, scheduler)
        ignite.feed(trainer, scheduler, event=Events.ITERATION_COMPLETED)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, saver)
        if load:
            Checkpoint.load_objects(to_load=kept, checkpoint=torch.load(folder / "last.pt"))
        trainer.add_event_handler(Events.ITERATION_COMPLETED(once=until), trainer.terminate)
        trainer.run(data, max_epochs=3)
        return model

    if stop is not None:
        run(stop, load=False)
    return run(18, load=stop is not None)


@pytest.mark.parametrize("stop", [3, 6, 9, 11], ids=lambda stop: f"after {stop}")
def test_a_resume_is_bit_equal_in_the_middle_of_a_window_too(tmp_path: Path, stop: int) -> None:
    whole, parts = resumed(tmp_path, None), resumed(tmp_path, stop)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_that_was_saved_before_the_tick_is_mended() -> None:
    model = net()
    said = recipe()
    optimizer, scheduler = ignite.build(model, said, batches(), max_epochs=3)
    trainer = create_supervised_trainer(model, optimizer, functional.cross_entropy)
    states: list[dict[str, Any]] = []

    def keep(engine: Engine) -> None:
        states.append({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()})
        engine.terminate()

    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=4), keep)
    ignite.attach(trainer, scheduler)
    trainer.run(batches(), max_epochs=3)
    assert states[0]["scheduler"]["last_epoch"] == 3

    again, clock = trained(net(), said)
    clock.optimizer.load_state_dict(states[0]["optimizer"])
    clock.load_state_dict(states[0]["scheduler"])
    seen: list[int] = []
    again.add_event_handler(Events.ITERATION_STARTED(once=1), lambda: seen.append(clock.last_epoch))
    again.run(batches(), max_epochs=1)
    assert seen == [4]


def test_a_run_that_goes_on_goes_on_where_it_was() -> None:
    trainer, scheduler = trained(net(), recipe())
    trainer.run(batches(), max_epochs=1)
    assert scheduler.last_epoch == BATCHES
    trainer.run(batches(), max_epochs=3)
    assert scheduler.last_epoch == 3 * BATCHES


def test_training_longer_than_was_planned_is_told() -> None:
    trainer, _ = trained(net(), recipe(), max_epochs=1)
    with pytest.warns(UserWarning, match="Training has gone on for 10 steps past its end, 6 steps"):
        trainer.run(batches(), max_epochs=3)


def test_a_second_training_of_the_same_model() -> None:
    model = net()
    for _ in range(2):
        model.requires_grad_(True)
        trainer, scheduler = trained(model, recipe())
        trainer.run(batches(), max_epochs=3)
        assert scheduler.last_epoch == 3 * BATCHES


def test_depth_that_the_structure_does_not_tell_is_told() -> None:
    by_depth = recipe(rules=[pg.recipes.layer_decay(0.5)])
    _, scheduler = ignite.build(net(), by_depth, batches(), max_epochs=1, depth={"4": 0, "2": 1, "0": 2})
    assert [row.depth for row in scheduler.plan.index] == [2, 2, 1, 1, 0, 0]
