"""What differs between two plans, parameter by parameter."""

from dataclasses import dataclass
from typing import Any

from paramgroups.errors import listing
from paramgroups.planning.numbers import decimal
from paramgroups.planning.profile import Profile
from paramgroups.planning.resolution import Resolution


@dataclass(frozen=True)
class Change:
    """One hyperparameter of some parameters that differs.

    Attributes:
        hyper: Which.
        old: Its value in the first plan, schedule left out.
        new: Its value in the second.
        over_time: Whether the values are equal at the start and differ later, by schedule or window.
        names: The parameters.
    """

    hyper: str
    old: Any
    new: Any
    over_time: bool
    names: tuple[str, ...]

    def __str__(self) -> str:
        what = "differs over time" if self.over_time else f"{decimal(self.old)} -> {decimal(self.new)}"
        return f"{self.hyper}: {what} ({len(self.names):,}: {listing(self.names, 3)})"


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
    return Diff(
        tuple(name for name in before if name not in kept),
        tuple(name for name in after if name not in known),
        tuple(_changes(old, new, [name for name in before if name in kept])),
    )


def _changes(old: Resolution, new: Resolution, names: list[str]) -> list[Change]:
    pairs: dict[tuple[int, int], list[str]] = {}
    for name in names:
        pair = int(old.numbers[old.index.position(name)]), int(new.numbers[new.index.position(name)])
        pairs.setdefault(pair, []).append(name)
    found: dict[tuple[str, Any, Any, bool], list[str]] = {}
    for (one, other), members in pairs.items():
        for change in _between(old.profiles[one], new.profiles[other]):
            found.setdefault(change, []).extend(members)
    return [Change(*change, tuple(members)) for change, members in found.items()]


def _between(old: Profile, new: Profile) -> list[tuple[str, Any, Any, bool]]:
    before, after = old.values(), new.values()
    found = []
    for name in dict.fromkeys([*before, *after]):
        first, second = before.get(name), after.get(name)
        if first != second:
            found.append((name, first, second, False))
        elif _over_time(old, name) != _over_time(new, name):
            found.append((name, first, second, True))
    return found


def _over_time(profile: Profile, name: str) -> Any:
    if name == "trainable":
        return profile.trainable.pieces
    return profile.courses[name].key if name in profile.courses else None
