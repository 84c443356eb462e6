"""What the audit finds of the corpus of small set-ups, and the list of all findings with an example of each.

Run: `python -m benchmarks.corpus`. The results are kept in `benchmarks/results/corpus.json` and
`benchmarks/results/findings.json`.
"""

import re
from collections.abc import Iterable
from tempfile import gettempdir
from typing import Any

import torch

from benchmarks.measure import save, show
from paramgroups.auditing.checks import catalogue
from tests.auditing.corpus.loops import FAULTY
from tests.auditing.corpus.scoring import Outcome, outcomes, score


def generic(told: str) -> str:
    """What is said, without the place where it was said."""
    told = re.sub(re.escape(gettempdir()) + r"/[^/\s]+/", "runs/", told)
    return re.sub(r"tests\.auditing\.corpus\.\w+\.", "my_project.", told)


def listed(found: Iterable[Outcome]) -> dict[str, dict[str, Any]]:
    """Every kind of finding, with what the audit says of the first set-up that has it."""
    first = {code: loop.__name__ for code, loop in FAULTY.items()}
    told = {code: generic(make().messages()[code]) for code, make in FAULTY.items()}
    for outcome in found:
        for code in sorted(outcome.hits - first.keys()):
            first[code], told[code] = outcome.case.name, generic(outcome.messages[code])
    return {
        code: {
            "severity": kind.severity,
            "title": kind.title,
            "why": kind.why,
            "of": first[code],
            "example": told[code],
        }
        for code, kind in catalogue().items()
    }


def main() -> None:
    """Audit every set-up once."""
    torch.set_num_threads(1)
    found = list(outcomes())
    figures = score(found)
    show(the_corpus={name: value for name, value in figures.items() if isinstance(value, int | float)})
    for outcome in found:
        if outcome.missed or outcome.alarms:
            print(outcome)
    save("corpus", figures)
    save("findings", {"kinds": listed(found)})


if __name__ == "__main__":
    main()
