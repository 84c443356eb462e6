"""What differs between two plans, parameter by parameter."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from paramgroups.errors import listing
from paramgroups.planning.numbers import decimal
from paramgroups.planning.profile import Profile
from paramgroups.planning.resolution import Resolution


class Difference(NamedTuple):
    """One value before and after."""

    hyper: str
    old: Any
    new: Any
    over_time: bool


@dataclass(frozen=True)
class Change:
    """One hyperparameter of some parameters that differs.

    Attributes:
        hyper: Which.
        old: Its value in the first plan, schedule left out.
        new: Its value in the second.
        over_time: Whether the values are equal at the start and differ later, by schedule or window.
        names: The parameters; rows of one as `"embed.weight[10:20]"`.
    """

    hyper: str
    old: Any
    new: Any
    over_time: bool
    names: tuple[str, ...]

    def __str__(self) -> str:
        what = "differs over time" if self.over_time else f"{decimal(self.old)} -> {decimal(self.new)}"
        who = f" ({len(self.names):,}: {listing(self.names, 3)})" if self.names else ""
        return f"{self.hyper}: {what}{who}"


@dataclass(frozen=True)
class Diff:
    """What differs between two plans; false when nothing does.

    Attributes:
        removed: Parameters of the first plan only.
        added: Parameters of the second plan only.
        changes: What differs in parameters of both.
    """

    removed: tuple[str, ...]
    added: tuple[str, ...]
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changes)

    def __str__(self) -> str:
        if not self:
            return "No difference."
        lines = [f"- {name}" for name in self.removed] + [f"+ {name}" for name in self.added]
        return "\n".join([*lines, *map(str, self.changes)])


def diff(old: Resolution, new: Resolution) -> Diff:
    """Compare two resolved recipes by the names of their parameters."""
    before, after = ([row.name for row in side.index] for side in (old, new))
    known, kept = set(before), set(after)
    changes = list(_changes(old, new, [name for name in before if name in kept]))
    spans = str(old.profiler.horizon), str(new.profiler.horizon)
    if changes and spans[0] != spans[1]:
        changes.append(Change("horizon", *spans, over_time=False, names=()))
    return Diff(
        tuple(name for name in before if name not in kept),
        tuple(name for name in after if name not in known),
        tuple(changes),
    )


def _changes(old: Resolution, new: Resolution, names: list[str]) -> Iterator[Change]:
    pairs: dict[tuple[int, int], tuple[Profile, Profile, list[str]]] = {}
    for name in names:
        for shown, one, other in _profiles(old, new, name):
            pairs.setdefault((id(one), id(other)), (one, other, []))[2].append(shown)
    found: dict[Difference, list[str]] = {}
    for one, other, members in pairs.values():
        for difference in _between(one, other):
            found.setdefault(difference, []).extend(members)
    return (Change(*difference, tuple(members)) for difference, members in found.items())


def _profiles(old: Resolution, new: Resolution, name: str) -> Iterator[tuple[str, Profile, Profile]]:
    """The profiles of a parameter in both, and of its rows where one of both treats them unlike the rest."""
    before, after = old.index.position(name), new.index.position(name)
    whole = old.profile_at(before), new.profile_at(after)
    yield name, *whole
    parts = (*old.parts_at(before), *new.parts_at(after))
    cuts = sorted({end for segment, _ in parts for end in (segment.start, segment.stop)})
    for start, stop in pairwise(cuts):
        pair = old.profile_at(before, start), new.profile_at(after, start)
        if pair != whole:
            yield f"{name}[{start}:{stop}]", *pair


def _between(old: Profile, new: Profile) -> Iterator[Difference]:
    before, after = ({**_own(side), **side.values(), "group": side.group} for side in (old, new))
    for name in dict.fromkeys([*before, *after]):
        first, second = before.get(name), after.get(name)
        if first != second:
            yield Difference(name, first, second, over_time=False)
        elif _over_time(old, name) != _over_time(new, name):
            yield Difference(name, first, second, over_time=True)


def _own(profile: Profile) -> dict[str, Any]:
    return {name: one.at(profile.courses["lr"].start) for name, one in profile.own.items()}


def _over_time(profile: Profile, name: str) -> Any:
    if name == "trainable":
        return profile.trainable.pieces
    if name in profile.own:
        return profile.own[name].pieces
    return profile.courses[name].key if name in profile.courses else None
