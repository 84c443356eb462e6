"""The groups of a plan and what was decided about them while training."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from paramgroups.errors import PlanError
from paramgroups.journal import Event, Journal
from paramgroups.planning import Group, Plan
from paramgroups.planning.events import heard, replayed
from paramgroups.rules import Assignment
from paramgroups.run.choosing import chosen_groups
from paramgroups.run.edits import decided
from paramgroups.select import Selector


class Said(NamedTuple):
    """What somebody wants changed.

    Attributes:
        cause: Who: `"scale"`, `"set"`, a controller.
        selector: Where.
        assignments: What.
        until: The first tick at which it acts no more.
    """

    cause: str
    selector: str | Selector
    assignments: Sequence[Assignment]
    until: float | None = None


class Ledger:
    """The plan's groups as they are after every event so far.

    Args:
        plan: The plan.
        groups: Its groups, in the order of an optimizer.

    Attributes:
        groups: The groups with all events heard; those that joined come last.
        journal: The events.
    """

    def __init__(self, plan: Plan, groups: Sequence[Group]) -> None:
        self._plan = plan
        self._planned = tuple(groups)
        self.groups = self._planned
        self.journal = Journal()

    @property
    def first(self) -> int:
        """The place of the first group that joined."""
        return len(self._planned)

    @property
    def joined(self) -> tuple[Group, ...]:
        """The groups that joined, in their order."""
        return self.groups[self.first :]

    def events_of(self, said: Iterable[Said], step: float) -> list[Event]:
        """The events that wishes are, each with those before it heard; nothing acts yet.

        Raises:
            SelectorError: A selector is none, or matches nothing that is trained.
            PlanError: It matches a part of a group, the optimizer reads no such name or value, or it would
                act at no tick.
        """
        groups, events = self.groups, []
        for one in said:
            if one.until is not None and one.until <= step:
                raise PlanError(
                    f"{one.cause}: until={one.until:,.15g} is not after the present tick, {step:,.15g}, so "
                    "it would never act. Give a later one, or none."
                )
            names = chosen_groups(one.selector, self._plan, groups)
            made = decided(
                one.assignments, groups, names, self._plan.given, step=step, cause=one.cause, until=one.until
            )
            for event in made:
                groups = heard(groups, event, self._plan.given)
            events += made
        return events

    def hear(self, events: Sequence[Event]) -> None:
        """Let events act: all, or none where one is refused.

        Raises:
            ParamGroupsError: One does not fit the groups.
        """
        groups = self.groups
        for event in events:
            groups = heard(groups, event, self._plan.given)
        self.groups = groups
        for event in events:
            self.journal.append(event)

    def dropped_by(self, said: Said) -> set[tuple[str, str]]:
        """The groups and hyperparameters of which it does not matter what somebody wrote: they are set anew.

        Raises:
            SelectorError: Its selector is none, or matches nothing that is trained.
            PlanError: It matches a part of a group.
        """
        names = () if said.until is not None else chosen_groups(said.selector, self._plan, self.groups)
        return {(name, one.name) for name in names for one in said.assignments if not one.scales}

    def loaded(self, journal: Journal, step: float) -> "Ledger":
        """A ledger with the events of a saved run; groups that joined since are in it, from a step on.

        Raises:
            CheckpointError: One does not fit the groups.
        """
        theirs, ours = ([event for event in one if event.action == "join"] for one in (journal, self.journal))
        made = Ledger(self._plan, self._planned)
        made.journal = Journal([*journal, *(replace(event, step=step) for event in ours[len(theirs) :])])
        made.groups = replayed(self._planned, made.journal, self._plan.given)
        return made
