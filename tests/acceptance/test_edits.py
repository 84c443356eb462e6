"""Edits by method and by plain assignment, and what is told of them."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.schedules import cosine, exponential, linear
from tests.acceptance.models import backward, built, go, planned, rates, small


@pytest.fixture
def model() -> nn.Sequential:
    """Kept by the test: a plan holds no model."""
    return small()


class TestEdits:
    @pytest.mark.parametrize("how", ["scale", "set", "write", "write through a loop"])
    def test_a_method_and_a_plain_write_are_the_same_thing(self, model: nn.Module, how: str) -> None:
        optimizer, scheduler = built(model)
        go(optimizer, scheduler, 10)
        assert rates(optimizer) == pytest.approx([0.09, 0.9])
        match how:
            case "scale":
                scheduler.scale("2", 0.5)
            case "set":
                scheduler.set("2", lr=0.5)
            case "write":
                optimizer.param_groups[1]["lr"] *= 0.5
            case _:
                for group in optimizer.param_groups:
                    group["lr"] = group["lr"] * (0.5 if group["name"] == "2" else 1.0)
        assert rates(optimizer) == pytest.approx([0.09, 0.45])
        go(optimizer, scheduler, 1)
        assert rates(optimizer) == pytest.approx([0.089, 0.445])  # on top, and once
        go(optimizer, scheduler, 39)
        assert rates(optimizer) == pytest.approx([0.05, 0.25])  # neither undone nor compounded
        assert len(scheduler.journal) == 1

    def test_both_methods_act_at_once(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model)
        scheduler.scale("2", 0.1)
        assert rates(optimizer) == scheduler.get_last_lr() == pytest.approx([0.1, 0.1])
        scheduler.set("2", lr=7.0, momentum=0.5)
        assert (rates(optimizer)[1], optimizer.param_groups[1]["momentum"]) == (7.0, 0.5)

    def test_set_drops_factors_and_never_the_schedule(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model)
        go(optimizer, scheduler, 50)
        scheduler.scale("2", 0.3)
        optimizer.param_groups[1]["lr"] *= 0.3
        go(optimizer, scheduler, 10)
        scheduler.set("2", lr=3.0)
        assert rates(optimizer)[1] == pytest.approx(3.0 * 0.4)
        go(optimizer, scheduler, 20)
        assert rates(optimizer)[1] == pytest.approx(3.0 * 0.2)

    def test_for_a_number_of_steps(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model, schedule=None)
        scheduler.scale("2", 0.5, steps=3)
        scheduler.set("2", momentum=0.9, steps="5%")
        seen = []
        for _ in range(7):
            seen.append((optimizer.param_groups[1]["lr"], optimizer.param_groups[1]["momentum"]))
            go(optimizer, scheduler, 1)
        assert seen == [(0.5, 0.9)] * 3 + [(1.0, 0.9)] * 2 + [(1.0, 0)] * 2

    def test_several_writes_of_one_tick_are_one_factor(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model)
        for _ in range(3):
            optimizer.param_groups[0]["lr"] *= 0.5
        go(optimizer, scheduler, 1)
        (event,) = scheduler.journal
        assert (event.value, event.action) == (0.125, "write")

    def test_a_write_of_the_same_value_is_no_edit(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model)
        for group in optimizer.param_groups:
            group["lr"] = float(str(group["lr"]))
        go(optimizer, scheduler, 3)
        assert not scheduler.journal

    def test_a_float32_tensors_rounding_is_no_edit(self, model: nn.Module) -> None:
        plan = planned(pg.rule("2", lr_scale=10), model=model, lr=3e-4, schedule=cosine())
        optimizer = torch.optim.AdamW([g | {"lr": torch.tensor(g["lr"])} for g in plan.param_groups()])
        scheduler = pg.Scheduler(optimizer, plan)
        go(optimizer, scheduler, 30)
        assert not scheduler.journal
        optimizer.param_groups[0]["lr"].mul_(0.5)
        go(optimizer, scheduler, 1)
        assert [event.value for event in scheduler.journal] == [pytest.approx(0.5)]
        assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(0.5 * plan.at(31)["0.weight"].lr)
        assert float(optimizer.param_groups[1]["lr"]) == pytest.approx(plan.at(31)["2.weight"].lr)

    @pytest.mark.parametrize("which", ["2", "head group", ":norm", "@LayerNorm", "**"])
    def test_by_selector_or_by_the_name_of_a_group(self, model: nn.Module, which: str) -> None:
        rules = [pg.rule("2", lr_scale=10, group="head group"), pg.rule(":norm", lr_scale=3)]
        optimizer, scheduler = pg.build(planned(*rules, model=model, lr=1.0))
        touched = {name for event in scheduler.scale(which, 0.5) for name in event.names}
        parts = {"**": {"0", "1", "2"}, ":norm": {"1"}, "@LayerNorm": {"1"}}.get(which, {"2"})
        assert {name.split(".")[0] for name in touched} == parts
        base = {"0": 1.0, "1": 3.0, "2": 10.0}
        for group in optimizer.param_groups:
            part = group["param_names"][0].split(".")[0]
            assert group["lr"] == base[part] * (0.5 if part in parts else 1)

    def test_a_write_where_the_rate_is_0_says_what_to_say(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model, pg.rule(":norm", lr=0.0))
        held = next(group for group in optimizer.param_groups if group["lr"] == 0)
        held["lr"] = 0.1
        optimizer.step()
        with pytest.raises(pg.ParamGroupsError, match=r"scheduler\.set"):
            scheduler.step()
        scheduler.set(held["name"], lr=0.1)
        optimizer.step()
        scheduler.step()
        assert held["lr"] == pytest.approx(0.099)

    def test_another_scheduler_that_writes_too_is_an_error(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model)
        theirs = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        optimizer.step()
        theirs.step()
        with pytest.raises(pg.ParamGroupsError, match=r"ExponentialLR.*scheduler\.set"):
            scheduler.step()

    def test_an_edit_is_no_edit_of_the_plan(self, model: nn.Module) -> None:
        plan = planned(model=model, schedule=linear())
        before = plan.curve("0.weight", "lr")
        optimizer, scheduler = pg.build(plan)
        scheduler.scale("**", 0.5)
        go(optimizer, scheduler, 1)
        assert plan.curve("0.weight", "lr") == before

    @pytest.mark.parametrize("order", ["optimizer first", "scheduler first"])
    def test_edits_go_through_a_resume_in_any_order(self, model: nn.Module, order: str) -> None:
        optimizer, scheduler = built(model)
        go(optimizer, scheduler, 10)
        scheduler.scale("2", 0.5)
        optimizer.param_groups[0]["lr"] *= 0.1  # not yet seen by a step
        saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
        other = small()
        later, again = built(other)
        parts: list[Any] = [later, again]
        for place in (0, 1) if order == "optimizer first" else (1, 0):
            parts[place].load_state_dict(saved[place])
        assert rates(later) == pytest.approx([0.009, 0.45])
        go(later, again, 40)
        assert rates(later) == pytest.approx([0.005, 0.25])
        assert [event.action for event in again.journal] == ["scale", "write"]


BAD_EDITS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a group that is not there": ("haed", {"lr": 0.1}, ["haed"]),
    "a part of a group": ("0.weight", {"lr": 0.1}, ["0.weight", "0.bias", "group="]),
    "what is never trained": (":norm", {"lr": 0.1}, [":norm", "never trained"]),
    "what nobody reads": ("2", {"weigth_decay": 0.1}, ["weigth_decay", "weight_decay"]),
    "text": ("2", {"lr": "1e-4"}, ["1e-4"]),
    "a negative rate": ("2", {"lr": -1.0}, ["-1"]),
    "NaN": ("2", {"lr": math.nan}, ["nan"]),
    "a momentum of 2": ("2", {"momentum": 2.0}, ["momentum", "2.0"]),
    "a freeze": ("2", {"trainable": False}, ["trainable"]),
    "nothing": ("2", {}, ["lr"]),
}


@pytest.mark.parametrize(("which", "settings", "words"), BAD_EDITS.values(), ids=BAD_EDITS)
def test_bad_edits(model: nn.Module, which: str, settings: dict[str, Any], words: list[str]) -> None:
    optimizer, scheduler = built(model, pg.rule(":norm", trainable=False))
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(pg.ParamGroupsError) as error:
        scheduler.set(which, **settings)
    for word in words:
        assert word in str(error.value)
    assert optimizer.param_groups == before
    assert not scheduler.journal


@pytest.mark.parametrize("steps", [0, -1, 2.5, "soon", math.nan, "0%"], ids=str)
def test_an_edit_for_no_length(model: nn.Module, steps: Any) -> None:
    _, scheduler = built(model)
    with pytest.raises(pg.ParamGroupsError):
        scheduler.scale("2", 0.5, steps=steps)
    assert not scheduler.journal


class TestExplain:
    def test_the_sentence_of_the_design(self, model: nn.Module) -> None:
        """3e-5 = 3e-4 (recipe) × 0.1 (plateau, step 8,120) × 1.0 (a schedule)."""
        watch = pg.control.plateau("2", "val_loss", patience=0)
        plan = planned(
            model=model, steps=10_000, lr=3e-4, schedule=exponential(0.5, every=5000), controllers=[watch]
        )
        optimizer, scheduler = pg.build(plan)
        optimizer.step()
        scheduler.step(8120)
        scheduler.observe(val_loss=1.0)
        scheduler.observe(val_loss=1.0)
        told = str(scheduler.explain("2.weight"))
        chain = next(line for line in told.splitlines() if line.split()[0] == "lr")
        found = 3e-4 * 0.1 * 0.5**1.624
        assert f"{found:.9f}".rstrip("0")[:10] in chain  # plain decimals
        for word in ("0.0003 (recipe)", "0.1 (plateau", "val_loss", "step 8,120", "exponential", "at 81%"):
            assert word in chain
        assert chain.index("recipe") < chain.index("plateau") < chain.index("exponential")

    def test_each_factor_with_its_cause(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model, lr=0.01)
        go(optimizer, scheduler, 20)
        scheduler.scale("2", 0.5)
        go(optimizer, scheduler, 5)
        optimizer.param_groups[1]["lr"] *= 3
        go(optimizer, scheduler, 5)
        chain = next(
            line for line in str(scheduler.explain("2.weight")).splitlines() if " lr " in f" {line} "
        )
        for word in (
            "0.105 =",
            "0.01 (recipe)",
            '10 (rule 1 "2")',
            "0.5 (scale, step 20)",
            "3 (written, step 25)",
        ):
            assert word in chain
        assert "0.7 (linear() at 30%)" in chain
        assert rates(optimizer)[1] == pytest.approx(0.105)

    def test_set_shows_what_it_dropped(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model, lr=0.01)
        scheduler.scale("2", 0.5)
        go(optimizer, scheduler, 50)
        scheduler.set("2", lr=0.2)
        told = str(scheduler.explain("2.weight"))
        assert "0.1 = 0.2 (set, step 50) × 0.5 (linear() at 50%)" in told
        assert "dropped" in told
        assert "0.01 (recipe)" in told

    def test_another_step_than_the_present_one(self, model: nn.Module) -> None:
        optimizer, scheduler = built(model)
        go(optimizer, scheduler, 10)
        scheduler.scale("2", 0.5, steps=20)
        assert "scale" not in str(scheduler.explain("2.weight", 9))
        assert "scale" in str(scheduler.explain("2.weight", 29))
        assert "scale" not in str(scheduler.explain("2.weight", 30))
        assert "scale" not in str(scheduler.explain("0.weight"))


def test_the_weights_follow_the_edits(model: nn.Module) -> None:
    """What stands in the groups is what the weights are moved by."""
    optimizer, scheduler = built(model, schedule=None)
    scheduler.scale("2", 0.5)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    backward(model)
    optimizer.step()
    for (name, now), then in zip(model.named_parameters(), before, strict=True):
        rate = 0.5 if name.startswith("2") else 0.1
        assert torch.allclose(now, then - rate * now.grad, atol=1e-7)  # type: ignore[operator]  # it has one


def test_tied_weights_are_edited_by_either_name() -> None:
    model = nn.ModuleDict({"embed": nn.Embedding(5, 3), "lm_head": nn.Linear(3, 5, bias=False)})
    model["lm_head"].weight = model["embed"].weight
    watch = pg.control.plateau("embed", "loss", factor=0.5, patience=0)
    optimizer, scheduler = pg.build(planned(model=model, controllers=[watch]))
    scheduler.scale("lm_head", 0.5)
    scheduler.observe(loss=1.0)
    scheduler.observe(loss=1.0)
    assert rates(optimizer) == [0.025]
    assert [event.names for event in scheduler.journal] == [("embed.weight",)] * 2
    assert str(scheduler.explain("lm_head.weight")) == str(scheduler.explain("embed.weight"))


def test_one_scalar_is_a_model() -> None:
    model = nn.Module()
    model.register_parameter("temperature", nn.Parameter(torch.tensor(1.0)))
    optimizer, scheduler = pg.build(planned(model=model, optimizer="sgd", schedule=linear()))
    scheduler.scale("temperature", 0.5)
    go(optimizer, scheduler, 50)
    assert rates(optimizer) == [0.025]
