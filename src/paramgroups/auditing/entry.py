"""`pg.audit`: checks on any model, optimizer and scheduler, built with this library or not."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from paramgroups.auditing.checks import catalogue, look
from paramgroups.auditing.reading import read_subject
from paramgroups.auditing.result import Audit, gravest_first
from paramgroups.auditing.silences import Silence, apply, check_codes
from paramgroups.auditing.subject import Subject
from paramgroups.schedules import Horizon


def audit(  # noqa: PLR0913  # each is one thing that can be known of a training
    model: nn.Module,
    optimizer: Any,
    scheduler: Any = None,
    *,
    checkpoint: Any = None,
    loss: Callable[[nn.Module, Any], Any] | None = None,
    batch: Any = None,
    steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    silence: Iterable[Silence] = (),
) -> Audit:
    """Look at a training set-up and tell what is wrong with it; nothing of it is changed."""
    silences = check_codes(silence, catalogue())
    horizon = Horizon.of(steps, epochs, steps_per_epoch)
    subject, findings = read_subject(model, optimizer, scheduler, horizon)
    findings += look(subject)
    left, silenced = apply(silences, findings, subject.index)
    return Audit(_title(subject), gravest_first(left), tuple(silenced))


def _title(subject: Subject) -> str:
    what = " and ".join(type(one).__name__ for one in subject.optimizers) or "no optimizer"
    under = "".join(f" under {one.name}" for one in subject.drivers)
    groups = f"{len(subject.groups):,} group{'s' * (len(subject.groups) != 1)}"
    model = type(subject.model).__name__
    return f"{model}, {len(subject.index):,} parameters in {groups} of {what}{under}"
