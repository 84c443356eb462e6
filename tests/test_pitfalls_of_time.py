"""What goes wrong with rates over time in plain torch, in numbers, and that it cannot go wrong so here."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim import lr_scheduler as torchs

import paramgroups as pg
from paramgroups.errors import NoMatchError, RuleError
from paramgroups.schedules import (
    Schedule,
    cosine,
    cyclic,
    exponential,
    function,
    linear,
    one_cycle,
)
from tests.pitfall_models import Net, net, planned, rates, train, two_rates

Theirs = Callable[[SGD], torchs.LRScheduler]


@pytest.fixture
def model() -> Net:
    return net()


@pytest.mark.parametrize(
    ("make", "ticks", "low", "high"),
    [
        (lambda o: torchs.OneCycleLR(o, max_lr=1e-3, total_steps=10), 2, 1e-3, 1e-3),
        (lambda o: torchs.CyclicLR(o, base_lr=1e-6, max_lr=1e-3, step_size_up=5), 5, 1e-3, 1e-3),
        (lambda o: torchs.CosineAnnealingLR(o, T_max=10, eta_min=1e-5), 10, 1e-5, 1e-5),
    ],
    ids=["OneCycleLR", "CyclicLR", "eta_min"],
)
def test_02_a_scalar_of_the_schedule_flattens_the_groups(
    model: Net, make: Theirs, ticks: int, low: float, high: float
) -> None:
    plain = two_rates(model, momentum=0.9)
    assert rates(plain) == [1e-6, 1e-3]
    train(model, plain, make(plain), ticks)
    assert rates(plain) == [pytest.approx(low), pytest.approx(high)]  # eta_min: ten times what was asked


@pytest.mark.parametrize(
    "schedule", [one_cycle(), cyclic(start=0.001, up=5), cosine(end=0.01)], ids=["one", "cyclic", "cosine"]
)
def test_02_here_groups_keep_their_ratios(model: Net, schedule: Schedule) -> None:
    optimizer, scheduler = pg.build(
        planned(model, pg.rule("head", lr_scale=1000), lr=1e-6, schedule=schedule)
    )
    for _ in range(10):
        low, high = rates(optimizer)
        assert high == pytest.approx(1000 * low, rel=1e-15)
        assert low <= 1e-6
        train(model, optimizer, scheduler, 1)
    if schedule == cosine(end=0.01):
        assert rates(optimizer)[0] == pytest.approx(1e-8)  # a hundredth of its own


def test_04_the_order_of_a_resume_changes_the_rate(model: Net) -> None:
    def plain() -> tuple[SGD, torchs.LinearLR]:
        optimizer = SGD(model.parameters(), lr=0.01)
        return optimizer, torchs.LinearLR(optimizer, start_factor=0.1, total_iters=10)

    optimizer, scheduler = plain()
    train(model, optimizer, scheduler, 10)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    later = SGD(model.parameters(), lr=0.01)
    later.load_state_dict(saved[0])
    again = torchs.LinearLR(later, start_factor=0.1, total_iters=10)
    again.load_state_dict(saved[1])
    assert (rates(optimizer), rates(later)) == ([pytest.approx(0.01)], [pytest.approx(0.001)])
    train(model, later, again, 90)
    assert rates(later) == [pytest.approx(0.001)]  # ten times too low, to the end


ORDERS = ["load, make, load", "make, load both", "make, load the scheduler first"]


@pytest.mark.parametrize("order", ORDERS)
def test_04_here_no_order_does(model: Net, order: str) -> None:
    plan = planned(model, pg.rule("head", lr_scale=3), schedule=linear(start=0.1, end=1.0))
    made, clock = pg.build(plan)
    train(model, made, clock, 7)
    state, time = copy.deepcopy((made.state_dict(), clock.state_dict()))
    later = SGD(plan.param_groups())
    if order == ORDERS[0]:
        later.load_state_dict(state)
    again = pg.Scheduler(later, plan)
    if order == ORDERS[1]:
        later.load_state_dict(state)
    again.load_state_dict(time)
    if order == ORDERS[2]:
        later.load_state_dict(state)
    assert rates(later) == rates(made) == [pytest.approx(0.073), pytest.approx(0.219)]
    train(model, later, again, 1)
    assert rates(later) == [plan.at(8)["body.bias"].lr, plan.at(8)["head.bias"].lr]


@pytest.mark.parametrize(
    ("rule", "found", "wanted", "schedule"),
    [
        (lambda lr, epoch: lr * 0.9**epoch, 0.9**45, 0.9**9, exponential(0.9)),
        (
            lambda lr, epoch: lr / (epoch + 1),
            1 / math.factorial(10),
            1 / 10,
            function("1/(t + 1)", lambda t: 1 / (t + 1), of="tick"),
        ),
    ],
    ids=["power", "quotient"],
)
def test_15_a_factor_of_the_present_rate_compounds(
    model: Net, rule: Callable[[float, int], float], found: float, wanted: float, schedule: Schedule
) -> None:
    plain = SGD(model.parameters(), lr=1.0)
    for epoch in range(10):
        plain.param_groups[0]["lr"] = rule(plain.param_groups[0]["lr"], epoch)
    assert rates(plain) == [pytest.approx(found)]

    optimizer, scheduler = pg.build(planned(model, lr=1.0, schedule=schedule))
    seen = []
    for _ in range(10):
        seen += rates(optimizer)
        train(model, optimizer, scheduler, 1)
    assert seen == [pytest.approx(rule(1.0, epoch)) for epoch in range(10)]
    assert seen[-1] == pytest.approx(wanted)


NAN = float("nan")


def test_16_a_cut_whenever_a_metric_is_above_a_bound(model: Net) -> None:
    losses = [2.0 - 0.01 * epoch for epoch in range(30)]  # it falls all the time, and is above 1
    plain = SGD(model.parameters(), lr=0.1)
    for loss in losses:
        if loss > 1.0:
            plain.param_groups[0]["lr"] *= 0.1
    assert rates(plain)[0] < 1e-30

    optimizer, scheduler = pg.build(stalling(model, factor=0.5, patience=3, floor=0.2))
    for loss in losses:
        assert not scheduler.observe(loss=loss)
    cuts = [event for _ in range(30) for event in scheduler.observe(loss=losses[-1])]
    assert [event.value for event in cuts] == [0.5, 0.5, 0.8]  # after 4 bad ones each; the last to the floor
    assert rates(optimizer) == [pytest.approx(0.02)]


def test_16_nan_is_a_bad_epoch(model: Net) -> None:
    plain = SGD(model.parameters(), lr=0.1)
    scheduler = torchs.ReduceLROnPlateau(plain, patience=2)
    for loss in (1.0, NAN, NAN, NAN):
        scheduler.step(loss)
    assert rates(plain) == [pytest.approx(0.01)]

    optimizer, ours = pg.build(stalling(model, patience=2))
    for loss in (1.0, NAN, NAN, NAN):
        assert not ours.observe(loss=loss)
    assert rates(optimizer) == [0.1]
    optimizer, ours = pg.build(stalling(model, patience=2, nan="bad"))  # as torch, where it is asked for
    for loss in (1.0, NAN, NAN, NAN):
        ours.observe(loss=loss)
    assert rates(optimizer) == [pytest.approx(0.01)]


def test_16_a_small_rate_is_never_cut(model: Net) -> None:
    plain = SGD(model.parameters(), lr=1e-8)
    scheduler = torchs.ReduceLROnPlateau(plain, patience=0)
    for _ in range(5):
        scheduler.step(1.0)
    assert rates(plain) == [1e-8]

    optimizer, ours = pg.build(stalling(model, lr=1e-8, patience=0))
    for _ in range(5):
        ours.observe(loss=1.0)
    assert rates(optimizer) == [pytest.approx(1e-12)]


def stalling(model: Net, *, lr: float = 0.1, **options: Any) -> pg.Plan:
    return planned(model, lr=lr, controllers=[pg.control.plateau("**", "loss", **options)])


def shared(parts: int) -> SGD:
    """Groups that were made with one tensor for their rate."""
    return SGD([{"params": [nn.Parameter(torch.zeros(1))]} for _ in range(parts)], lr=torch.tensor(1.0))


def test_17_lambdas_of_groups_that_share_one_tensor_collapse_to_the_last(model: Net) -> None:
    plain = shared(2)
    assert plain.param_groups[0]["lr"] is plain.param_groups[1]["lr"]
    torchs.LambdaLR(plain, [lambda _: 1.0, lambda _: 0.1])
    assert [float(rate) for rate in rates(plain)] == [pytest.approx(0.1)] * 2

    plan = planned(model, pg.rule("head", lr_scale=0.1), lr=1.0)
    one = torch.tensor(1.0)
    optimizer = SGD([group | {"lr": one} for group in plan.param_groups()])
    scheduler = pg.Scheduler(optimizer, plan)
    train(model, optimizer, scheduler, 3)
    assert [float(rate) for rate in rates(optimizer)] == [1.0, pytest.approx(0.1)]
    assert float(one) == 1.0  # the user's own is left alone
    with pytest.raises(RuleError, match="is a tensor"):
        pg.Recipe(optimizer="sgd", lr=one)  # type: ignore[arg-type]  # the mistake


def test_17_a_plateau_over_groups_that_share_one_tensor_cuts_once_for_each() -> None:
    plain = shared(4)
    scheduler = torchs.ReduceLROnPlateau(plain, patience=0)
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert [float(rate) for rate in rates(plain)] == [pytest.approx(1e-4)] * 4  # and 0.1 was asked for

    model = nn.ModuleDict({name: nn.Linear(1, 1) for name in "abcd"})
    rules = [pg.rule(name, group=name) for name in "abcd"]
    plan = planned(model, *rules, lr=1.0, controllers=[pg.control.plateau("**", "loss", patience=0)])
    one = torch.tensor(1.0)
    optimizer = SGD([group | {"lr": one} for group in plan.param_groups()])
    ours = pg.Scheduler(optimizer, plan)
    ours.observe(loss=1.0)
    ours.observe(loss=1.0)
    assert [float(rate) for rate in rates(optimizer)] == [pytest.approx(0.1)] * 4


def test_24_which_group_is_which(model: Net) -> None:
    plain = two_rates(model)
    scheduler = torchs.ExponentialLR(plain, 0.5)
    assert all("name" not in group for group in plain.param_groups)
    assert scheduler.get_last_lr()[0] == 1e-6  # what is logged of a run whose head learns at 1e-3

    optimizer, ours = pg.build(planned(model, pg.rule("head", lr_scale=10)))
    assert ours.rates == {"default": 0.1, "head": 1.0}
    assert [group["name"] for group in optimizer.param_groups] == list(ours.rates)
    assert list(ours.rates.values()) == ours.get_last_lr()
    (event,) = ours.scale("head", 0.5)
    assert event.names == ("head.weight", "head.bias") == tuple(optimizer.param_groups[1]["param_names"])
    assert [found.new for found in ours.journal.about("head.bias")] == [0.5]
    assert ours.rates == {"default": 0.1, "head": 0.5}
    with pytest.raises(
        NoMatchError, match=r'"haed" matches no parameter and is the name of no group\. Nearest: "head"'
    ):
        ours.scale("haed", 0.5)


def compiled_steps(optimizer: torch.optim.Optimizer, change: Callable[[], object]) -> int:
    """How often a compiled step is compiled over five changes of the rate."""
    torch._dynamo.reset()
    count = 0

    def backend(graph: Any, _: Any) -> Any:
        nonlocal count
        count += 1
        return graph.forward

    compiled: Any = torch.compile(optimizer.step, backend=backend)
    for _ in range(5):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        compiled()
        change()
    torch._dynamo.reset()
    return count


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_30_a_rate_that_changes_recompiles_a_compiled_step(model: Net) -> None:
    plain = SGD([nn.Parameter(torch.zeros(1))], lr=0.8)
    again = torchs.ExponentialLR(plain, 0.5)
    assert compiled_steps(plain, again.step) > 1

    plan = planned(model, pg.rule("head", lr_scale=10), schedule=exponential(0.5))
    optimizer = SGD([group | {"lr": torch.tensor(group["lr"])} for group in plan.param_groups()])
    scheduler = pg.Scheduler(optimizer, plan)
    before = rates(optimizer)
    assert compiled_steps(optimizer, scheduler.step) == 1
    assert all(now is then for now, then in zip(rates(optimizer), before, strict=True))
    assert [float(rate) for rate in rates(optimizer)] == [pytest.approx(0.1 / 32), pytest.approx(1 / 32)]
