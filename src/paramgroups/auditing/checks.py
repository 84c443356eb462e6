"""All static checks, in the order in which findings are told, and the catalogue of what they can find."""

from collections.abc import Callable, Iterator
from typing import Any

from paramgroups.auditing import reading, silences
from paramgroups.auditing.kinds import SEEMS, UNTAKEN, Kind, untaken
from paramgroups.auditing.looks import (
    choice,
    decay,
    freshness,
    frozen,
    grouping,
    keys,
    members,
    sizes,
    states,
    values,
    vectors,
)
from paramgroups.auditing.resumes import resuming
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.timing import courses, flattening, lambdas, lengths, order, plateaus
from paramgroups.auditing.trials import checks as trial_checks
from paramgroups.auditing.trials.trial import Trial
from paramgroups.auditing.watches import kinds as watch_checks
from paramgroups.errors import Finding

MODULES = (
    members,
    keys,
    values,
    sizes,
    vectors,
    decay,
    grouping,
    freshness,
    choice,
    order,
    flattening,
    plateaus,
    lambdas,
    lengths,
    courses,
    frozen,
    states,
)


def look(subject: Subject) -> Iterator[Finding]:
    """What the objects alone tell, without a step being taken."""
    for module in MODULES:
        for check in module.CHECKS:
            yield from taken(check, subject)


def taken(check: Callable[..., Iterator[Finding]], *given: Any) -> list[Finding]:
    """What a check finds; where foreign objects break it, that."""
    try:
        return list(check(*given))
    except Exception as error:  # noqa: BLE001  # what is audited may do anything when it is looked at
        what = check.__name__.replace("_", " ")
        return [untaken(f'The look at "{what}"', error, SEEMS)]


def look_at_trial(subject: Subject, trial: Trial) -> Iterator[Finding]:
    """What steps on copies tell, and what of them could not be taken."""
    fix = "Hand in a loss and a batch with which a copy of the model can be trained."
    yield from (UNTAKEN.finding(cause, fix) for cause in trial.untaken)
    if trial.steps:
        for check in trial_checks.CHECKS:
            yield from taken(check, subject, trial)


def catalogue() -> dict[str, Kind]:
    """Every kind of finding, by its code."""
    modules = (*MODULES, reading, resuming, silences, trial_checks, watch_checks)
    kinds = [kind for module in modules for kind in module.KINDS]
    return {kind.code: kind for kind in sorted([*kinds, UNTAKEN], key=lambda kind: kind.code)}
