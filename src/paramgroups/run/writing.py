"""Writing planned values into an optimizer's groups, the one place that hosts look at.

What moves is compiled to flat lists, once for each span of ticks in which no window opens or closes; a tick
within the span evaluates each schedule once and costs a few dict accesses a group.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from paramgroups.optim import pack, unpack
from paramgroups.planning.course import Course
from paramgroups.run.glances import Glance, is_watched
from paramgroups.run.lanes import Cell, Held, Lane, Part, Single, Slots, moves

Courses = Mapping[str, Course]
NOWHERE = (math.inf, -math.inf)
ANEW = ...
"""Stands where a value is to be written, also a switch: no switch equals it, and in copies it is the same."""


class Overwritten(NamedTuple):
    """A number that no longer stands in a group as it was left there.

    Attributes:
        place: The group's place in the optimizer.
        name: The hyperparameter.
        left: What was left there.
        found: What is there.
    """

    place: int
    name: str
    left: Any
    found: Any


class Writer:
    """Writes the values of a tick into all groups of an optimizer.

    Where a setting is a tensor, each group gets a tensor of its own: a shared one all groups would write. It
    is written in place, and put back where loading a state took it away.
    """

    def __init__(self) -> None:
        self._courses: list[Courses] = []
        self._cells: list[dict[str, Cell]] = []
        self._left: dict[str, list[Any]] = {}
        self._slots = Slots()
        self._moving: list[Lane | Single] = []
        self._look()
        self.renew()

    def renew(self, *, wholly: bool = False) -> None:
        """Write all numbers next time, also those that stand still.

        Args:
            wholly: Switches too, which are else left as somebody turned them.
        """
        self._span = NOWHERE
        if wholly:
            self._left = {}

    def seat(self, group: dict[str, Any], courses: Courses) -> None:
        """Take one more group, whose values are these."""
        tensors = {name: value.clone() for name, value in group.items() if isinstance(value, torch.Tensor)}
        group.update(tensors)
        self._cells.append({name: Cell(tensor) for name, tensor in tensors.items()})
        self._courses.append(courses)
        self.renew()

    def follow(self, place: int, courses: Courses) -> None:
        """Write the values of other courses into the group at a place."""
        for name, course in courses.items():
            if name in self._left and course is not self._courses[place].get(name):
                self._left[name][place] = ANEW
        self._courses[place] = courses
        self.renew()

    @property
    def count(self) -> int:
        """How many groups it writes."""
        return len(self._courses)

    def write(self, held: Held, tick: float) -> None:
        """Write the values of a tick into the groups that it has taken; others may stand after them."""
        held = self._taken(held)
        start, stop = self._span
        entered = not start <= tick < stop
        if entered:
            self._enter(held, tick)
        factors = self._slots.factors(tick)
        for lane in self._moving:
            lane.write(held, factors)
        if entered:
            self._look()

    @property
    def rates(self) -> list[Any]:
        """The rate of each group as it was written; of tensors copies, never the groups' own."""
        rates = self._left["lr"]
        return [torch.as_tensor(rate).clone() for rate in rates] if self._in_tensors else list(rates)

    def untouched(self, held: Held) -> bool:
        """Whether no number was written by anybody else since."""
        return self._glance.untouched(self._taken(held))

    def overwritten(self, held: Held) -> list[Overwritten]:
        """The numbers that somebody else has written since, and that differ from what was left."""
        held = self._taken(held)
        if self._glance.untouched(held):
            return []
        found = [one for place, group in enumerate(held) for one in self._unlike(place, group)]
        if not found:
            self.renew()  # equal values of others take the place of ours: they are not looked at again
        return found

    def _taken(self, held: Held) -> Held:
        return held if len(held) == self.count else held[: self.count]

    def _unlike(self, place: int, group: Mapping[str, Any]) -> Iterator[Overwritten]:
        for key in self._glance.keys:
            cell, left = self._cells[place].get(key), self._left[key][place]
            if not is_watched(left):
                continue
            was = unpack({key: left if cell is None else cell.left})
            now = unpack({key: _plain(group.get(key, left))})
            for name in was | now:
                if was.get(name) != _plain(now.get(name)):
                    yield Overwritten(place, name, was.get(name), _plain(now.get(name)))

    def _enter(self, held: Held, tick: float) -> None:
        """Begin a span: write what stands still in it, and lay out what moves."""
        self._slots = Slots()
        self._span = -math.inf, math.inf
        parts: dict[int, Part] = {}
        rows = [self._row(courses, tick, parts) for courses in self._courses]
        keys = dict.fromkeys(key for row in rows for key in row)
        before, self._left = self._left, {key: [None] * len(rows) for key in keys}
        self._moving = []
        for key in keys:
            self._lay_out(key, rows, held, before.get(key, ()))

    def _look(self) -> None:
        cells = [cell for cells in self._cells for key, cell in cells.items() if key in self._left]
        self._glance = Glance(self._left, {lane.key for lane in self._moving}, cells)
        self._in_tensors = any("lr" in cells for cells in self._cells)

    def __getstate__(self) -> dict[str, Any]:
        """A copy lays out anew what moves: schedules over a horizon are functions."""
        return {name: vars(self)[name] for name in ("_courses", "_cells", "_left")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy knows what was left in the groups."""
        self.__dict__.update(state | {"_moving": []})
        self._look()
        self.renew()

    def _row(self, courses: Courses, tick: float, parts: dict[int, Part]) -> dict[str, Any]:
        """The values of a group in the span of a tick, which is narrowed to where they all hold."""
        for course in courses.values():
            if id(course) not in parts:
                parts[id(course)] = self._slots.take(*course.parts(tick))
                start, stop = course.span(tick)
                self._span = max(self._span[0], start), min(self._span[1], stop)
        return pack({name: parts[id(course)] for name, course in courses.items()})

    def _lay_out(self, key: str, rows: list[dict[str, Any]], held: Held, before: Sequence[Any]) -> None:
        """Write one hyperparameter where it stands still, and sort where it moves."""
        lane = Lane(key, self._left)
        alike: dict[Any, Any] = {}  # groups share one tuple, so that a glance at it tells that it is ours
        for place, row in enumerate(rows):
            if key not in row:
                continue
            part, cell = row[key], self._cells[place].get(key)
            if isinstance(part, Part) and part.slot is not None and cell is None:
                lane.add(place, part.value, part.slot)
            else:
                single = Single(key, self._left, place, part, cell)
                if moves(part):
                    self._moving.append(single)
                else:
                    value = single.value(())
                    if is_switch(value) and place < len(before) and before[place] == value:
                        self._left[key][place] = value
                        continue
                    single.put(held, alike.setdefault(value, value) if isinstance(value, tuple) else value)
        if lane.places:
            self._moving.append(lane)


def _plain(value: Any) -> Any:
    """What a tensor or one of numpy's numbers holds."""
    return value.tolist() if hasattr(value, "tolist") else value


def is_switch(value: Any) -> bool:
    """Whether a value is none of the numbers that are looked after."""
    return value is None or isinstance(value, (bool, str))
