"""The plan: a recipe resolved against an index and a horizon."""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
from torch import nn

from paramgroups.errors import Finding, PlanError, listing, shown
from paramgroups.indexing import Index, Row
from paramgroups.indexing.pause import collector_paused
from paramgroups.journal import Event, Journal
from paramgroups.optim import is_finite
from paramgroups.planning.binding import bind
from paramgroups.planning.checks import check
from paramgroups.planning.diff import Diff, diff
from paramgroups.planning.events import horizon_of, replayed
from paramgroups.planning.explain import Explanation, explain, explain_joined
from paramgroups.planning.freezing import settle
from paramgroups.planning.groups import Group, groups_of
from paramgroups.planning.idle import idle_rules, told
from paramgroups.planning.matching import Pins, Segment
from paramgroups.planning.pinned import pinned
from paramgroups.planning.profile import Profile
from paramgroups.planning.refusals import refuse
from paramgroups.planning.resolution import Resolution, Segments, resolve
from paramgroups.planning.rows import PartRow, PlanRow, Snapshot, checked_name, position_of
from paramgroups.planning.subject import Subject
from paramgroups.planning.table import table, text
from paramgroups.rules import Recipe
from paramgroups.schedules import Horizon


@dataclass(frozen=True, repr=False)
class Plan:
    """A recipe resolved against an index and a horizon: complete, immutable, every value with its origin.

    It holds names and numbers, never tensors; `pg.build`, `param_groups` and `pg.Scheduler` bind it to
    a live model. Made by `pg.plan`. It is like a mapping: `name in plan`, `plan[name]`, and iterating gives
    the canonical names in the order of the model.

    Args:
        given: The recipe, as the user wrote it.
        index: The parameters.
        horizon: How long training is.
        pins: Statistics of the values, by statistic and name, for selectors that read them.
        events: Decisions made while training, which `replay` puts in.
        model: The planned model, which binding takes unless it is given another. It is not kept alive.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> rules = [pg.rule("2", lr_scale=10)]
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.linear(), rules=rules)
        >>> plan = pg.plan(model, recipe, steps=4)
        >>> print(plan)
        Plan of 4 parameters in 2 groups, 4 steps
        group    tensors  numbers   lr  weight_decay
        default        2       40  0.1             0
        2              2       18    1             0
        Schedule of all: linear().
        >>> plan["2.weight"].lr, plan.at(2)["2.weight"].lr, plan.curve("2.weight", "lr")
        (1.0, 0.5, [1.0, 0.75, 0.5, 0.25])
        >>> print(plan.explain("2.weight", step=2).chains["lr"][0])
        0.5 = 0.1 (recipe) × 10 (rule 1 "2") × 0.5 (linear() at 50%)
    """

    given: Recipe
    index: Index
    horizon: Horizon
    pins: Pins = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    model: InitVar[nn.Module | None] = None
    _resolution: Resolution = field(init=False, compare=False)
    _model: "weakref.ref[nn.Module] | None" = field(init=False, compare=False)

    def __post_init__(self, model: nn.Module | None) -> None:
        with collector_paused():
            resolution = resolve(self.given, self.index, self.horizon, self.pins)
            refuse(resolution)
        object.__setattr__(self, "_resolution", resolution)
        object.__setattr__(self, "_model", None if model is None else weakref.ref(model))

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe; what a user's functions found stands in it as tables, so that it can be saved."""
        return pinned(self.given, self._resolution)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The parameters that are ever trained, merged where their values agree over all of training.

        Groups never change in training: events change the values of groups, and not who is in one.
        """
        return replayed(groups_of(self._resolution), self.events, self.given)

    @cached_property
    def frozen(self) -> tuple[Row, ...]:
        """The parameters that are never trained."""
        trained = {name for group in self.groups for name in group.names}
        return tuple(row for row in self.index if row.name not in trained)

    @cached_property
    def rows(self) -> tuple[PlanRow, ...]:
        """Every parameter with the values that `plan[name]` gives."""
        return tuple(self._row(position) for position in range(len(self.index)))

    def __getitem__(self, name: str) -> PlanRow:
        """A parameter's values at the start of its schedule's clock, schedule left out.

        Raises:
            ModelError: No parameter has this name or alias; the nearest is named.
            PlanError: It is no name.
        """
        return self._row(position_of(name, self.index))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.index

    def __iter__(self) -> Iterator[str]:
        return (row.name for row in self.index)

    def __len__(self) -> int:
        return len(self.index)

    def at(self, step: float) -> Mapping[str, PlanRow]:
        """Every parameter's values at a step, schedules and windows included; step 0 is the first.

        Past the end the last values are held.

        Raises:
            PlanError: The step is no number, or negative.
        """
        tick = _plain_step("at", step)
        values: dict[int, dict[str, Any]] = {}

        def row_at(position: int) -> PlanRow:
            return self._row(position, tick, values)

        return Snapshot(self.index, row_at)

    def curve(self, name: str, hyper: str = "lr") -> list[Any]:
        """The values of one hyperparameter of one parameter at every step.

        Args:
            name: The parameter, by its name or an alias.
            hyper: The hyperparameter, or `"trainable"`. Of a pair such as `"betas"` each value is a tuple.

        Returns:
            One value for each tick of the horizon.

        Raises:
            ModelError: There is no such parameter.
            PlanError: There is no such hyperparameter, or the horizon has no end.
        """
        if self.horizon.ticks is None:
            raise PlanError("plan.curve: training has no known end. Plan with steps= or epochs=.")
        profile = self._profile_of(name)
        hyper = checked_name(hyper)
        return [profile.value(hyper, tick) for tick in range(self.horizon.ticks)]

    def explain(self, name: str, step: float | None = None) -> Explanation:
        """Where each value of a parameter comes from, rule by rule and factor by factor.

        Args:
            name: The parameter, by its name or an alias.
            step: The step whose values are asked for; without one all of training, the schedule named.

        Raises:
            ModelError: There is no such parameter.
            PlanError: The step is no number, or negative.
        """
        tick = None if step is None else _plain_step("explain", step)
        if (joined := self._joined(name)) is not None:
            return explain_joined(name, joined, self.horizon, tick)
        position = position_of(name, self.index)
        row = self.index.rows[position]
        group = self.group_of.get(row.name)
        parts, member = self._heard.parts_at(position), None if group is None else group.name
        profile, several = self._profile_at(position), len({found.lr for found in self.groups}) > 1
        return explain(row, profile, parts, self.horizon, group=member, tick=tick, several=several)

    def replay(self, journal: Iterable[Event]) -> "Plan":
        """This plan with what was decided while training: the values of a whole run again, exactly.

        Its `at`, `curve`, `explain` and `groups` have the events in them, each from its step on, and its
        horizon is the last that was told.

        Args:
            journal: `scheduler.journal`, or one that was saved.

        Raises:
            CheckpointError: It is no journal, or an event does not fit the plan.

        Example:
            >>> import paramgroups as pg, torch
            >>> plan = pg.plan(torch.nn.Linear(2, 1), pg.Recipe(optimizer="sgd", lr=1.0), steps=4)
            >>> optimizer, scheduler = pg.build(plan, torch.nn.Linear(2, 1))
            >>> for _ in range(2):
            ...     optimizer.step(); scheduler.step()
            >>> _ = scheduler.scale("weight | bias", 0.5)
            >>> plan.replay(scheduler.journal).curve("weight")
            [1.0, 1.0, 0.5, 0.5]
        """
        made = copy(self)
        events = tuple(Journal(journal))
        longer = [event for event in events if event.action == "horizon"]
        horizon = horizon_of(longer[-1]) if longer else self._resolution.profiler.horizon
        for name in ("recipe", "groups", "frozen", "rows", "group_of", "_base_values", "_heard"):
            vars(made).pop(name, None)
        vars(made).update(events=events, horizon=horizon)
        _ = made.groups  # an event that does not fit is found now
        return made

    @cached_property
    def group_of(self) -> dict[str, Group]:
        """The group of each parameter that is ever trained, by its canonical name."""
        return {name: group for group in self.groups for name in group.names}

    def param_groups(self, model: nn.Module | None = None) -> list[dict[str, Any]]:
        """The groups as plain dicts, for any optimizer: `params`, `name`, `param_names` and real numbers.

        The numbers are those at the start, schedule left out: a scheduler multiplies them. Where the plan
        names several optimizers, each group has its own under `optimizer`: a name, or the user's class.

        Args:
            model: The live model; the planned one unless it was replaced or sharded since.

        Raises:
            PlanError: The model is gone, or is not the planned one.
        """
        bound = bind(self.index, self.live_model(model))
        several = len({group.profile.optimizer.named for group in self.groups}) > 1
        named = {
            group.name: {"optimizer": group.profile.optimizer.named} if several else {}
            for group in self.groups
        }
        dicts = []
        for group in self.groups:
            names = [name for name in group.names if name in bound]
            params = [bound[name] for name in names]
            settings = named[group.name] | group.settings(names=bound)
            dicts.append({"params": params, "name": group.name, "param_names": names} | settings)
        return [found for found in dicts if found["params"]]

    def freeze(self, model: nn.Module | None = None) -> tuple[str, ...]:
        """Turn `requires_grad` off for what is never trained, and on for what rules thaw at some time.

        For use before DDP or FSDP wraps the model and fixes whose gradients it exchanges; else build does it.

        Args:
            model: The live model; the planned one unless it was replaced since.

        Returns:
            The names of the parameters that are never trained.

        Raises:
            PlanError: The model is gone, or is not the planned one.
        """
        return settle(bind(self.index, self.live_model(model)), self.index, self.groups, self.frozen)

    def live_model(self, model: nn.Module | None = None) -> nn.Module:
        """The given model, else the planned one.

        Raises:
            PlanError: None is given, and the planned one is gone or never was.
        """
        found = model if model is not None else self.planned_model()
        if found is None:
            raise PlanError("The plan has no live model: it holds names. Give it one: model=….")
        return found

    def planned_model(self) -> nn.Module | None:
        """The planned model, while it lives."""
        return None if self._model is None else self._model()

    def check(self) -> list[Finding]:
        """Advice: what resolves, but is seldom meant. `print` a finding to read it with its fix."""
        return check(Subject(self._resolution, self.groups))

    def diff(self, other: "Plan") -> Diff:
        """What differs from another plan, by parameter names; false when nothing does.

        Raises:
            PlanError: The other is no plan.
        """
        if not isinstance(other, Plan):
            raise PlanError(f"plan.diff: {type(other).__name__} is no plan. Give what pg.plan made.")
        return diff(self._heard, other._heard)  # noqa: SLF001  # another plan

    def table(self, step: float | None = None) -> list[list[str]]:
        """The groups as rows of text, under a row of headings.

        Args:
            step: The step whose values are shown; without one all of training, schedules left out.

        Raises:
            PlanError: The step is no number of at least 0.
        """
        if step is not None:
            self.at(step)
        return table(self.groups, self.frozen, self.horizon, step)

    def __str__(self) -> str:
        idle = [told(match) for match in idle_rules(self._resolution)]
        return "\n".join([self.title, text(self.table(), self.groups, self.frozen), *self.feedback, *idle])

    @property
    def feedback(self) -> list[str]:
        """The controllers of the recipe in a line; none where it has none."""
        titles = [controller.title for controller in self.given.controllers]
        return [f"Controllers: {listing(titles)}."] if titles else []

    @property
    def title(self) -> str:
        """The plan in a line."""
        parameters, groups = (
            f"{count:,} {word}{'s' * (count != 1)}"
            for count, word in ((len(self.index), "parameter"), (len(self.groups), "group"))
        )
        name = f'Plan "{self.given.name}", ' if self.given.name else "Plan of "
        return f"{name}{parameters} in {groups}, {self.horizon}"

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def __hash__(self) -> int:
        return hash((self.given, self.horizon, len(self.index)))

    def __getstate__(self) -> dict[str, Any]:
        """A copy knows no model: a weak reference cannot be saved."""
        return self.__dict__ | {"_model": None}

    def _row(
        self, position: int, tick: float | None = None, values: dict[int, dict[str, Any]] | None = None
    ) -> PlanRow:
        values = self._base_values if values is None else values
        number = int(self._resolution.numbers[position])
        profile = self._profile_at(position)
        if number not in values:
            values[number] = profile.values(tick)
        parts = tuple(
            PartRow(segment.start, segment.stop, own.values(tick))
            for segment, own in self._heard.parts_at(position)
        )
        return PlanRow(self.index.rows[position], values[number], parts, profile, tick)

    def _joined(self, name: object) -> Group | None:
        """The group that joined in the middle of the run with a parameter of this name, if one did."""
        if not self.events or not isinstance(name, str) or name in self.index:
            return None
        return self.group_of.get(name)

    def _profile_of(self, name: str) -> Profile:
        joined = self._joined(name)
        return self._profile_at(position_of(name, self.index)) if joined is None else joined.profile

    def _profile_at(self, position: int) -> Profile:
        return self._heard.profile_at(position)

    @cached_property
    def _heard(self) -> Resolution:
        """The resolution with all events heard."""
        if not self.events:
            return self._resolution
        first = np.unique(self._resolution.numbers, return_index=True)[1].tolist()
        groups = [self.group_of.get(self.index.rows[position].name) for position in first]
        pairs = zip(groups, self._resolution.profiles, strict=True)
        return replace(
            self._resolution,
            profiles=tuple(profile if group is None else group.profile for group, profile in pairs),
            segments=self._resolution.segments | self._heard_segments(),
        )

    def _heard_segments(self) -> Segments:
        """The rows of their own as events have left them, by the position of their tensor."""
        found: dict[int, list[tuple[Segment, Profile]]] = {}
        for one in (segment for group in self.groups for segment in group.segments):
            place = self.index.position(one.name)
            found.setdefault(place, []).append((Segment(place, one.start, one.stop), one.profile))
        return {place: tuple(parts) for place, parts in found.items()}

    @cached_property
    def _base_values(self) -> dict[int, dict[str, Any]]:
        return {}


def _plain_step(asked: str, step: Any) -> float:
    real = isinstance(step, Real) and not isinstance(step, bool)
    if not real or not is_finite(step) or step < 0:
        raise PlanError(f"plan.{asked}: step {shown(step)} is none. Steps are numbers, and count from 0.")
    return int(step) if isinstance(step, Integral) else float(step)
