"""The exception tree, and the finding that a check reports.

Every message says what was asked, what was found, and the fix.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from reprlib import Repr
from typing import Literal

Severity = Literal["error", "warning", "advice"]

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80


class ParamGroupsError(Exception):
    """The root of all errors that a user's mistake can raise."""


class ModelError(ParamGroupsError):
    """A model cannot be read: what is asked of it is not there, or is not told."""


class SelectorError(ParamGroupsError):
    """A selector is not written in the selector language, or asks what cannot be known."""


class NoMatchError(SelectorError):
    """A selector matches nothing."""


class RuleError(ParamGroupsError):
    """A rule or a recipe says something that has no meaning."""


class PlanError(ParamGroupsError):
    """A recipe cannot be resolved against a model, or a plan cannot be bound to one."""


class ScheduleError(ParamGroupsError):
    """A schedule, a length or a horizon does not fit."""


class CheckpointError(ParamGroupsError):
    """A saved state does not fit what it is loaded into."""


class OptimizerError(ParamGroupsError):
    """An optimizer cannot be made as asked, or a tensor cannot be stepped."""


class AgreementError(ParamGroupsError):
    """Processes that train one model together were told or have done different things."""


class StoppedError(ParamGroupsError):
    """A guard has ended the training, as it was asked to."""


class HostError(ParamGroupsError):
    """What a host was told, or does, does not fit the recipe."""


class FileError(ParamGroupsError):
    """A file cannot be read, or does not hold what it should."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Attributes:
        code: Stable name of the kind of finding.
        severity: `"error"` where training is not what was written, `"warning"` where probably not,
            `"advice"` for taste.
        message: What was found.
        fix: What to write instead.
        names: The parameters concerned, by their canonical names.
        why: Why it matters, in a sentence.
        link: Where the documentation tells more.
    """

    code: str
    severity: Severity
    message: str
    fix: str
    names: tuple[str, ...] = ()
    why: str = ""
    link: str = ""

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.message}\n  {self.fix}"


def nearest(asked: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known word, or all of them when there are few.

    >>> nearest("weigth_decay", ["lr", "weight_decay"])
    'Nearest: "weight_decay".'
    """
    words = sorted(set(known))
    if close := get_close_matches(asked, words, n=1, cutoff=0.6):
        return f'Nearest: "{close[0]}".'
    few = 24
    first = ", ".join(words[:few]) + (", …" if len(words) > few else "")
    return f"Known: {first}."


def shown(value: object) -> str:
    """A short `repr`, also of what is huge, deeply nested or without one.

    >>> shown(list(range(1000)))
    '[0, 1, 2, 3, 4, 5, ...]'
    """
    try:
        return _SHORT.repr(value)
    except ValueError:  # an int of more digits than Python prints
        return f"<{type(value).__name__}>"


def listing(names: Iterable[str], limit: int = 5) -> str:
    """The first names of many, and how many more there are.

    >>> listing(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    names = list(names)
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def counted(count: int, what: str) -> str:
    """How many of something there are, in words.

    >>> counted(1, "group"), counted(1200, "group")
    ('1 group', '1,200 groups')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"
