"""What the tests of resumes share: trained set-ups, what they save, and what the audit says of it."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from paramgroups.auditing.resumes.resuming import resume_findings
from paramgroups.errors import Finding
from tests.auditing.setups import subject_of

Maker = Callable[[Any], Any]


def train(model: nn.Module, optimizer: Optimizer, scheduler: Any = None, steps: int = 3) -> None:
    """Some steps on the sum of all trainable parameters' squares."""
    for _ in range(steps):
        sum((p**2).sum() for p in model.parameters() if p.requires_grad).backward()  # type: ignore[union-attr]  # not 0
        optimizer.step()
        optimizer.zero_grad()
        if scheduler is not None:
            scheduler.step()


def saved(model: nn.Module, make: Maker, schedule: Maker | None = None) -> dict[str, Any]:
    """A checkpoint as most scripts write it."""
    optimizer = make(model)
    scheduler = schedule(optimizer) if schedule else None
    train(model, optimizer, scheduler)
    found = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    return found | ({"scheduler": scheduler.state_dict()} if scheduler is not None else {})


def look(model: nn.Module, optimizer: Any, checkpoint: Any, scheduler: Any = None) -> list[Finding]:
    """What the audit says of a resume."""
    return list(resume_findings(subject_of(model, optimizer, scheduler), checkpoint))
