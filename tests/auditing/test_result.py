"""What an audit returns."""

import pytest
import torch

import paramgroups as pg
from paramgroups.auditing.result import Audit, Rates, gravest_first
from paramgroups.errors import Finding
from tests.auditing.setups import small

ADVICE = Finding("PG102", "advice", "a", "b")
WARNING = Finding("PG106", "warning", "c", "d")
ERROR = Finding("PG101", "error", "e", "f", ("x",), "g", "h")
ALL = Audit("Net", gravest_first([ADVICE, WARNING, ERROR, ADVICE]))


def test_the_gravest_come_first() -> None:
    assert [finding.severity for finding in ALL] == ["error", "warning", "advice", "advice"]
    assert len(ALL) == 4
    assert ALL.codes == {"PG101", "PG102", "PG106"}


def test_a_level_leaves_the_lighter_ones_out() -> None:
    assert [len(ALL.at(level)) for level in ("error", "warning", "advice")] == [1, 2, 4]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(pg.ParamGroupsError, match='"warn" is no severity'):
        ALL.at("warn")  # type: ignore[arg-type]  # what users do


def test_the_text_counts_and_tells_each() -> None:
    assert ALL.summary == "1 error, 1 warning, 2 advice"
    assert str(ALL).splitlines()[:5] == [
        "Net: 1 error, 1 warning, 2 advice", "", "error PG101: e", "  f", "  Why: g (h)",
    ]  # fmt: skip


def test_figures_stand_below() -> None:
    audit = Audit("Net", (), rates={"group 0": Rates(0.1, 0.01, 1000)}, ratios={"group 0": 0.002})
    assert str(audit).splitlines()[-1] == ("  group 0, 0.1 → 0.01 after 1,000 ticks, update ÷ weights 0.002")


def test_figures_are_of_what_changes_or_was_tried_and_of_a_few_groups() -> None:
    still = {"a": Rates(0.1, 0.1, 0)}
    assert Audit("Net", (), rates=still).figured == []
    many = {f"group {place}": Rates(0.1, 0.01, 10) for place in range(15)}
    lines = str(Audit("Net", (), rates=still | many)).splitlines()
    assert len(lines) == 16
    assert lines[-1] == "  and 3 more"


def test_the_title_tells_what_was_looked_at() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    found = pg.audit(model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 5))
    assert found.title == "Sequential, 6 parameters in 1 group of SGD under StepLR"
    assert pg.audit(model, None).title == "Sequential, 6 parameters in 0 groups of no optimizer"
