"""Small trainings that tests watch, as users write them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from paramgroups.auditing.checks import catalogue
from paramgroups.auditing.reading import read_subject
from paramgroups.auditing.silence_files import silences_of
from paramgroups.auditing.watches.watching import Watch
from paramgroups.schedules import Horizon

FOREVER = 1e9
"""A share of the time that looks never use up, so that no test depends on how fast it runs."""


def watching(model: nn.Module, optimizer: Any, scheduler: Any = None, silence: Any = ()) -> Watch:
    """A watch that looks at each update."""
    subject, found = read_subject(model, optimizer, scheduler, Horizon.of())
    meant = silences_of(silence, catalogue(), subject.index)
    return Watch(subject, found, share=FOREVER, report=lambda _: None, silences=meant)


def loss_of(model: nn.Module, inputs: int = 4) -> Tensor:
    """A loss on a new random batch."""
    found: Tensor = model(torch.randn(6, inputs)).square().mean()
    return found


def update(model: nn.Module, optimizer: Any) -> None:
    """Gradients, a step, and no gradients."""
    loss_of(model).backward()
    optimizer.step()
    optimizer.zero_grad()


def updates(model: nn.Module, optimizer: Any, count: int) -> None:
    """So many of them."""
    for _ in range(count):
        update(model, optimizer)


def told(watch: Watch, loop: Callable[[], Any]) -> list[str]:
    """The kinds of what is found while a loop runs."""
    with watch:
        loop()
    return [finding.code for finding in watch]
