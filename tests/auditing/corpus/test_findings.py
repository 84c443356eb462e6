"""The page of all findings quotes what is said now."""

import json
import re
from tempfile import gettempdir

import pytest

from benchmarks.corpus import generic
from benchmarks.measure import RESULTS
from tests.auditing.corpus.cases import cases
from tests.auditing.corpus.loops import FAULTY
from tests.auditing.corpus.scoring import audited

KEPT = json.loads((RESULTS / "findings.json").read_text())["kinds"]
CASES = {case.name: case for case in cases()}


@pytest.mark.parametrize("code", KEPT)
def test_the_page_quotes_what_is_said(code: str) -> None:
    kept = KEPT[code]
    if code in FAULTY:
        told = FAULTY[code]().messages()
    else:
        case = CASES[kept["of"]]
        told = dict(audited(case, case.build()).messages)
    assert without_numbers(generic(told[code])) == without_numbers(kept["example"])


def without_numbers(told: str) -> str:
    """A message as it is on any machine: the last digits of what is measured hang on the hardware."""
    return re.sub(r"\d[\d.,e-]*", "#", told)


def test_a_message_is_quoted_without_its_place() -> None:
    told = f"{gettempdir()}/here/last.pt of tests.auditing.corpus.slips.Odd"
    assert generic(told) == "runs/last.pt of my_project.Odd"
