"""What a plan previews is what stands in the optimizer's groups at every tick."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.control import Observation, function, greedy, plateau
from paramgroups.journal import Journal
from paramgroups.schedules import Schedule, cosine, exponential, linear, step, warmup
from tests.run.histories import decisions, planned, standing
from tests.run.models import net, train, update

# Random decisions end training early and jump to and fro, on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Training has gone on"),
    pytest.mark.filterwarnings("ignore:scheduler.step"),
]

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
        said |= draw(st.fixed_dictionaries({}, optional={"rewarm": st.sampled_from([1, 4, "50%", None])}))
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


def halve_for_a_while(count: int | None, seen: Observation) -> tuple[int, list[pg.Rule]]:
    """Halves the stem's rate for three ticks at every second observation."""
    count = (count or 0) + 1
    until = int(seen.step) + 3
    return count, [pg.rule("stem", lr_scale=0.5, until=until)] if count % 2 == 0 else []


CONTROLLERS = {
    "plateau": plateau("head", "loss", factor=0.5, patience=0),
    "greedy": greedy("blocks", "loss", patience=0, ceiling=4.0),
    "own": function("halve for a while", halve_for_a_while, selector="stem", metric="loss"),
}
OTHERS = {"sgd": ("momentum", "weight_decay"), "adamw": ("beta1", "weight_decay")}


@st.composite
def recipes(draw: st.DrawFn, optimizer: str) -> pg.Recipe:
    others = draw(st.dictionaries(st.sampled_from(OTHERS[optimizer]), SCHEDULES, max_size=2))
    chosen = draw(st.lists(st.sampled_from(sorted(CONTROLLERS)), max_size=2, unique=True))
    schedules = others | draw(st.fixed_dictionaries({}, optional={"lr": SCHEDULES}))
    own: dict[str, Any] = draw(
        st.fixed_dictionaries({}, optional={"rewarm": st.sampled_from([3, "2 epochs"])})
    )
    if optimizer == "adamw" and draw(st.booleans()):
        own |= {"decay": "independent"}
    return pg.Recipe(
        optimizer=optimizer,
        lr=0.01,
        rules=draw(st.lists(rules(), max_size=3)),
        schedules=schedules,
        controllers=[CONTROLLERS[name] for name in chosen],
        **SETTINGS[optimizer],
        **own,
    )


def updated(model: nn.Module, optimizer: torch.optim.Optimizer, tick: int) -> None:
    if any(tensor.requires_grad for tensor in model.parameters()):
        update(model, optimizer, tick)
    else:
        optimizer.step()


@pytest.mark.filterwarnings("ignore:By step:UserWarning")  # a metric is seen seldom, or never
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_plan_and_the_journal_give_what_was_applied_exactly(optimizer: str, data: st.DataObject) -> None:
    recipe = data.draw(recipes(optimizer))
    ticks = st.integers(0, STEPS - 1)
    said = data.draw(st.lists(st.tuples(ticks, decisions(optimizer)), max_size=8))
    model = net()
    plan = pg.plan(model, recipe, steps=STEPS, steps_per_epoch=6)
    made, scheduler = pg.build(plan)
    applied = []
    for tick in range(STEPS):
        for _, decision in (one for one in said if one[0] == tick):
            decision.act(made, scheduler)
            if decision.what not in ("write", "add"):
                run = plan.replay(scheduler.journal)
                assert standing(made) == planned(run, made, tick), decision
        updated(model, made, tick)
        applied.append(standing(made))
        scheduler.step()
        assert standing(made) == planned(plan.replay(scheduler.journal), made, tick + 1)
        if not scheduler.journal:
            assert standing(made) == planned(plan, made, tick + 1)
    journal = Journal.from_json_lines(scheduler.journal.to_json_lines())
    assert journal == scheduler.journal
    run = plan.replay(journal)
    for tick, stood in enumerate(applied):
        assert planned(run, made, tick)[: len(stood)] == stood, tick
    for name in plan:
        if name in run.group_of:
            curve = run.curve(name)
            assert curve == [run.at(tick)[name].lr for tick in range(run.horizon.ticks or 0)]


@pytest.mark.filterwarnings("ignore:By step:UserWarning")  # a metric is seen seldom, or never
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_jump_goes_where_steps_would(optimizer: str, data: st.DataObject) -> None:
    recipe = data.draw(recipes(optimizer))
    places = st.integers(0, STEPS + 3) | st.sampled_from([2.5, 0.35])
    model = net()
    plan = pg.plan(model, recipe, steps=STEPS, steps_per_epoch=6)
    made, scheduler = pg.build(plan)
    for turn in range(6):
        for decision in data.draw(st.lists(decisions(optimizer), max_size=2)):
            decision.act(made, scheduler)
        updated(model, made, turn)
        goal = data.draw(places)
        scheduler.step(goal)
        run = plan.replay(scheduler.journal)
        assert standing(made) == planned(run, made, goal)
        if not scheduler.journal:
            assert standing(made) == planned(plan, made, goal)
