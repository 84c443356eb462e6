"""A recipe in one line of `configure_optimizers`: lengths, ticks, second trainings, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

import paramgroups as pg
from paramgroups.errors import HostError, PlanError
from tests.integrations.lightning_modules import (
    OF_THE_HOST,
    RECIPE,
    L,
    Net,
    RecipeCallback,
    configure,
    data,
    scheduler_of,
    trainer,
)

pytestmark = OF_THE_HOST


@pytest.mark.parametrize(
    ("options", "steps", "per_epoch"),
    [
        ({"max_epochs": 4}, 20, 5),
        ({"max_epochs": 4, "accumulate_grad_batches": 2}, 12, 3),
        ({"max_epochs": 4, "limit_train_batches": 3}, 12, 3),
        ({"max_epochs": 4, "limit_train_batches": 3, "accumulate_grad_batches": 2}, 8, 2),
        ({"max_steps": 7}, 7, 5),
        ({"max_epochs": 4, "max_steps": 7}, 7, 5),
        ({"max_epochs": -1, "max_steps": 7}, 7, 5),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_the_trainer_says_how_long_training_is_and_each_update_is_a_tick(
    options: dict[str, Any], steps: int, per_epoch: int
) -> None:
    fitting = trainer(**options)
    fitting.fit(Net())
    scheduler = scheduler_of(fitting)
    assert scheduler.plan.horizon == pg.plan(Net(), RECIPE, steps=steps, steps_per_epoch=per_epoch).horizon
    assert scheduler.last_epoch == fitting.global_step == steps


def test_the_rates_of_a_run_are_those_of_the_plan() -> None:
    module = Net()
    fitting = trainer(max_epochs=4)
    fitting.fit(module)
    plan = scheduler_of(fitting).plan
    assert [rates["head"] for rates in module.rates] == plan.curve("head.1.weight")
    assert [rates["backbone"] for rates in module.rates] == plan.curve("backbone.0.weight")


def test_the_number_of_batches_to_an_update_may_change() -> None:
    turns = L.callbacks.GradientAccumulationScheduler({0: 1, 2: 5})
    fitting = trainer(max_epochs=4, callbacks=[turns])
    fitting.fit(Net())
    assert scheduler_of(fitting).plan.horizon.ticks == fitting.global_step == 5 + 5 + 1 + 1


def test_frozen_is_frozen_until_the_window_ends() -> None:
    module = Net()
    before = module.backbone[0].weight.clone(), module.backbone[1].running_mean.clone()
    halved = pg.Recipe(optimizer="adamw", lr=1e-2, rules=[pg.rule("backbone", trainable=False, until=10)])
    module.configured = halved
    trainer(max_epochs=2).fit(module)
    assert torch.equal(module.backbone[0].weight, before[0])
    assert torch.equal(module.backbone[1].running_mean, before[1])
    trainer(max_epochs=3).fit(module)
    assert not torch.equal(module.backbone[0].weight, before[0])
    assert not torch.equal(module.backbone[1].running_mean, before[1])


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        while True:
            yield from iter(data())


def test_a_stream_with_max_steps_has_an_end_and_no_epochs() -> None:
    fitting = trainer(max_steps=6)
    fitting.fit(Net(), DataLoader(Endless(), batch_size=8))
    assert scheduler_of(fitting).plan.horizon.ticks == 6
    assert scheduler_of(fitting).plan.horizon.ticks_per_epoch is None


class Stop(L.Callback):
    """Stops after some updates."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.global_step >= self.after


def test_without_an_end_there_is_a_plan_without_one() -> None:
    module = Net(
        pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.warmup(3).then(pg.schedules.constant()))
    )
    fitting = trainer(max_epochs=-1, callbacks=[Stop(7)])
    fitting.fit(module)
    assert scheduler_of(fitting).plan.horizon.ticks is None
    assert [rates["default"] for rates in module.rates[:4]] == pytest.approx([0.1 / 3, 0.2 / 3, 0.1, 0.1])


def test_shares_of_a_training_without_an_end_are_refused() -> None:
    with pytest.raises(HostError, match=r"until='50%'[\s\S]*Trainer\(max_steps=…\)[\s\S]*steps=…"):
        trainer(max_epochs=-1).fit(Net())


def test_the_length_may_be_said() -> None:
    fitting = trainer(max_epochs=-1, callbacks=[Stop(3)])
    fitting.fit(Net(steps=30))
    assert scheduler_of(fitting).plan.horizon.ticks == 30


def rates_at(trained: Any, step: int) -> dict[str, float]:
    at = scheduler_of(trained).plan.at(step)
    return {"head": at["head.1.weight"].lr, "backbone": at["backbone.0.weight"].lr}


def test_a_batch_that_is_left_out_is_no_tick() -> None:
    class Skips(Net):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:  # noqa: ARG002  # Lightning's
            return -1 if batch_idx == 2 else None  # two of five are trained

    module = Skips()
    (trained := trainer(max_epochs=3)).fit(module)
    assert trained.global_step == scheduler_of(trained).last_epoch == 6
    assert module.rates == [rates_at(trained, step) for step in range(6)]


@pytest.mark.filterwarnings("ignore:train_dataloader yielded None")
def test_a_batch_that_is_none_is_no_tick() -> None:
    class Holes(Net):
        def train_dataloader(self) -> Any:
            rows = [None if row % 3 == 1 else data()[:8] for row in range(6)]
            return DataLoader(rows, batch_size=None, collate_fn=lambda row: row)  # type: ignore[arg-type]  # a list will do

    (trained := trainer(max_epochs=2)).fit(module := Holes())
    assert trained.global_step == scheduler_of(trained).last_epoch == 8
    assert module.rates == [rates_at(trained, step) for step in range(8)]


def test_what_trains_on_no_batch_is_no_error() -> None:
    (trained := trainer(max_epochs=2, limit_train_batches=0)).fit(Net())
    assert trained.global_step == 0


def test_a_fast_dev_run_runs_whatever_the_recipe_says_in_shares() -> None:
    module = Net()
    trainer(fast_dev_run=True).fit(module)
    assert [rates["head"] for rates in module.rates] == [0.1]


def test_validate_and_test_configure_nothing() -> None:
    module = Net()
    trainer(limit_val_batches=1.0).validate(module, verbose=False)
    assert module.rates == []


def test_a_second_trainer_trains_what_an_interrupted_one_had_frozen() -> None:
    module = Net()
    trainer(max_epochs=4, callbacks=[Stop(2)]).fit(module)
    assert not module.backbone[0].weight.requires_grad
    frozen, held = module.backbone[0].weight.clone(), module.backbone[1].running_mean.clone()
    trainer(max_epochs=4).fit(module)
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert not torch.equal(module.backbone[0].weight, frozen)
    assert not torch.equal(module.backbone[1].running_mean, held)


def test_what_the_user_froze_stays_frozen_in_a_second_training() -> None:
    module = Net(pg.Recipe(optimizer="sgd", lr=0.1))
    module.backbone[0].weight.requires_grad_(False)
    before = module.backbone[0].weight.clone()
    for _ in range(2):
        trainer(max_epochs=1).fit(module)
    assert torch.equal(module.backbone[0].weight, before)


def test_a_trainer_that_goes_on_plans_what_is_left() -> None:
    module = Net()
    fitting = trainer(max_epochs=2)
    fitting.fit(module)
    fitting.fit_loop.max_epochs = 5
    fitting.fit(module)
    assert scheduler_of(fitting).plan.horizon.ticks == 15
    assert scheduler_of(fitting).last_epoch == 15


def test_a_recipe_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.to_toml())
    module = Net(lambda self: configure(self, tmp_path / "recipe.toml"))
    trainer(max_epochs=1).fit(module)
    assert module.rates[0]["head"] == 0.1


def test_a_rate_keeps_the_ratios_of_the_recipe() -> None:
    recipe = pg.Recipe(
        optimizer="sgd", lr=0.1, rules=[pg.rule("head", lr_scale=10), pg.rule("backbone.0", lr=0.5)]
    )
    module = Net(recipe, lr=0.01)
    trainer(max_epochs=1).fit(module)
    assert module.rates[0] == pytest.approx({"backbone.0": 0.5, "default": 0.01, "head": 0.1})


def test_the_recipe_clips_and_the_trainers_clipping_is_named() -> None:
    module = Net(pg.Recipe(optimizer="sgd", lr=0.1, clip_norm=1.0))
    fitting = trainer(max_epochs=1, gradient_clip_val=0.5)
    with pytest.warns(UserWarning, match=r"Trainer: gradient_clip_val=0\.5 \(the recipe's clip_norm\)"):
        fitting.fit(module)
    assert fitting.gradient_clip_val is None


def test_a_recipe_that_says_not_to_clip_leaves_it_to_the_trainer() -> None:
    fitting = trainer(max_epochs=1, gradient_clip_val=0.5)
    fitting.fit(Net(pg.Recipe(optimizer="sgd", lr=0.1, clip_norm=None)))
    assert fitting.gradient_clip_val == 0.5


@pytest.mark.parametrize("how", ["norm", "value"])
def test_the_trainer_clips_where_the_recipe_does_not(how: str) -> None:
    module = Net(pg.Recipe(optimizer="sgd", lr=1.0))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    trainer(max_steps=1, gradient_clip_val=1e-3, gradient_clip_algorithm=how).fit(module)
    moves = [(one - parameter).detach() for one, parameter in zip(before, module.parameters(), strict=True)]
    norm = torch.cat([move.flatten() for move in moves]).norm().item()
    largest = max(move.abs().max().item() for move in moves)
    assert (norm if how == "norm" else largest) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.filterwarnings("ignore:.*is.* not supported on CPU")
def test_mixed_precision_trains_and_ticks() -> None:
    fitting = trainer(max_epochs=4, precision="bf16-mixed")
    fitting.fit(Net())
    assert scheduler_of(fitting).last_epoch == 20


def test_early_stopping_stops() -> None:
    stop = L.callbacks.EarlyStopping("val_loss", patience=0, min_delta=100.0)
    fitting = trainer(max_epochs=9, limit_val_batches=1, callbacks=[stop])
    fitting.fit(Net())
    assert scheduler_of(fitting).last_epoch == fitting.global_step == 10


def test_weights_may_be_averaged_by_the_host() -> None:
    fitting = trainer(max_epochs=2, callbacks=[L.callbacks.WeightAveraging()])
    fitting.fit(Net())
    assert scheduler_of(fitting).last_epoch == 10


def test_a_callback_that_swaps_the_scheduler_is_refused() -> None:
    swa = L.callbacks.StochasticWeightAveraging(swa_lrs=0.1)
    with pytest.raises(HostError, match="StochasticWeightAveraging puts a scheduler of its own"):
        trainer(max_epochs=2, callbacks=[swa]).fit(Net())


def test_what_is_no_recipe_is_refused() -> None:
    with pytest.raises(HostError, match=r"configure: recipe=3 is no recipe"):
        trainer(max_epochs=1).fit(Net(lambda self: configure(self, 3)))  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (Net(), "no Trainer is attached to this Net"),
        (nn.Linear(2, 1), "is no LightningModule"),
    ],
    ids=["no trainer", "no module"],
)
def test_a_module_that_nobody_trains_is_refused(module: Any, told: str) -> None:
    with pytest.raises(HostError, match=told):
        configure(module, RECIPE)


def test_a_part_that_is_not_in_the_module_is_refused() -> None:
    with pytest.raises(HostError, match=r"part=Linear.* is no module within this Net"):
        trainer(max_epochs=1).fit(Net(part=nn.Linear(2, 1)))


def test_another_scheduler_beside_the_recipes_is_refused() -> None:
    def both(self: Any) -> Any:
        found = configure(self, RECIPE)
        beside = torch.optim.lr_scheduler.StepLR(found["optimizer"], 1)
        return [found["optimizer"]], [found["lr_scheduler"], beside]

    with pytest.raises(HostError, match="returns StepLR along with the scheduler of the recipe"):
        trainer(max_epochs=1).fit(Net(both))


def test_an_optimizer_without_its_scheduler_is_refused() -> None:
    kept = []

    def half(self: Any) -> Any:
        kept.append(configure(self, RECIPE))
        return kept[0]["optimizer"]

    with pytest.raises(HostError, match="without its scheduler, so no schedule and no window would act"):
        trainer(max_epochs=1).fit(Net(half))


def test_a_pair_that_was_taken_apart_ticks_at_each_update() -> None:
    def pair(self: Any) -> Any:
        found = configure(self, RECIPE)
        return [found["optimizer"]], [found["lr_scheduler"]["scheduler"]]

    fitting = trainer(max_epochs=4)
    fitting.fit(Net(pair))
    assert scheduler_of(fitting).last_epoch == 20


def test_an_option_of_build_is_passed_on() -> None:
    with pytest.raises(PlanError, match=r'pg\.build has no option "stats"'):
        trainer(max_epochs=1).fit(Net(stats=True))


def test_the_same_code_under_its_other_name() -> None:
    other = pytest.importorskip("pytorch_lightning")

    class Renamed(other.LightningModule):  # type: ignore[name-defined]  # a module that is imported here
        def __init__(self) -> None:
            super().__init__()
            found = Net()
            self.backbone, self.head = found.backbone, found.head

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return nn.functional.cross_entropy(self.head(self.backbone(batch[0])), batch[1])

        def configure_optimizers(self) -> Any:
            return configure(self, RECIPE)

        def train_dataloader(self) -> Any:
            return Net().train_dataloader()

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    fitting = other.Trainer(max_epochs=4, accelerator="cpu", callbacks=[RecipeCallback()], **quiet)
    fitting.fit(Renamed())
    assert scheduler_of(fitting).last_epoch == 20


def test_depth_that_the_structure_does_not_tell_is_told() -> None:
    told = {"head.1": 0, "head.0": 1, "backbone": 2}
    by_depth = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.recipes.layer_decay(0.5)])
    fitting = trainer(max_epochs=1)
    fitting.fit(Net(by_depth, depth=told))
    plan = scheduler_of(fitting).plan
    assert [plan[name].depth for name in ("head.1.weight", "head.0.weight", "backbone.0.weight")] == [0, 1, 2]
