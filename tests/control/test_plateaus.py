"""The plateau, against torch's and by hand."""

import math
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, Literal

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramgroups.control import Observation, plateau
from paramgroups.errors import ParamGroupsError
from paramgroups.rules import Rule
from tests.control.support import driven

BASES = (0.5, 1e-3, 7.0)


def torchs(metrics: Sequence[float], bases: Sequence[float] = BASES, **options: Any) -> Iterator[list[float]]:
    """All groups' rates after each observation, by torch's scheduler."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in bases]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, **options)
    for value in metrics:
        scheduler.step(value)
        yield [group["lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["relative", "absolute"])
@pytest.mark.parametrize(
    ("patience", "cooldown", "floor", "threshold"),
    [(0, 0, 0.0, 1e-4), (3, 0, 0.0, 0.05), (2, 4, 0.0, 1e-4), (1, 2, 1e-3, 0.01), (10, 0, 0.3, 0.0)],
)
@pytest.mark.parametrize("positive", [True, False], ids=["above 0", "any sign"])
def test_it_decides_as_torchs(  # noqa: PLR0917  # the matrix
    mode: Literal["min", "max"],
    threshold_mode: Literal["relative", "absolute"],
    patience: int,
    cooldown: int,
    floor: float,
    threshold: float,
    *,
    positive: bool,
) -> None:
    noise = torch.randn(300, dtype=torch.float64)
    metrics: list[float] = (noise.exp() if positive else noise).round(decimals=2).tolist()
    common: dict[str, Any] = {
        "mode": mode,
        "patience": patience,
        "cooldown": cooldown,
        "threshold": threshold,
    }
    common["factor"] = 0.7
    ours = plateau("head", "loss", threshold_mode=threshold_mode, floor=floor, **common)
    theirs = torchs(
        metrics,
        threshold_mode=threshold_mode[:3],
        min_lr=[floor * base for base in BASES],
        eps=0.0,
        **common,
    )
    products = list(driven(ours, metrics))
    for product, rates in zip(products, theirs, strict=True):
        assert [base * product for base in BASES] == pytest.approx(rates, rel=1e-9, abs=0)
    assert products[-1] < 1


def answers(cut: plateau, metrics: Sequence[float]) -> list[Sequence[Rule]]:
    state, found = cut.begin(), []
    for step, value in enumerate(metrics):
        state, rules = cut.observe(MappingProxyType(state), Observation(step, {cut.metric: value}))
        found.append(rules)
    return found


def scales(cut: plateau, metrics: Sequence[float]) -> list[float | None]:
    return [rules[0].settings["lr_scale"] if rules else None for rules in answers(cut, metrics)]


def test_it_cuts_after_more_than_patience_bad_ones() -> None:
    assert scales(plateau("head", "loss", patience=1), [1.0, 1.0, 1.0, 1.0, 1.0]) == [
        None, None, 0.1, None, 0.1,
    ]  # fmt: skip


def test_an_improvement_begins_the_count_anew() -> None:
    assert scales(plateau("head", "loss", patience=1), [1.0, 1.0, 0.9, 0.9, 0.8]) == [None] * 5


def test_in_cooldown_none_is_bad() -> None:
    cut = plateau("head", "loss", patience=0, cooldown=2, factor=0.5)
    assert scales(cut, [1.0] * 6) == [None, 0.5, None, None, 0.5, None]


def test_the_last_cut_is_shortened_and_at_the_floor_there_is_none() -> None:
    cut = plateau("head", "loss", patience=0, factor=0.5, floor=0.2)
    assert scales(cut, [1.0] * 5) == [None, 0.5, 0.5, 0.8, None]


def test_it_may_raise_up_to_a_ceiling() -> None:
    assert scales(plateau("head", "loss", patience=0, factor=2.0, ceiling=3.0), [1.0] * 4) == [
        None, 2.0, 1.5, None,
    ]  # fmt: skip


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_ever_more_cuts_or_raises_end_in_a_number(factor: float) -> None:
    products = list(driven(plateau("head", "loss", patience=0, factor=factor), [1.0] * 20))
    assert 0 < products[-1] < math.inf


NAN = math.nan


def test_a_nan_is_as_unseen() -> None:
    cut = plateau("head", "loss", patience=1)
    assert scales(cut, [1.0, NAN, NAN, NAN, 1.0, NAN, 1.0]) == [None] * 6 + [0.1]


def test_a_nan_may_be_bad_as_torch_has_it() -> None:
    metrics = [1.0, NAN, NAN, 0.5, NAN, NAN]
    assert scales(plateau("head", "loss", patience=1, nan="bad"), metrics) == [
        None, None, 0.1, None, None, 0.1,
    ]  # fmt: skip
    theirs = [rates[0] for rates in torchs(metrics, [1.0], patience=1)]
    assert theirs == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.01])


def test_a_nan_may_be_an_error() -> None:
    cut = plateau("head", "loss", nan="error")
    with pytest.raises(ParamGroupsError, match=r'loss is nan at step 7, .*give plateau nan="ignore"'):
        cut.observe(cut.begin(), Observation(7, {"loss": NAN}))


def test_infinity_is_bad_where_less_is_better_and_no_measurement_where_more_is() -> None:
    assert scales(plateau("head", "loss", patience=1), [1.0, math.inf, math.inf]) == [None, None, 0.1]
    assert scales(plateau("head", "loss", patience=1), [1.0, -math.inf, -math.inf, 0.5]) == [None] * 4
    assert scales(plateau("head", "acc", patience=0, mode="max"), [0.5, math.inf, 0.6]) == [None] * 3
    assert scales(plateau("head", "acc", patience=0, mode="max"), [0.5, -math.inf]) == [None, 0.1]


def test_the_state_is_plain() -> None:
    cut = plateau("head", "loss", patience=0, cooldown=3, factor=0.5)
    assert cut.begin() == {"best": None, "bad": 0, "rest": 0, "product": 1.0}
    state, _ = cut.observe(cut.begin(), Observation(0, {"loss": 0.25}))
    assert state == {"best": 0.25, "bad": 0, "rest": 0, "product": 1.0}
    state, _ = cut.observe(state, Observation(1, {"loss": 0.5}))
    assert state == {"best": 0.25, "bad": 0, "rest": 3, "product": 0.5}


class TestPitfall16:
    """What torch makes of a bound, a NaN and a tiny rate, and what is made of them here."""

    def test_a_metric_always_above_a_bound_that_falls_cuts_nothing(self) -> None:
        losses = [2.0 * 0.97**epoch for epoch in range(30)]
        by_hand = 1.0
        for loss in losses:
            by_hand *= 0.5 if loss > 0.1 else 1.0
        assert by_hand < 1e-8
        assert list(driven(plateau("head", "loss", patience=2), losses)) == [1.0] * 30

    def test_a_bound_that_is_never_met_cuts_to_the_floor_and_no_further(self) -> None:
        *_, by_torch = torchs([2.0] * 300, [1.0], patience=0, eps=0.0)
        assert by_torch[0] < 1e-200
        *_, last = driven(plateau("head", "loss", patience=0, floor=0.01), [2.0] * 300)
        assert last == pytest.approx(0.01)

    def test_an_epoch_of_nan_cuts_torchs_and_not_ours(self) -> None:
        metrics = [1.0, *[NAN] * 5]
        *_, by_torch = torchs(metrics, [1.0], patience=3)
        assert by_torch == pytest.approx([0.1])
        assert list(driven(plateau("head", "loss", patience=3), metrics)) == [1.0] * 6

    def test_a_tiny_rate_is_never_cut_by_torchs_and_is_by_ours(self) -> None:
        *_, by_torch = torchs([1.0] * 50, [1e-8, 1.0], patience=3)
        assert by_torch[0] == 1e-8
        *_, last = driven(plateau("head", "loss", patience=3), [1.0] * 50)
        assert 1e-8 * last < 1e-18
