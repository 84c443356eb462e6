"""The scheduler: drives a plan through training, on any torch optimizer."""

import math
from collections.abc import Container, Sequence
from contextlib import suppress
from copy import copy
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from paramgroups.control import Controller
from paramgroups.errors import CheckpointError, PlanError
from paramgroups.journal import Event, Journal
from paramgroups.planning import Explanation, Plan
from paramgroups.planning.binding import bind
from paramgroups.rules import Rule
from paramgroups.run.abilities import is_ours
from paramgroups.run.adopting import adopted_groups, check_arguments, check_saved
from paramgroups.run.clocks import Clocks
from paramgroups.run.driving import drive, driver, hook
from paramgroups.run.edits import end_of, settings_of, writes
from paramgroups.run.feedback import Feedback
from paramgroups.run.freezing import Freezing
from paramgroups.run.horizons import longer
from paramgroups.run.joining import check_complete, check_joined, joining
from paramgroups.run.ledger import Ledger, Said
from paramgroups.run.others import Others, check_order
from paramgroups.run.saving import checked_tick, read_state
from paramgroups.run.seats import Seats
from paramgroups.schedules import Horizon, Length
from paramgroups.select import Selector


class Scheduler(LRScheduler):
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

    def __init__(self, optimizer: Optimizer, plan: Plan, model: nn.Module | None = None) -> None:
        check_arguments(optimizer, plan)
        live = model if model is not None else plan.planned_model()
        bound = None if live is None else bind(plan.index, live)
        self.plan = plan
        self._ledger = Ledger(plan, adopted_groups(optimizer, plan, bound), rows=is_ours(optimizer))
        self._clocks = Clocks(plan.horizon)
        self._feedback = Feedback(plan.given.controllers, plan.horizon)
        self._freezing = Freezing(plan, self._ledger.held, optimizer, live, bound)
        self._others = Others(self._ledger.held)
        self._seats = Seats(optimizer, self._ledger.held)
        self._written = False
        super().__init__(optimizer)
        self._attach()

    def step(self, epoch: float | None = None) -> None:
        """Go on by one tick and write its values.

        Args:
            epoch: The tick to go to, instead of the next; at least 0, fractions are taken.

        Raises:
            PlanError: Ticks and the optimizer's updates have parted, so that the schedule runs at
                another speed than was planned; another scheduler writes the optimizer's rates too, or has
                taken it over; or what somebody wrote into a group has no meaning as a factor.
        """
        if epoch is not None:
            epoch = checked_tick(epoch)
            self._feedback.check_no_metric(epoch, self.last_epoch)
        if self._step_count > 0:  # torch sets it to 0 where it makes a scheduler, and steps: that is no tick
            self._catch_up()
            check_complete(self._ledger.joined[len(self._seats.groups) - self._ledger.adopted :])
            self._clocks.tick(first=self.last_epoch == 0)
            self._clocks.check_end(self.last_epoch, self._horizon)
            self._feedback.tick(self.last_epoch)
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:  # torch's SequentialLR calls it at a milestone
        if self._waits:  # others wrote before its turn
            self._seats.renew()
        if self._ledger.settle():
            self._seats.follow(self._ledger.held)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch  # type: ignore[assignment]  # torch takes fractions too
        self._write()

    def get_lr(self) -> list[Any]:
        """The rate of each group at the present tick, as `step` writes it."""
        return [group.written["lr"].at(self._tick) for group in self._seats.groups]

    @property
    def rates(self) -> dict[str, Any]:
        """The rate of each group at the present tick, by the group's name."""
        return {group.name: rate for group, rate in zip(self._seats.groups, self._last_lr, strict=False)}

    @property
    def journal(self) -> Journal:
        """What was decided so far; `plan.replay(scheduler.journal)` has the values of the whole run.

        It is a copy: what is decided later is not in it.
        """
        return copy(self._ledger.journal)

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

        Args:
            **metrics: Numbers by name, such as `val_loss=0.25`.

        Returns:
            The events that came of it; mostly none.

        Raises:
            PlanError: No controller reads any of them, or one is no number.
            ParamGroupsError: A controller refuses what it sees, or decides what it may not. Nothing is
                changed then, and nothing remembered.
        """
        self._catch_up()
        states, decisions = self._feedback.ask(self._now, metrics)
        said = [
            Said(controller.title, rule.selector, rule.assignments, self._until(controller, rule))
            for controller, rules in decisions
            for rule in rules
        ]
        events = self._hear(self._ledger.events_of(said, self._now))
        self._feedback.remember(states, metrics)
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
        self._catch_up()
        events = self._hear([longer(self._horizon, self._now, steps=steps, epochs=epochs)])
        self._clocks.follow(self._horizon)
        return events

    def state_dict(self) -> dict[str, Any]:
        """The tick, the events and what controllers remember: with the plan, all that values follow from."""
        with suppress(PlanError):  # the next step says what is wrong with what was written
            self._catch_up()
        return {
            "last_epoch": self.last_epoch,
            "_step_count": self._step_count,
            "_last_lr": list(self._last_lr),
            "unit": self._horizon.unit,
            "updated": self._clocks.updated,
            "ahead": self._ledger.ahead,
            "journal": [event.data for event in self._ledger.journal],
            "feedback": self._feedback.state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a saved scheduler stood; the optimizer's groups hold that tick's values at once.

        Raises:
            CheckpointError: The state is not of this library's scheduler, or its events do not fit the
                plan. Nothing is loaded then.
            PlanError: Another scheduler has taken the optimizer over.
        """
        self._check_driving()
        saved = read_state(state_dict)
        memory = self._feedback.read(saved.feedback)
        if saved.unit != self._horizon.unit:
            raise CheckpointError(
                f"A tick was one {saved.unit} in the saved run, and is one {self._horizon.unit} in this "
                "plan. Plan with the same of steps= and epochs=."
            )
        ledger = self._ledger.loaded(saved.journal, max(saved.tick, 0), saved.ahead)
        for held, group in zip(self.optimizer.param_groups[ledger.adopted :], ledger.joined, strict=False):
            check_joined(held, group)
        self._ledger = ledger
        self._clocks.follow(self._horizon)
        self._clocks.resume(updated=saved.updated)
        self._feedback.load(*memory)
        self.last_epoch, self._step_count = saved.tick, saved.steps  # type: ignore[assignment]  # torch takes fractions too
        self._seats.follow(self._ledger.held)
        self._write()

    def __repr__(self) -> str:
        unit, count = self._horizon.unit, len(self._ledger.journal)
        events = f", {count:,} event{'s' * (count != 1)}" if count else ""
        return f"<Scheduler of {self.plan!r} at {unit} {self.last_epoch:,.15g}{events}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has a copy of the optimizer, which torch makes without hooks."""
        self.__dict__.update(state)
        self._attach()

    @property
    def _horizon(self) -> Horizon:
        return self._ledger.groups[0].courses["lr"].horizon

    @property
    def _waits(self) -> bool:
        """Whether its turn in torch's SequentialLR has not come: others write the rates until then."""
        return self.last_epoch < 0

    @property
    def _tick(self) -> float:
        return max(self.last_epoch, 0)

    @property
    def _now(self) -> float:
        """The tick of the next update, from which decisions act."""
        if not self._clocks.updated:
            return self._tick
        return self._tick + 1 if isinstance(self._tick, int) else math.nextafter(self._tick, math.inf)

    def _until(self, controller: Controller, rule: Rule) -> int | None:
        if rule.until is None:
            return None
        return self._horizon.length(rule.until, f"{controller.title}: until")

    def _edit(
        self, cause: str, selector: str | Selector, settings: dict[str, Any], steps: Length | None
    ) -> tuple[Event, ...]:
        said = Said(cause, selector, settings_of(settings), end_of(steps, self._horizon, self._now))
        self._catch_up(said)
        events = self._hear(self._ledger.events_of([said], self._now))
        self._feedback.drop(events, self.plan)
        return events

    def _hear(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Let events act at once."""
        if events:
            self._ledger.hear(events, self._tick)
            self._seats.follow(self._ledger.held)
            self._write()
        return tuple(events)

    def _catch_up(self, said: Said | None = None) -> None:
        """Take in what others did to the groups since: some were added, and some were written into."""
        self._check_driving()
        self._take_in()
        self._take_writes(() if said is None else self._ledger.dropped_by(said))

    def _take_writes(self, but: Container[tuple[str, str]] = ()) -> None:
        """What somebody wrote into the groups becomes events; what they hold stays as it was written."""
        if self._waits:
            return
        targets = self._seats.targets
        found = [one for one in self._seats.overwritten if (targets[one.place].title, one.name) not in but]
        if found:
            check_order(self.optimizer.param_groups, self._seats.groups)
            self._others.check(self.optimizer, Scheduler, found, self._tick)
            step = self._tick if self._written else self._now
            self._hear(writes(found, targets, step=step, tick=self._tick))

    def _take_in(self) -> None:
        """Groups that were added to the optimizer follow the recipe's schedules from now on."""
        if self._seats.added:
            self._take_writes()  # the next write would undo them
        for held in self._seats.added:
            self._join(held)
            self._write()

    def _join(self, held: dict[str, Any]) -> None:
        place = len(self._seats.groups)
        if place == len(self._ledger.held):  # else a loaded journal knows it
            groups, model = self._ledger.groups, self.plan.planned_model()
            self._ledger.hear([joining(held, groups, self.optimizer, model, self._now)], self._tick)
        group = self._ledger.held[place]
        check_joined(held, group)
        self._seats.take(held, group)

    def _write(self) -> None:
        if self._waits:
            return
        self._seats.write(self._tick)
        self._freezing.follow(self._tick)
        self._last_lr = self._seats.rates

    def _attach(self) -> None:
        drive(self.optimizer, self)
        self.optimizer.register_step_pre_hook(hook(self, Scheduler._before_update))
        self.optimizer.register_step_post_hook(hook(self, Scheduler._count))
        self.optimizer.register_load_state_dict_pre_hook(hook(self, Scheduler._before_load))
        self.optimizer.register_load_state_dict_post_hook(hook(self, Scheduler._take_back))

    def _before_update(self, *_: Any) -> None:
        self._take_in()
        self._written = not self._seats.untouched  # what is written later acts on the next update only

    def _count(self, *_: Any) -> None:
        self._clocks.update()

    def _before_load(self, state: dict[str, Any]) -> None:
        self._take_in()
        check_saved(state, self.optimizer)

    def _take_back(self) -> None:
        """A loaded state has brought the names and the values of the saved run."""
        self._seats.renew()
        self._write()

    def _check_driving(self) -> None:
        if driver(self.optimizer) is not self:
            raise PlanError(
                "Another pg.Scheduler was made for this optimizer and drives it now: step that one. To "
                "change rates in the course of training use scheduler.set or scheduler.scale, and join "
                "schedules by .then()."
            )
