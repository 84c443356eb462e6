"""Every shape of transformers' `get_scheduler` has an equal here: 300 steps, several groups, to 1e-9."""

from typing import Any

import pytest
from transformers import get_scheduler
from transformers.trainer_utils import SchedulerType

from paramgroups.schedules import (
    Schedule,
    constant,
    cosine,
    inverse_sqrt,
    linear,
    one_minus_sqrt,
    piecewise,
    polynomial,
    warmup,
    warmup_stable_decay,
)
from tests.schedules.theirs import BASES, STEPS, ours, rates

WARMUP = 40
LEFT = STEPS - WARMUP
climb = warmup(WARMUP, start=0.0)
wave = piecewise([(0, 1), ("50%", 0), ("100%", 1)], between="cosine")

THEIRS: dict[str, tuple[Schedule, dict[str, Any]]] = {
    "linear": (climb.then(linear()), {}),
    "cosine": (climb.then(cosine()), {}),
    "cosine, of 3 waves": (climb.then(wave.repeat(times=3)), {"num_cycles": 3}),
    "cosine_with_restarts": (climb.then(cosine()), {}),
    "cosine_with_restarts, 3 times": (climb.then(cosine().repeat(times=3)), {"num_cycles": 3}),
    "cosine_with_restarts, 4 times": (climb.then(cosine().repeat(times=4)), {"num_cycles": 4}),
    "polynomial": (
        climb.then(polynomial(power=2, end=1e-7 / BASES[0])),
        {"power": 2},
    ),
    "constant": (constant(), {}),
    "constant_with_warmup": (climb.then(constant()), {}),
    "inverse_sqrt": (climb.then(inverse_sqrt(WARMUP)), {}),
    "inverse_sqrt, slower": (climb.then(inverse_sqrt(1000)), {"timescale": 1000}),
    "cosine_with_min_lr": (climb.then(cosine(end=0.1)), {"min_lr_rate": 0.1}),
    # Its fall begins one step early, with the last of the warm-up.
    "cosine_warmup_with_min_lr": (
        linear(start=1 / WARMUP, end=1, length=WARMUP - 1).then(cosine(end=0.1, length=LEFT)),
        {"min_lr_rate": 0.1},
    ),
    "cosine_warmup_with_min_lr, from a rate": (
        linear(start=0.2, end=1, length=WARMUP - 1).then(cosine(end=0.1, length=LEFT)),
        {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2},
    ),
}

CLIMBS: dict[str, Schedule] = {
    "linear": linear(start=0.1, end=1, length=WARMUP),
    "cosine": cosine(start=0.1, end=1, length=WARMUP),
    "1-sqrt": polynomial(power=0.5, start=0.1, end=1, length=WARMUP),
}
FALLS: dict[str, Schedule] = {
    "linear": linear(end=0.1, length=60),
    "cosine": cosine(end=0.1, length=60),
    "1-sqrt": one_minus_sqrt(end=0.1, length=60),
}
STABLE: dict[str, tuple[Schedule, dict[str, Any]]] = {
    f"warmup_stable_decay, {up} and {down}": (
        CLIMBS[up].then(constant()).then(FALLS[down]),
        {"warmup_type": up, "decay_type": down, "min_lr_ratio": 0.1, "num_decay_steps": 60},
    )
    for up in CLIMBS
    for down in FALLS
}
STABLE["warmup_stable_decay, ended early"] = (
    climb.then(constant(length=100)).then(linear(length=60)).then(constant(0.0)),
    {"num_stable_steps": 100, "num_decay_steps": 60, "decay_type": "linear"},
)
ALL = THEIRS | STABLE


@pytest.mark.parametrize("name", ALL)
def test_the_factor_of_each_group_is_theirs(name: str) -> None:
    schedule, settings = ALL[name]

    def make(optimizer: Any) -> Any:
        ends = {} if "num_stable_steps" in settings else {"num_training_steps": STEPS}
        named = name.split(",", 1)[0]
        return get_scheduler(
            named, optimizer, num_warmup_steps=WARMUP, scheduler_specific_kwargs=settings, **ends
        )

    for mine, theirs in zip(ours(schedule), rates(make), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_the_ready_made_one_is_theirs_but_for_the_first_step() -> None:
    schedule, _ = STABLE["warmup_stable_decay, linear and cosine"]
    ready = warmup_stable_decay(warmup=WARMUP, decay=FALLS["cosine"])
    assert ours(ready)[0][WARMUP:] == ours(schedule)[0][WARMUP:]
    assert ours(ready)[0][0] == BASES[0] / WARMUP


ELSEWHERE = {"reduce_lr_on_plateau", "greedy"}
"""Controllers here."""


def test_no_name_of_transformers_is_forgotten() -> None:
    compared = {name.split(",")[0] for name in ALL}
    assert {kind.value for kind in SchedulerType} - ELSEWHERE == compared
