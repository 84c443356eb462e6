"""What an audit found: an iterable of findings, with the figures beside them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from types import MappingProxyType
from typing import NamedTuple, get_args

from paramgroups.auditing.forms import Data, finding_data, numbers, sarif, silenced_data
from paramgroups.auditing.silences import Silenced
from paramgroups.errors import Finding, PlanError, Severity, nearest, shown

LEVELS: tuple[Severity, ...] = get_args(Severity)
"""From the gravest to the lightest."""
FEW = 12
"""So many groups are told of in a report."""
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
        return replace(self, findings=kept)

    def to_json(self) -> str:
        """All of it for programs, as strictly valid JSON."""
        data: Data = {
            "title": self.title,
            "summary": self.summary,
            "findings": [finding_data(finding) for finding in self.findings],
            "silenced": silenced_data(self.silenced),
            "rates": {name: numbers(one._asdict()) for name, one in self.rates.items()},
            "ratios": numbers(self.ratios),
        }
        return json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False)

    def to_sarif(self, where: str | PathLike[str] | None = None) -> str:
        """The findings in SARIF 2.1.0, as tools of code review take them.

        Args:
            where: The file that findings are shown at, such as that of the training script.

        Raises:
            PlanError: It is no path.
        """
        where = fspath(where) if isinstance(where, PathLike) else where
        if where is not None and not isinstance(where, str):
            raise PlanError(f'where={shown(where)} is no path. Write where="train.py".')
        return json.dumps(sarif(self.findings, self.silenced, where), indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        return "\n".join([f"{self.title}: {self.summary}", *self._told(), *self._figures()])

    def _told(self) -> Iterator[str]:
        for finding in self.findings:
            yield f"\n{finding}"
            if finding.why:
                yield f"  Why: {finding.why} ({finding.link})"
        for one in self.silenced:
            yield f"\nsilenced {one.silence}"

    def _figures(self) -> Iterator[str]:
        names = self.figured
        if names:
            yield "\nRates of the groups now and later, and their update ÷ weights:"
        for name in names[:FEW]:
            told = [name]
            if (rates := self.rates.get(name)) is not None and rates.ticks:
                told.append(f"{rates.now:.4g} → {rates.later:.4g} after {rates.ticks:,} ticks")
            if (ratio := self.ratios.get(name)) is not None:
                told.append(f"update ÷ weights {ratio:.2g}")
            yield "  " + ", ".join(told)
        if len(names) > FEW:
            yield f"  and {len(names) - FEW} more"

    @property
    def figured(self) -> list[str]:
        """The groups of which a later rate, or a ratio, is known."""
        later = [name for name, one in self.rates.items() if one.ticks]
        return list(dict.fromkeys([*later, *self.ratios]))


def gravest_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings by severity; those of one severity in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.severity)))
