"""Ticks and updates must not part where a tick is an update."""

import warnings

import pytest
import torch

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.run.clocks import Clocks
from paramgroups.schedules import Horizon, cosine
from tests.run.models import Net, loss_at, update

STEPS = Horizon.of(steps=100)
RECIPE = pg.Recipe(optimizer="sgd", lr=0.1, schedule=cosine())


def run(pattern: str, horizon: Horizon = STEPS) -> int:
    """How many of a pattern's letters pass: u is an update, t a tick."""
    clocks = Clocks(horizon)
    clocks.update()
    clocks.tick(first=True)
    for count, letter in enumerate(pattern):
        try:
            clocks.update() if letter == "u" else clocks.tick(first=False)
        except PlanError:
            return count
    return len(pattern)


def test_together_they_run_on() -> None:
    assert run("ut" * 500) == 1000


@pytest.mark.parametrize("skipped", range(11))
def test_up_to_ten_skipped_updates_are_borne(skipped: int) -> None:
    assert run("t" * skipped + "ut" * 100) == skipped + 200


@pytest.mark.parametrize("letter", "ut")
def test_the_eleventh_alone_is_an_error(letter: str) -> None:
    assert run(letter * 30) == 10


def test_updates_skipped_now_and_then_do_not_add_up() -> None:
    assert run(("ut" * 40 + "t") * 100) == 8100
    assert run(("ut" * 4 + "ttt") * 100) == 1100


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_several_ticks_an_update_are_found(processes: int) -> None:
    assert run(("u" + "t" * processes) * 30) < 30 * processes


@pytest.mark.parametrize("updates", [2, 5, 20])
def test_a_tick_an_epoch_is_found(updates: int) -> None:
    assert run(("u" * updates + "t") * 30) <= 2 * 11 + 10


def test_an_update_that_is_withdrawn_is_none() -> None:
    clocks = Clocks(STEPS)
    for _ in range(50):
        clocks.update()
        clocks.withdraw()
        assert not clocks.updated
    for _ in range(10):
        clocks.update()
    with pytest.raises(PlanError, match="made updates 11 times"):
        clocks.update()


@pytest.mark.parametrize("horizon", [Horizon.of(epochs=9), Horizon.of()], ids=str)
def test_where_a_tick_is_no_update_they_may_part(horizon: Horizon) -> None:
    assert run("u" * 200 + "t" * 50 + "u" * 99, horizon) == 349


def test_a_tick_before_the_first_update_is_warned_of() -> None:
    with pytest.warns(
        UserWarning, match=r"before the first optimizer.step\(\).*Call optimizer.step\(\) first"
    ):
        Clocks(STEPS).tick(first=True)


def test_a_tick_before_an_update_after_a_resume_is_not() -> None:
    Clocks(STEPS).tick(first=False)


class TestInALoop:
    def test_a_scheduler_stepped_once_an_epoch_is_told_how(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, steps=100))
        for step in range(10):
            update(model, optimizer, step)
        with pytest.raises(PlanError, match=r'made updates 11 times.*epochs=.*"interval": "step"'):
            update(model, optimizer, 10)
        assert scheduler.last_epoch == 0

    def test_a_scheduler_stepped_for_each_process_is_told_how(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, steps=100))
        for step in range(10):
            update(model, optimizer, step)
            scheduler.step()
            scheduler.step()
        update(model, optimizer, 10)
        scheduler.step()
        with pytest.raises(PlanError, match=r"ticked 11 times more.*integrations\.accelerate"):
            scheduler.step()

    def test_an_epoch_a_tick_is_fine_where_it_is_planned(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, epochs=3))
        rates = []
        for epoch in range(3):
            rates += scheduler.get_last_lr()
            for step in range(15):
                update(model, optimizer, 15 * epoch + step)
            scheduler.step()
        assert rates == [0.1, pytest.approx(0.075), pytest.approx(0.025)]

    def test_accumulated_gradients_are_fine(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, steps=15))
        for step in range(60):
            (loss_at(model, step) / 4).backward()
            if step % 4 == 3:
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
        assert scheduler.last_epoch == 15

    def test_evaluation_between_is_fine(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, steps=30))
        for step in range(30):
            update(model, optimizer, step)
            scheduler.step()
            with torch.no_grad():
                for other in range(3):
                    loss_at(model.eval(), other)
            model.train()
        assert scheduler.last_epoch == 30

    def test_a_gradient_scaler_that_skips_its_first_updates(self, model: Net) -> None:
        optimizer, scheduler = pg.build(pg.plan(model, RECIPE, steps=60))
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=10)
        skipped = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the first tick comes before any update
            for step in range(60):
                optimizer.zero_grad()
                scaler.scale(loss_at(model, step)).backward()
                if scaler.get_scale() > 2.0**13:
                    model.head.weight.grad.fill_(torch.inf)  # type: ignore[union-attr]  # just made
                    skipped += 1
                scaler.step(optimizer)
                scaler.update()
                scheduler.step()
        assert skipped == 7 + 4  # 2²⁰ falls to 2¹³; then it is doubled and halved in turn
        assert scheduler.last_epoch == 60

    def test_an_optimizer_whose_scheduler_is_gone_goes_on(self, model: Net) -> None:
        optimizer = pg.build(pg.plan(model, RECIPE, steps=100))[0]
        for step in range(30):
            update(model, optimizer, step)
