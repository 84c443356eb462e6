"""The scheduler: drives a plan through training, on any torch optimizer."""

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from paramgroups.errors import PlanError
from paramgroups.optim import pack
from paramgroups.planning import Plan
from paramgroups.rules.rule import assignments
from paramgroups.run.clocks import Clocks
from paramgroups.run.edits import Edit, check_edit, edited_groups, read_edits
from paramgroups.run.freezing import Freezing
from paramgroups.run.writing import own_rates, plain_rate, planned_groups, write
from paramgroups.select import Selector


class Scheduler(LRScheduler):
    """Write the plan's values into an optimizer's groups, tick by tick.

    It is a torch `LRScheduler`: call `step()` after `optimizer.step()`, once per update or once per epoch
    as the plan was made. The value at a tick is a function of the plan, the tick and the edits so far; what
    stands in `param_groups` is never an input.

    Args:
        optimizer: Any torch optimizer whose groups are those of `plan.param_groups()`.
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
        if not isinstance(optimizer, Optimizer):
            raise PlanError(f"pg.Scheduler: {type(optimizer).__name__} is no torch optimizer.")
        self.plan = plan
        self.edits: list[Edit] = []
        self._groups = planned_groups(optimizer, plan)
        self._courses = [dict(group.courses) for group in self._groups]
        self._freezing = Freezing(plan, model, self._groups, optimizer)
        own_rates(optimizer)
        self._clocks = Clocks(plan.horizon)
        self._clocks.watch(optimizer)
        optimizer.register_load_state_dict_post_hook(_rewriter(self))
        super().__init__(optimizer)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one tick and write its values.

        Args:
            epoch: The tick to go to, instead of the next.

        Raises:
            PlanError: Ticks and the optimizer's updates have parted, so that the schedule runs at
                another speed than was planned.
        """
        started = hasattr(self, "_last_lr")
        if started:
            self._clocks.tick()
        self._step_count += 1
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch  # type: ignore[assignment]  # torch takes fractions too
        self._write()

    def get_lr(self) -> list[Any]:
        """The rate of each group at the present tick, as `step` writes it."""
        return [courses["lr"].at(self.last_epoch) for courses in self._courses]

    def scale(self, selector: str | Selector, factor: float) -> None:
        """Multiply the rate of some groups from now on, on top of their schedule.

        Args:
            selector: A selector that matches whole groups; where it does not, the name of a group.
            factor: At least 0.

        Raises:
            PlanError: It matches nothing, or a part of a group.
            RuleError: The factor is no finite number of at least 0.
        """
        self._edit(selector, {"lr_scale": factor})

    def set(self, selector: str | Selector, **settings: Any) -> None:
        """Set or scale hyperparameters of some groups from now on; the schedule goes on multiplying them.

        Args:
            selector: A selector that matches whole groups; where it does not, the name of a group.
            **settings: As in a rule: `lr=1e-4`, `weight_decay=0.0`, `momentum_scale=0.5`.

        Raises:
            PlanError: It matches nothing or a part of a group, or the optimizer reads no such name.
            RuleError: A value has no meaning.
        """
        self._edit(selector, settings)

    def _edit(self, selector: str | Selector, settings: Mapping[str, Any]) -> None:
        names = edited_groups(selector, self.plan, self._groups)
        found = assignments(settings)
        edits = [Edit(self.last_epoch, names, one.name, one.scales, one.value) for one in found]
        for edit in edits:
            check_edit(edit, self._groups)
        for edit in edits:
            self._take(edit)
        self._write()

    def _take(self, edit: Edit) -> None:
        self.edits.append(edit)
        for group, courses in zip(self._groups, self._courses, strict=True):
            if group.name in edit.groups:
                courses[edit.hyper] = courses[edit.hyper].then(edit.link)

    def _write(self) -> None:
        groups = self.optimizer.param_groups
        for group, courses in zip(groups, self._courses, strict=False):
            write(group, pack({name: course.at(self.last_epoch) for name, course in courses.items()}))
        self._freezing.follow(self.last_epoch)
        self._last_lr = [plain_rate(group) for group in groups]

    def state_dict(self) -> dict[str, Any]:
        """The tick and the edits: with the plan, all that the values follow from."""
        return {
            "last_epoch": self.last_epoch,
            "_step_count": self._step_count,
            "_last_lr": list(self._last_lr),
            "edits": [{**vars(edit), "groups": list(edit.groups)} for edit in self.edits],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a saved scheduler stood; the optimizer's groups hold that tick's values at once.

        Raises:
            CheckpointError: The state is not of this library's scheduler, or edits groups that the plan
                has not. Nothing is loaded then.
        """
        edits = read_edits(state_dict, self._groups)
        self.edits = []
        self._courses = [dict(group.courses) for group in self._groups]
        for edit in edits:
            self._take(edit)
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = state_dict["_step_count"]
        self._write()


def _rewriter(scheduler: Scheduler) -> Callable[[Optimizer], None]:
    """After an optimizer's state is loaded the planned values stand in its groups again."""
    known = weakref.ref(scheduler)

    def rewrite(_: Optimizer) -> None:
        if (living := known()) is not None:
            living._write()  # noqa: SLF001  # this module's own

    return rewrite
