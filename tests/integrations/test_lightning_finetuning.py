"""A backbone that thaws: what Lightning's own callback does wrong, and ours does not."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError
from tests.integrations.lightning_modules import (
    OF_THE_HOST,
    BackboneFinetuning,
    L,
    Net,
    configure,
    saving,
    scheduler_of,
    trainer,
)

pytestmark = OF_THE_HOST

Theirs = L.callbacks.BackboneFinetuning


def filtered(self: Any) -> Any:
    return torch.optim.Adam(filter(lambda p: p.requires_grad, self.parameters()), lr=1e-2)


def unfiltered(self: Any) -> Any:
    return torch.optim.Adam(self.parameters(), lr=1e-2)


def head_alone(self: Any) -> Any:
    return torch.optim.Adam(self.head.parameters(), lr=1e-2)


def by_recipe(self: Any) -> Any:
    return configure(self, pg.Recipe(optimizer="adam", lr=1e-2))


SKIPPED = pytest.mark.filterwarnings("ignore:The provided params to be frozen already exist")
"""Lightning tells what it then passes over."""

CONFIGURED = [filtered, unfiltered, head_alone, by_recipe]


class Norms(Net):
    """A backbone without batch norm, with a layer norm that is equal to the head's."""

    def __init__(self, configured: Callable[[Any], Any]) -> None:
        super().__init__(configured)
        torch.manual_seed(0)
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8))


class Watch(L.Callback):
    """Notes the backbone at the beginning of each epoch, and its rates within it."""

    def __init__(self) -> None:
        self.weights: list[dict[str, torch.Tensor]] = []
        self.rates: list[dict[str, float]] = []

    def on_train_epoch_end(self, _: L.Trainer, pl_module: Any) -> None:
        state = pl_module.backbone.state_dict()
        self.weights.append({name: tensor.clone() for name, tensor in state.items()})

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, *batch_and_index: Any) -> None:
        if batch_and_index[1] == 0:
            names = {id(tensor): name for name, tensor in pl_module.named_parameters()}
            self.rates.append(
                {
                    names[id(tensor)]: group["lr"]
                    for group in trainer.optimizers[0].param_groups
                    for tensor in group["params"]
                }
            )


def watched(module: Net, callback: L.Callback, epochs: int = 4) -> Watch:
    watch = Watch()
    trainer(max_epochs=epochs, callbacks=[callback, watch]).fit(module)
    return watch


def moved(watch: Watch, name: str) -> list[bool]:
    """In which epochs, from the second on, a tensor of the backbone has moved."""
    pairs = zip(watch.weights, watch.weights[1:], strict=False)
    return [not torch.equal(before[name], after[name]) for before, after in pairs]


@pytest.mark.parametrize("configured", CONFIGURED)
def test_the_backbone_thaws_at_its_epoch(configured: Callable[[Any], Any]) -> None:
    watch = watched(Net(configured), BackboneFinetuning(2))
    for name in watch.weights[0]:
        assert moved(watch, name) == [False, True, True], name


@pytest.mark.parametrize("configured", CONFIGURED)
def test_the_rates_are_lightnings(configured: Callable[[Any], Any]) -> None:
    ours = watched(Norms(configured), BackboneFinetuning(2), epochs=8)
    rates = [epoch["backbone.0.weight"] for epoch in ours.rates[2:]]
    assert rates == pytest.approx([1e-3, 2e-3, 4e-3, 8e-3, 1e-2, 1e-2])
    assert {epoch["head.0.weight"] for epoch in ours.rates} == {1e-2}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"backbone_initial_ratio_lr": 0.5},
        {"backbone_initial_lr": 3e-5},
        {"lambda_func": lambda epoch: 1 + 1 / epoch},
        {"lambda_func": lambda _: 3.0, "should_align": False},
    ],
    ids=["default", "ratio", "lr", "lambda", "unaligned"],
)
@SKIPPED
def test_each_argument_does_what_lightnings_does(options: dict[str, Any]) -> None:
    theirs = watched(Norms(filtered), Theirs(1, **options), epochs=6)
    ours = watched(Norms(filtered), BackboneFinetuning(1, **options), epochs=6)
    for before, after in zip(theirs.rates[1:], ours.rates[1:], strict=True):
        assert after["backbone.0.weight"] == pytest.approx(before["backbone.0.weight"])


@SKIPPED
class TestFaults:
    """One of Lightning's own each, and its absence here."""

    def test_a_norm_equal_to_the_heads_is_never_trained(self) -> None:
        theirs = watched(Norms(head_alone), Theirs(0))
        ours = watched(Norms(head_alone), BackboneFinetuning(0))
        assert not any(moved(theirs, "1.weight"))
        assert all(moved(ours, "1.weight"))

    def test_batch_norm_learns_at_the_heads_rate_while_the_backbone_is_frozen(self) -> None:
        theirs, ours = (watched(Net(filtered), one(2)) for one in (Theirs, BackboneFinetuning))
        assert moved(theirs, "1.weight") == [True, True, True]
        assert theirs.rates[2]["backbone.1.weight"] == 1e-2
        assert moved(ours, "1.weight") == [False, True, True]
        assert ours.rates[2]["backbone.1.weight"] == pytest.approx(1e-3)

    def test_statistics_of_batch_norm_move_while_the_backbone_is_frozen(self) -> None:
        theirs, ours = (watched(Net(filtered), one(2)) for one in (Theirs, BackboneFinetuning))
        assert moved(theirs, "1.running_mean") == [True, True, True]
        assert moved(ours, "1.running_mean") == [False, True, True]

    def test_batch_norm_is_trained_though_it_was_not_to_be(self) -> None:
        theirs, ours = (
            watched(Net(filtered), one(1, train_bn=False)) for one in (Theirs, BackboneFinetuning)
        )
        assert all(moved(theirs, "1.weight"))
        assert not any(moved(ours, "1.weight"))
        assert not any(moved(ours, "1.running_mean"))
        assert all(moved(ours, "0.weight"))

    def test_a_resume_after_the_thaw_fails_or_freezes_again(self, tmp_path: Path) -> None:
        saving(tmp_path / "theirs", max_epochs=4, callbacks=[Theirs(1)]).fit(Net(filtered))
        again = Net(filtered)
        resumed = saving(tmp_path / "theirs", max_epochs=4, callbacks=[Theirs(1)])
        resumed.fit(again, ckpt_path=tmp_path / "theirs" / "15.ckpt")
        assert not again.backbone[0].weight.requires_grad
        saving(tmp_path / "ours", max_epochs=4, callbacks=[BackboneFinetuning(1)]).fit(Net(filtered))
        again = Net(filtered)
        resumed = saving(tmp_path / "ours", max_epochs=4, callbacks=[BackboneFinetuning(1)])
        resumed.fit(again, ckpt_path=tmp_path / "ours" / "15.ckpt")
        assert again.backbone[0].weight.requires_grad


def test_with_a_schedule_the_backbone_follows_the_rest_once_it_has_reached_it() -> None:
    recipe = pg.Recipe(
        optimizer="adam", lr=1e-2, schedule=pg.schedules.cosine(), rules=[pg.recipes.layer_decay(0.5)]
    )
    module = Net(recipe)
    fitting = trainer(max_epochs=8, callbacks=[BackboneFinetuning(2)])
    fitting.fit(module)
    plan, without = scheduler_of(fitting).plan, pg.plan(Net(), recipe, steps=40)
    name = "backbone.3.weight"
    assert plan.at(10)[name].lr == pytest.approx(0.1 * without.at(10)[name].lr)
    assert plan.at(15)[name].lr == pytest.approx(2 * plan.at(14)[name].lr)
    assert [plan.at(tick)[name].lr for tick in range(35, 40)] == [
        without.at(tick)[name].lr for tick in range(35, 40)
    ]


def test_groups_of_the_users_keep_what_they_say() -> None:
    def grouped(self: Any) -> Any:
        bias = [self.head[1].bias]
        rest = [self.head[0].weight, self.head[0].bias, self.head[1].weight]
        groups: list[dict[str, Any]] = [
            {"params": rest},
            {"params": bias, "lr": 0.5, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=1e-2)

    watch = watched(Net(grouped), BackboneFinetuning(1), epochs=2)
    assert watch.rates[0]["head.1.bias"] == 0.5
    assert watch.rates[0]["head.1.weight"] == 1e-2


def test_what_is_in_no_group_stays_frozen() -> None:
    def part(self: Any) -> Any:
        return torch.optim.SGD([self.head[1].weight], lr=0.1)

    module = Net(part)
    before = module.head[1].bias.clone()
    trainer(max_epochs=2, callbacks=[BackboneFinetuning(1)]).fit(module)
    assert torch.equal(module.head[1].bias, before)


def test_a_backbone_that_does_not_thaw_within_the_run_is_not_trained() -> None:
    assert not any(moved(watched(Net(filtered), BackboneFinetuning()), "0.weight"))


def test_the_rates_are_told_where_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watched(Net(filtered), BackboneFinetuning(1, verbose=True, rounding=4), epochs=3)
    assert "Current lr: 0.01, Backbone lr: 0.001" in caplog.messages
    assert "Current lr: 0.01, Backbone lr: 0.002" in caplog.messages


def test_a_scheduler_of_torchs_is_refused() -> None:
    def scheduled(self: Any) -> Any:
        optimizer = filtered(self)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    with pytest.raises(HostError, match=r"returns StepLR\. Write the schedule into a recipe"):
        trainer(max_epochs=1, callbacks=[BackboneFinetuning(1)]).fit(Net(scheduled))


def test_a_module_without_a_backbone_is_refused() -> None:
    class Headed(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Linear(4, 2)

        def training_step(self, batch: Any) -> Any:
            return self.encoder(batch[0]).sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    with pytest.raises(HostError, match="this Headed has no `backbone`"):
        trainer(max_epochs=1, callbacks=[BackboneFinetuning(1)]).fit(Headed(), Net().train_dataloader())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"unfreeze_backbone_at_epoch": -1}, "unfreeze_backbone_at_epoch=-1 is no epoch"),
        ({"unfreeze_backbone_at_epoch": "3"}, "unfreeze_backbone_at_epoch='3' is no epoch"),
        ({"unfreeze_backbone_at_epoch": float("inf")}, "unfreeze_backbone_at_epoch=inf is no epoch"),
        ({"lambda_func": 2.0}, "lambda_func=2.0 is no function"),
        ({"backbone_initial_ratio_lr": None}, "backbone_initial_ratio_lr=None is no number of at least 0"),
        ({"initial_denom_lr": 0}, "initial_denom_lr=0 is no number above 0"),
        ({"initial_denom_lr": "5"}, "initial_denom_lr='5' is no number above 0"),
        ({"backbone_initial_ratio_lr": -0.1}, "backbone_initial_ratio_lr=-0.1 is no number of at least 0"),
        ({"backbone_initial_lr": float("nan")}, "backbone_initial_lr=nan is no number of at least 0"),
    ],
    ids=lambda value: None if isinstance(value, str) else next(iter(value)),
)
def test_bad_arguments_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(HostError, match=told):
        BackboneFinetuning(**options)


def test_a_first_rate_is_no_multiple_of_a_rate_of_0() -> None:
    module = Net(pg.Recipe(optimizer="sgd", lr=0.0))
    with pytest.raises(HostError, match=r"backbone_initial_lr=0\.1 is no multiple of the recipe's lr=0"):
        trainer(max_epochs=1, callbacks=[BackboneFinetuning(1, backbone_initial_lr=0.1)]).fit(module)


def test_an_argument_that_nobody_reads_is_told() -> None:
    with pytest.warns(UserWarning, match=r"initial_denom_lr=5 .* backbone_initial_ratio_lr=0\.2"):
        BackboneFinetuning(initial_denom_lr=5)
