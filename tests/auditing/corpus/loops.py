"""Training loops as users write them, each with one fault that shows in training alone, or with none."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, StepLR

from tests.auditing.watches.watched import loss_of, watching

UPDATES, EPOCH = 40, 10


@dataclass(frozen=True)
class Loop:
    """A set-up and the loop that trains it."""

    model: nn.Module
    optimizer: Any
    scheduler: Any
    run: Callable[[], None]

    def messages(self) -> Mapping[str, str]:
        """What a watch tells, by code."""
        with watching(self.model, self.optimizer, self.scheduler) as watch:
            self.run()
        return {finding.code: str(finding) for finding in watch}


def net() -> nn.Sequential:
    """A backbone with batch norm, and a head."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
    return nn.Sequential(backbone, nn.Linear(8, 2))


def updating(
    model: nn.Module, optimizer: Any, after: Callable[[int], Any] = lambda _: None, scale: float = 1.0
) -> Callable[[], None]:
    """A loop of updates, with something after each."""

    def run() -> None:
        for step in range(UPDATES):
            (loss_of(model) * scale).backward()
            optimizer.step()
            optimizer.zero_grad()
            after(step)

    return run


def a_scheduler_that_is_forgotten() -> Loop:
    model = net()
    optimizer = SGD(model.parameters(), lr=0.01)
    return Loop(model, optimizer, CosineAnnealingLR(optimizer, UPDATES), updating(model, optimizer))


def a_scheduler_stepped_for_each_batch_and_each_epoch() -> Loop:
    model = net()
    optimizer = SGD(model.parameters(), lr=0.01)
    scheduler = CosineAnnealingLR(optimizer, UPDATES)

    def after(step: int) -> None:
        scheduler.step()
        if (step + 1) % (EPOCH // 2) == 0:
            scheduler.step()

    return Loop(model, optimizer, scheduler, updating(model, optimizer, after))


def a_rate_cut_by_hand_under_a_schedule() -> Loop:
    model = net()
    optimizer = SGD(model.parameters(), lr=0.01)
    scheduler = ExponentialLR(optimizer, 0.99)

    def after(step: int) -> None:
        scheduler.step()
        if (step + 1) % EPOCH == 0:
            optimizer.param_groups[0]["lr"] = 0.01 * 0.9 ** (step // EPOCH)

    return Loop(model, optimizer, scheduler, updating(model, optimizer, after))


def a_backbone_frozen_after_backward() -> Loop:
    model = net()
    loss_of(model).backward()
    model[0].requires_grad_(requires_grad=False)
    model[0].eval()
    optimizer = SGD(model.parameters(), lr=0.01)
    return Loop(model, optimizer, None, updating(model, optimizer))


def a_branch_that_is_never_called() -> Loop:
    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.main, self.auxiliary = net(), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> Any:
            return self.main(x)

    model = Branched()
    optimizer = SGD(model.parameters(), lr=0.01)
    return Loop(model, optimizer, None, updating(model, optimizer))


def batch_norm_of_a_frozen_backbone() -> Loop:
    model = net()
    model[0].requires_grad_(requires_grad=False)
    optimizer = SGD(model[1].parameters(), lr=0.01)
    return Loop(model, optimizer, None, updating(model, optimizer))


def a_backbone_thawed_and_handed_to_nobody() -> Loop:
    model = net()
    model[0].requires_grad_(requires_grad=False)
    model[0].eval()
    optimizer = SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.01)

    def after(step: int) -> None:
        if step == EPOCH:
            model[0].requires_grad_(requires_grad=True)

    return Loop(model, optimizer, None, updating(model, optimizer, after))


def a_loss_that_turns_nan() -> Loop:
    model = net()
    optimizer = SGD(model.parameters(), lr=0.01)
    return Loop(model, optimizer, None, updating(model, optimizer, scale=math.nan))


def a_loss_summed_over_what_grows() -> Loop:
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = SGD(model.parameters(), lr=1e-4)

    def run() -> None:
        for step in range(60):
            batch = torch.ones(1 if step < 30 else 1000, 4)  # in mid-run
            model(batch).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    return Loop(model, optimizer, None, run)


def sound_per_update() -> Loop:
    model = net()
    optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = CosineAnnealingLR(optimizer, UPDATES)
    return Loop(model, optimizer, scheduler, updating(model, optimizer, lambda _: scheduler.step()))


def sound_per_epoch() -> Loop:
    model = net()
    optimizer = AdamW(model.parameters(), lr=1e-3)
    scheduler = StepLR(optimizer, 2)

    def after(step: int) -> None:
        if (step + 1) % EPOCH == 0:
            scheduler.step()

    return Loop(model, optimizer, scheduler, updating(model, optimizer, after))


FAULTY: dict[str, Callable[[], Loop]] = {
    "PG401": a_scheduler_that_is_forgotten,
    "PG402": a_scheduler_stepped_for_each_batch_and_each_epoch,
    "PG403": a_rate_cut_by_hand_under_a_schedule,
    "PG404": a_backbone_frozen_after_backward,
    "PG405": a_branch_that_is_never_called,
    "PG406": batch_norm_of_a_frozen_backbone,
    "PG407": a_backbone_thawed_and_handed_to_nobody,
    "PG408": a_loss_that_turns_nan,
    "PG409": a_loss_summed_over_what_grows,
}
SOUND = (sound_per_update, sound_per_epoch)
