"""Silences: findings that were looked at and are meant, each with its reason."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from paramgroups.auditing.kinds import Kind
from paramgroups.errors import Finding, PlanError, SelectorError, listing, nearest, shown
from paramgroups.indexing import Index
from paramgroups.select import Selector, as_selector

IDLE = Kind(
    "PG192", "advice", "a silence that silences nothing",
    "What it was for is mended or has another name; left there, it may hide what comes later.",
)  # fmt: skip
KINDS = (IDLE,)
WRITTEN = 'Write silence=[pg.silence("PG121", "embed", reason="…")].'
OF_PLANS = re.compile(r"PG0\d\d")
"""What the check of a plan finds, where an audit is of one."""


@dataclass(frozen=True)
class Silence:
    """A kind of finding that is meant.

    Attributes:
        code: The kind, such as `"PG121"`.
        selector: On which parameters; None for all, and for what names none.
        reason: Why it is meant.
    """

    code: str
    selector: Selector | None
    reason: str

    def __str__(self) -> str:
        where = "" if self.selector is None else f' on "{self.selector.written}"'
        return f"{self.code}{where}: {self.reason}"


class Silenced(NamedTuple):
    """A finding that was silenced, wholly or in part, and by what."""

    finding: Finding
    silence: Silence


def silence(code: str, selector: str | Selector | None = None, *, reason: str) -> Silence:
    """Say that a kind of finding is meant, so that an audit no longer tells it.

    Args:
        code: The kind, such as `"PG121"`.
        selector: The parameters on which it is meant; without one it is meant wherever it is found.
        reason: Why; it stands in the audit's report.

    Raises:
        PlanError: The reason is empty, or the code is no text.
        SelectorError: The selector is not written in the selector language.

    Example:
        >>> print(silence("PG121", "embed", reason="its rows are all in every batch"))
        PG121 on "embed": its rows are all in every batch
    """
    if not isinstance(code, str):
        raise PlanError(f'A silence names a code, and found {shown(code)}. Write it as "PG121".')
    if not isinstance(reason, str) or not reason.strip():
        raise PlanError(f"The silence of {code} gives no reason. Say why it is meant: reason=….")
    return Silence(code.upper(), None if selector is None else as_selector(selector), reason.strip())


def check_codes(silences: object, known: Mapping[str, Kind]) -> tuple[Silence, ...]:
    """The silences, each of a kind that there is.

    Raises:
        PlanError: They are no list, one is no silence, or of a kind that there is not.
    """
    if isinstance(silences, (str, Silence)) or not isinstance(silences, Iterable):
        raise PlanError(f"silence={shown(silences)} is no list of silences, and no file of them. {WRITTEN}")
    found = []
    for one in silences:
        if not isinstance(one, Silence):
            raise PlanError(f"silence= holds {shown(one)}, which is no silence. {WRITTEN}")
        if one.code not in known and not OF_PLANS.fullmatch(one.code):
            raise PlanError(f'"{one.code}" is no kind of finding. {nearest(one.code, known)}')
        found.append(one)
    return tuple(found)


def apply(
    silences: Iterable[Silence], findings: Iterable[Finding], index: Index
) -> tuple[list[Finding], list[Silenced]]:
    """What remains to be told, and what is silenced.

    Raises:
        SelectorError: A selector asks what cannot be known here.
    """
    left, silenced = list(findings), list[Silenced]()
    for one in silences:
        names = None if one.selector is None else set(_selected(one, index))
        kept: list[Finding] = []
        before = len(silenced)
        for finding in left:
            rest = finding.names if names is None else tuple(n for n in finding.names if n not in names)
            if finding.code != one.code or (names is not None and rest == finding.names):
                kept.append(finding)
                continue
            silenced.append(Silenced(finding, one))
            if names is not None and rest:
                kept.append(_without(finding, rest))
        left = kept if len(silenced) > before else [*kept, _idle(one)]
    return left, silenced


def _selected(one: Silence, index: Index) -> tuple[str, ...]:
    try:
        return () if one.selector is None else one.selector.select(index).names
    except SelectorError as error:
        raise SelectorError(f"The silence {one} cannot be resolved. {error}") from error


def _without(finding: Finding, rest: tuple[str, ...]) -> Finding:
    count = len(finding.names) - len(rest)
    told = f"{finding.message} ({count} of {len(finding.names)} silenced; left: {listing(rest)}.)"
    return replace(finding, message=told, names=rest)


def _idle(one: Silence) -> Finding:
    return IDLE.finding(f'The silence "{one}" matches no finding.', "Take it out.")
