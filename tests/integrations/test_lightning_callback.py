"""The callback: named rates in the logs, metrics for controllers, and a recipe for a module as it is."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

import paramgroups as pg
from paramgroups.errors import HostError
from tests.integrations.lightning_modules import (
    CUT,
    OF_THE_HOST,
    RECIPE,
    L,
    Net,
    RecipeCallback,
    configure,
    scheduler_of,
    trainer,
)

pytestmark = OF_THE_HOST


class Kept(L.loggers.Logger):
    """Keeps in memory what it is given."""

    name, version = "kept", 0

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Nothing of it."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append((step or 0, dict(metrics)))


def rates(logger: Kept) -> dict[int, dict[str, float]]:
    return {step: row for step, row in logger.rows if any(name.startswith("lr/") for name in row)}


def test_the_rate_of_each_group_is_logged_under_its_name_with_the_update_it_was_used_in() -> None:
    logger = Kept()
    fitting = trainer(max_epochs=4, logger=logger, log_every_n_steps=4, callbacks=[RecipeCallback()])
    fitting.fit(Net())
    curve = scheduler_of(fitting).plan.curve("head.1.weight")
    found = rates(logger)
    assert list(found) == [3, 7, 11, 15, 19]
    assert all(row["lr/head"] == curve[step] for step, row in found.items())
    assert set(found[3]) == {"lr/head", "lr/backbone"}


def test_statistics_are_those_of_the_same_update() -> None:
    logger = Kept()
    callback = RecipeCallback(statistics=True, every=1)
    module = Net(pg.Recipe(optimizer="sgd", lr=0.5))
    fitting = trainer(max_steps=2, logger=logger, callbacks=[callback])
    fitting.fit(module)
    found = rates(logger)
    statistics = scheduler_of(fitting).optimizer.statistics()["default"]  # type: ignore[attr-defined]  # ours has them
    assert found[1]["grad_norm/default"] == float(statistics.grad_norm)
    assert set(found[0]) == {f"{what}/default" for what in ("lr", "grad_norm", "weight_norm", "update_ratio")}


def test_rates_are_logged_once_an_update_with_accumulated_gradients() -> None:
    logger = Kept()
    fitting = trainer(
        max_epochs=2, logger=logger, accumulate_grad_batches=2, callbacks=[RecipeCallback(every=1)]
    )
    fitting.fit(Net())
    assert list(rates(logger)) == [0, 1, 2, 3, 4, 5]


def test_lightnings_own_monitor_has_the_same_names() -> None:
    logger = Kept()
    monitor = L.callbacks.LearningRateMonitor()
    trainer(max_epochs=2, logger=logger, log_every_n_steps=1, callbacks=[monitor]).fit(Net())
    assert set(monitor.lrs) == {"lr/head", "lr/backbone"}
    assert rates(logger)[0] == {"lr/backbone": 0.01, "lr/head": 0.1}


FED = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", group="head")], controllers=[CUT])


def test_controllers_hear_each_validation_once_and_not_the_sanity_check() -> None:
    module = Net(FED)
    fitting = trainer(max_epochs=3, limit_val_batches=1, num_sanity_val_steps=1, callbacks=[RecipeCallback()])
    fitting.fit(module)
    assert [rates["head"] for rates in module.rates[::5]] == [0.1, 0.1, 0.05]
    assert scheduler_of(fitting).rates["head"] == 0.025


def test_a_validation_within_an_epoch_is_heard_too() -> None:
    fitting = trainer(max_epochs=1, limit_val_batches=1, val_check_interval=1, callbacks=[RecipeCallback()])
    fitting.fit(Net(FED))
    assert scheduler_of(fitting).rates["head"] == 0.1 * 0.5**4


class Telling(Net):
    """Logs the loss of its training."""

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = super().training_step(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss


def test_a_metric_of_training_is_heard_at_the_end_of_each_epoch() -> None:
    heard: list[float] = []

    def hear(_: None, seen: Any) -> tuple[None, list[Any]]:
        heard.append(seen["train_loss"])
        return None, []

    ear = pg.control.function("ear", hear, selector="head", metric="train_loss")
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", group="head")], controllers=[ear])
    trainer(max_epochs=3, limit_val_batches=1, callbacks=[RecipeCallback()]).fit(Telling(recipe))
    assert len(heard) == len(set(heard)) == 3


class Bad(Net):
    """Has a loss that is NaN at its third batch, and gradients that are not."""

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = super().training_step(batch)
        return loss + (torch.tensor(float("nan")) if len(self.rates) == 3 else 0.0)


def test_a_guard_hears_the_loss_before_the_update() -> None:
    guard = pg.control.nonfinite(metric="loss")
    module = Bad(pg.Recipe(optimizer="sgd", lr=0.1, controllers=[guard]))
    fitting = trainer(max_epochs=1, callbacks=[RecipeCallback()])
    fitting.fit(module)
    (event,) = scheduler_of(fitting).journal
    assert (event.step, event.action) == (2, "skip")
    assert all(torch.isfinite(parameter).all() for parameter in module.parameters())


def test_the_loss_is_that_of_a_batch_where_gradients_are_accumulated() -> None:
    heard: list[float] = []

    def hear(_: None, seen: Any) -> tuple[None, list[Any]]:
        heard.append(seen["loss"])
        return None, []

    ear = pg.control.function("ear", hear, selector="**", metric="loss")
    module = Net(pg.Recipe(optimizer="sgd", lr=0.0, controllers=[ear]))
    trainer(max_steps=1, accumulate_grad_batches=5, callbacks=[RecipeCallback()]).fit(module)
    module.train()
    losses = [cross_entropy(module(x), y).item() for x, y in module.train_dataloader()]
    assert heard == pytest.approx(losses)


def from_build(self: Any) -> Any:
    plan = pg.plan(self, RECIPE, steps=self.trainer.estimated_stepping_batches)
    optimizer, scheduler = pg.build(plan)
    return [optimizer], [scheduler]


def test_a_pair_of_build_ticks_at_each_update_beside_the_callback() -> None:
    fitting = trainer(max_epochs=4, callbacks=[RecipeCallback()])
    fitting.fit(Net(from_build))
    assert scheduler_of(fitting).last_epoch == 20


def test_a_plan_in_epochs_ticks_once_an_epoch() -> None:
    def by_epochs(self: Any) -> Any:
        optimizer, scheduler = pg.build(pg.plan(self, RECIPE, epochs=4))
        return [optimizer], [scheduler]

    fitting = trainer(max_epochs=4, callbacks=[RecipeCallback()])
    fitting.fit(Net(by_epochs))
    assert scheduler_of(fitting).last_epoch == 4


def plain(self: Any) -> Any:
    optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
    return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


def test_a_module_as_it_is_takes_a_recipe_and_what_it_configures_is_named() -> None:
    module = Net(plain)
    fitting = trainer(max_epochs=4, callbacks=[RecipeCallback(RECIPE)])
    told = r"configure_optimizers: optimizer='Adam' \(the recipe's optimizer\); lr_scheduler='StepLR' \("
    with pytest.warns(UserWarning, match=told):
        fitting.fit(module)
    assert module.rates[0] == {"backbone": 0.01, "head": 0.1}
    assert scheduler_of(fitting).last_epoch == 20


def test_a_module_as_it_is_and_a_range_test_do_not_go_together() -> None:
    finder = L.callbacks.LearningRateFinder(num_training_steps=3)
    fitting = trainer(max_epochs=4, callbacks=[finder, RecipeCallback(RECIPE)])
    with pytest.raises(HostError, match=r"configure\(self, recipe, lr=self\.lr\)"):
        fitting.fit(Net(lambda self: torch.optim.Adam(self.parameters())))


def test_statistics_of_weights_are_those_of_the_first_start(tmp_path: Path) -> None:
    rule = pg.rule("backbone.0.weight[rms>0.31]", lr_scale=2, missing="ignore")
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=[rule])
    fitting = trainer(max_epochs=1, callbacks=[RecipeCallback()])
    fitting.fit(Net(recipe))
    pins = scheduler_of(fitting).plan.pins
    fitting.save_checkpoint(tmp_path / "one.ckpt")
    again = trainer(max_epochs=2, callbacks=[RecipeCallback()])
    again.fit(Net(recipe), ckpt_path=tmp_path / "one.ckpt")
    assert scheduler_of(again).plan.pins == pins
    with (
        pytest.warns(UserWarning, match="Please add the following callbacks: .'RecipeCallback'"),
        pytest.raises(HostError, match=r"Give the trainer RecipeCallback\(\), which keeps the statistics"),
    ):
        trainer(max_epochs=2).fit(Net(recipe), ckpt_path=tmp_path / "one.ckpt")


def test_a_callback_with_nothing_to_do_is_refused() -> None:
    module = Net(lambda self: torch.optim.SGD(self.parameters(), lr=0.1))
    with pytest.raises(HostError, match="RecipeCallback finds no scheduler of a plan"):
        trainer(max_epochs=1, callbacks=[RecipeCallback()]).fit(module)


def test_bad_arguments_of_the_callback_are_refused() -> None:
    with pytest.raises(HostError, match="every=0 is no number of updates"):
        RecipeCallback(every=0)
    with pytest.raises(HostError, match="every=inf is no number of updates"):
        RecipeCallback(every=float("inf"))  # type: ignore[arg-type]  # the mistake
    with pytest.raises(HostError, match="RecipeCallback: recipe=3 is no recipe"):
        RecipeCallback(3)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(HostError, match=r"freezing=, backend= is for the optimizer of a recipe, and none"):
        RecipeCallback(freezing="masks", backend="torch")


def test_two_optimizers_for_the_same_parameters_are_refused() -> None:
    module = Net(lambda self: (configure(self, RECIPE), configure(self, RECIPE)))
    module.automatic_optimization = False
    with pytest.raises(HostError, match=r"Two optimizers hold .* configure was called twice"):
        trainer(max_epochs=1, callbacks=[RecipeCallback()]).fit(module)
