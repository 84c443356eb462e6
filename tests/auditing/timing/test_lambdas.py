"""Functions that read the present rate, that compound, and that give a rate for a factor."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR

from paramgroups.auditing.timing.lambdas import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.auditing.timing.schedules import two

Factor = Callable[[int], float]
CURRENT: dict[str, Any] = {}


def look(optimizer: Any, scheduler: Any, **horizon: int) -> list[Finding]:
    return found(CHECKS, subject_of(small(), optimizer, scheduler, **horizon))


class Loop:
    """A trainer whose method is the function of a schedule."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def of_now(self, epoch: int) -> float:
        return float(self.optimizer.param_groups[0]["lr"]) * 0.9**epoch

    def of_first(self, epoch: int) -> float:
        return float(1e-3 / self.optimizer.param_groups[0]["initial_lr"]) * 0.9**epoch


def of_a_group(group: dict[str, Any]) -> Factor:
    return lambda epoch: group["lr"] / 0.1 * 0.9**epoch


def of_a_call(scheduler: list[Any]) -> Factor:
    return lambda epoch: scheduler[0].get_last_lr()[0] * 10 if epoch else 1.0


def of_another_function(optimizer: Any) -> Factor:
    def now() -> float:
        return float(optimizer.param_groups[0]["lr"])

    return lambda epoch: now() * 0.9**epoch


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda o: Loop(o).of_now, 'it reads "lr" of param_groups'),
        (lambda o: of_a_group(o.param_groups[0]), 'it reads "lr" of group, a group of an optimizer'),
        (lambda o: partial(lambda groups, epoch: groups[0]["lr"] * 0.9**epoch, o.param_groups), '"lr" of '),
        (lambda _: of_a_call([None]), "it calls get_last_lr()"),
        (of_another_function, 'it reads "lr" of param_groups'),
    ],
    ids=["method", "group", "groups", "call", "another function"],
)
def test_a_function_of_the_present_rate(make: Callable[[Any], Factor], words: str) -> None:
    _, optimizer = two()
    scheduler = LambdaLR(optimizer, lambda _: 1.0)
    scheduler.lr_lambdas = [make(optimizer)] * 2
    findings = [one for one in look(optimizer, scheduler) if one.code == "PG144"]
    assert len(findings) == 1
    assert words in findings[0].message


def test_functions_of_the_first_rate_are_sound() -> None:
    model, optimizer = two()
    first = optimizer.param_groups[1]["lr"]
    for factor in (
        lambda epoch: max(1e-5 / first, 0.9**epoch),
        lambda epoch: max(1e-5 / optimizer.defaults["lr"], 0.9**epoch),
        Loop(optimizer).of_first,
    ):
        scheduler = LambdaLR(optimizer, lambda _: 1.0)
        scheduler.lr_lambdas = [factor] * 2
        assert not found(CHECKS, subject_of(model, optimizer, scheduler))


@pytest.mark.parametrize(
    "factor",
    [
        lambda epoch: 0.95**epoch,
        lambda epoch: math.exp(-0.1 * epoch),
        lambda epoch: 1 / (epoch + 1),
        lambda epoch: 1 / (1 + 0.1 * epoch),
        lambda epoch: 1 - epoch / 200,
        lambda epoch: 0.5 * (1 + math.cos(math.pi * epoch / 100)),
        lambda epoch: 1 / math.sqrt(1 + epoch),
        lambda epoch: 0.1 ** (epoch // 30),
    ],
    ids=["power", "exp", "quotient", "hyperbola", "line", "cosine", "root", "stairs"],
)
def test_factors_of_the_first_rate_multiply_up(factor: Factor) -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1)
    assert codes(look(optimizer, MultiplicativeLR(optimizer, factor))) == ["PG145"]
    assert not look(optimizer, LambdaLR(SGD(model.parameters(), lr=0.1), factor))


def test_what_multiplied_factors_come_to() -> None:
    optimizer = SGD(small().parameters(), lr=0.1)
    finding = look(optimizer, MultiplicativeLR(optimizer, lambda epoch: 0.99**epoch))[0]
    assert "gives 0.99, 0.9801, 0.9703, …" in finding.message
    assert f"after 100 ticks the rate is {0.99**5050:.3g} times what it was" in finding.message


@pytest.mark.parametrize(
    ("rate", "factor"),
    [
        (1e-3, lambda epoch: 1e-3 * 0.95**epoch),
        (5e-4, lambda step: 5e-4 * min(1.0, (step + 1) / 300)),
        (1e-3, lambda step: 512**-0.5 * min((step + 1) ** -0.5, (step + 1) * 4000**-1.5)),
        (5e-4, lambda step: 16**-0.5 * min((step + 1) ** -0.5, (step + 1) * 400**-1.5)),
    ],
    ids=["power", "warm-up", "formula", "small formula"],
)
def test_a_rate_where_a_factor_is_asked(rate: float, factor: Factor) -> None:
    model = small()
    optimizer = Adam(model.parameters(), lr=rate)
    findings = found(CHECKS, subject_of(model, optimizer, LambdaLR(optimizer, factor)))
    assert codes(findings) == ["PG146"]
    assert f"was given the rate {rate:.3g}" in findings[0].message


def test_a_long_warmup_and_rates_of_one_are_sound() -> None:
    model = small()
    long = Adam(model.parameters(), lr=1e-4)
    assert not look(long, LambdaLR(long, lambda step: step / 1_000_000), steps=5000)
    one = Adam(model.parameters(), lr=1.0)
    assert not look(one, LambdaLR(one, lambda epoch: 1e-3 * 0.95**epoch))


def test_a_small_factor_beside_a_full_one_is_a_factor() -> None:
    model, optimizer = two(1e-3, 1e-3)
    scheduler = LambdaLR(optimizer, [lambda epoch: 1e-3 * 0.9**epoch, lambda epoch: 0.9**epoch])
    assert not found(CHECKS, subject_of(model, optimizer, scheduler))


def test_functions_that_count_or_fail_are_not_judged() -> None:
    calls: list[int] = []

    def counted(epoch: int) -> float:
        calls.append(epoch)
        return 0.9**epoch

    optimizer = SGD(small().parameters(), lr=0.1)
    scheduler = MultiplicativeLR(optimizer, counted)
    assert not look(optimizer, scheduler)
    assert not calls
    scheduler.lr_lambdas = [lambda epoch: [1.0][epoch]]
    assert not look(optimizer, scheduler)
