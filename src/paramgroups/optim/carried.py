"""What of a saved optimizer was taken over, as a report."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from torch import Tensor

from paramgroups.errors import listing
from paramgroups.optim.hyperparameters import SWITCHES, unpack

LOG = logging.getLogger("paramgroups")

UNTOLD = frozenset({*SWITCHES, "params", "param_names", "name", "initial_lr", "optimizer", "rows"})
"""Keys of a group that are no values to compare."""

Shape = tuple[int, ...]
Group = Mapping[str, Any]


class Difference(NamedTuple):
    """A value of a group that is another than the saved one.

    Attributes:
        group: The group that is here.
        hyper: The hyperparameter.
        then: What the checkpoint has for parameters of this group.
        now: What the group holds.
    """

    group: str
    hyper: str
    then: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.group}: {self.hyper} {self.then} -> {self.now}"


@dataclass(frozen=True)
class Carried:
    """What of a saved optimizer was taken over, parameter by parameter.

    Attributes:
        kept: What was remembered of these is taken over.
        missing: These are here, and the checkpoint knows no such names: they begin anew.
        unexpected: Of these the checkpoint remembers something, and they are not here: left behind.
        reshaped: These have another shape, then and now: they begin anew.
        moved: The group of these, by its name, then and now. It does not touch what is remembered.
        refit: Another class steps these now: the keys that were left behind. Where all were, it begins anew.
        values: Where the groups hold other values than the checkpoint had for their parameters.
        saved: By the name of a group that is here, the saved groups of its parameters.

    Example:
        >>> print(Carried(kept=("body.weight",), missing=("head.weight",)))
        1 parameter goes on with its saved state.
        Begin anew, for the checkpoint does not know them (1): head.weight
    """

    kept: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)
    moved: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    refit: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: tuple[Difference, ...] = ()
    saved: Sequence[tuple[str, Sequence[Group]]] = field(default=(), repr=False, compare=False)

    @property
    def whole(self) -> bool:
        """Whether all that was saved is taken over, and nothing here begins anew for lack of it."""
        return not (self.missing or self.unexpected or self.reshaped or self.refit)

    def beside(self, groups: Sequence[Group]) -> "Carried":
        """The same, with what differs between the saved values and those of these groups."""
        pairs = zip(self.saved, groups, strict=False)
        found = (one for (name, old), new in pairs for one in _unlike(name, old, new))
        return replace(self, values=tuple(dict.fromkeys(found)))

    def __str__(self) -> str:
        count = len(self.kept)
        first = f"{count:,} parameter{'s go' if count != 1 else ' goes'} on with {_own(count)} saved state."
        return "\n".join([first, *self._lines()])

    def _lines(self) -> Iterator[str]:
        told = {
            "Begin anew, for the checkpoint does not know them": self.missing,
            "Left behind, for they are not here": self.unexpected,
            "Begin anew, for they had another shape": [
                f"{name} {then} -> {now}" for name, (then, now) in self.reshaped.items()
            ],
            "Stepped by another optimizer, with some state left behind": self._left(kept=True),
            "Begin anew, for another optimizer steps them and can use nothing of": self._left(kept=False),
            "In another group": [f"{name} ({then} -> {now})" for name, (then, now) in self.moved.items()],
            "Values that were others in the checkpoint": [*map(str, self.values)],
        }
        yield from (f"{what} ({len(found):,}): {listing(found)}" for what, found in told.items() if found)

    def _left(self, *, kept: bool) -> list[str]:
        """What was left behind of parameters that have kept some, or that begin anew."""
        own = set(self.kept)
        return [f"{name} ({listing(keys)})" for name, keys in self.refit.items() if (name in own) is kept]


def log(carried: Carried) -> None:
    """Tell what was taken over: as a warning where not all was.

    Values are not told: a scheduler that is loaded next brings them to its tick.
    """
    told = replace(carried, values=())
    if carried.whole:
        LOG.info("Optimizer loaded. %s", told)
    else:
        LOG.warning("Optimizer loaded, but not all of it. %s", told)


def _own(count: int) -> str:
    return "its" if count == 1 else "their"


def _unlike(name: str, saved: Sequence[Group], group: Group) -> Iterator[Difference]:
    now = _values(group)
    for old in saved:
        then = _values(old)
        yield from (
            Difference(name, key, then[key], now[key]) for key in then if key in now and then[key] != now[key]
        )


def _values(group: Group) -> dict[str, Any]:
    return {key: _plain(value) for key, value in unpack(group).items() if key not in UNTOLD}


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    return tuple(value) if isinstance(value, list) else value
