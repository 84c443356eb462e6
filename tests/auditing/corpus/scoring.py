"""What the audit finds of the corpus: precision and recall."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import paramgroups as pg
from tests.auditing.corpus.cases import Case, Setup, cases


@dataclass(frozen=True)
class Outcome:
    """What the audit said of one set-up."""

    case: Case
    messages: dict[str, str]

    @property
    def hits(self) -> frozenset[str]:
        return self.case.codes & self.messages.keys()

    @property
    def missed(self) -> frozenset[str]:
        return self.case.codes - self.messages.keys()

    @property
    def alarms(self) -> frozenset[str]:
        """What is told and neither wrong nor allowed."""
        return frozenset(self.messages) - self.case.codes - self.case.allowed

    def __str__(self) -> str:
        told = "".join(f"\n  {code}: {self.messages[code]}" for code in sorted(self.alarms))
        missed = f"\n  missed {', '.join(sorted(self.missed))}" if self.missed else ""
        return f"{self.case.name}{missed}{told}"


def audited(case: Case, setup: Setup) -> Outcome:
    found = pg.audit(setup.model, setup.optimizer, setup.scheduler, **setup.options)
    return Outcome(case, {one.code: str(one) for one in found})


def outcomes() -> Iterable[Outcome]:
    for case in cases():
        yield audited(case, case.build())


def share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def score(found: Iterable[Outcome]) -> dict[str, Any]:
    """Counts, precision and recall over all set-ups, and the names of those in which something differs."""
    found = list(found)
    hits, missed, alarms = (
        sum(len(getattr(one, name)) for one in found) for name in ("hits", "missed", "alarms")
    )
    return {
        "faulty": sum(bool(one.case.codes) for one in found),
        "sound": sum(not one.case.codes for one in found),
        "codes": len({code for one in found for code in one.case.codes}),
        "found": hits,
        "missed": missed,
        "false_alarms": alarms,
        "recall": share(hits, hits + missed),
        "precision": share(hits, hits + alarms),
        "differ": {
            one.case.name: sorted(one.missed | one.alarms) for one in found if one.missed or one.alarms
        },
    }
