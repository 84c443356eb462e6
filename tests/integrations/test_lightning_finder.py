"""Lightning's range test and batch-size finder, beside a plan."""

from typing import Any

import pytest

import paramgroups as pg
from paramgroups.errors import HostError
from tests.integrations.lightning_modules import (
    OF_THE_HOST,
    L,
    Net,
    Tuner,
    same,
    scheduler_of,
    trainer,
    weights,
)

pytestmark = OF_THE_HOST

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=1e-2,
    schedule=pg.schedules.warmup(4).then(pg.schedules.cosine()),
    rules=[
        pg.rule("head", lr_scale=10),
        pg.rule("backbone.0", lr=1e-5),
        pg.rule("backbone.3", trainable=False, until="50%"),
    ],
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a finder keeps a checkpoint while it looks


def test_the_range_test_sweeps_the_common_rate_and_keeps_the_ratios() -> None:
    module = Net(RECIPE, lr=1e-2)
    before = weights(module)
    fitting = trainer(max_epochs=8)
    finder = Tuner(fitting).lr_find(
        module, min_lr=1e-6, max_lr=1e-1, num_training=30, early_stop_threshold=None
    )
    assert finder is not None
    assert same(weights(module), before)
    swept = finder.results["lr"]
    assert len(module.rates) == len(swept) == 30
    for rates, common in zip(module.rates, swept, strict=True):
        assert rates["head"] == pytest.approx(10 * common)
        assert rates["default"] == pytest.approx(common)
        assert rates["backbone.0"] == pytest.approx(1e-5)
        assert rates["backbone.3"] == 0.0


def test_the_suggestion_is_the_rate_of_the_next_fit() -> None:
    module = Net(RECIPE, lr=1e-2)
    fitting = trainer(max_epochs=8)
    finder = Tuner(fitting).lr_find(module, num_training=30)
    assert finder is not None
    assert module.lr == finder.suggestion()
    assert module.lr is not None
    module.rates.clear()
    fitting.fit(module)
    assert module.rates[4]["head"] == pytest.approx(10 * module.lr)
    assert scheduler_of(fitting).last_epoch == 40


def test_a_finder_as_a_callback_sets_the_common_rate_and_not_one_for_all() -> None:
    module = Net(RECIPE, lr=1e-2)
    finder = L.callbacks.LearningRateFinder(num_training_steps=30, update_attr=True)
    fitting = trainer(max_epochs=8, callbacks=[finder])
    fitting.fit(module)
    scheduler = scheduler_of(fitting)
    assert scheduler.last_epoch == 40
    assert {event.cause for event in scheduler.journal} == {"scale"}
    found = scheduler.plan.replay(scheduler.journal)
    assert module.lr is not None
    assert found.at(4)["head.1.weight"].lr == pytest.approx(10 * module.lr)
    assert found.at(4)["backbone.1.weight"].lr == pytest.approx(module.lr)
    assert found.at(4)["backbone.0.weight"].lr == pytest.approx(1e-5)


def test_a_finder_that_only_looks_changes_nothing() -> None:
    module, other = Net(RECIPE), Net(RECIPE)
    finder = L.callbacks.LearningRateFinder(num_training_steps=20, update_attr=False)
    trainer(max_epochs=8, callbacks=[finder]).fit(module)
    trainer(max_epochs=8).fit(other)
    assert module.rates[-40:] == other.rates


def test_a_rate_of_one_group_is_found_too() -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.warmup(10))
    module = Net(recipe, lr=0.1)
    finder = L.callbacks.LearningRateFinder(num_training_steps=20, update_attr=True)
    fitting = trainer(max_epochs=4, callbacks=[finder])
    fitting.fit(module)
    assert scheduler_of(fitting).rates["default"] == pytest.approx(module.lr)


def test_rows_keep_their_ratio_in_a_range_test() -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("backbone.0.weight[:2]", lr_scale=3)])
    module = Net(recipe, lr=0.1)
    seen: list[float] = []

    class Look(Net):
        def on_before_backward(self, *_: Any) -> None:
            for group in self.trainer.optimizers[0].param_groups:
                seen.extend(row["lr"] / group["lr"] for row in group.get("rows", ()))

    module.__class__ = Look
    Tuner(trainer(max_epochs=4)).lr_find(module, num_training=5)
    assert len(seen) == 5
    assert seen == pytest.approx([3.0] * 5)


def test_the_size_of_a_batch_is_found_before_the_plan_is_made() -> None:
    module = Net(RECIPE)
    fitting = trainer(max_epochs=8)
    module.batch_size = 2
    assert Tuner(fitting).scale_batch_size(module, max_trials=3) == 8
    fitting.fit(module)
    assert scheduler_of(fitting).plan.horizon.ticks == scheduler_of(fitting).last_epoch == 40


def test_the_size_of_a_batch_does_not_change_under_a_plan() -> None:
    finder = L.callbacks.BatchSizeFinder(max_trials=2)
    with pytest.raises(HostError, match=r"Tuner\(trainer\)\.scale_batch_size\(module\)"):
        trainer(max_epochs=8, callbacks=[finder]).fit(Net(RECIPE))
