"""JSON and SARIF."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import paramgroups as pg
from paramgroups.auditing.result import Audit, Rates
from tests.auditing.setups import small


def found(**asked: Any) -> Audit:
    model = small()
    return pg.audit(model, torch.optim.SGD(model[3].parameters(), lr=0.1), **asked)


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def test_json_has_all_of_a_finding() -> None:
    data = json.loads(found().to_json())
    assert data["summary"] == "1 error"
    one = data["findings"][0]
    assert one["code"] == "PG101"
    assert one["severity"] == "error"
    assert one["names"] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert one["link"].endswith("#pg101")
    assert all(one[key] for key in ("message", "fix", "why"))


def test_json_tells_what_is_silenced_and_why() -> None:
    data = json.loads(found(silence=[pg.silence("PG101", "**", reason="meant")]).to_json())
    assert data["findings"] == []
    assert (data["silenced"][0]["reason"], data["silenced"][0]["selector"]) == ("meant", "**")


def test_figures_that_json_has_no_word_for_stand_as_text() -> None:
    audit = Audit("x", (), rates={"group 0": Rates(0.1, float("nan"), 5)}, ratios={"group 0": float("inf")})
    data = json.loads(audit.to_json(), parse_constant=refuse)
    assert data["rates"]["group 0"] == {"now": 0.1, "later": "nan", "ticks": 5}
    assert data["ratios"] == {"group 0": "inf"}


def test_sarif_has_a_rule_for_each_kind_and_a_result_for_each_finding() -> None:
    data = json.loads(found().to_sarif("train.py"))
    assert data["version"] == "2.1.0"
    run = data["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["PG101"]
    result = run["results"][0]
    assert (result["ruleId"], result["level"]) == ("PG101", "error")
    place = result["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "train.py"
    assert [one["fullyQualifiedName"] for one in place["logicalLocations"]][:2] == ["0.weight", "0.bias"]


def test_sarif_tells_advice_as_a_note_and_silences_as_suppressions() -> None:
    model = small().requires_grad_(requires_grad=False)
    model[3].requires_grad_(requires_grad=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    silenced = json.loads(pg.audit(model, optimizer, silence=[pg.silence("PG102", reason="ok")]).to_sarif())
    result = silenced["runs"][0]["results"][0]
    assert result["level"] == "note"
    assert result["suppressions"] == [{"kind": "external", "justification": "ok"}]
    assert "physicalLocation" not in result["locations"][0]


def test_sarif_takes_a_path_and_nothing_else() -> None:
    assert found().to_sarif(Path("train.py")) == found().to_sarif("train.py")
    with pytest.raises(pg.ParamGroupsError, match="where=3 is no path"):
        found().to_sarif(3)  # type: ignore[arg-type]  # what users do
