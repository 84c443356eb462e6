"""Controllers: what they watch, what they decide, and how they stand in a file."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.schedules import linear
from tests.acceptance.models import built, go, planned, rates, small


@pytest.fixture
def model() -> nn.Sequential:
    """Kept by the test: a plan holds no model."""
    return small()


class TestPlateau:
    def test_each_selector_has_its_own_metric(self, model: nn.Module) -> None:
        watches = [
            pg.control.plateau("2", "accuracy", mode="max", factor=0.5, patience=1),
            pg.control.plateau("0", "val_loss", factor=0.1, patience=0),
        ]
        optimizer, scheduler = built(model, pg.rule("0", group="first"), schedule=None, controllers=watches)
        assert scheduler.rates.keys() == {"default", "first", "2"}
        for accuracy, loss in ((0.5, 1.0), (0.6, 0.9), (0.6, 0.8), (0.6, 0.8)):
            scheduler.observe(accuracy=accuracy, val_loss=loss, ignored=3)
        assert scheduler.rates == pytest.approx({"default": 0.1, "first": 0.01, "2": 0.5})
        assert [event.cause for event in scheduler.journal] == [
            'plateau("2", "accuracy")',
            'plateau("0", "val_loss")',
        ]
        assert rates(optimizer) == list(scheduler.rates.values())

    def test_its_groups_are_whole_from_the_start(self, model: nn.Module) -> None:
        watch = pg.control.plateau("0.weight", "loss", patience=0)
        plan = planned(model=model, controllers=[watch])
        assert [group.names for group in plan.groups if "0.weight" in group.names] == [("0.weight",)]
        optimizer, scheduler = pg.build(plan)
        count = len(optimizer.param_groups)
        scheduler.observe(loss=1.0)
        scheduler.observe(loss=1.0)
        assert len(optimizer.param_groups) == count
        assert [group["lr"] for group in optimizer.param_groups if group["param_names"] == ["0.weight"]] == [
            pytest.approx(0.01)
        ]

    def test_it_may_raise_and_stops_at_its_bounds(self, model: nn.Module) -> None:
        up = pg.control.plateau("2", "loss", factor=2.0, patience=0, ceiling=5.0)
        down = pg.control.plateau("0", "loss", factor=0.5, patience=0, floor=0.2)
        _, scheduler = built(model, pg.rule("0", group="first"), schedule=None, controllers=[up, down])
        for _ in range(20):
            scheduler.observe(loss=1.0)
        assert scheduler.rates["2"] == pytest.approx(5.0)
        assert scheduler.rates["first"] == pytest.approx(0.02)  # a share of its own rate

    def test_a_cut_is_on_top_of_the_schedule(self, model: nn.Module) -> None:
        watch = pg.control.plateau("**", "loss", patience=0)
        optimizer, scheduler = built(model, controllers=[watch])
        scheduler.observe(loss=1.0)
        go(optimizer, scheduler, 50)
        scheduler.observe(loss=1.0)
        assert rates(optimizer) == pytest.approx([0.005, 0.05])
        go(optimizer, scheduler, 25)
        assert rates(optimizer) == pytest.approx([0.0025, 0.025])

    def test_as_torch_decides(self, model: nn.Module) -> None:
        options: dict[str, Any] = {"factor": 0.5, "patience": 2, "cooldown": 1, "threshold": 0.01}
        plain = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
        theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(plain, **options)
        watch = pg.control.plateau("**", "loss", **options)
        _, ours = built(model, schedule=None, controllers=[watch])
        losses = [1, 0.995, 0.8, 0.81, 0.79, 0.795, 0.79, 0.9, 0.6, 0.61, 0.7, 0.7, 0.7, 0.7, 0.599, 0.7, 0.7]
        for loss in losses:
            theirs.step(loss)
            ours.observe(loss=loss)
            assert ours.rates["default"] == pytest.approx(plain.param_groups[0]["lr"], rel=1e-15)
        assert ours.rates["default"] < 0.1

    @pytest.mark.parametrize(("policy", "rate"), [("ignore", 0.1), ("bad", 0.01)])
    def test_nan(self, model: nn.Module, policy: Any, rate: float) -> None:
        watch = pg.control.plateau("**", "loss", patience=1, nan=policy)
        _, scheduler = built(model, schedule=None, controllers=[watch])
        for loss in (1.0, math.nan, math.nan):
            scheduler.observe(loss=loss)
        assert scheduler.rates["default"] == pytest.approx(rate)

    def test_nan_that_is_an_error_changes_nothing(self, model: nn.Module) -> None:
        watch = pg.control.plateau("**", "loss", patience=0, nan="error")
        _, scheduler = built(model, schedule=None, controllers=[watch])
        scheduler.observe(loss=1.0)
        before = scheduler.state_dict()
        with pytest.raises(pg.ParamGroupsError, match=r"loss is nan at step 0"):
            scheduler.observe(loss=math.nan)
        assert scheduler.state_dict() == before

    @pytest.mark.parametrize("loss", [np.float32(0.5), torch.tensor(0.5), torch.tensor([0.5]), 1], ids=repr)
    def test_a_metric_is_a_number_of_any_kind(self, model: nn.Module, loss: Any) -> None:
        _, scheduler = built(model, controllers=[pg.control.plateau("**", "loss")])
        assert scheduler.observe(loss=loss) == ()

    @pytest.mark.parametrize("loss", ["0.5", None, torch.ones(2), [0.5], True], ids=repr)
    def test_what_is_no_metric(self, model: nn.Module, loss: Any) -> None:
        _, scheduler = built(model, controllers=[pg.control.plateau("**", "loss")])
        with pytest.raises(pg.ParamGroupsError, match="loss"):
            scheduler.observe(loss=loss)

    def test_a_metric_that_no_controller_reads(self, model: nn.Module) -> None:
        _, scheduler = built(model, controllers=[pg.control.plateau("**", "val_loss")])
        with pytest.raises(pg.ParamGroupsError, match="val_loss"):
            scheduler.observe(val_los=0.5)
        _, without = built(model)
        with pytest.raises(pg.ParamGroupsError, match="plateau"):
            without.observe(val_loss=0.5)

    def test_a_metric_that_is_never_observed_is_told(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model, controllers=[pg.control.plateau("**", "val_loss")])
        with pytest.warns(UserWarning, match=r"val_loss.*scheduler\.observe"):
            go(optimizer, scheduler, 60)

    @pytest.mark.parametrize(
        "options",
        [
            {"factor": 0.0},
            {"factor": 1.0},
            {"factor": -0.5},
            {"factor": math.nan},
            {"patience": -1},
            {"patience": 1.5},
            {"mode": "less"},
            {"floor": 1.5},
            {"floor": -0.1},
            {"threshold": -1},
            {"cooldown": -1},
            {"nan": "maybe"},
        ],
        ids=str,
    )
    def test_bad_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(pg.ParamGroupsError, match=next(iter(options))):
            pg.control.plateau("**", "loss", **options)

    def test_a_selector_that_matches_nothing_is_found_by_the_plan(self) -> None:
        with pytest.raises(pg.ParamGroupsError, match="haed"):
            planned(controllers=[pg.control.plateau("haed", "loss")])


class TestOthers:
    def test_a_greedy_one_raises_while_things_improve(self, model: nn.Module) -> None:
        bold = pg.control.greedy("2", "loss", factor=0.5, patience=0, ceiling=4.0)
        _, scheduler = built(model, schedule=None, controllers=[bold])
        seen = []
        for loss in (1.0, 0.9, 0.8, 0.7, 0.8, 0.9):
            scheduler.observe(loss=loss)
            seen.append(scheduler.rates["2"])
        assert seen == pytest.approx([2.0, 4.0, 4.0, 4.0, 2.0, 1.0])
        assert scheduler.rates["default"] == 0.1

    def test_a_function_of_ones_own(self, model: nn.Module) -> None:
        def halve(best: float | None, seen: Any) -> Any:
            spike = best is not None and seen["loss"] > 2 * best
            best = seen["loss"] if best is None else min(best, seen["loss"])
            return best, [pg.rule("2", lr_scale=0.5, until=int(seen.step) + 5)] if spike else []

        guard = pg.control.function("halve on a spike", halve, selector="2", metric="loss")
        optimizer, scheduler = built(model, schedule=None, controllers=[guard])
        seen = []
        for loss in (1.0, 1.5, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0):
            scheduler.observe(loss=loss)
            seen.append(scheduler.rates["2"])
            go(optimizer, scheduler, 1)
        assert seen == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0]
        assert "halve on a spike" in str(scheduler.journal)

    @pytest.mark.parametrize(
        ("answer", "word"),
        [
            (None, "pair"),
            ((None, [pg.rule("0", lr_scale=0.5)]), "declare"),
            ((None, [pg.rule("2", lr_scale=0.5, until=0)]), "until"),
            ((None, [pg.rule("2", trainable=False)]), "trainable"),
            ((object(), []), "state"),
            ((None, 0.5), "rules"),
        ],
        ids=["no pair", "another's group", "over at once", "a freeze", "no plain state", "a number"],
    )
    def test_a_function_that_answers_wrongly_changes_nothing(
        self, model: nn.Module, answer: Any, word: str
    ) -> None:
        guard = pg.control.function("mine", lambda *_: answer, selector="2", metric="loss")
        _, scheduler = built(model, controllers=[guard])
        with pytest.raises(pg.ParamGroupsError, match=word) as error:
            scheduler.observe(loss=1.0)
        assert "mine at step 0" in str(error.value)
        assert not scheduler.journal

    def test_what_it_remembers_goes_through_a_resume(self, model: nn.Module) -> None:
        watch = pg.control.plateau("2", "loss", patience=2)
        optimizer, scheduler = built(model, controllers=[watch])
        for _ in range(3):
            scheduler.observe(loss=1.0)  # the first is the best, two are bad
        other = small()
        later, again = built(other, controllers=[watch])
        again.load_state_dict(copy.deepcopy(scheduler.state_dict()))
        (event,) = again.observe(loss=1.0)
        assert event.value == 0.1
        assert rates(later) == pytest.approx([0.1, 0.1])
        assert rates(optimizer) == pytest.approx([0.1, 1.0])

    def test_another_recipes_memory_is_refused(self, model: nn.Module) -> None:
        _, scheduler = built(model, controllers=[pg.control.plateau("2", "loss")])
        _, other = built(model, controllers=[pg.control.plateau("2", "accuracy")])
        with pytest.raises(pg.ParamGroupsError, match="accuracy"):
            other.load_state_dict(scheduler.state_dict())


FILE = """
optimizer = "sgd"
lr = 0.1
schedule = {use = "cosine"}

[[rules]]
select = "2"
lr_scale = 10

[[controllers]]
use = "plateau"
select = "2"
metric = "val_loss"
factor = 0.5
patience = 1
floor = 0.01

[[controllers]]
use = "greedy"
select = ":norm"
metric = "train_loss"
"""


def test_controllers_in_a_file_and_back(tmp_path: Path, model: nn.Module) -> None:
    (tmp_path / "recipe.toml").write_text(FILE)
    recipe = pg.load_recipe(tmp_path / "recipe.toml")
    assert recipe.controllers == (
        pg.control.plateau("2", "val_loss", factor=0.5, patience=1, floor=0.01),
        pg.control.greedy(":norm", "train_loss"),
    )
    (tmp_path / "again.toml").write_text(recipe.to_toml())
    assert pg.load_recipe(tmp_path / "again.toml") == recipe
    _, scheduler = pg.build(pg.plan(model, recipe, steps=100))
    for _ in range(3):
        scheduler.observe(val_loss=1.0)
    assert scheduler.rates["2"] == 0.5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('use = "plateu"', ["plateu", "plateau"]),
        ('use = "plateau"\nselect = "2"\nmetric = "loss"\npatiance = 3', ["patiance", "patience"]),
        ('use = "plateau"\nselect = "2"', ["metric"]),
        ('use = "plateau"\nselect = "2"\nmetric = "loss"\nfactor = "0.1"', ["factor", "0.1"]),
        ('use = "function"\nselect = "2"\nmetric = "loss"', ["function"]),
    ],
    ids=["no such controller", "no such option", "no metric", "text", "a function"],
)
def test_a_bad_controller_in_a_file(tmp_path: Path, line: str, words: list[str]) -> None:
    (tmp_path / "bad.toml").write_text(f'optimizer = "sgd"\nlr = 0.1\n[[controllers]]\n{line}\n')
    with pytest.raises(pg.ParamGroupsError) as error:
        pg.load_recipe(tmp_path / "bad.toml")
    for word in ("bad.toml", *words):
        assert word in str(error.value)


def test_a_function_is_no_data(model: nn.Module) -> None:
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=0.1,
        controllers=[pg.control.function("mine", lambda state, _: (state, []), selector="2", metric="loss")],
    )
    assert pg.plan(model, recipe, steps=10)
    with pytest.raises(pg.ParamGroupsError, match="mine"):
        recipe.to_toml()


def test_three_hundred_groups_keep_their_ratios_through_edits_and_a_resume() -> None:
    model = nn.ModuleDict({f"layer{i}": nn.Linear(1, 1, bias=False) for i in range(300)})
    rules = [pg.rule(f"layer{i}", lr_scale=1 + i) for i in range(300)]
    watch = pg.control.plateau("**", "loss", factor=0.5, patience=0)
    plan = planned(*rules, model=model, lr=1e-3, schedule=linear(), controllers=[watch])
    optimizer, scheduler = pg.build(plan)
    go(optimizer, scheduler, 10)
    scheduler.scale("layer7", 0.1, steps=20)
    scheduler.observe(loss=1.0)
    scheduler.observe(loss=1.0)
    later, again = pg.build(plan)
    again.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    go(later, again, 40)
    assert rates(later) == pytest.approx([1e-3 * (1 + i) * 0.5 * 0.5 for i in range(300)])
