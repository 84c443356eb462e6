"""Silences: what is meant is not told, with a reason, by code and selector."""

from typing import Any

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


def mean_of_squares(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = model(batch).square().mean()
    return found


def idle_in(code: str, **options: object) -> bool:
    """Whether an audit of a sound training, built by a plan, says that a silence of a kind is idle."""
    model = small()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1))
    optimizer, scheduler = pg.build(plan)
    asked: dict[str, Any] = {"silence": [pg.silence(code, reason="x")], **options}
    if code.startswith("PG3") and asked.pop("resume", False):
        asked["checkpoint"] = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    return "PG192" in [finding.code for finding in pg.audit(model, optimizer, scheduler, **asked)]


@pytest.mark.parametrize("code", ["PG205", "PG308", "PG404"])
def test_a_silence_of_what_was_not_looked_at_is_not_idle(code: str) -> None:
    assert not idle_in(code)


def test_a_silence_of_what_was_looked_at_and_not_found_is_idle() -> None:
    assert idle_in("PG105")
    assert idle_in("PG003")
    assert idle_in("PG205", loss=mean_of_squares, batch=torch.ones(3, 4))
    assert idle_in("PG308", resume=True)


def test_a_silence_for_checks_of_plans_is_idle_only_beside_a_plan() -> None:
    silences = [pg.silence("PG003", reason="x")]
    model = small()
    found = pg.audit(model, torch.optim.SGD(model.parameters(), lr=0.1), silence=silences)
    assert "PG192" not in [finding.code for finding in found]


def test_a_silence_is_not_idle_where_the_trial_could_not_be_taken() -> None:
    assert not idle_in("PG205", loss=mean_of_squares, batch=torch.ones(3, 5))


def test_the_code_of_a_plan_is_no_file() -> None:
    with pytest.raises(pg.ParamGroupsError, match="is no list of silences"):
        pg.audit(*forgetful(), silence="PG002")
