"""Writing planned values into an optimizer's groups, the one place that hosts look at."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch

from paramgroups.optim import pack, unpack
from paramgroups.planning.course import Course

Courses = dict[str, Course]


class Writer:
    """Writes the values of a tick into one group of an optimizer.

    Where a setting is a tensor, the group gets a tensor of its own: a shared one all groups would write. It
    is written in place, for compiled code has kept it, and put back where loading a state took it away.

    Args:
        group: The group.
        courses: Its hyperparameters over time.
    """

    def __init__(self, group: dict[str, Any], courses: Courses) -> None:
        self._tensors = {
            name: value.clone() for name, value in group.items() if isinstance(value, torch.Tensor)
        }
        group.update(self._tensors)
        self._left: dict[str, Any] = {}
        self.follow(courses)

    def follow(self, courses: Courses) -> None:
        """Write the values of these courses from now on."""
        self.courses = courses
        packed = pack(courses)
        still = {name for name, found in packed.items() if _constant(found)} - self._tensors.keys()
        self._still = pack({name: course.base for name, course in unpack(_only(packed, still)).items()})
        self._moving = unpack(_only(packed, packed.keys() - still))

    def write(self, group: dict[str, Any], tick: float) -> None:
        """Write the values of a tick."""
        group.update(self._still)
        for name, value in pack({name: course.at(tick) for name, course in self._moving.items()}).items():
            group[name] = self._tensors[name].fill_(value) if name in self._tensors else value
        # Read back, since a float32 tensor holds a rounded value.
        self._left = {name: _plain(group[name]) for name in pack(self.courses)}

    def overwritten(self, group: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """What no longer stands in the group as it was written: its name, what was written, what is there."""
        for name, left in self._left.items():
            if name in group and _plain(group[name]) != left:
                yield name, left, _plain(group[name])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value


def _constant(found: Course | tuple[Course, ...]) -> bool:
    return all(course.constant for course in (found if isinstance(found, tuple) else (found,)))


def _only(settings: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name in names}


def plain_rate(group: Mapping[str, Any]) -> Any:
    """A group's rate as torch's schedulers report it: never the group's own tensor."""
    rate = group["lr"]
    return rate.clone() if isinstance(rate, torch.Tensor) else rate
