"""What the tests of schedules share: a model in two groups, some steps of training, and sound schedules."""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as torchs
from torch.optim.swa_utils import SWALR

from tests.auditing.setups import small
from tests.support import import_timm, import_transformers

Making = Callable[[Any], Any]
transformers: Any = import_transformers()
import_timm()
timms: Any = import_module("timm.scheduler")


def two(low: float = 1e-5, high: float = 1e-3, kind: Any = SGD, **settings: Any) -> tuple[nn.Module, Any]:
    """The first layer at one rate, the norm and the head at another."""
    model = small()
    groups = [
        {"params": list(model[0].parameters()), "lr": low},
        {"params": [*model[1].parameters(), *model[3].parameters()], "lr": high},
    ]
    return model, kind(groups, **({"momentum": 0.9} if kind is SGD else {}) | settings)


def train(
    model: nn.Module, optimizer: Optimizer, steps: int, after: Callable[[], Any] = lambda: None
) -> None:
    """So many steps of an ordinary loop."""
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(3, 4)).square().sum().backward()
        optimizer.step()
        after()


def cosine_factor(epoch: int) -> float:
    return (1 + math.cos(math.pi * epoch / 100)) / (1 + math.cos(math.pi * (epoch - 1) / 100))


SOUND: dict[str, Making] = {
    "one cycle, two maxima": lambda o: torchs.OneCycleLR(o, [1e-4, 1e-2], total_steps=100),
    "warm-up": lambda o: torchs.LinearLR(o, 1e-3, total_iters=10),
    "warm-up, then cosine": lambda o: torchs.SequentialLR(
        o, [torchs.LinearLR(o, 0.01, total_iters=10), torchs.CosineAnnealingLR(o, 90)], [10]
    ),
    "warm-up times cosine": lambda o: torchs.ChainedScheduler(
        [torchs.LinearLR(o, 0.1, total_iters=10), torchs.CosineAnnealingLR(o, 100)]
    ),
    "cosine to 0": lambda o: torchs.CosineAnnealingLR(o, 100),
    "cosine to nearly 0": lambda o: torchs.CosineAnnealingLR(o, 100, eta_min=1e-7),
    "restarts": lambda o: torchs.CosineAnnealingWarmRestarts(o, 10, 2),
    "steps": lambda o: torchs.StepLR(o, 30),
    "milestones": lambda o: torchs.MultiStepLR(o, [30, 60]),
    "exponential": lambda o: torchs.ExponentialLR(o, 0.95),
    "polynomial": lambda o: torchs.PolynomialLR(o, 100, 0.9),
    "lambda from 0": lambda o: torchs.LambdaLR(o, lambda step: min(1.0, step / 100)),
    "lambda that is below 0 past its end": lambda o: torchs.LambdaLR(o, lambda step: 1 - step / 100),
    "lambda that is complex past its end": lambda o: torchs.LambdaLR(o, lambda step: (1 - step / 100) ** 0.9),
    "a small factor for the first": lambda o: torchs.LambdaLR(
        o, [lambda step: 0.001 * 0.9**step, lambda step: 0.9**step]
    ),
    "a thaw": lambda o: torchs.LambdaLR(o, [lambda step: float(step >= 10), lambda step: 0.9**step]),
    "a constant factor": lambda o: torchs.MultiplicativeLR(o, lambda _: 0.95),
    "factors at milestones": lambda o: torchs.MultiplicativeLR(o, lambda e: 0.1 if e in (30, 60) else 1.0),
    "a chained line": lambda o: torchs.MultiplicativeLR(
        o, lambda epoch: (100 - epoch) / (101 - epoch) if epoch < 100 else 1.0
    ),
    "a chained cosine": lambda o: torchs.MultiplicativeLR(o, lambda e: cosine_factor(e) if e < 100 else 1.0),
    "cycles": lambda o: torchs.CyclicLR(o, [1e-6, 1e-4], [1e-4, 1e-2], step_size_up=50),
    "averaging": lambda o: SWALR(o, [5e-6, 5e-4], anneal_epochs=5),  # type: ignore[arg-type]  # one a group, as documented
    "plateau": torchs.ReduceLROnPlateau,
    "transformers linear": lambda o: transformers.get_linear_schedule_with_warmup(o, 10, 100),
    "transformers cosine": lambda o: transformers.get_cosine_schedule_with_warmup(o, 10, 100),
    "transformers polynomial": lambda o: transformers.get_polynomial_decay_schedule_with_warmup(o, 10, 100),
    "transformers square root": lambda o: transformers.get_inverse_sqrt_schedule(o, 10),
    "transformers stable": lambda o: transformers.get_wsd_schedule(o, 10, 20, num_stable_steps=70),
}
"""Schedules of a hundred ticks, or of no length, on the two groups."""
OF_TIMM: dict[str, Making] = {
    "timm cosine": lambda o: timms.CosineLRScheduler(o, 100, warmup_t=5, warmup_lr_init=1e-7, lr_min=1e-7),
    "timm prefix": lambda o: timms.CosineLRScheduler(
        o, 95, warmup_t=5, warmup_lr_init=1e-7, warmup_prefix=True
    ),
    "timm steps": lambda o: timms.StepLRScheduler(o, 30),
    "timm polynomial": lambda o: timms.PolyLRScheduler(o, 100),
}
