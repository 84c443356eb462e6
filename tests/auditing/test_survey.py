"""Real code of hosts and of torch's pages: the audit finds what it found when it was checked by hand."""

import json
import warnings
from importlib import import_module

import pytest
import torch

import paramgroups as pg
from benchmarks.measure import RESULTS
from benchmarks.survey import CHECKED, audited, verdict
from benchmarks.surveyed import SMALL, SURVEYED
from paramgroups.auditing.objects import optimizer_within
from tests.support import import_transformers

KEPT = json.loads((RESULTS / "survey.json").read_text())["found"]


@pytest.mark.parametrize("name", SURVEYED)
def test_the_findings_are_those_that_were_checked(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hosts warn of what they do
        found = audited(SURVEYED[name]())
    assert [finding.code for finding in found] == [one["code"] for one in KEPT[name]]
    assert all(verdict(name, finding.code) for finding in found)


def test_ten_architectures_of_transformers_are_among_them() -> None:
    assert len(SMALL) == 10
    assert sum(name.startswith("transformers Trainer, ") for name in SURVEYED) == 10


def test_every_verdict_is_of_something_found() -> None:
    found = {(name, one["code"]) for name, findings in KEPT.items() for one in findings}
    assert all(any(name.startswith(start) for name, kind in found if kind == code) for start, code in CHECKED)


def test_what_nobody_checked_ends_the_survey() -> None:
    with pytest.raises(LookupError, match="PG999 of x has not been checked by hand"):
        verdict("x", "PG999")


def test_lightning_s_own_wrapper_is_looked_through() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_transformers()  # its shim for torchvision, which Lightning loads
        wrapper = import_module("lightning.pytorch.core.optimizer").LightningOptimizer
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert not pg.audit(model, wrapper(optimizer)).findings
    assert optimizer_within(wrapper(optimizer)) is optimizer
