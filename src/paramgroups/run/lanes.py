"""What moves within a span of ticks, as flat lists: a tick walks them and calls nothing that it need not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from paramgroups.planning.timing import Timing

Held = Sequence[dict[str, Any]]
Left = dict[str, list[Any]]


class Part(NamedTuple):
    """A value within a span.

    Attributes:
        value: The value, schedule left out.
        slot: The place of the factor that multiplies it; None where none does.
    """

    value: Any
    slot: int | None

    def at(self, factors: Sequence[float]) -> Any:
        """The value at a tick with these factors."""
        return self.value if self.slot is None else self.value * factors[self.slot]


def moves(part: Part | tuple[Part, ...]) -> bool:
    """Whether a schedule acts on a value, or on one of a tuple."""
    return any(one.slot is not None for one in ((part,) if isinstance(part, Part) else part))


class Slots:
    """The schedules that act in a span, each once: its factor is shared by all who follow it."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        self._factors: list[Callable[[float], float]] = []

    def take(self, value: Any, timing: Timing | None) -> Part:
        """A value and the schedule that multiplies it."""
        if timing is None:
            return Part(value, None)
        if id(timing) not in self._slots:
            self._slots[id(timing)] = len(self._factors)
            self._factors.append(timing.factor)
        return Part(value, self._slots[id(timing)])

    def factors(self, tick: float) -> list[float]:
        """All factors at a tick."""
        return [factor(tick) for factor in self._factors]


@dataclass
class Cell:
    """A group's own tensor that holds a hyperparameter.

    Attributes:
        tensor: The tensor.
        value: What was written into it; it may hold it rounded.
        version: How often the tensor had been written then: reading it back would wait for its device.
    """

    tensor: torch.Tensor
    value: Any = None
    version: int = -1

    def write(self, value: Any) -> torch.Tensor:
        """Write in place, for compiled code has kept the tensor."""
        self.tensor.fill_(value)
        self.value, self.version = value, self.tensor._version  # noqa: SLF001  # torch has no other name for it
        return self.tensor

    @property
    def untouched(self) -> bool:
        """Whether nobody has written it since."""
        return self.tensor._version == self.version  # noqa: SLF001  # torch has no other name for it

    @property
    def left(self) -> Any:
        """What was left in it, as it reads back."""
        return torch.tensor(self.value, dtype=self.tensor.dtype).item()


@dataclass
class Lane:
    """One hyperparameter of some groups that moves, plain numbers: in each `base × factor`.

    Attributes:
        key: The hyperparameter.
        left: What was written last, by hyperparameter, for every group of the optimizer.
        places: The groups.
        bases: The value in each, schedule left out.
        slots: Which factor multiplies it.
    """

    key: str
    left: Left
    places: list[int] = field(default_factory=list)
    bases: list[float] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)

    def add(self, place: int, base: float, slot: int) -> None:
        """Take one more group."""
        self.places.append(place)
        self.bases.append(base)
        self.slots.append(slot)

    def write(self, held: Held, factors: Sequence[float]) -> None:
        """Write the values of a tick."""
        key = self.key
        values = [base * factors[slot] for base, slot in zip(self.bases, self.slots, strict=True)]
        if len(values) == len(held):
            for group, value in zip(held, values, strict=True):
                group[key] = value
            self.left[key] = values
        else:
            left = self.left[key]
            for place, value in zip(self.places, values, strict=True):
                held[place][key] = left[place] = value


@dataclass
class Single:
    """One hyperparameter of one group where it is a tuple, such as `betas`, or in a tensor.

    Attributes:
        key: The hyperparameter.
        left: What was written last, by hyperparameter, for every group of the optimizer.
        place: The group.
        part: The value, or those of a tuple.
        cell: The group's own tensor, if it is in one.
    """

    key: str
    left: Left
    place: int
    part: Part | tuple[Part, ...]
    cell: Cell | None

    def value(self, factors: Sequence[float]) -> Any:
        """The value at a tick with these factors."""
        part = self.part
        return part.at(factors) if isinstance(part, Part) else tuple(one.at(factors) for one in part)

    def put(self, held: Held, value: Any) -> None:
        """Write a value."""
        found = value if self.cell is None else self.cell.write(value)
        held[self.place][self.key] = self.left[self.key][self.place] = found

    def write(self, held: Held, factors: Sequence[float]) -> None:
        """Write the value of a tick."""
        self.put(held, self.value(factors))
