"""The catalogue, and looks that foreign objects break."""

import re
from collections.abc import Iterator

import torch

from paramgroups.auditing.checks import MODULES, catalogue, taken
from paramgroups.auditing.subject import Subject
from paramgroups.errors import Finding
from tests.auditing.setups import small, subject_of


def test_codes_are_distinct_and_well_formed() -> None:
    kinds = [kind for module in MODULES for kind in module.KINDS]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(re.fullmatch(r"PG[1-4]\d\d", code) for code in catalogue())


def test_every_kind_says_what_and_why() -> None:
    assert all(kind.title and kind.why.endswith(".") for kind in catalogue().values())


def test_a_look_that_breaks_is_a_finding() -> None:
    def odd_look(subject: Subject) -> Iterator[Finding]:
        raise RuntimeError(f"{len(subject.groups)} group")
        yield

    model = small()
    subject = subject_of(model, torch.optim.SGD(model.parameters(), lr=0.1))
    (finding,) = taken(odd_look, subject)
    assert finding.code == "PG191"
    assert finding.message == 'The look at "odd look" ended with RuntimeError: 1 group.'
