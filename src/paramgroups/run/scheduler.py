"""The scheduler: drives a plan through training, on any torch optimizer."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from paramgroups.errors import PlanError
from paramgroups.optim import is_finite, is_number, unpack
from paramgroups.planning import Plan
from paramgroups.planning.binding import bind
from paramgroups.run.adopting import adopted_groups, check_saved
from paramgroups.run.choosing import chosen_groups
from paramgroups.run.clocks import Clocks
from paramgroups.run.edits import Edit, edited, edits_of, no_state, read_edits
from paramgroups.run.freezing import Freezing
from paramgroups.run.writing import Courses, Writer, plain_rate
from paramgroups.schedules.checks import shown
from paramgroups.select import Selector

_DRIVERS: weakref.WeakKeyDictionary[Optimizer, "weakref.ref[Scheduler]"] = weakref.WeakKeyDictionary()
"""Which scheduler drives an optimizer: the last that was made for it."""


class Scheduler(LRScheduler):
    """Write the plan's values into an optimizer's groups, tick by tick.

    It is a torch `LRScheduler`: call `step()` after `optimizer.step()`, once per update or once per epoch
    as the plan was made. The value at a tick is a function of the plan, the tick and the edits so far; what
    stands in `param_groups` is never an input. An optimizer has one scheduler: a new one takes it over.

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
        _check_arguments(optimizer, plan)
        live = model if model is not None else plan.planned_model()
        bound = None if live is None else bind(plan.index, live)
        self.plan = plan
        self.edits: list[Edit] = []
        self._groups = adopted_groups(optimizer, plan, bound)
        self._clocks = Clocks(plan.horizon)
        self._freezing = Freezing(plan, self._groups, optimizer, live, bound)
        reads = unpack(optimizer.defaults)
        self._writers = [
            Writer(held, {name: course for name, course in group.written.items() if name in reads})
            for held, group in zip(optimizer.param_groups, self._groups, strict=True)
        ]
        for held, group in zip(optimizer.param_groups, self._groups, strict=True):
            held["initial_lr"] = group.lr
        super().__init__(optimizer)
        self._attach()

    def step(self, epoch: float | None = None) -> None:
        """Go on by one tick and write its values.

        Args:
            epoch: The tick to go to, instead of the next; at least 0, fractions are taken.

        Raises:
            PlanError: Ticks and the optimizer's updates have parted, so that the schedule runs at
                another speed than was planned; another scheduler has taken the optimizer over; or what
                stands in a group is not what was written there.
        """
        if epoch is not None:
            epoch = _checked_tick(epoch)
        if self._step_count > 0:  # torch sets it to 0 where it makes a scheduler, and steps: that is no tick
            self._check_driving()
            if epoch is None:
                self._check_untouched()
            self._clocks.tick(first=self.last_epoch == 0)
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:  # torch's SequentialLR calls it at a milestone
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch  # type: ignore[assignment]  # torch takes fractions too
        self._write()

    def get_lr(self) -> list[Any]:
        """The rate of each group at the present tick, as `step` writes it."""
        return [writer.courses["lr"].at(self.last_epoch) for writer in self._writers]

    @property
    def rates(self) -> dict[str, Any]:
        """The rate of each group at the present tick, by the group's name."""
        return {group.name: rate for group, rate in zip(self._groups, self._last_lr, strict=True)}

    def scale(self, selector: str | Selector, factor: float) -> None:
        """Multiply the rate of some groups from now on, on top of their schedule.

        What is written into `optimizer.param_groups` instead is an error at the next `step`.

        Args:
            selector: A selector that matches whole groups, or the name of a group; a rule with `group=` makes
                one of a part.
            factor: At least 0.

        Raises:
            SelectorError: It is no selector, or matches nothing that is trained.
            PlanError: It matches a part of a group.
            RuleError: The factor is no finite number of at least 0.
        """
        self._edit(selector, {"lr_scale": factor})

    def set(self, selector: str | Selector, **settings: Any) -> None:
        """Set or scale hyperparameters of some groups from now on; the schedule goes on multiplying them.

        Args:
            selector: A selector that matches whole groups, or the name of a group.
            **settings: As in a rule: `lr=1e-4`, `weight_decay=0.0`, `momentum_scale=0.5`.

        Raises:
            SelectorError: It is no selector, or matches nothing that is trained.
            PlanError: It matches a part of a group, or the optimizer reads no such name or value.
            RuleError: A value has no meaning.
        """
        self._edit(selector, settings)

    def _edit(self, selector: str | Selector, settings: dict[str, Any]) -> None:
        names = chosen_groups(selector, self.plan, self._groups)
        edits = edits_of(settings, self.last_epoch, names)
        self._follow(edited(edits, self._groups, [writer.courses for writer in self._writers]))
        self.edits += edits
        self._write()

    def _follow(self, courses: list[Courses]) -> None:
        for writer, found in zip(self._writers, courses, strict=True):
            writer.follow(found)

    def _write(self) -> None:
        held = self.optimizer.param_groups
        if len(held) != len(self._groups):
            raise PlanError(
                f"The optimizer has {len(held):,} groups and the plan {len(self._groups):,}: groups were "
                "added or taken away since. Plan with all parameters, and freeze those whose time has not "
                'come: pg.rule(…, trainable=False, until="20%").'
            )
        for writer, group in zip(self._writers, held, strict=True):
            writer.write(group, self.last_epoch)
        self._freezing.follow(self.last_epoch)
        self._last_lr = [plain_rate(group) for group in held]

    def state_dict(self) -> dict[str, Any]:
        """The tick and the edits: with the plan, all that the values follow from."""
        return {
            "last_epoch": self.last_epoch,
            "_step_count": self._step_count,
            "_last_lr": list(self._last_lr),
            "edits": [edit.data for edit in self.edits],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a saved scheduler stood; the optimizer's groups hold that tick's values at once.

        Raises:
            CheckpointError: The state is not of this library's scheduler, or its edits do not fit the
                plan. Nothing is loaded then.
        """
        try:
            tick, count = _checked_tick(state_dict["last_epoch"]), int(state_dict["_step_count"])
        except (KeyError, TypeError, ValueError, OverflowError, PlanError) as error:
            raise no_state(state_dict, error) from error
        self.edits, courses = read_edits(state_dict, self._groups)
        self._follow(courses)
        self.last_epoch, self._step_count = tick, count  # type: ignore[assignment]  # torch takes fractions too
        self._write()

    def __repr__(self) -> str:
        unit = self.plan.horizon.unit
        count = len(self.edits)
        edits = f", {count:,} edit{'s' * (count != 1)}" if count else ""
        return f"<Scheduler of {self.plan!r} at {unit} {self.last_epoch:,.15g}{edits}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has a copy of the optimizer, which torch makes without hooks."""
        self.__dict__.update(state)
        self._attach()

    def _attach(self) -> None:
        _DRIVERS[self.optimizer] = weakref.ref(self)
        self.optimizer.register_step_post_hook(_for(self, Scheduler._count))
        self.optimizer.register_load_state_dict_pre_hook(_for(self, Scheduler._check_saved))
        self.optimizer.register_load_state_dict_post_hook(_for(self, Scheduler._take_back))

    def _count(self, *_: Any) -> None:
        self._clocks.update()

    def _check_saved(self, state: dict[str, Any]) -> None:
        check_saved(state, self.optimizer)

    def _take_back(self) -> None:
        """A loaded state has brought the names and the values of the saved run."""
        for held, group in zip(self.optimizer.param_groups, self._groups, strict=True):
            held["name"] = group.name
        self._write()

    def _check_untouched(self) -> None:
        for writer, held, group in zip(
            self._writers, self.optimizer.param_groups, self._groups, strict=False
        ):
            for name, left, found in writer.overwritten(held):
                raise PlanError(
                    f'{name} of the group "{group.name}" was written as {left!r} and is {found!r} now: '
                    "something else writes it too, and this tick would undo that. Change it by "
                    f'scheduler.set("{group.name}", {name}=…) or scheduler.scale; join schedules by .then().'
                )

    def _check_driving(self) -> None:
        if _driver(self.optimizer) is not self:
            raise PlanError(
                "Another pg.Scheduler was made for this optimizer and drives it now: step that one. To "
                "change rates in the course of training use scheduler.set or scheduler.scale, and join "
                "schedules by .then()."
            )


def _driver(optimizer: Optimizer) -> Scheduler | None:
    known = _DRIVERS.get(optimizer)
    return None if known is None else known()


def _for(scheduler: Scheduler, act: Callable[..., None]) -> Callable[..., None]:
    """A hook that acts while its scheduler lives and drives, and keeps it alive no longer."""
    known = weakref.ref(scheduler)

    def hook(optimizer: Optimizer, *given: Any) -> None:
        living = known()
        if living is not None and _driver(optimizer) is living:
            act(living, *given)

    return hook


def _check_arguments(optimizer: object, plan: object) -> None:
    if not isinstance(optimizer, Optimizer):
        raise PlanError(f"pg.Scheduler: {type(optimizer).__name__} is no torch optimizer.")
    if not isinstance(plan, Plan):
        raise PlanError(
            f"pg.Scheduler: {type(plan).__name__} is no plan. Make one: pg.plan(model, recipe, …)."
        )


def _checked_tick(epoch: Any) -> float:
    value = epoch.item() if hasattr(epoch, "dtype") and hasattr(epoch, "item") else epoch
    if not is_number(value) or not is_finite(value) or value < 0:
        raise PlanError(
            f"scheduler.step({shown(epoch)}): give the tick to go to, a number of at least 0, or nothing "
            "for the next."
        )
    return float(value) if isinstance(value, float) else int(value)
