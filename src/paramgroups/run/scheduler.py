"""The scheduler: drives a plan through training, on any torch optimizer."""

from contextlib import suppress
from copy import copy
from typing import Any

from paramgroups.errors import ParamGroupsError
from paramgroups.journal import Event, Journal
from paramgroups.optim.carried import Carried
from paramgroups.planning import Explanation
from paramgroups.run.edits import end_of, end_of_rule, settings_of
from paramgroups.run.engine import Engine
from paramgroups.run.horizons import longer
from paramgroups.run.ledger import Said
from paramgroups.schedules import Length
from paramgroups.select import Selector


class Scheduler(Engine):
    """Write the plan's values into an optimizer's groups, tick by tick.

    It is a torch `LRScheduler`: call `step()` after `optimizer.step()`, once per update or once per epoch
    as the plan was made. The value at a tick is a function of the plan, the tick and the events so far. What
    somebody else writes into `param_groups` becomes such an event: `optimizer.param_groups[0]["lr"] *= 0.5`
    is a factor on top of the schedule from then on, as `scale` is. An optimizer has one scheduler: a new one
    takes it over.

    Args:
        optimizer: Any torch optimizer whose groups are those of `plan.param_groups()`, in any order.
        plan: The plan.
        model: The live model, where it is not the planned one; modules with running statistics are held
            in it while they are frozen.

    Raises:
        PlanError: The optimizer's groups are not the plan's, or cannot do what the plan asks.

    Example:
        >>> import paramgroups as pg, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
        >>> plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, schedule=pg.schedules.linear()), steps=4)
        >>> optimizer = torch.optim.SGD(plan.param_groups())
        >>> scheduler = pg.Scheduler(optimizer, plan)
        >>> for _ in range(4):
        ...     print(scheduler.get_last_lr())
        ...     optimizer.step(); scheduler.step()
        [1.0]
        [0.75]
        [0.5]
        [0.25]
    """

    @property
    def rates(self) -> dict[str, Any]:
        """The rate of each group at the present tick, by the group's name."""
        return {group.name: rate for group, rate in zip(self._seats.groups, self._last_lr, strict=False)}

    @property
    def journal(self) -> Journal:
        """What was decided so far; `plan.replay(scheduler.journal)` has the values of the whole run.

        It is a copy: what is decided later is not in it.
        """
        with suppress(ParamGroupsError):  # the next update says what is wrong
            self._judge()
        return copy(self._ledger.journal)

    @property
    def carried(self) -> Carried | None:
        """What the optimizer's state that was loaded last had of the parameters here; None before.

        Its `values` are what the groups held beside it when both that and the scheduler's had been loaded.
        """
        return self._carrying.carried

    def explain(self, name: str, step: float | None = None) -> Explanation:
        """Where each value of a parameter comes from, events included.

        Args:
            name: The parameter, by its name or an alias.
            step: The tick whose values are asked for; the present one unless given.

        Raises:
            ModelError: There is no such parameter.
            PlanError: The step is no number, or negative.
        """
        return self.plan.replay(self.journal).explain(name, self._tick if step is None else step)

    def scale(
        self, selector: str | Selector, factor: float, *, steps: Length | None = None
    ) -> tuple[Event, ...]:
        """Multiply the rate of some groups from now on, on top of their schedule.

        Args:
            selector: A selector that matches whole groups, or rows of their tensors, or the name of a group;
                a rule with `group=` makes one of a part.
            factor: At least 0.
            steps: For how many ticks, as a length; to the end unless given.

        Returns:
            The events that it is.

        Raises:
            SelectorError: It is no selector, or matches nothing that is trained.
            PlanError: It matches a part of a group.
            RuleError: The factor is no finite number of at least 0.
            ScheduleError: `steps` is no length above 0.
        """
        return self._edit("scale", selector, {"lr_scale": factor}, steps)

    def set(
        self, selector: str | Selector, *, steps: Length | None = None, **settings: Any
    ) -> tuple[Event, ...]:
        """Set or scale hyperparameters of some groups from now on; the schedule goes on multiplying them.

        Args:
            selector: A selector that matches whole groups, or rows of their tensors, or the name of a group.
            steps: For how many ticks, as a length; to the end unless given.
            **settings: As in a rule: `lr=1e-4`, `weight_decay=0.0`, `momentum_scale=0.5`.

        Returns:
            The events that it is.

        Raises:
            SelectorError: It is no selector, or matches nothing that is trained.
            PlanError: It matches a part of a group, or the optimizer reads no such name or value.
            RuleError: A value has no meaning.
            ScheduleError: `steps` is no length above 0.
        """
        return self._edit("set", selector, settings, steps)

    def observe(self, /, **metrics: Any) -> tuple[Event, ...]:
        """Tell the recipe's controllers what was measured; what they decide acts at once.

        Where several processes train the model, all tell it, each what it has measured or None; the mean of
        them is what the controllers hear on each, and NaN where one has told NaN.

        Args:
            **metrics: Numbers by name, such as `val_loss=0.25`.

        Returns:
            The events that came of it; mostly none.

        Raises:
            PlanError: No controller reads any of them, or one is no number.
            AgreementError: Another process tells something else, or has decided something else.
            ParamGroupsError: A controller refuses what it sees, or decides what it may not. Nothing is
                changed then, and nothing remembered.
        """
        found = self._measured(metrics)
        states, decisions = self._feedback.ask(self._now, found)
        said = [
            Said(who.title, rule.selector, rule.assignments, end_of_rule(who, rule, self._horizon))
            for who, rules in decisions
            for rule in rules
        ]
        events = self._hear(self._ledger.events_of(said, self._now))
        self._feedback.remember(states, found)
        return events

    def extend(self, *, steps: int | None = None, epochs: int | None = None) -> tuple[Event, ...]:
        """Train for longer, or shorter, than was planned: all schedules go by the new length from now on.

        What was before this tick stays as it was, and windows stay at the ticks where they were planned.

        Args:
            steps: Updates in all.
            epochs: Epochs in all.

        Returns:
            The event that it is.

        Raises:
            PlanError: Training would be over, or a tick was planned to be something else.
            ScheduleError: A schedule does not fit the new length.
        """
        self._settle()
        events = self._hear([longer(self._horizon, self._now, steps=steps, epochs=epochs)])
        self._clocks.follow(self._horizon)
        return events

    def __repr__(self) -> str:
        unit, count = self._horizon.unit, len(self._ledger.journal)
        events = f", {count:,} event{'s' * (count != 1)}" if count else ""
        return f"<Scheduler of {self.plan!r} at {unit} {self.last_epoch:,.15g}{events}>"

    def _edit(
        self, cause: str, selector: str | Selector, settings: dict[str, Any], steps: Length | None
    ) -> tuple[Event, ...]:
        said = Said(cause, selector, settings_of(settings), end_of(steps, self._horizon, self._now))
        self._settle(said)
        events = self._hear(self._ledger.events_of([said], self._now))
        self._feedback.drop(events, self.plan)
        return events
