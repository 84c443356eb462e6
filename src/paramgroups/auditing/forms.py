"""What an audit found as data: JSON for programs, and SARIF for what shows findings in code reviews."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from paramgroups._version import __version__
from paramgroups.auditing.silences import Silenced
from paramgroups.errors import Finding

Data = dict[str, Any]
LEVELS = {"error": "error", "warning": "warning", "advice": "note"}
"""The words that SARIF has for severities."""
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def finding_data(finding: Finding) -> Data:
    """A finding for programs."""
    return {**asdict(finding), "names": list(finding.names)}


def silenced_data(silenced: Iterable[Silenced]) -> list[Data]:
    """What was silenced for programs, each with the selector and the reason."""
    return [
        finding_data(finding)
        | {"selector": silence.selector and silence.selector.written, "reason": silence.reason}
        for finding, silence in silenced
    ]


def numbers(found: Mapping[str, float]) -> Data:
    """Figures for programs; JSON has no word for what is not finite."""
    return {name: value if math.isfinite(value) else str(value) for name, value in found.items()}


def sarif(findings: Sequence[Finding], silenced: Sequence[Silenced], where: str | None) -> Data:
    """Findings in SARIF 2.1.0, the form in which tools of code review take them.

    Args:
        findings: What was found.
        silenced: What was found and is meant; told as suppressed.
        where: The file that findings are shown at; None for none.
    """
    told = [*findings, *(one.finding for one in silenced)]
    rules = {one.code: _rule(one) for one in told}
    places = [] if where is None else [{"physicalLocation": {"artifactLocation": {"uri": where}}}]
    results = [_result(one, places) for one in findings]
    results += [_result(one, places) | {"suppressions": [_suppression(why.reason)]} for one, why in silenced]
    driver = {"name": "paramgroups", "version": __version__, "rules": list(rules.values())}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _rule(finding: Finding) -> Data:
    return {
        "id": finding.code,
        "shortDescription": {"text": finding.why or finding.code},
        "help": {"text": f"See {finding.link}" if finding.link else finding.fix},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
    }


def _result(finding: Finding, places: list[Data]) -> Data:
    names = [{"fullyQualifiedName": name, "kind": "member"} for name in finding.names]
    location = {**(places[0] if places else {}), **({"logicalLocations": names} if names else {})}
    return {
        "ruleId": finding.code,
        "level": LEVELS[finding.severity],
        "message": {"text": f"{finding.message} {finding.fix}"},
        "locations": [location] if location else [],
    }


def _suppression(reason: str) -> Data:
    return {"kind": "external", "justification": reason}
