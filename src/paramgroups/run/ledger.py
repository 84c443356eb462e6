"""The groups of a plan and what was decided about them while training."""

from collections.abc import Iterable, Sequence
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

    def load(self, journal: Journal) -> None:
        """Begin again, with the events of a saved run.

        Raises:
            CheckpointError: One does not fit the groups; nothing is changed then.
        """
        self.groups = replayed(self._planned, journal, self._plan.given)
        self.journal = journal
