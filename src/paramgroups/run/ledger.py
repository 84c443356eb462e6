"""The groups of a plan and what was decided about them while training."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from paramgroups.errors import PlanError
from paramgroups.journal import Event, Journal
from paramgroups.planning import Group, Plan
from paramgroups.planning.events import heard, replayed
from paramgroups.rules import Assignment
from paramgroups.run.choosing import Chosen, chosen_groups
from paramgroups.run.edits import WRITTEN, decided
from paramgroups.select import Selector


class Said(NamedTuple):
    """What somebody wants changed.

    Attributes:
        cause: Who: `"scale"`, `"set"`, a controller.
        selector: Where, or which groups.
        assignments: What.
        until: The first tick at which it acts no more.
    """

    cause: str
    selector: str | Selector | Chosen
    assignments: Sequence[Assignment]
    until: float | None = None


class Ledger:
    """The plan's groups as they are after every event so far, also those that another process holds.

    What is decided after an update, and before the scheduler's next tick, acts on the next update: its event
    is dated there, so that the journal tells what every update was made with. What hosts see in the groups
    changes at once all the same.

    Args:
        plan: The plan.
        held: Those of its groups that the optimizer holds, in its order.
        rows: Whether the optimizer steps rows of tensors.

    Attributes:
        groups: The groups with all events heard; those that joined come last.
        present: The groups as they are to stand in the optimizer until the next tick.
        journal: The events.
        ahead: How many of the last events are dated at the next update.
        adopted: The place in the optimizer of the first group that joined.
    """

    def __init__(self, plan: Plan, held: Sequence[Group], *, rows: bool = False) -> None:
        self._plan = plan
        self._rows = rows
        names = {group.name for group in held}
        self.adopted = len(held)
        self._planned = (*held, *(group for group in plan.groups if group.name not in names))
        self.groups = self.present = self._planned
        self.journal = Journal()
        self.ahead = 0

    @property
    def joined(self) -> tuple[Group, ...]:
        """The groups that joined, in their order."""
        return self.present[len(self._planned) :]

    @property
    def held(self) -> tuple[Group, ...]:
        """The groups that stand in the optimizer, or are to, in its order."""
        return (*self.present[: self.adopted], *self.joined)

    def events_of(self, said: Iterable[Said], step: float) -> list[Event]:
        """The events that wishes are, each with those before it heard; nothing acts yet.

        Raises:
            SelectorError: A selector is none, or matches nothing that is trained.
            PlanError: It matches a part of a group, the optimizer reads no such name or value, or it would
                act at no tick.
        """
        groups, events, recipe = self.groups, [], self._plan.given
        for one in said:
            if one.until is not None and one.until <= step:
                raise PlanError(
                    f"{one.cause}: until={one.until:,.15g} is not after the tick from which it acts, "
                    f"{step:,.15g}, so it would never act. Give a later one, or none."
                )
            chosen = self._chosen(one.selector, groups)
            made = decided(
                one.assignments, groups, chosen, recipe, step=step, cause=one.cause, until=one.until
            )
            groups = heard(groups, made, recipe)
            events += made
        return events

    def hear(self, events: Sequence[Event], tick: float) -> None:
        """Let events act at a tick: all, or none where one is refused.

        Raises:
            ParamGroupsError: One does not fit the groups.
        """
        recipe, early = self._plan.given, [_at_once(event, tick) for event in events]
        groups = heard(self.groups, events, recipe)
        together = self.present is self.groups and early == list(events)
        self.present = groups if together else heard(self.present, early, recipe)
        self.groups = groups
        self.ahead += sum(event.step > tick for event in events)
        for event in events:
            self.journal.append(event)

    def _chosen(self, meant: str | Selector | Chosen, groups: Sequence[Group]) -> Chosen:
        return (
            meant if isinstance(meant, Chosen) else chosen_groups(meant, self._plan, groups, rows=self._rows)
        )

    def note(self, event: Event) -> None:
        """Keep what changes no value, before what is dated at the next update."""
        past = len(self.journal) - self.ahead
        self.journal = Journal([*self.journal[:past], event, *self.journal[past:]])

    def settle(self) -> bool:
        """The next tick has come: whether the groups that are to stand in the optimizer are others now."""
        changes = self.present is not self.groups
        self.present, self.ahead = self.groups, 0
        return changes

    def dropped_by(self, said: Said) -> set[tuple[str, str]]:
        """The titles and hyperparameters of which it does not matter what was written: they are set anew.

        Raises:
            SelectorError: Its selector is none, or matches nothing that is trained.
            PlanError: It matches a part of a group.
        """
        if said.until is not None:
            return set()
        chosen = self._chosen(said.selector, self.groups)
        titles = set(chosen.groups)
        for group in self.groups:
            inside = group.name in chosen.groups
            titles |= {part.title for part in group.segments if inside or chosen.holds(part)}
        return {(title, one.name) for title in titles for one in said.assignments if not one.scales}

    def loaded(self, journal: Journal, tick: float, ahead: int) -> "Ledger":
        """A ledger with the events of a saved run; groups that joined since are in it, from a tick on.

        Args:
            journal: The events.
            tick: Where the run stood.
            ahead: How many of the last events were dated at the next update.

        Raises:
            CheckpointError: One does not fit the groups.
        """
        recipe, past = self._plan.given, len(journal) - ahead
        theirs, ours = ([event for event in one if event.action == "join"] for one in (journal, self.journal))
        since = [replace(event, step=tick) for event in ours[len(theirs) :]]
        made = Ledger(self._plan, self._planned[: self.adopted], rows=self._rows)
        made.journal, made.ahead = Journal([*journal[:past], *since, *journal[past:]]), ahead
        made.groups = made.present = replayed(self._planned, made.journal, recipe)
        if ahead:
            early = [_at_once(event, tick) for event in journal[past:]]
            made.present = replayed(self._planned, [*journal[:past], *since, *early], recipe)
        return made


def _at_once(event: Event, tick: float) -> Event:
    """An event as hosts see it until the next tick: what somebody wrote stays exactly as it was written."""
    if event.step <= tick:
        return event
    action = "write" if event.cause == WRITTEN else event.action
    return replace(event, step=tick, action=action)
