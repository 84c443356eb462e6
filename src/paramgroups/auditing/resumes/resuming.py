"""What a resume would do, before it is done: a checkpoint beside the live objects, which stay as they are."""

from collections.abc import Callable, Iterator
from typing import Any

from torch.optim import Optimizer

from paramgroups.auditing.kinds import untaken
from paramgroups.auditing.resumes import kinds as resume_kinds
from paramgroups.auditing.resumes.kinds import UNREAD
from paramgroups.auditing.resumes.names import by_names, goes_by_names
from paramgroups.auditing.resumes.places import by_places
from paramgroups.auditing.resumes.positions import Positions
from paramgroups.auditing.resumes.saved_files import AGAIN, UnreadError, read_run
from paramgroups.auditing.resumes.saved_runs import SavedRun
from paramgroups.auditing.resumes.schedules import schedules
from paramgroups.auditing.resumes.weights import weights
from paramgroups.auditing.subject import Subject
from paramgroups.errors import CheckpointError, Finding
from paramgroups.optim.saved import read

KINDS = resume_kinds.KINDS


def resume_findings(subject: Subject, checkpoint: Any) -> Iterator[Finding]:
    """What loading a checkpoint into these would do that nobody asked for.

    Args:
        subject: The model, its optimizers and schedulers.
        checkpoint: A path, or a dict that was read.
    """
    try:
        run = read_run(checkpoint)
    except UnreadError as error:
        yield UNREAD.finding(str(error), error.fix)
        return
    except Exception as error:  # noqa: BLE001  # a path may be anything, and so may what is read
        yield UNREAD.finding(f"The checkpoint cannot be read: {type(error).__name__}: {error}", AGAIN)
        return
    for look in (_optimizers, schedules, weights):
        yield from _taken(look, subject, run)


def _taken(
    look: Callable[[Subject, SavedRun], Iterator[Finding]], subject: Subject, run: SavedRun
) -> list[Finding]:
    """What a look finds; where what was saved is nothing that a state can be, that."""
    try:
        return list(look(subject, run))
    except Exception as error:  # noqa: BLE001  # a checkpoint, and what is live, may hold anything
        what = f"The look at what {run.where} would load"
        return [untaken(what, error, "Look whether it holds what state_dict() gave.")]


def _optimizers(subject: Subject, run: SavedRun) -> Iterator[Finding]:
    if subject.optimizers and len(run.optimizers) < len(subject.optimizers):
        saved, here = len(run.optimizers), len(subject.optimizers)
        held = f"{saved:,} optimizers' states for {here:,}" if saved else "no optimizer's state"
        message = f"{run.where} holds {held}. It holds: {run.keys}."
        yield UNREAD.finding(message, "Save it too: 'optimizer': optimizer.state_dict().")
    for optimizer, state in zip(subject.optimizers, run.optimizers, strict=False):
        yield from _optimizer(subject, run, optimizer, state)


def _optimizer(subject: Subject, run: SavedRun, optimizer: Optimizer, state: Any) -> Iterator[Finding]:
    groups = [group for group in subject.groups if group.optimizer is optimizer]
    if not groups:
        return
    try:
        saved = read(state)
    except CheckpointError as error:
        yield UNREAD.finding(f"The optimizer's state in {run.where} is damaged: {error}", AGAIN)
        return
    if goes_by_names(optimizer, run, saved):
        yield from by_names(subject, run, groups, state, saved)
    else:
        yield from by_places(Positions(subject, run, optimizer, groups, saved))
