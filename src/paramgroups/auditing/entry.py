"""`pg.audit`: checks on any model, optimizer and scheduler, built with this library or not."""

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from typing import Any

from torch import nn

from paramgroups.auditing.checks import catalogue, look, look_at_trial, taken
from paramgroups.auditing.reading import read_subject
from paramgroups.auditing.result import Audit, Rates, gravest_first
from paramgroups.auditing.resumes.resuming import resume_findings
from paramgroups.auditing.silence_files import silences_of
from paramgroups.auditing.silences import Silence, apply
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.timing.simulating import rates
from paramgroups.auditing.trials.trying import try_steps
from paramgroups.errors import Finding, counted
from paramgroups.indexing.pause import collector_paused
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
    silence: Iterable[Silence] | str | PathLike[str] = (),
) -> Audit:
    """Look at a training set-up, built with this library or not, and tell what is wrong with it.

    Nothing of it is changed: weights, optimizer, scheduler, gradients and random generators are afterwards
    what they were, bit by bit; only what the user's own functions and hooks write elsewhere stays written.
    What cannot be looked at is a finding too.

    Args:
        model: The model, in any wrapper: DDP, `torch.compile`, PEFT, activation checkpointing.
        optimizer: A torch optimizer, or several in a list; out of Accelerate's, Lightning's, DeepSpeed's and
            apex's wrappers it is taken by itself.
        scheduler: What drives its rates, if anything: a scheduler of torch, transformers or timm, several in
            a list, or the dict that Lightning takes, `{"scheduler": …, "interval": "step"}`.
        checkpoint: A saved training (a file, a folder, or what was loaded from one): what a resume from it
            would do is told before it is done.
        loss: A function of a model and a batch that gives the loss, a number: with it, or with a batch
            alone, a few real steps are taken on copies of everything.
        batch: What the loss is of. Without `loss`, the model is called with it and gives the loss itself, or
            an output that has one.
        steps: How many updates training is to take, so that lengths of schedules can be compared.
        epochs: How many epochs.
        steps_per_epoch: How many updates an epoch has.
        silence: What is meant and not to be told: `pg.silence(...)` each, or a TOML file that lists them,
            such as `pyproject.toml`.

    Raises:
        ModelError: The model cannot be indexed: it is no module, or some parameters have no shape yet.
        ScheduleError: The lengths are no whole numbers above 0, or do not agree.
        PlanError: A silence is of a kind that there is not.
        SelectorError: The selector of a silence asks what cannot be known of this model.
        FileError: The file of silences cannot be read.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> found = audit(model, torch.optim.SGD(model[2].parameters(), lr=0.1))
        >>> [(one.code, one.severity, one.names) for one in found]
        [('PG101', 'error', ('0.weight', '0.bias'))]
    """
    horizon = Horizon.of(steps, epochs, steps_per_epoch)
    with collector_paused():
        subject, findings = read_subject(model, optimizer, scheduler, horizon)
        meant = silences_of(silence, catalogue(), subject.index)
        findings += look(subject)
        to_come = _rates(subject)
    findings += taken(check_plan, subject)
    looked = ["PG1"] if subject.plan is None else ["PG1", "PG0"]
    if checkpoint is not None:
        looked.append("PG3")
        findings += resume_findings(subject, checkpoint)
    ratios: dict[str, float] = {}
    if loss is not None or batch is not None:
        trial = try_steps(subject, loss, batch)
        findings += look_at_trial(subject, trial)
        looked += [] if trial.untaken else ["PG2"]
        ratios = trial.ratios(subject.groups)
    left, silenced = apply(meant, findings, looked)
    return Audit(_title(subject), gravest_first(left), tuple(silenced), to_come, ratios)


def check_plan(subject: Subject) -> Iterator[Finding]:
    """What the check of the plan that drives the rates finds, where one does."""
    if subject.plan is not None:
        yield from subject.plan.check()


def _rates(subject: Subject) -> dict[str, Rates]:
    try:
        return rates(subject)
    except Exception:  # noqa: BLE001  # what stands there as a rate may be anything, and is told of
        return {}


def _title(subject: Subject) -> str:
    what = " and ".join(type(one).__name__ for one in subject.optimizers) or "no optimizer"
    under = "".join(f" under {one.name}" for one in subject.drivers)
    groups = counted(len(subject.groups), "group")
    model = type(subject.model).__name__
    return f"{model}, {len(subject.index):,} parameters in {groups} of {what}{under}"
