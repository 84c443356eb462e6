"""What a guard watches: which groups of the optimizer, and what it asks of their gradients."""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramgroups.control import Gate, Guard
from paramgroups.journal import Action, Event
from paramgroups.optim.limits import Limit, Outcome
from paramgroups.planning import Group, Plan
from paramgroups.run.choosing import chosen_groups


@dataclass(frozen=True)
class Watch:
    """A guard, and what it watches.

    Attributes:
        place: Its place among the recipe's controllers.
        guard: The guard.
        groups: Its groups by name, and where they stand in the optimizer.
        names: The parameters of each.
    """

    place: int
    guard: Guard
    groups: Mapping[str, int]
    names: Mapping[str, Sequence[str]]

    def limits(self, gate: Gate, thawed: Container[str] = ()) -> list[Limit]:
        """What its gate asks of the optimizer.

        Args:
            gate: The gate.
            thawed: The groups that thaw now: a bound of all together was found without them, and waits.
        """
        if not self.groups:
            return []
        if not gate.alone:
            bound = math.inf if any(name in thawed for name in self.groups) else gate.bound
            return [Limit(tuple(self.groups.values()), bound, clip=gate.clip, shut=gate.shut)]
        return [
            Limit((place,), gate.bounds.get(name, gate.bound), clip=gate.clip, shut=gate.shut)
            for name, place in self.groups.items()
        ]

    def of(self, outcome: Outcome) -> tuple[str, ...]:
        """The groups that a limit of its was about."""
        return tuple(name for name, place in self.groups.items() if place in outcome.limit.groups)

    def event(self, step: float, action: Action, groups: Sequence[str], said: Mapping[str, Any]) -> Event:
        """What was done about some of its groups at a tick."""
        names = tuple(name for group in groups for name in self.names[group])
        return Event(step, self.guard.title, action, ABOUT[action], dict(said), None, None, names)


ABOUT: Mapping[Action, str] = {
    "skip": "update",
    "clip": "gradients",
    "rollback": "weights",
    "stop": "training",
}


def watches_of(
    guards: Sequence[tuple[int, Guard]], plan: Plan, groups: Sequence[Group], held: Sequence[Group]
) -> list[Watch]:
    """What each guard watches.

    Args:
        guards: The guards and their places among the controllers.
        plan: The plan.
        groups: All groups.
        held: Those that stand in the optimizer, in its order.

    Raises:
        SelectorError: A guard selects nothing that is ever trained.
    """
    places = {group.name: place for place, group in enumerate(held)}
    found = []
    for place, guard in guards:
        chosen = [name for one in guard.selectors for name in chosen_groups(one, plan, groups).groups]
        here = {name: places[name] for name in dict.fromkeys(chosen) if name in places}
        found.append(Watch(place, guard, here, {name: held[at].names for name, at in here.items()}))
    return found


def held_back(armed: Sequence[tuple[Watch, Outcome]], step: float) -> Iterator[tuple[Event, tuple[str, ...]]]:
    """What limits did to an update, and to which groups; what several shut is told of the first."""
    told: set[str] = set()
    acted = [(watch, one) for watch, one in armed if one.shut or one.factor != 1.0]
    for watch, one in sorted(acted, key=lambda pair: not pair[1].shut):
        groups = tuple(name for name in watch.of(one) if name not in told)
        said = _numbers(one)
        if one.shut and groups:
            told.update(groups)
            yield watch.event(step, "skip", groups, said), groups
        elif one.factor != 1.0 and groups:
            yield watch.event(step, "clip", groups, {**said, "factor": one.factor}), ()


def _numbers(one: Outcome) -> dict[str, Any]:
    """What decided it: JSON holds no infinity, and what is 0 decided nothing."""
    said = {"norm": one.norm, "bound": one.limit.bound, "nonfinite": one.nonfinite}
    found = {key: value for key, value in said.items() if math.isfinite(value) and value}
    return found | ({"shut": True} if one.limit.shut else {})
