"""What an audit found: an iterable of findings, with the figures beside them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, get_args

from paramgroups.auditing.silences import Silenced
from paramgroups.errors import Finding, PlanError, Severity, nearest

LEVELS: tuple[Severity, ...] = get_args(Severity)
"""From the gravest to the lightest."""
WORDS = {"error": ("error", "errors"), "warning": ("warning", "warnings"), "advice": ("advice", "advice")}


class Rates(NamedTuple):
    """A group's rate now, and after so many ticks of the scheduler."""

    now: float
    later: float
    ticks: int


@dataclass(frozen=True)
class Audit:
    """What an audit found; iterating gives the findings, the gravest first.

    Attributes:
        title: What was looked at, in a line.
        findings: What was found.
        silenced: What was found and is meant, with the reasons.
        rates: Each group's rate now, and after the ticks that were simulated.
        ratios: Each group's norm of a step's update over the norm of its weights, where steps were tried.
    """

    title: str
    findings: tuple[Finding, ...]
    silenced: tuple[Silenced, ...] = ()
    rates: Mapping[str, Rates] = field(default_factory=lambda: MappingProxyType({}))
    ratios: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def codes(self) -> frozenset[str]:
        """The kinds of what was found."""
        return frozenset(finding.code for finding in self.findings)

    @property
    def summary(self) -> str:
        """How much was found, in a few words."""
        counts = Counter(finding.severity for finding in self.findings)
        told = [f"{counts[level]} {WORDS[level][counts[level] > 1]}" for level in LEVELS if counts[level]]
        silenced = f" ({len(self.silenced)} silenced)" if self.silenced else ""
        return (", ".join(told) or "nothing found") + silenced

    def at(self, level: Severity) -> "Audit":
        """The same with the findings of this severity and of graver ones alone.

        Args:
            level: `"error"`, `"warning"` or `"advice"`.

        Raises:
            PlanError: It is no severity.
        """
        if level not in LEVELS:
            raise PlanError(f'"{level}" is no severity. {nearest(str(level), LEVELS)}')
        wanted = LEVELS[: LEVELS.index(level) + 1]
        kept = tuple(finding for finding in self.findings if finding.severity in wanted)
        return Audit(self.title, kept, self.silenced, self.rates, self.ratios)

    def __str__(self) -> str:
        told = [f"{finding}\n  Why: {finding.why} ({finding.link})" for finding in self.findings]
        meant = [f"silenced {one.silence}" for one in self.silenced]
        return "\n".join([f"{self.title}: {self.summary}", *told, *meant])


def gravest_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings by severity; those of one severity in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.severity)))
