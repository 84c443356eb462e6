"""A plan and an explanation as plain data, for programs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from paramgroups.errors import Finding
from paramgroups.planning import Plan
from paramgroups.planning.course import Course
from paramgroups.planning.explain import Explanation
from paramgroups.planning.groups import Group

Data = dict[str, Any]


def as_json(data: Data) -> str:
    """Strictly valid JSON: what JSON has no word for stands there as text."""
    return json.dumps(plain(data), indent=2, allow_nan=False, ensure_ascii=False)


def plain(value: object) -> Any:
    """A value in JSON's own types.

    >>> plain({"betas": (0.9, float("inf")), "dtype": int})
    {'betas': [0.9, 'inf'], 'dtype': "<class 'int'>"}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return repr(value)


def plan_data(plan: Plan, findings: Sequence[Finding], step: int | None) -> Data:
    """A plan for programs.

    Args:
        plan: The plan.
        findings: What its check found.
        step: The step whose values are told; without one those of each clock's start, schedule left out.
    """
    return {
        "title": plan.title,
        "horizon": asdict(plan.horizon),
        "step": step,
        "groups": [_group_data(group, step) for group in plan.groups],
        "frozen": [row.name for row in plan.frozen],
        "findings": [asdict(finding) for finding in findings],
    }


def explanation_data(plan: Plan, explanation: Explanation, step: int | None) -> Data:
    """An explanation for programs: the values, and the chain of each in words."""
    row = plan[explanation.name] if step is None else plan.at(step)[explanation.name]
    return {
        "name": explanation.name,
        "title": explanation.title,
        "step": step,
        "values": row.values,
        "chains": explanation.chains,
    }


def _group_data(group: Group, step: int | None) -> Data:
    return {
        "name": group.name,
        "tensors": len(group.names),
        "numbers": group.numel,
        "settings": group.settings(step),
        "schedules": {name: found for name, course in group.courses.items() if (found := _schedules(course))},
        "trained": _windows(group),
        "parameters": group.names,
    }


def _schedules(course: Course) -> list[Data]:
    return [
        {"start": int(start), "clock": timing.began, "schedule": timing.words}
        for start, timing in course.timings
        if timing
    ]


def _windows(group: Group) -> list[Data]:
    """When the group is trained, as a rule's window has it: from `start` to before `until`."""
    pieces = group.profile.trainable.pieces
    ends = [*(int(start) for start, _ in pieces[1:]), None]
    return [
        {"start": int(start), "until": end} for (start, now), end in zip(pieces, ends, strict=True) if now
    ]
