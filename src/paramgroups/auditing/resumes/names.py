"""What a load by names would do: that of our optimizer, of one that a plan drives, and of `pg.load`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch.optim import Optimizer

from paramgroups.auditing.resumes.kinds import RECUT, UNMATCHED
from paramgroups.auditing.resumes.saved_runs import SavedRun
from paramgroups.auditing.resumes.values import overwritten
from paramgroups.auditing.subject import Group, Subject
from paramgroups.errors import CheckpointError, Finding, listing
from paramgroups.optim.carried import Carried
from paramgroups.optim.carrying import carry
from paramgroups.optim.classes import Named
from paramgroups.optim.optimizer import OPTIMIZER
from paramgroups.optim.optimizer import Optimizer as Ours
from paramgroups.optim.saved import Saved
from paramgroups.run.abilities import is_ours, stepping
from paramgroups.run.driving import driver
from paramgroups.run.labelling import with_names

NAMED = (
    "Give the saved parameters the names that they have in the model: pg.name_state(state, names), in the "
    "order in which they were given to the saved optimizer."
)


def goes_by_names(optimizer: Optimizer, run: SavedRun, saved: Saved) -> bool:
    """Whether parameters are told by their names in a load."""
    driven = driver(optimizer) is not None and stepping(optimizer) is optimizer
    return is_ours(optimizer) or driven or run.by_name or saved.by_strings


def by_names(
    subject: Subject, run: SavedRun, groups: Sequence[Group], state: Mapping[str, Any], saved: Saved
) -> Iterator[Finding]:
    """What loading by name would do."""
    optimizer = groups[0].optimizer
    live = _named(subject, optimizer, saved)
    try:
        laid_out, carried = carry(state, live, _steppers(optimizer))
    except CheckpointError as error:
        yield RECUT.finding(f"The load is refused: {error}", NAMED)
        return
    yield from _unmatched(carried)
    if driver(optimizer) is None:
        yield from overwritten(subject, run, zip(groups, laid_out["param_groups"], strict=False))


def _named(subject: Subject, optimizer: Optimizer, saved: Saved) -> Sequence[Mapping[str, Any]]:
    """The live groups, with the model's names where they have none and the saved ones have some."""
    held = optimizer.param_groups
    return held if saved.names is None or is_ours(optimizer) else with_names(held, held, subject.model)


def _steppers(optimizer: Optimizer) -> list[Named]:
    if not isinstance(optimizer, Ours):
        return [type(optimizer)] * len(optimizer.param_groups)
    known, main = optimizer._known, optimizer._main  # noqa: SLF001  # of one house
    return [known.stepper(group.get(OPTIMIZER) or main) for group in optimizer.param_groups]


def _unmatched(carried: Carried) -> Iterator[Finding]:
    if carried.whole:
        return
    told = {
        "begin anew, for they are not in it": carried.missing,
        "in it, and not here: left behind": carried.unexpected,
        "begin anew, for they had another shape": tuple(carried.reshaped),
        "begin anew or in part, for another class steps them": tuple(carried.refit),
    }
    lines = [f"{len(names):,} {what} ({listing(names)})" for what, names in told.items() if names]
    here = dict.fromkeys((*carried.missing, *carried.reshaped, *carried.refit))
    message = f"Not all that was saved is taken over: {'; '.join(lines)}."
    fix = "If that is meant, such as for a new head, silence it: pg.silence('PG304', reason='a new head')."
    yield UNMATCHED.finding(message, fix, here)
