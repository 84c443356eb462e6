"""What a plan previews is what stands in the optimizer's groups at every tick."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.schedules import Schedule, cosine, exponential, linear, step, warmup
from tests.run.models import net, train, update

STEPS = 24

SETTINGS: dict[str, dict[str, Any]] = {
    "adamw": {"betas": (0.9, 0.95), "weight_decay": 0.05},
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"alpha": 0.9, "momentum": 0.5},
    "adagrad": {"lr_decay": 0.01},
}
TWO_DIMENSIONAL = nn.Sequential(nn.Linear(4, 6, bias=False), nn.Tanh(), nn.Linear(6, 3, bias=False))

SCHEDULES: st.SearchStrategy[Schedule] = st.one_of(
    st.just(warmup("25%").then(cosine(end=0.01))),
    st.builds(warmup, st.integers(1, 5)).map(lambda s: s.then(linear(end=0.1))),
    st.builds(step, st.sampled_from([0.1, 0.5]), every=st.integers(1, 9)),
    st.builds(exponential, st.floats(0.5, 1), every=st.just("1 epoch")),
)
SELECTORS = st.sampled_from(
    [
        "stem",
        "blocks.0",
        "blocks.*",
        ":bias",
        ":norm | :bias",
        "head",
        "@Linear",
        "[ndim==2]",
        "blocks - :norm",
    ]
)


@st.composite
def rules(draw: st.DrawFn) -> pg.Rule:
    said: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "lr": st.floats(0, 0.1),
                "lr_scale": st.sampled_from([0.0, 0.1, 1 / 3, 10]),
                "weight_decay": st.sampled_from([0.0, 0.01]),
                "schedule": SCHEDULES,
                "clock": st.just("thaw"),
            },
        )
    )
    if draw(st.booleans()):
        said |= {"trainable": False, "until": draw(st.integers(1, STEPS // 2))}
    start = draw(st.sampled_from([None, 5])) if "until" not in said else None
    return pg.rule(draw(SELECTORS), start=start, **({"lr_scale": 0.5} | said))


def assert_applied(plan: pg.Plan, groups: Iterable[dict[str, Any]], tick: float) -> None:
    planned = plan.at(tick)
    for group in groups:
        for name in group["param_names"]:
            row = planned[name]
            for hyper in set(group) - {"params", "name", "param_names", "initial_lr"}:
                assert group[hyper] == getattr(row, hyper), (name, hyper, tick)


@pytest.mark.parametrize("optimizer", sorted(SETTINGS))
@settings(max_examples=12, deadline=None)
@given(drawn=st.lists(rules(), max_size=4), schedule=st.none() | SCHEDULES)
def test_every_setting_of_every_group_is_that_of_the_plan_at_every_tick(
    optimizer: str, drawn: list[pg.Rule], schedule: Schedule | None
) -> None:
    model = net()
    said = SETTINGS[optimizer]
    recipe = pg.Recipe(optimizer=optimizer, lr=0.01, rules=drawn, schedule=schedule, **said)
    plan = pg.plan(model, recipe, steps=STEPS, steps_per_epoch=6)
    made, scheduler = pg.build(plan)
    curves = {name: plan.curve(name) for group in plan.groups for name in group.names}
    for tick in range(STEPS):
        assert_applied(plan, made.param_groups, tick)
        for group in made.param_groups:
            for name, tensor in zip(group["param_names"], group["params"], strict=True):
                assert group["lr"] == curves[name][tick]
                assert tensor.requires_grad == plan.at(tick)[name].trainable
        if any(tensor.requires_grad for group in made.param_groups for tensor in group["params"]):
            update(model, made, tick)
        else:
            made.step()
        scheduler.step()
    assert_applied(plan, made.param_groups, STEPS)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has no Muon before 2.9")
def test_muon_follows_its_plan() -> None:
    recipe = pg.Recipe(
        optimizer="muon", lr=0.02, schedule=cosine(), rules=[pg.rule("2", lr_scale=0.1, momentum=0.5)]
    )
    plan = pg.plan(TWO_DIMENSIONAL, recipe, steps=4)
    optimizer, scheduler = pg.build(plan)
    for tick in range(4):
        assert_applied(plan, optimizer.param_groups, tick)
        optimizer.zero_grad()
        TWO_DIMENSIONAL(torch.ones(2, 4)).square().mean().backward()
        optimizer.step()
        scheduler.step()
    assert [group["momentum"] for group in optimizer.param_groups] == [0.95, 0.5]


def test_betas_are_written_as_the_tuple_that_torch_reads() -> None:
    recipe = pg.Recipe(
        optimizer="adamw", lr=1e-3, betas=(0.8, 0.99), schedules={"beta1": linear(end=0.5)}, schedule=linear()
    )
    model = net()
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=4))
    seen = []
    for tick in range(4):
        seen.append(optimizer.param_groups[0]["betas"])
        update(model, optimizer, tick)
        scheduler.step()
    assert seen == [(0.8, 0.99), (0.8 * 0.875, 0.99), (0.8 * 0.75, 0.99), (0.8 * 0.625, 0.99)]
    assert "beta1" not in optimizer.param_groups[0]


def test_a_schedule_of_weight_decay_leaves_the_rate_alone() -> None:
    model = net()
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, weight_decay=0.4, schedules={"weight_decay": linear()})
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=4))
    train(model, optimizer, scheduler, range(3))
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert optimizer.param_groups[0]["weight_decay"] == 0.1


def test_past_the_end_the_last_values_are_held() -> None:
    model = net()
    optimizer, scheduler = pg.build(
        pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, schedule=linear(end=0.25)), steps=3)
    )
    train(model, optimizer, scheduler, range(8))
    assert scheduler.get_last_lr() == [0.25]
