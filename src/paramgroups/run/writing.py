"""Writing planned values into an optimizer's groups, the one place that hosts look at."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from paramgroups.optim import pack
from paramgroups.planning import Group
from paramgroups.planning.course import Course

Tensors = dict[str, torch.Tensor]
Courses = dict[str, Course]

SWITCHES = ("foreach", "fused", "capturable", "differentiable")
"""How torch computes, not what: where the plan does not say, who makes the optimizer does."""


def written_courses(group: Group) -> Courses:
    """The hyperparameters of a group that are written: all but switches that the plan leaves alone."""
    defaults = group.profile.optimizer.defaults
    return {
        name: course
        for name, course in group.courses.items()
        if name not in SWITCHES or not (course.constant and course.base == defaults[name])
    }


def own_tensors(optimizer: Optimizer) -> list[Tensors]:
    """Give each group tensors of its own where its settings are tensors: shared ones all would write.

    Returns:
        For each group the tensors by setting.
    """
    found = [
        {name: value.clone() for name, value in group.items() if isinstance(value, torch.Tensor)}
        for group in optimizer.param_groups
    ]
    for group, tensors in zip(optimizer.param_groups, found, strict=True):
        group.update(tensors)
    return found


def write(group: dict[str, Any], courses: Courses, tick: float, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write the values of a tick into a group.

    Args:
        group: The optimizer's group.
        courses: Its hyperparameters over time.
        tick: The tick.
        tensors: The group's own tensors: they are written in place, for compiled code has kept them, and
            put back where loading a state took them away.
    """
    for name, value in pack({name: course.at(tick) for name, course in courses.items()}).items():
        group[name] = tensors[name].fill_(value) if name in tensors else value


def plain_rate(group: Mapping[str, Any]) -> Any:
    """A group's rate as torch's schedulers report it: never the group's own tensor."""
    rate = group["lr"]
    return rate.clone() if isinstance(rate, torch.Tensor) else rate
