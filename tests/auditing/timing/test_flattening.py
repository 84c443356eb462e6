"""One number for all groups: ratios flattened, and floors above a group's own rate."""

import functools
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim import lr_scheduler as torchs
from torch.optim.swa_utils import SWALR

from paramgroups.auditing.timing.flattening import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.auditing.timing.schedules import Making, timms, train, two


def look(model: nn.Module, optimizer: object, scheduler: object, **horizon: int) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler, **horizon))


class OneForAll(torchs.LRScheduler):
    """A schedule as users write it, with one rate for all groups."""

    def get_lr(self) -> list[float | torch.Tensor]:
        return [1e-3 * 0.9**self.last_epoch] * len(self.optimizer.param_groups)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torchs.OneCycleLR(o, 1e-3, total_steps=100),
        lambda o: torchs.CyclicLR(o, 1e-5, 1e-3, step_size_up=2000),
        lambda o: torchs.CyclicLR(o, [1e-6, 1e-5], 1e-3),
        lambda o: SWALR(o, 0.05),
        OneForAll,
        lambda o: timms.CosineLRScheduler(o, 50, warmup_t=5, warmup_lr_init=5e-6),
    ],
    ids=["one cycle", "cycles", "one top", "averaging", "one for all", "timm"],
)
def test_one_number_flattens_the_groups(make: Making) -> None:
    model, optimizer = two()
    findings = look(model, optimizer, make(optimizer))
    assert codes(findings) == ["PG141"]
    assert len(findings[0].names) == 6


def test_what_was_overwritten_is_told_as_such() -> None:
    model, optimizer = two()
    finding = look(model, optimizer, torchs.OneCycleLR(optimizer, 1e-3, total_steps=100))[0]
    assert "max_lr=0.001 of OneCycleLR is one number for 2 groups: it has overwritten" in finding.message
    assert "only a rate set them apart" in finding.message
    assert finding.fix.endswith("one for each group: max_lr=[g['lr'] for g in optimizer.param_groups].")


def test_groups_of_one_multiplier_each() -> None:
    model = small()
    groups = [
        {"params": model[0].parameters(), "lr_mult": 0.1, "weight_decay": 0.0},
        {"params": [*model[1].parameters(), *model[3].parameters()], "lr_mult": 1.0, "weight_decay": 0.1},
    ]
    optimizer = AdamW(groups, lr=1e-3)
    finding = look(model, optimizer, torchs.OneCycleLR(optimizer, 1e-3, total_steps=100))[0]
    assert 'they differ in "lr_mult"' in finding.message


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_groups_of_decay_under_one_cycle_are_sound(decay: float) -> None:
    model = small()
    matrices = [one for one in model.parameters() if one.ndim > 1]
    vectors = [one for one in model.parameters() if one.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    for kind in (AdamW, functools.partial(SGD, momentum=0.9)):
        optimizer: Any = kind(groups, lr=1e-3)
        assert not look(model, optimizer, torchs.OneCycleLR(optimizer, 1e-3, total_steps=100))


def test_groups_that_only_a_label_sets_apart_are_sound() -> None:
    model = small()
    groups: list[dict[str, Any]] = [
        {"params": model[0].parameters(), "name": "body"},
        {"params": [*model[1].parameters(), *model[3].parameters()], "name": "head"},
    ]
    optimizer = SGD(groups, lr=1e-3, momentum=0.9)
    assert not look(model, optimizer, torchs.OneCycleLR(optimizer, 1e-3, total_steps=100))


def test_a_frozen_group_has_no_ratio() -> None:
    model, optimizer = two()
    model[0].requires_grad_(requires_grad=False)  # type: ignore[index]  # a Sequential
    assert not look(model, optimizer, torchs.OneCycleLR(optimizer, 1e-3, total_steps=100))


@pytest.mark.parametrize(("floor", "count"), [(1e-6, 1), (9e-7, 0), (0.0, 0)])
def test_an_end_for_all_that_is_a_tenth_of_the_smallest_rate_is_felt(floor: float, count: int) -> None:
    model, optimizer = two()
    findings = look(model, optimizer, torchs.CosineAnnealingLR(optimizer, 100, eta_min=floor))
    assert codes(findings) == ["PG141"] * count


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torchs.CosineAnnealingLR(o, 50_000, eta_min=1e-4),
        lambda o: torchs.CosineAnnealingWarmRestarts(o, 10, eta_min=1e-4),
        lambda o: torchs.SequentialLR(
            o, [torchs.LinearLR(o), torchs.CosineAnnealingLR(o, 90, eta_min=1e-4)], [5000]
        ),
        lambda o: timms.CosineLRScheduler(o, 50, lr_min=1e-4),
        lambda o: timms.CosineLRScheduler(o, 50, warmup_t=5, warmup_lr_init=1e-4),
    ],
    ids=["cosine", "restarts", "in turn", "timm", "timm's warm-up"],
)
def test_a_floor_above_a_group_lifts_it(make: Making) -> None:
    model, optimizer = two()
    findings = look(model, optimizer, make(optimizer))
    assert codes(findings) == ["PG142"]
    assert "=0.0001 of " in findings[0].message
    assert "group 0 goes to 10 times what it was given" in findings[0].message
    assert findings[0].names == ("0.weight", "0.bias")


def test_a_floor_at_the_rate_itself_lifts_nothing() -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=1e-4)
    assert not look(model, optimizer, torchs.CosineAnnealingLR(optimizer, 10, eta_min=1e-4))


def test_factors_above_one_are_no_floor() -> None:
    model, optimizer = two()
    assert not look(model, optimizer, torchs.LambdaLR(optimizer, lambda epoch: 1.5 if epoch < 3 else 1.0))


def test_layer_decay_of_timm_keeps_its_scales() -> None:
    model = small()
    groups = [
        {"params": model[0].parameters(), "lr_scale": 0.1},
        {"params": [*model[1].parameters(), *model[3].parameters()], "lr_scale": 1.0},
    ]
    optimizer = SGD(groups, lr=1e-3, momentum=0.9)
    scheduler = timms.CosineLRScheduler(optimizer, 50, warmup_t=5, warmup_lr_init=1e-4, lr_min=1e-5)
    assert not look(model, optimizer, scheduler)
    train(model, optimizer, 3)
    scheduler.step(1)
    assert not look(model, optimizer, scheduler)
