"""What the tests of the audit share: a subject made of what is handed in, and the codes of findings."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from paramgroups.auditing.reading import read_subject
from paramgroups.auditing.subject import Check, Subject
from paramgroups.errors import Finding
from paramgroups.schedules import Horizon


def small() -> nn.Sequential:
    """A linear layer, a norm and a head: six parameters, named `0.weight` to `3.bias`."""
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2))


def subject_of(model: nn.Module, optimizer: Any, scheduler: Any = None, **horizon: int) -> Subject:
    """The subject of an audit of these."""
    return read_subject(model, optimizer, scheduler, Horizon.of(**horizon))[0]


def found(checks: Iterable[Check], subject: Subject) -> list[Finding]:
    """All that some checks find."""
    return [finding for check in checks for finding in check(subject)]


def codes(findings: Iterable[Finding]) -> list[str]:
    """The kinds of findings, in their order."""
    return [finding.code for finding in findings]
