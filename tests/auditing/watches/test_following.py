"""Rates that are written by hand, and ticks beside updates: what shows while training runs."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

import paramgroups as pg
from paramgroups.auditing.watches.watching import Watch
from tests.auditing.setups import small
from tests.auditing.watches.watched import told, update, updates, watching

Loop = Callable[[nn.Module, torch.optim.Optimizer, Any], Any]


def watched(make: Callable[[torch.optim.Optimizer], Any] | None, loop: Loop) -> Watch:
    torch.manual_seed(0)
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scheduler = None if make is None else make(optimizer)
    watch = watching(model, optimizer, scheduler)
    told(watch, lambda: loop(model, optimizer, scheduler))
    return watch


def codes(watch: Watch) -> list[str]:
    return [finding.code for finding in watch]


def each_update(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
    for _ in range(40):
        update(model, optimizer)
        scheduler.step()


def each_epoch(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
    for _ in range(12):
        for _ in range(7):
            update(model, optimizer)
        scheduler.step()


MAKERS: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, 40),
    "restarts": lambda optimizer: CosineAnnealingWarmRestarts(optimizer, 10),
    "one-cycle": lambda optimizer: OneCycleLR(optimizer, 0.01, total_steps=50),
    "steps": lambda optimizer: StepLR(optimizer, 5),
    "lambda": lambda optimizer: LambdaLR(optimizer, lambda step: min(1.0, step / 8)),
    "sequence": lambda optimizer: SequentialLR(
        optimizer, [LinearLR(optimizer, total_iters=5), ExponentialLR(optimizer, 0.9)], [5]
    ),
    "chain": lambda optimizer: ChainedScheduler([LinearLR(optimizer, total_iters=5), StepLR(optimizer, 9)]),
}


@pytest.mark.parametrize("loop", [each_update, each_epoch], ids=["each update", "each epoch"])
@pytest.mark.parametrize("name", MAKERS)
def test_schedulers_that_step_with_the_updates_or_the_epochs_are_sound(name: str, loop: Loop) -> None:
    assert not codes(watched(MAKERS[name], loop))


@pytest.mark.parametrize("name", MAKERS)
def test_a_scheduler_that_is_never_stepped(name: str) -> None:
    watch = watched(MAKERS[name], lambda model, optimizer, _: updates(model, optimizer, 10))
    assert codes(watch) == ["PG401"]


def test_one_that_was_stepped_before_may_rest() -> None:
    def make(optimizer: torch.optim.Optimizer) -> Any:
        scheduler = StepLR(optimizer, 30)
        scheduler.last_epoch = 12
        return scheduler

    assert not codes(watched(make, lambda model, optimizer, _: updates(model, optimizer, 50)))


def test_a_plateau_waits_for_its_metric() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for metric in (1.0, None, None, 2.0, None, None, None, 3.0, 4.0):
            for _ in range(4):
                update(model, optimizer)
            if metric is not None:
                scheduler.step(metric)

    assert not codes(watched(lambda optimizer: ReduceLROnPlateau(optimizer, patience=0), loop))


def test_a_plateau_may_take_a_metric_before_the_first_update() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for metric in (3.0, 2.0, 1.0):
            scheduler.step(metric)
            updates(model, optimizer, 4)

    assert not codes(watched(ReduceLROnPlateau, loop))


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_a_scheduler_that_is_stepped_before_the_optimizer() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for _ in range(5):
            scheduler.step()
            update(model, optimizer)

    watch = watched(MAKERS["cosine"], loop)
    assert codes(watch) == ["PG402"]
    assert "before the first update" in watch.findings[0].message


def test_a_scheduler_that_is_stepped_for_each_batch_of_an_accumulation() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for batch in range(100):
            if batch % 4 == 3:
                update(model, optimizer)
            if batch > 3:
                scheduler.step()

    watch = watched(lambda optimizer: CosineAnnealingLR(optimizer, 100), loop)
    assert codes(watch) == ["PG402"]
    assert "times in" in watch.findings[0].message


def test_a_scheduler_that_is_stepped_in_both_loops() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for _ in range(7):
            for _ in range(8):
                update(model, optimizer)
                scheduler.step()
            scheduler.step()

    watch = watched(lambda optimizer: CosineAnnealingLR(optimizer, 100), loop)
    assert codes(watch) == ["PG402"]
    assert "once more every 8 updates" in watch.findings[0].message


def test_a_scheduler_that_is_stepped_now_and_then() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for _ in range(6):
            for count in (1, 9):
                for _ in range(count):
                    update(model, optimizer)
                scheduler.step()

    watch = watched(lambda optimizer: CosineAnnealingLR(optimizer, 100), loop)
    assert codes(watch) == ["PG402"]
    assert watch.findings[0].message.endswith("9, 1, 9, 1, 9, 1, 9, 1 updates.")


def test_a_warmup_by_updates_and_then_epochs_is_sound() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for epoch in range(8):
            for _ in range(9):
                update(model, optimizer)
                if epoch == 0:
                    scheduler.step()
            if epoch > 0:
                scheduler.step()

    assert not codes(watched(lambda optimizer: CosineAnnealingLR(optimizer, 100), loop))


def edited(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
    for step in range(20):
        if step == 8:
            optimizer.param_groups[0]["lr"] *= 0.5
        update(model, optimizer)
        scheduler.step()


UNDONE = ("restarts", "one-cycle")


@pytest.mark.parametrize("name", ["cosine", "restarts", "one-cycle"])
def test_an_edit_that_the_scheduler_undoes_or_goes_on_from(name: str) -> None:
    watch = watched(MAKERS[name], edited)
    assert codes(watch) == ["PG403"]
    assert ("undid that" if name in UNDONE else "it compounds") in watch.findings[0].message


def test_a_schedule_that_counts_its_calls_is_not_asked() -> None:
    calls = []

    def counted(tick: int) -> float:
        calls.append(tick)
        return 0.9**tick

    watch = watched(lambda optimizer: LambdaLR(optimizer, counted), edited)
    assert "undid that" in watch.findings[0].message
    assert calls == list(range(21))


def test_an_edit_under_our_scheduler_is_a_factor_and_sound() -> None:
    model = small()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.01, schedule=pg.schedules.cosine()), steps=20)
    optimizer, scheduler = pg.build(plan)
    assert not told(watching(model, optimizer, scheduler), lambda: edited(model, optimizer, scheduler))


def by_hand(change: Callable[[dict[str, Any], int], float], times: int = 12) -> Loop:
    def loop(model: nn.Module, optimizer: Any, _: Any) -> None:
        for epoch in range(times):
            for _ in range(2):
                update(model, optimizer)
            for group in optimizer.param_groups:
                group["lr"] = change(group, epoch)

    return loop


@pytest.mark.parametrize(
    "change",
    [
        lambda group, epoch: group["lr"] * 0.9**epoch,
        lambda group, epoch: group["lr"] / (epoch + 1),
        lambda group, epoch: group["lr"] / (1 + 0.1 * epoch),
    ],
    ids=["a power", "a factorial", "a decay"],
)
def test_factors_of_the_present_rate_compound(change: Callable[[dict[str, Any], int], float]) -> None:
    watch = watched(None, by_hand(change))
    assert codes(watch) == ["PG403"]
    assert "compound" in watch.findings[0].message


def test_a_rate_that_is_cut_whenever_a_metric_is_above_a_bound() -> None:
    watch = watched(None, by_hand(lambda group, _: group["lr"] * 0.1))
    assert codes(watch) == ["PG403"]
    assert "multiplied by 0.1 5 times on end" in watch.findings[0].message


@pytest.mark.parametrize(
    "change",
    [
        lambda _, epoch: 0.01 * 0.9**epoch,
        lambda _, epoch: 0.01 * (1 + math.cos(math.pi * epoch / 12)) / 2,
        lambda _, epoch: 0.01 * (1 - epoch / 12),
        lambda _, epoch: 0.01 / (epoch + 1),
        lambda _, epoch: 0.01 / math.sqrt(epoch + 1),
        lambda _, epoch: 0.01 * 0.1 ** (epoch // 4),
        lambda _, epoch: 0.01 * min(1.0, epoch / 5),
        lambda _, epoch: 0.01 * math.exp(-((epoch / 4) ** 2)),
    ],
    ids=["power", "cosine", "linear", "inverse", "root", "steps", "warmup", "bell"],
)
def test_schedules_that_are_written_by_hand_from_the_base_are_sound(
    change: Callable[[dict[str, Any], int], float],
) -> None:
    assert not codes(watched(None, by_hand(change)))


def test_a_warmup_by_hand_that_ends_at_what_the_scheduler_gave_is_sound() -> None:
    def loop(model: nn.Module, optimizer: Any, scheduler: Any) -> None:
        for step in range(32):
            if step < 8:
                optimizer.param_groups[0]["lr"] = 0.01 * (step + 1) / 8
            update(model, optimizer)
            if step % 8 == 7:
                scheduler.step()

    for name in ("lambda", "steps", "cosine"):
        assert not codes(watched(MAKERS[name], loop))


def test_a_host_that_makes_a_scheduler_of_its_own_leaves_the_first_one_idle() -> None:
    def loop(model: nn.Module, optimizer: Any, _: Any) -> None:
        optimizer.load_state_dict(optimizer.state_dict())  # hosts do, and the groups are other dicts then
        each_update(model, optimizer, LambdaLR(optimizer, lambda step: min(1.0, step / 8)))

    assert not codes(watched(MAKERS["lambda"], loop))


def test_a_scheduler_whose_ticks_change_nothing_may_stay_idle() -> None:
    makers = (lambda optimizer: LambdaLR(optimizer, lambda _: 1.0), lambda optimizer: StepLR(optimizer, 30))
    for make in makers:
        assert not codes(watched(make, lambda model, optimizer, _: updates(model, optimizer, 12)))


def test_a_loop_that_breaks_off_in_its_first_epoch_had_no_time_for_a_tick() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watch = watching(model, optimizer, StepLR(optimizer, 5))

    def loop() -> None:
        updates(model, optimizer, 12)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watch:
        loop()
    assert not codes(watch)
