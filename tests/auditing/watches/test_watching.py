"""Watching a training: what is found, each kind once, and nothing is changed."""

import copy
import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, StepLR

import paramgroups as pg
from paramgroups.auditing import Watch
from paramgroups.errors import Finding, PlanError
from tests.auditing.setups import small
from tests.auditing.watches.watched import loss_of, told, update, updates, watching

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": partial(torch.optim.SGD, lr=0.01, momentum=0.9),
    "loops": partial(torch.optim.AdamW, lr=0.01, foreach=False),
    "foreach": partial(torch.optim.AdamW, lr=0.01, foreach=True),
    "fused": partial(torch.optim.AdamW, lr=0.01, fused=True),
    "ours": partial(pg.Optimizer, optimizer="adamw", lr=0.01),
    "ours-torch": partial(pg.Optimizer, optimizer="adamw", lr=0.01, backend="torch"),
    "lbfgs": partial(torch.optim.LBFGS, lr=0.1),
}


def train(model: nn.Module, optimizer: torch.optim.Optimizer, updates: int = 12) -> None:
    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    for _ in range(updates):
        optimizer.step(closure)  # type: ignore[arg-type]  # torch wants a float, and takes tensors


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_are_bit_equal_with_and_without_a_watch(name: str) -> None:
    torch.manual_seed(0)
    plain = small()
    watched = copy.deepcopy(plain)
    torch.manual_seed(1)
    train(plain, OPTIMIZERS[name](plain.parameters()))
    torch.manual_seed(1)
    optimizer = OPTIMIZERS[name](watched.parameters())
    with watching(watched, optimizer) as watch:
        train(watched, optimizer)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not watch.findings


def test_hooks_are_gone_afterwards_also_after_an_error() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="out of coffee"), watching(model, optimizer):
        raise RuntimeError("out of coffee")
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_a_watch_that_is_on_is_not_entered_again() -> None:
    model = small()
    watch = pg.watch(model, torch.optim.SGD(model.parameters(), lr=0.1))
    with watch, pytest.raises(PlanError, match="Enter it once"), watch:
        pass
    with watch:  # afterwards it may be
        pass


def test_each_kind_is_reported_once_when_it_is_found() -> None:
    model = small()
    heard: list[Finding] = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scheduler = StepLR(optimizer, 5)
    with pg.watch(model, optimizer, scheduler, report=heard.append) as watch:
        for _ in range(12):
            update(model, optimizer)
        assert not heard
    assert [one.code for one in heard] == ["PG401"]
    assert watch.audit().findings == tuple(watch) == tuple(heard)
    assert watch.audit().title == "Sequential, watched for 12 updates"


def test_it_is_logged_unless_somebody_listens(caplog: pytest.LogCaptureFixture) -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with caplog.at_level(logging.WARNING, "paramgroups"), pg.watch(model, optimizer, StepLR(optimizer, 5)):
        train(model, optimizer)
    assert "error PG401: StepLR was not stepped once in 12 updates." in caplog.text


def test_what_is_silenced_is_not_told_and_stands_in_the_audit() -> None:
    model = small()
    heard: list[Finding] = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    meant = pg.silence("PG401", reason="its metric never comes")
    with pg.watch(model, optimizer, StepLR(optimizer, 5), report=heard.append, silence=[meant]) as watch:
        train(model, optimizer)
    assert not heard
    assert [one.finding.code for one in watch.audit().silenced] == ["PG401"]


def frozen_one_after_the_other(watch: Watch, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Each keeps a gradient, so that steps move it: first the first layer, from then on the last one too."""
    loss_of(model).backward()
    with watch:
        for layer in (model.get_submodule("0"), model.get_submodule("3")):
            layer.requires_grad_(requires_grad=False)
            for _ in range(6):
                optimizer.step()


def test_a_silence_hides_nothing_that_is_found_later_elsewhere() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    watch = watching(model, optimizer, silence=[pg.silence("PG404", "0", reason="a probe")])
    frozen_one_after_the_other(watch, model, optimizer)
    assert [(one.code, one.names) for one in watch] == [("PG404", ("3.weight", "3.bias"))]
    assert watch.audit().findings == watch.findings
    assert watch.audit().silenced[0].finding.names == ("0.weight", "0.bias")


def test_a_silence_of_what_is_found_after_its_kind_was_told_is_not_idle() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    watch = watching(model, optimizer, silence=[pg.silence("PG404", "3", reason="a probe")])
    frozen_one_after_the_other(watch, model, optimizer)
    assert [(one.code, one.names) for one in watch.audit()] == [("PG404", ("0.weight", "0.bias"))]
    assert len(watch.audit().silenced) == 1


def test_what_is_silenced_again_and_again_stands_in_the_audit_once() -> None:
    model, optimizer = frozen_with_a_gradient()
    watch = watching(model, optimizer, silence=[pg.silence("PG404", reason="a probe")])
    with watch:
        for _ in range(6):
            optimizer.step()
    assert not watch.audit().findings
    assert len(watch.audit().silenced) == 1


@pytest.mark.parametrize(("code", "told"), [("PG101", []), ("PG205", []), ("PG405", ["PG192"])])
def test_only_silences_of_what_a_watch_looks_at_can_be_idle_in_it(code: str, told: list[str]) -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watching(model, optimizer, silence=[pg.silence(code, reason="x")]) as watch:
        updates(model, optimizer, 3)
    assert [one.code for one in watch.audit()] == told


@pytest.mark.parametrize(
    ("silence", "message"),
    [
        ("PG404", "is no list of silences"),
        (pg.silence("PG404", reason="x"), "is no list of silences"),
        ([pg.silence("PG404", "[rms>0.5]", reason="x")], r"The silence PG404 on .* cannot be resolved"),
    ],
    ids=["code", "one", "selector"],
)
def test_silences_are_refused_before_anything_is_watched(silence: Any, message: str) -> None:
    model = small()
    with pytest.raises(pg.ParamGroupsError, match=message):
        pg.watch(model, torch.optim.SGD(model.parameters(), lr=0.1), silence=silence)


class Bare(torch.optim.Optimizer):
    """An optimizer of one's own that never called `super().__init__`: torch keeps no hooks for it."""

    def __init__(self, params: Any) -> None:
        self.param_groups = [{"params": list(params), "lr": 0.1}]
        self.state: Any = {}


@pytest.mark.parametrize("place", [0, 1], ids=["first", "last"])
def test_an_optimizer_that_takes_no_hooks_is_told_and_the_others_are_watched(place: int) -> None:
    model = small()
    sound = torch.optim.SGD(model[0].parameters(), lr=0.1)
    handed: list[torch.optim.Optimizer] = [sound]
    handed.insert(place, Bare(model[3].parameters()))
    with watching(model, handed) as watch:
        updates(model, sound, 3)
    assert [one.code for one in watch] == ["PG190"]
    assert "Bare" in watch.findings[0].message
    assert watch.audit().title.endswith("watched for 3 updates")
    assert not sound._optimizer_step_pre_hooks
    assert not sound._optimizer_step_post_hooks


def test_a_report_that_raises_on_entry_leaves_no_hooks_behind() -> None:
    def refuse(finding: Finding) -> None:
        raise RuntimeError(finding.code)

    model = small()
    sound = torch.optim.SGD(model[0].parameters(), lr=0.1)
    watch = pg.watch(model, [sound, Bare(model[3].parameters())], report=refuse)
    with pytest.raises(RuntimeError, match="PG190"), watch:
        pass
    assert not sound._optimizer_step_pre_hooks
    assert not sound._optimizer_step_post_hooks


def test_what_cannot_be_seen_inside_is_told_at_once() -> None:
    with watching(small(), object()) as watch:
        assert [one.code for one in watch] == ["PG190"]


def frozen_with_a_gradient() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = small()
    loss_of(model).backward()
    model[0].requires_grad_(requires_grad=False)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def test_a_frozen_parameter_that_a_left_over_gradient_moves() -> None:
    model, optimizer = frozen_with_a_gradient()
    watch = watching(model, optimizer)
    assert told(watch, lambda: update(model, optimizer)) == ["PG404"]
    assert watch.findings[0].names == ("0.weight", "0.bias")


def test_a_frozen_parameter_without_a_gradient_is_sound() -> None:
    model, optimizer = frozen_with_a_gradient()
    optimizer.zero_grad()
    assert not told(watching(model, optimizer), lambda: updates(model, optimizer, 5))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.used(x)


@pytest.mark.parametrize("count", [5, 120], ids=["a short training", "a long one"])
def test_a_parameter_that_never_has_a_gradient(count: int) -> None:
    model = Unused()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    watch = watching(model, optimizer)
    assert told(watch, lambda: updates(model, optimizer, count)) == ["PG405"]
    assert watch.findings[0].names == ("unused.weight", "unused.bias")


def with_batch_norm() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def test_a_frozen_batch_norm_drifts_and_one_in_evaluation_does_not() -> None:
    for training in (True, False):
        model = with_batch_norm()
        model[:2].requires_grad_(requires_grad=False)
        model[1].train(training)
        optimizer = torch.optim.SGD(model[3].parameters(), lr=0.01)
        found = told(watching(model, optimizer), lambda: updates(model, optimizer, 6))  # noqa: B023  # run at once
        assert found == (["PG406"] if training else [])


def test_what_is_thawed_without_a_group_is_told_and_what_joins_one_is_not() -> None:
    for joins in (False, True):
        model = small()
        model[0].requires_grad_(requires_grad=False)
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
        watch = watching(model, optimizer)
        with watch:
            update(model, optimizer)
            model[0].requires_grad_(requires_grad=True)
            if joins:
                optimizer.add_param_group({"params": model[0].parameters()})
            for _ in range(5):
                update(model, optimizer)
        assert [one.code for one in watch] == ([] if joins else ["PG407"])


def test_weights_that_become_nan() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def loop() -> None:
        for step in range(6):
            loss_of(model).mul(math.nan if step == 3 else 1.0).backward()
            optimizer.step()
            optimizer.zero_grad()

    assert told(watching(model, optimizer), loop) == ["PG408"]


def run_away(calm: int, wild: int) -> list[str]:
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)

    def loop() -> None:
        for step in range(calm + wild):
            model(torch.ones(1, 4)).sum().mul(1.0 if step < calm else 1_000.0).backward()
            optimizer.step()
            optimizer.zero_grad()

    return told(watching(model, optimizer), loop)


def test_steps_that_run_away_are_told_and_one_odd_batch_is_not() -> None:
    assert run_away(calm=30, wild=20) == ["PG409"]
    assert not run_away(calm=30, wild=1)
    assert not run_away(calm=30, wild=0)


class Odd:
    """Has a step, and breaks when it is asked for anything else."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"no {name} today")

    def step(self) -> None: ...


def test_a_scheduler_that_breaks_when_it_is_looked_at_ends_no_training() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    assert told(watching(model, optimizer, Odd()), lambda: updates(model, optimizer, 12)) == ["PG190"]


def test_a_look_that_breaks_is_told_and_training_goes_on() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def loop() -> None:
        updates(model, optimizer, 3)
        optimizer.param_groups[0]["params"].append(None)
        optimizer.param_groups.append({"params": 3})
        for one in optimizer._optimizer_step_pre_hooks.values():
            one(optimizer, (), {})

    watch = watching(model, optimizer)
    assert told(watch, loop) == ["PG191"]
    assert "'int' object is not iterable" in watch.findings[0].message


def gradual(model: nn.Module) -> tuple[Any, Any]:
    rules = [pg.rule("0 | 1", trainable=False, until="50%")]
    recipe = pg.Recipe(optimizer="adamw", lr=1e-3, schedule=pg.schedules.cosine(), rules=rules)
    return pg.build(pg.plan(model, recipe, steps=20))


def test_gradual_unfreezing_by_a_plan_is_sound() -> None:
    model = with_batch_norm()
    optimizer, scheduler = gradual(model)

    def loop() -> None:
        for _ in range(20):
            update(model, optimizer)
            scheduler.step()

    assert not told(watching(model, optimizer, scheduler), loop)


def test_masks_of_a_plan_are_no_missing_gradients() -> None:
    model = with_batch_norm()
    rules = [pg.rule("0", trainable=False, until="90%")]
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1e-3, rules=rules), steps=20)
    optimizer = torch.optim.SGD(plan.param_groups())
    scheduler = pg.Scheduler(optimizer, plan, freezing="masks")

    def loop() -> None:
        for _ in range(10):
            update(model, optimizer)
            scheduler.step()

    assert not told(watching(model, optimizer, scheduler), loop)


def test_accumulation_with_a_schedule_per_epoch_is_sound() -> None:
    model = small()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=4)

    def loop() -> None:
        for _ in range(4):
            for batch in range(12):
                loss_of(model).backward()
                if batch % 4 == 3:
                    optimizer.step()
                    optimizer.zero_grad()
            scheduler.step()

    assert not told(watching(model, optimizer, scheduler), loop)


def test_two_optimizers_that_freeze_each_others_networks_are_sound() -> None:
    maker, judge = with_batch_norm(), nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    both = nn.ModuleDict({"maker": maker, "judge": judge})
    makes, judges = (torch.optim.Adam(one.parameters(), lr=1e-3) for one in (maker, judge))
    schedulers = [ExponentialLR(one, 0.99) for one in (makes, judges)]

    def loop() -> None:
        for _ in range(15):
            for optimizer, sign in ((judges, 1.0), (makes, -1.0)):
                judge.requires_grad_(optimizer is judges)
                made = maker(torch.randn(6, 4))
                loss = sign * judge(made.detach() if optimizer is judges else made).square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            for scheduler in schedulers:
                scheduler.step()

    assert not told(watching(both, [makes, judges], schedulers), loop)


def test_a_warmup_from_0_and_a_low_rank_adapter_that_begins_at_0_are_sound() -> None:
    class Adapter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base = nn.Linear(4, 3).requires_grad_(requires_grad=False)
            self.lora_A, self.lora_B = nn.Linear(4, 2, bias=False), nn.Linear(2, 3, bias=False)
            nn.init.zeros_(self.lora_B.weight)

        def forward(self, x: torch.Tensor) -> Any:
            return self.base(x) + self.lora_B(self.lora_A(x))

    model = Adapter()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    scheduler = LambdaLR(optimizer, lambda step: min(1.0, step / 10))

    def loop() -> None:
        for _ in range(30):
            update(model, optimizer)
            scheduler.step()

    assert not told(watching(model, optimizer, scheduler), loop)


def test_an_average_of_the_weights_tied_weights_and_dropout_are_sound() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    average = torch.optim.swa_utils.AveragedModel(model)
    average.requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def loop() -> None:
        for _ in range(10):
            update(model, optimizer)
            average.update_parameters(model)

    assert not told(watching(nn.ModuleList([model, average]), optimizer), loop)


def test_a_gradient_scaler_that_leaves_steps_out_is_sound() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scheduler = LambdaLR(optimizer, lambda step: 1 / (1 + step))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)

    def loop() -> None:
        for _ in range(30):
            scaler.scale(loss_of(model)).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            scheduler.step()

    assert not told(watching(model, optimizer, scheduler), loop)
