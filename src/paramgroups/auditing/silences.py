"""Silences: findings that were looked at and are meant, each with its reason."""

import re
from collections.abc import Iterable, Iterator, Mapping
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


class Meant(NamedTuple):
    """A silence with its selector resolved: the names that it is for, None for all and for what has none."""

    silence: Silence
    names: frozenset[str] | None


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
        if not is_code(one.code, known):
            raise PlanError(f'"{one.code}" is no kind of finding. {nearest(one.code, known)}')
        found.append(one)
    return tuple(found)


def resolve(silences: Iterable[Silence], index: Index) -> tuple[Meant, ...]:
    """The silences, with the names that they are for.

    Raises:
        SelectorError: A selector asks what cannot be known here.
    """
    return tuple(Meant(one, _selected(one, index)) for one in silences)


def is_code(text: object, known: Mapping[str, Kind]) -> bool:
    """Whether it is a kind of finding, of an audit or of the check of a plan."""
    return isinstance(text, str) and (text in known or OF_PLANS.fullmatch(text) is not None)


def apply(
    meant: Iterable[Meant], findings: Iterable[Finding], looked: Iterable[str] = ()
) -> tuple[list[Finding], list[Silenced]]:
    """What remains to be told, and what is silenced.

    Args:
        meant: The silences.
        findings: What was found.
        looked: How the codes begin that were looked for: only a silence of one of them can be idle.
    """
    left, silenced = list(findings), list[Silenced]()
    for one in meant:
        kept, hidden = _split(one, left)
        silenced += hidden
        left = kept if hidden else [*kept, *idle([one], (), looked)]
    return left, silenced


def idle(meant: Iterable[Meant], silenced: Iterable[Silenced], looked: Iterable[str]) -> Iterator[Finding]:
    """The silences that silenced nothing, where what they are for was looked for."""
    used = {id(one.silence) for one in silenced}
    begins = tuple(looked)
    for one in meant:
        if id(one.silence) not in used and one.silence.code.startswith(begins):
            told = f'The silence "{one.silence}" matches no finding.'
            yield IDLE.finding(told, "Take it out.")


def _split(one: Meant, findings: Iterable[Finding]) -> tuple[list[Finding], list[Silenced]]:
    kept, hidden = list[Finding](), list[Silenced]()
    for finding in findings:
        rest = () if one.names is None else tuple(n for n in finding.names if n not in one.names)
        if finding.code != one.silence.code or (one.names is not None and rest == finding.names):
            kept.append(finding)
            continue
        hidden.append(Silenced(finding, one.silence))
        kept += [_without(finding, rest)] if rest else []
    return kept, hidden


def _selected(one: Silence, index: Index) -> frozenset[str] | None:
    try:
        return None if one.selector is None else frozenset(one.selector.select(index).names)
    except SelectorError as error:
        raise SelectorError(f"The silence {one} cannot be resolved. {error}") from error


def _without(finding: Finding, rest: tuple[str, ...]) -> Finding:
    count = len(finding.names) - len(rest)
    told = f"{finding.message} ({count} of {len(finding.names)} silenced; left: {listing(rest)}.)"
    return replace(finding, message=told, names=rest)
