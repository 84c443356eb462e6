"""Rates over time: own schedules and clocks, domains, torch's interface, jumps, exact resumes."""

import copy
import io
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

import paramgroups as pg
from paramgroups.schedules import constant, cosine, exponential, function, linear, one_cycle, step, warmup
from tests.acceptance.models import backward, planned, small


def go(model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, ticks: int) -> None:
    for _ in range(ticks):
        optimizer.zero_grad()
        backward(model)
        optimizer.step()
        scheduler.step()


class Clipped(torch.optim.SGD):
    """A user's optimizer, which reads a norm to clip each group to."""

    def __init__(self, params: Any, lr: float = 0.1, clip_norm: float = 1.0) -> None:
        super().__init__(params, lr=lr)
        self.defaults["clip_norm"] = clip_norm
        for group in self.param_groups:
            group.setdefault("clip_norm", clip_norm)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # it has no closure
        for group in self.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], group["clip_norm"])
        super().step(closure)


class TestAnyHyperparameter:
    @pytest.mark.parametrize(
        ("optimizer", "name", "base", "written"),
        [
            ("adamw", "weight_decay", 0.2, lambda group: group["weight_decay"]),
            ("adamw", "beta1", 0.8, lambda group: group["betas"][0]),
            ("adamw", "beta2", 0.9, lambda group: group["betas"][1]),
            ("adamw", "eps", 1e-6, lambda group: group["eps"]),
            ("sgd", "momentum", 0.9, lambda group: group["momentum"]),
            ("rmsprop", "alpha", 0.9, lambda group: group["alpha"]),
        ],
        ids=["weight_decay", "beta1", "beta2", "eps", "momentum", "alpha"],
    )
    def test_has_a_schedule(
        self, optimizer: str, name: str, base: float, written: Callable[[dict[str, Any]], float]
    ) -> None:
        model = small()
        said: dict[str, Any] = {name: base, "schedules": {name: linear(end=0.5)}}
        plan = planned(model=model, optimizer=optimizer, steps=4, **said)
        assert plan.curve("0.weight", name) == pytest.approx([base * f for f in (1, 0.875, 0.75, 0.625)])
        made, scheduler = pg.build(plan)
        go(model, made, scheduler, 3)
        assert written(made.param_groups[0]) == plan.curve("0.weight", name)[3]
        assert made.param_groups[0]["lr"] == 0.1

    def test_a_norm_to_clip_to_of_a_users_own_optimizer(self) -> None:
        model = small()
        rule = pg.rule("2", clip_norm=0.5, schedules={"clip_norm": exponential(0.5)}, group="head")
        plan = planned(rule, model=model, optimizer=Clipped, clip_norm=2.0, schedule=linear())
        optimizer, scheduler = pg.build(plan)
        go(model, optimizer, scheduler, 2)
        found = {group["name"]: group["clip_norm"] for group in optimizer.param_groups}
        assert (found.pop("head"), set(found.values())) == (0.125, {2.0})
        scheduler.set("head", clip_norm=4.0)
        assert scheduler.plan.replay(scheduler.journal).at(2)["2.weight"].clip_norm == 1.0

    @pytest.mark.parametrize(
        ("optimizer", "name", "base", "factor"),
        [
            ("adamw", "beta1", 0.9, 1.1145),  # 1.003, which torch's AdamW runs with unnoticed
            ("adamw", "beta2", 0.999, 1.002),
            ("adamw", "weight_decay", 0.1, math.inf),
            ("adamw", "eps", 1e-8, math.nan),
            ("sgd", "momentum", 0.9, -1.0),
        ],
        ids=["beta1", "beta2", "weight_decay", "eps", "momentum"],
    )
    def test_a_value_out_of_its_domain_at_one_step_is_found_by_the_plan(
        self, optimizer: str, name: str, base: float, factor: float
    ) -> None:
        jump = function("jump", lambda t: factor if t == 73 else 1.0, of="tick")
        said: dict[str, Any] = {name: base, "schedules": {name: jump}}
        with pytest.raises(pg.ParamGroupsError) as error:
            planned(optimizer=optimizer, **said)
        for word in (name, "jump", "73"):
            assert word in str(error.value)

    def test_one_cycle_turns_momentum_the_other_way(self) -> None:
        said: dict[str, Any] = {"schedules": {"beta1": one_cycle(start=1.0, peak=0.85 / 0.95, end=1.0)}}
        plan = planned(steps=100, beta1=0.95, schedule=one_cycle(), **said)
        rates, betas = plan.curve("0.weight", "lr"), plan.curve("0.weight", "beta1")
        top = rates.index(max(rates))
        assert betas[top] == min(betas) == pytest.approx(0.85)
        assert betas[0] == pytest.approx(0.95) == betas[-1]


class TestClocks:
    def test_each_rule_has_a_schedule_of_its_own_and_groups_keep_apart(self) -> None:
        plan = planned(
            pg.rule("2", lr_scale=10, schedule=step(0.5, every=50)),
            pg.rule(":norm", schedule=constant()),
            schedule=linear(),
            lr=1.0,
        )
        row = plan.at(75)
        assert [row[name].lr for name in ("0.weight", "1.weight", "2.weight")] == [0.25, 1.0, 5.0]

    def test_a_thaws_clock_begins_at_its_thaw(self) -> None:
        model = small()
        plan = planned(
            pg.rule("0", trainable=False, until="20%", clock="thaw", schedule=warmup("25%").then(linear())),
            model=model,
            optimizer="sgd",
            lr=1.0,
            schedule=cosine(),
        )
        curve = plan.curve("0.weight", "lr")
        assert curve[20:41] == pytest.approx([(t + 1) / 20 for t in range(20)] + [1.0])  # 25% of 80
        assert curve[70] == pytest.approx(0.5)
        optimizer, scheduler = pg.build(plan)
        for tick in range(60):
            held = next(group for group in optimizer.param_groups if "0.weight" in group["param_names"])
            assert model[0].weight.requires_grad == (tick >= 20)
            if tick >= 20:
                assert held["lr"] == curve[tick]
            go(model, optimizer, scheduler, 1)

    def test_gradual_unfreezing_on_three_clocks(self) -> None:
        plan = planned(
            pg.rule("0", trainable=False, until=60, clock="thaw", schedule=warmup(10).then(constant())),
            pg.rule("1", trainable=False, until=30, clock="thaw", schedule=warmup(10).then(constant())),
            pg.rule("2", schedule=warmup(10).then(constant())),
            lr=1.0,
        )
        for name, thaw in (("2.weight", 0), ("1.weight", 30), ("0.weight", 60)):
            curve = plan.curve(name, "lr")
            assert curve[thaw] == pytest.approx(0.1)
            assert curve[thaw + 9 : thaw + 11] == pytest.approx([1.0, 1.0])

    def test_epochs_as_ticks(self) -> None:
        model = small()
        plan = pg.plan(
            model,
            pg.Recipe(
                optimizer="sgd",
                lr=1.0,
                schedule=step(0.5, every="2 epochs"),
                rules=[pg.rule("2", lr=4.0, schedule=warmup(2).then(linear()))],
            ),
            epochs=6,
        )
        optimizer, scheduler = pg.build(plan)
        seen = []
        for _ in range(6):
            seen.append(dict(scheduler.rates))
            for _ in range(25):  # updates, of which the plan need not know
                backward(model)
                optimizer.step()
            scheduler.step()
        assert [rates["default"] for rates in seen] == [1, 1, 0.5, 0.5, 0.25, 0.25]
        assert [rates["2"] for rates in seen] == [2, 4, 4, 3, 2, 1]

    def test_a_window_of_a_rule_ends_and_its_schedule_with_it(self) -> None:
        plan = planned(
            pg.rule("0", lr_scale=2.0, start=10, until=30, schedule=constant(0.5)), lr=1.0, schedule=linear()
        )
        rates = [plan.at(t)["0.weight"].lr for t in (9, 10, 29, 30)]
        assert rates == pytest.approx([0.91, 1.0, 1.0, 0.7])


class TestTorchsInterface:
    def test_it_is_a_scheduler_to_everybody(self) -> None:
        model = small()
        optimizer, scheduler = pg.build(planned(pg.rule("2", lr_scale=10), model=model, schedule=linear()))
        assert isinstance(scheduler, LRScheduler)
        assert (scheduler.last_epoch, scheduler.optimizer) == (0, optimizer)
        go(model, optimizer, scheduler, 50)
        assert scheduler.last_epoch == 50
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups] == [0.05, 0.5]
        assert [group["initial_lr"] for group in optimizer.param_groups] == scheduler.base_lrs == [0.1, 1.0]

    def test_its_state_is_plain_and_small(self) -> None:
        model = small()
        optimizer, scheduler = pg.build(planned(model=model, schedule=linear()))
        go(model, optimizer, scheduler, 3)
        scheduler.scale("**", 0.5, steps=10)
        state = scheduler.state_dict()
        assert json.loads(json.dumps(state))["last_epoch"] == 3
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        other, again = pg.build(planned(model=model, schedule=linear()))
        again.load_state_dict(torch.load(file, weights_only=True))
        assert again.get_last_lr() == scheduler.get_last_lr() == [pytest.approx(0.0485)]
        assert other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]

    @pytest.mark.parametrize("where", [0, 7, 49, 99, 3, 250, 12.5])
    def test_a_jump_is_the_value_of_the_plan_there(self, where: float) -> None:
        model = small()
        plan = planned(pg.rule("2", schedule=step(0.5, every=5)), model=model, schedule=cosine(end=0.1))
        optimizer, scheduler = pg.build(plan)
        go(model, optimizer, scheduler, 2)
        optimizer.step()
        scheduler.step(where)
        row = plan.at(where)
        assert scheduler.get_last_lr() == [row["0.weight"].lr, row["2.weight"].lr]
        assert scheduler.last_epoch == where
        optimizer.step()
        scheduler.step()
        assert scheduler.last_epoch == where + 1
        assert not scheduler.journal

    def test_a_jump_back_from_beyond_a_thaw_freezes_again(self) -> None:
        model = small()
        optimizer, scheduler = pg.build(planned(pg.rule("0", trainable=False, until=50), model=model))
        go(model, optimizer, scheduler, 2)
        scheduler.step(60)
        assert model[0].weight.requires_grad
        optimizer.step()
        scheduler.step(10)
        assert not model[0].weight.requires_grad

    @pytest.mark.parametrize("theirs", ["SequentialLR", "ChainedScheduler"])
    def test_in_torchs_containers_it_goes_on_by_its_plan(self, theirs: str) -> None:
        model = small()
        plan = planned(model=model, optimizer="sgd", schedule=linear())
        optimizer, scheduler = pg.build(plan)
        made = torch.optim.lr_scheduler.ChainedScheduler([scheduler], optimizer) if theirs[0] == "C" else None
        held = made or torch.optim.lr_scheduler.SequentialLR(optimizer, [scheduler], [])
        for tick in range(5):
            assert optimizer.param_groups[0]["lr"] == plan.at(tick)["0.weight"].lr
            backward(model)
            optimizer.step()
            held.step()


class TestPreview:
    RULES = (
        pg.rule("2", lr_scale=10, schedule=warmup("10%").then(cosine(end=0.01))),
        pg.rule(":norm", trainable=False, until="1 epoch", clock="thaw", schedule=warmup(5).then(linear())),
        pg.rule(":bias", weight_decay=0.0, start=7, until=21),
    )

    def test_a_curve_is_what_is_applied_at_every_step(self) -> None:
        model = small()
        recipe = pg.Recipe(
            optimizer="adamw",
            lr=0.01,
            schedule=exponential(0.97),
            schedules={"weight_decay": linear(end=0.5), "beta2": constant(0.99)},
            rules=self.RULES,
        )
        plan = pg.plan(model, recipe, epochs=4, steps_per_epoch=10)
        optimizer, scheduler = pg.build(plan)
        applied: dict[tuple[str, str], list[float]] = {}
        for _ in range(40):
            for group in optimizer.param_groups:
                for name in group["param_names"]:
                    applied.setdefault((name, "lr"), []).append(group["lr"])
                    applied.setdefault((name, "weight_decay"), []).append(group["weight_decay"])
                    applied.setdefault((name, "beta2"), []).append(group["betas"][1])
            go(model, optimizer, scheduler, 1)
        for (name, hyper), values in applied.items():
            assert values == plan.curve(name, hyper)
        assert len(applied) == 18

    def test_a_resume_is_exact_wherever_it_stops(self) -> None:
        unbroken = [weight.detach() for weight in self.run(None).parameters()]
        for stop in range(2, 60, 6):
            found = self.run(stop).parameters()
            assert all(map(torch.equal, found, unbroken)), stop

    def run(self, stop: int | None) -> nn.Module:
        """Sixty steps with edits and a plateau, perhaps stopped and resumed in a new process."""
        torch.manual_seed(3)
        model = small()
        optimizer, scheduler = self.built(model)
        for tick in range(60):
            if tick == stop:
                saved = copy.deepcopy((model.state_dict(), optimizer.state_dict(), scheduler.state_dict()))
                model = small()
                optimizer, scheduler = self.built(model)
                model.load_state_dict(saved[0])
                scheduler.load_state_dict(saved[2])
                optimizer.load_state_dict(saved[1])
            go(model, optimizer, scheduler, 1)
            self.meddle(tick, optimizer, scheduler)
        return model

    def built(self, model: nn.Module) -> tuple[torch.optim.Optimizer, pg.Scheduler]:
        recipe = pg.Recipe(
            optimizer="adamw",
            lr=0.01,
            schedule=cosine(end=0.1),
            rules=self.RULES,
            controllers=[pg.control.plateau("2", "loss", factor=0.5, patience=1)],
        )
        return pg.build(pg.plan(model, recipe, epochs=6, steps_per_epoch=10))

    def meddle(self, tick: int, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler) -> None:
        if tick % 5 == 0:
            scheduler.observe(loss=1.0 + 0.01 * tick)
        if tick == 20:
            scheduler.scale("2", 3.0, steps=15)
        if tick == 33:
            optimizer.param_groups[0]["weight_decay"] *= 0.5
        if tick == 41:
            scheduler.set("**", lr=0.005)


def raises(_: float) -> float:
    message = "no such table"
    raise OSError(message)


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a length beyond the horizon": ({"schedule": cosine(length=101)}, ["101", "100"]),
    "a chain beyond the horizon": ({"schedule": warmup(60).then(linear(length=60))}, ["120", "100"]),
    "a function that raises": (
        {"schedule": function("from a file", raises)},
        ["from a file", "no such table"],
    ),
    "a function that gives a tensor": (
        {"schedule": function("theirs", lambda u: torch.tensor(1 - u))},  # type: ignore[arg-type, return-value]  # the mistake
        ["theirs", "tensor"],
    ),
    "a function that gives None": (
        {"schedule": function("forgot", lambda _: None)},  # type: ignore[arg-type, return-value]  # the mistake
        ["forgot", "None"],
    ),
    "a function that is NaN at one step": (
        {"schedule": function("gap", lambda t: math.nan if t == 41 else 1.0, of="tick")},
        ["gap", "nan", "41"],
    ),
    "a function that is negative at the end": (
        {"schedule": function("below", lambda t: 98.5 - t, of="tick")},
        ["below", "-0.5", "99"],
    ),
}


@pytest.mark.parametrize(("said", "words"), REFUSED.values(), ids=REFUSED)
def test_bad_schedules_are_found_by_the_plan(said: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(pg.ParamGroupsError) as error:
        planned(**said)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("factor", [-0.5, math.nan, math.inf, "half", None, torch.tensor(0.5)], ids=str)
def test_bad_factors_are_found_where_they_are_written(factor: Any) -> None:
    with pytest.raises(pg.ParamGroupsError):
        constant(factor)
    with pytest.raises(pg.ParamGroupsError):
        linear(end=factor)
    _, scheduler = pg.build(planned(model=(model := small())))
    with pytest.raises(pg.ParamGroupsError):
        scheduler.scale("**", factor)
    assert scheduler.rates == {"default": 0.1}
    assert not scheduler.journal
    assert model[0].weight.requires_grad


def test_a_stream_warms_up_goes_on_and_is_told_its_end() -> None:
    model = small()
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, schedule=warmup(4).then(constant()).then(linear(length=10)))
    optimizer, scheduler = pg.build(pg.plan(model, recipe))
    seen = []
    for tick in range(50):
        if tick == 30:
            scheduler.extend(steps=50)
        seen += scheduler.get_last_lr()
        go(model, optimizer, scheduler, 1)
    assert seen == pg.plan(small(), recipe, steps=50).curve("0.weight", "lr")
    assert seen[:4] + seen[39:42] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.9]


def test_training_goes_on_for_longer_than_was_planned() -> None:
    model = small()
    optimizer, scheduler = pg.build(planned(model=model, steps=20, schedule=linear(), lr=1.0))
    go(model, optimizer, scheduler, 10)
    (event,) = scheduler.extend(steps=40)
    assert (event.old, event.new) == (20, 40)
    assert scheduler.get_last_lr() == [0.75]
    go(model, optimizer, scheduler, 20)
    assert scheduler.get_last_lr() == [0.25]
    with pytest.raises(pg.ParamGroupsError, match="30"):
        scheduler.extend(steps=30)
