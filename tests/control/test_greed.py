"""The greedy controller, against transformers' and by hand."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from transformers import GreedyLR

from paramgroups.control import Observation, ask, greedy
from paramgroups.errors import RuleError
from tests.control.support import driven

BASES = (0.5, 1e-3, 7.0)


def theirs(metrics: Sequence[float], floor: float, ceiling: float, **options: Any) -> Iterator[list[float]]:
    """All groups' rates after each observation, by transformers' scheduler."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in BASES]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    bounds = {"min_lr": [floor * base for base in BASES], "max_lr": [ceiling * base for base in BASES]}
    scheduler = GreedyLR(optimizer, **bounds, **options, eps=0.0)
    for value in metrics:
        scheduler.step(value)
        yield [group["lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["relative", "absolute"])
@pytest.mark.parametrize(
    ("patience", "cooldown", "settle", "window", "restart"),
    [(0, 0, 0, 1, 500), (2, 3, 2, 1, 500), (1, 0, 1, 5, 500), (0, 1, 0, 1, 3), (0, 0, 0, 4, 1)],
)
def test_it_decides_as_transformers(  # noqa: PLR0917  # the matrix
    mode: Any, threshold_mode: Any, patience: int, cooldown: int, settle: int, window: int, restart: int
) -> None:
    # A walk, so that it rises and falls for a while.
    metrics: list[float] = torch.randn(300, dtype=torch.float64).cumsum(0).add(30).round(decimals=3).tolist()
    common = {"mode": mode, "patience": patience, "cooldown": cooldown, "factor": 0.7}
    ours = greedy(
        "head",
        "loss",
        threshold_mode=threshold_mode,
        floor=0.05,
        ceiling=4.0,
        settle=settle,
        window=window,
        restart=restart,
        **common,
    )
    options = {"threshold_mode": threshold_mode[:3], "warmup": settle, "reset_start": restart, **common}
    smooth = {"smooth": window > 1, "window_size": window}
    products = list(driven(ours, metrics))
    for product, rates in zip(products, theirs(metrics, 0.05, 4.0, **options, **smooth), strict=True):
        assert [base * product for base in BASES] == pytest.approx(rates, rel=1e-9, abs=0)
    assert len(set(products)) > 3


def test_it_raises_while_things_improve_and_cuts_when_they_do_not() -> None:
    bold = greedy("head", "loss", factor=0.5, patience=1, ceiling=3.0)
    falling = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert list(driven(bold, falling)) == [1, 2, 2, 3, 3, 3]
    assert list(driven(bold, [1.0, 0.9, 0.9, 0.9, 0.9, 0.9])) == [1, 2, 2, 1, 1, 0.5]


def test_it_starts_again_at_the_floor_and_takes_back_its_own_factors() -> None:
    bold = greedy("head", "loss", factor=0.5, patience=0, floor=0.25, restart=2)
    assert list(driven(bold, [1.0] * 7)) == [2, 1, 0.5, 0.25, 1, 2, 1]


def test_without_a_floor_it_never_starts_again_and_never_comes_to_nothing() -> None:
    *_, last = driven(greedy("head", "loss", factor=1e-9, patience=0, floor=0.0, restart=1), [1.0] * 60)
    assert 0 < last < 1e-300


def test_a_nan_leaves_the_mean_as_it_was() -> None:
    metrics = [3.0, 2.0, math.nan, 1.0]
    *_, poisoned = theirs(
        [*metrics, 0.5, 0.4, 0.3], 0.01, 10, patience=0, smooth=True, window_size=2, factor=0.5
    )
    assert poisoned[0] < BASES[0]
    assert list(driven(greedy("head", "loss", factor=0.5, patience=0, window=2), metrics)) == [2, 4, 4, 8]


def test_an_infinite_loss_is_bad_as_long_as_it_is_in_the_window() -> None:
    bold = greedy("head", "loss", factor=0.5, patience=0, window=2)
    assert list(driven(bold, [3.0, math.inf, 1.0, 0.5])) == [2, 1, 0.5, 1]


def test_the_state_is_plain() -> None:
    bold = greedy("head", "loss", window=2)
    state, _ = ask(bold, bold.begin(), Observation(0, {"loss": math.inf}))
    assert state == {
        "best": None, "product": 1.0, "window": [None], "good": 0, "bad": 1, "rest": 0, "floored": 0,
    }  # fmt: skip


def test_its_factor_cuts() -> None:
    with pytest.raises(RuleError, match=r"greedy raises by 1 ÷ factor\. Write factor=0\.5"):
        greedy("head", "loss", factor=2.0)
