"""The engine of a scheduler: it writes a plan's values into an optimizer, and takes in what happens there."""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from paramgroups.errors import CheckpointError, ParamGroupsError, PlanError
from paramgroups.journal import Event
from paramgroups.optim.outlining import is_outline
from paramgroups.planning import Plan
from paramgroups.planning.binding import bind
from paramgroups.run.abilities import is_ours
from paramgroups.run.adopting import adopted_groups, check_arguments
from paramgroups.run.agreeing import Agreement
from paramgroups.run.carrying import Carrying
from paramgroups.run.clocks import Clocks
from paramgroups.run.driving import drive, driver, hook
from paramgroups.run.edits import WRITTEN, writes
from paramgroups.run.feedback import Feedback
from paramgroups.run.flattened import tell_pieces
from paramgroups.run.freezing import Freezing
from paramgroups.run.guards import Done, Guards, check_going
from paramgroups.run.joining import check_complete, check_joined, joining
from paramgroups.run.ledger import Ledger, Said
from paramgroups.run.masking import hiding
from paramgroups.run.others import Others, check_order
from paramgroups.run.saving import checked_tick, read_state
from paramgroups.run.seats import Seats
from paramgroups.run.writing import Overwritten
from paramgroups.schedules import Horizon


class Engine(LRScheduler):
    """What drives a plan through training: the clock, the state, and the hooks on the optimizer.

    `Scheduler` is this with what users may say while training runs.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        plan: Plan,
        model: nn.Module | None = None,
        *,
        freezing: str | None = None,
        together: Any = None,
    ) -> None:
        check_arguments(optimizer, plan)
        live = model if model is not None else plan.planned_model()
        bound = None if live is None else bind(plan.index, live)
        self.plan = plan
        self._ledger = Ledger(plan, adopted_groups(optimizer, plan, bound), rows=is_ours(optimizer))
        self._agreement = Agreement(plan, together)
        tell_pieces(optimizer, plan.groups)
        self._clocks = Clocks(plan.horizon)
        self._feedback = Feedback(plan.given.controllers, plan.horizon)
        self._freezing = Freezing(plan, self._ledger.held, optimizer, live, bound, how=freezing)
        self._guards = Guards(plan, self._feedback, optimizer, live)
        self._guards.follow(self._ledger.groups, self._ledger.held)
        self._others = Others(self._ledger.held)
        self._seats = Seats(optimizer, self._ledger.held)
        self._carrying = Carrying()
        self._written = self._outlines = self._begun = False
        super().__init__(optimizer)
        self._attach()
        self._tell_freezing()

    def step(self, epoch: float | None = None) -> None:
        """Go on by one tick and write its values.

        Args:
            epoch: The tick to go to, instead of the next; at least 0, fractions are taken.

        Raises:
            PlanError: Ticks and the optimizer's updates have parted, so that the schedule runs at
                another speed than was planned; another scheduler writes the optimizer's rates too, or has
                taken it over; or what somebody wrote into a group has no meaning as a factor.
            AgreementError: Other processes train the same model, and were told or have done something else.
        """
        if epoch is not None:
            epoch = checked_tick(epoch)
            self._feedback.check_no_metric(epoch, self.last_epoch)
        if self._step_count > 0:  # torch sets it to 0 where it makes a scheduler, and steps: that is no tick
            self._agree()
            self._clocks.tick(first=self.last_epoch == 0)
            self._clocks.check_end(self.last_epoch, self._horizon)
            self._feedback.tick(self.last_epoch)
        self._step_count += 1
        self._update_lr(epoch)

    def _agree(self) -> None:
        """Take in what others did; where several processes train, all have done the same."""
        self._agreement.meet(self._tensors, self._tick)
        with self._agreement.warning(self._ledger):
            self._catch_up()
            check_complete(self._ledger.joined[len(self._seats.groups) - self._ledger.adopted :])
        self._agreement.tick(self._tick, self._ledger)

    def _measured(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """What was measured here, or by all processes that train the model; the updates before are judged."""
        together = self._agreement.meet(self._tensors, self._tick)
        with self._agreement.warning(self._ledger):
            self._settle()
            found = self._feedback.read_metrics(metrics, together=together)
        return self._agreement.averaged(found, self._now, self._ledger)

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

    def state_dict(self) -> dict[str, Any]:
        """The tick, the events and what controllers remember: with the plan, all that values follow from."""
        with suppress(ParamGroupsError):  # the next step says what is wrong
            self._settle()
        return {
            "last_epoch": self.last_epoch,
            "_step_count": self._step_count,
            "_last_lr": list(self._last_lr),
            "unit": self._horizon.unit,
            "updated": self._clocks.updated,
            "ahead": self._ledger.ahead,
            # tuples: of a list or dict torch.distributed.checkpoint loads what is here before, and no more
            "journal": tuple(event.data for event in self._ledger.journal),
            "feedback": self._feedback.state(),
            "guards": self._guards.state(),
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
        memory, orders = self._feedback.read(saved.feedback), self._guards.read(saved.guards)
        if saved.unit != self._horizon.unit:
            raise CheckpointError(
                f"A tick was one {saved.unit} in the saved run, and is one {self._horizon.unit} in this "
                "plan. Plan with the same of steps= and epochs=."
            )
        ledger = self._ledger.loaded(saved.journal, max(saved.tick, 0), saved.ahead)
        for held, group in zip(self.optimizer.param_groups[ledger.adopted :], ledger.joined, strict=False):
            check_joined(held, group)
        self._ledger = ledger
        self._agreement.renew()
        self._clocks.follow(self._horizon)
        self._clocks.resume(updated=saved.updated)
        self._feedback.load(*memory)
        self._guards.load(*orders)
        self._guards.follow(self._ledger.groups, self._ledger.held)
        self.last_epoch, self._step_count = saved.tick, saved.steps  # type: ignore[assignment]  # torch takes fractions too
        self._seats.follow(self._ledger.held)
        self._write()
        self._carrying.resumed(self.optimizer)
        self._tell_freezing()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has a copy of the optimizer, which torch makes without hooks."""
        self.__dict__.update(state, _begun=False)
        self._attach()

    @property
    def _tensors(self) -> list[torch.Tensor]:
        return [tensor for held in self.optimizer.param_groups for tensor in held["params"]]

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

    def _hear(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Let events act at once."""
        if events:
            self._ledger.hear(events, self._tick)
            self._seats.follow(self._ledger.held)
            self._write()
        return tuple(events)

    def _settle(self, said: Said | None = None) -> None:
        """Take in what others did, and what the guards make of the last update."""
        self._catch_up(said)
        self._judge()

    def _judge(self) -> None:
        """What the guards make of the last update, if they have not been asked yet."""
        self._check_driving()
        if self._guards.waits and not self._seats.untouched:
            self._take_writes()  # what it refuses must not lose a verdict
        self._do(self._guards.judge())

    def _do(self, done: Done) -> None:
        """What guards have done stands in the journal, and the rates that they scale act at once."""
        for event in done.events:
            self._ledger.note(event)
        if done.said:
            self._take_writes()  # the next write would undo them
            self._hear(self._ledger.events_of(done.said, self._now))

    def _tell_freezing(self) -> None:
        """Why freezing is done by masks, or as somebody asked."""
        said = {"how": self._freezing.how, "reason": self._freezing.reason}
        if self._freezing.is_told and said not in [event.value for event in self._ledger.journal]:
            self._ledger.note(Event(self._tick, "build", "freezing", "freezing", said, None, None))

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
            self._others.check(self.optimizer, Engine, found, self._tick)
            self._overwrite(found, WRITTEN, self._tick if self._written else None)

    def _overwrite(
        self, found: Iterable[Overwritten], cause: str, step: float | None = None
    ) -> tuple[Event, ...]:
        """Let other values hold, from the next update on unless a tick is given: factors on top."""
        step = self._now if step is None else step
        return self._hear(writes(found, self._seats.targets, step=step, tick=self._tick, cause=cause))

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
        self._guards.follow(self._ledger.groups, self._ledger.held)

    def _write(self) -> None:
        if self._waits:
            return
        self._seats.write(self._tick)
        self._freezing.follow(self._tick)
        self._last_lr = self._seats.rates

    def _attach(self) -> None:
        drive(self.optimizer, self)
        self.optimizer.register_step_pre_hook(hook(self, Engine._before_update))
        self.optimizer.register_step_post_hook(hook(self, Engine._count))
        self.optimizer.register_load_state_dict_pre_hook(hook(self, Engine._before_load))
        self.optimizer.register_load_state_dict_post_hook(hook(self, Engine._take_back))

    def _before_update(self, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        self._outlines = is_outline(self.optimizer, *args[1:], *named.values())
        if self._outlines:  # the rates of 0 are there for the call: they are no edit, and it is no update
            self._freezing.hide_forgotten()
            return None
        if not self._begun:  # the model may have been wrapped since
            tell_pieces(self.optimizer, self.plan.groups)
            self._begun = True
        self._take_in()
        self._written = not self._seats.untouched  # what is written later acts on the next update only
        if self._written and any(group.profile.independent for group in self._ledger.held):
            self._take_writes()  # the decay of this very update is divided by what was written
        self._judge()
        done = self._guards.act(self._tick, self._freezing.frozen)
        self._do(done)
        check_going(done.events, self._ledger.journal)
        self._written = not self._seats.untouched
        if not self._waits:
            self._guards.arm(self._tick)
        self._freezing.hide()
        return hiding(self._after_loss, args, named)

    def _after_loss(self) -> None:
        """A closure has made gradients anew, and may have told a metric."""
        self._freezing.hide()
        self._guards.arm_again()

    def _count(self, *_: Any) -> None:
        if self._outlines:
            return
        self._clocks.update()
        if not self._waits:
            self._guards.note(self._tick)

    def _before_load(self, state: dict[str, Any]) -> dict[str, Any]:
        self._take_in()
        with suppress(ParamGroupsError):  # what is loaded replaces what is wrong
            self._judge()
        return self._carrying.before(self.optimizer, state)

    def _take_back(self) -> None:
        """A loaded state has brought the names and the values of the saved run."""
        self._seats.renew()
        self._write()
        self._carrying.loaded(self.optimizer)

    def _check_driving(self) -> None:
        if driver(self.optimizer) is not self:
            raise PlanError(
                "Another pg.Scheduler was made for this optimizer and drives it now: step that one. To "
                "change rates in the course of training use scheduler.set or scheduler.scale, and join "
                "schedules by .then()."
            )
