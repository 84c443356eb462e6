"""Silences: what is meant is not told, with a reason, by code and selector."""

import pytest
import torch

import paramgroups as pg
from tests.auditing.setups import small


def forgetful() -> tuple[torch.nn.Sequential, torch.optim.Optimizer]:
    model = small()
    return model, torch.optim.SGD(model[3].parameters(), lr=0.1)


def test_a_silenced_kind_is_not_told_and_its_reason_is() -> None:
    found = pg.audit(*forgetful(), silence=[pg.silence("pg101", reason="stepped by hand")])
    assert not found.findings
    assert found.summary == "nothing found (1 silenced)"
    assert "silenced PG101: stepped by hand" in str(found)


def test_a_selector_silences_the_names_that_it_selects_alone() -> None:
    found = pg.audit(*forgetful(), silence=[pg.silence("PG101", "1", reason="a fixed norm")])
    assert [finding.names for finding in found] == [("0.weight", "0.bias")]
    assert found.findings[0].message.endswith("(2 of 4 silenced; left: 0.weight, 0.bias.)")


def test_selectors_that_select_all_names_silence_the_whole() -> None:
    silences = [pg.silence("PG101", "1", reason="a"), pg.silence("PG101", "0", reason="b")]
    found = pg.audit(*forgetful(), silence=silences)
    assert not found.findings
    assert [one.silence.reason for one in found.silenced] == ["a", "b"]


def test_a_silence_that_silences_nothing_is_told() -> None:
    found = pg.audit(*forgetful(), silence=[pg.silence("PG105", reason="x")])
    assert [finding.code for finding in found] == ["PG101", "PG192"]
    assert found.findings[1].message == 'The silence "PG105: x" matches no finding.'


def test_what_the_check_of_a_plan_finds_can_be_silenced() -> None:
    model = small()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1))
    assert [finding.code for finding in pg.audit(model, *pg.build(plan))] == ["PG002"]
    assert not pg.audit(model, *pg.build(plan), silence=[pg.silence("PG002", reason="a trial")]).findings


@pytest.mark.parametrize("reason", ["", "  ", None], ids=["empty", "blank", "none"])
def test_a_silence_without_a_reason_is_refused(reason: object) -> None:
    with pytest.raises(pg.ParamGroupsError, match="PG101 gives no reason"):
        pg.silence("PG101", reason=reason)  # type: ignore[arg-type]  # what users do


def test_a_code_that_is_no_text_is_refused() -> None:
    with pytest.raises(pg.ParamGroupsError, match="names a code, and found 101"):
        pg.silence(101, reason="x")  # type: ignore[arg-type]  # what users do


def test_an_unknown_code_is_refused_with_the_nearest() -> None:
    with pytest.raises(pg.ParamGroupsError, match='"PG1011" is no kind of finding'):
        pg.audit(*forgetful(), silence=[pg.silence("PG1011", reason="x")])


def test_what_is_no_silence_is_refused() -> None:
    with pytest.raises(pg.ParamGroupsError, match="holds 'PG101', which is no silence"):
        pg.audit(*forgetful(), silence=["PG101"])  # type: ignore[list-item]  # what users do


def test_a_selector_that_needs_what_is_unknown_is_refused_with_its_silence() -> None:
    with pytest.raises(pg.ParamGroupsError, match=r"The silence PG101 on .* cannot be resolved"):
        pg.audit(*forgetful(), silence=[pg.silence("PG101", "[rms>0.5]", reason="x")])


@pytest.mark.parametrize(
    "silences", [None, 3, "PG101", pg.silence("PG101", reason="x")], ids=["none", "number", "code", "one"]
)
def test_what_is_no_list_of_silences_is_refused(silences: object) -> None:
    with pytest.raises(pg.ParamGroupsError, match=r"is no list of silences.* Write silence=\[pg.silence"):
        pg.audit(*forgetful(), silence=silences)  # type: ignore[arg-type]  # what users do
