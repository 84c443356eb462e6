"""The plan: a recipe resolved against an index and a horizon."""

import weakref
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from torch import nn

from paramgroups.errors import Finding, PlanError
from paramgroups.indexing import Index, Row
from paramgroups.planning.binding import bind
from paramgroups.planning.checks import Subject, check
from paramgroups.planning.diff import Diff, diff
from paramgroups.planning.explain import Explanation, explain
from paramgroups.planning.groups import Group, groups_of
from paramgroups.planning.matching import Pins
from paramgroups.planning.pinned import pinned
from paramgroups.planning.resolution import resolve
from paramgroups.planning.rows import PartRow, PlanRow, Snapshot
from paramgroups.planning.table import aligned, table
from paramgroups.rules import Recipe
from paramgroups.schedules import Horizon


class Plan:
    """A recipe resolved against an index and a horizon: complete, immutable, every value with its origin.

    It holds names and numbers, never tensors; `pg.build`, `param_groups` and `pg.Scheduler` bind it to
    a live model. Made by `pg.plan`.

    Args:
        recipe: What is wanted.
        index: The parameters.
        horizon: How long training is.
        pins: Statistics of the values, by statistic and name, for selectors that read them.
        model: The planned model, which binding takes unless it is given another. It is not kept alive.
    """

    def __init__(
        self,
        recipe: Recipe,
        index: Index,
        horizon: Horizon,
        pins: Pins | None = None,
        model: nn.Module | None = None,
    ) -> None:
        self.index = index
        self.horizon = horizon
        self.pins = dict(pins or {})
        self._given = recipe
        self._resolution = resolve(recipe, index, horizon, self.pins)
        self._model = None if model is None else weakref.ref(model)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe; what a user's functions found stands in it as tables, so that it can be saved."""
        return pinned(self._given, self._resolution)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The parameters that are ever trained, merged where their values agree over all of training."""
        return groups_of(self._resolution)

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
        """
        return self._row(self.index.position(name))

    def __len__(self) -> int:
        return len(self.index)

    def at(self, step: float) -> Mapping[str, PlanRow]:
        """Every parameter's values at a step, schedules and windows included; step 0 is the first.

        Past the end the last values are held.

        Raises:
            PlanError: The step is negative.
        """
        if not step >= 0:
            raise PlanError(f"plan.at({step!r}): steps count from 0.")
        values: dict[int, dict[str, Any]] = {}

        def row_at(position: int) -> PlanRow:
            return self._row(position, step, values)

        return Snapshot(self.index, row_at)

    def curve(self, name: str, hyper: str = "lr") -> list[Any]:
        """The values of one hyperparameter of one parameter at every step.

        Args:
            name: The parameter, by its name or an alias.
            hyper: The hyperparameter, or `"trainable"`.

        Returns:
            One value for each tick of the horizon.

        Raises:
            ModelError: There is no such parameter.
            PlanError: There is no such hyperparameter, or the horizon has no end.
        """
        if self.horizon.ticks is None:
            raise PlanError("plan.curve: training has no known end. Plan with steps= or epochs=.")
        getattr(self[name], hyper)
        profile = self._resolution.profile_at(self.index.position(name))
        course = profile.trainable if hyper == "trainable" else profile.courses[hyper]
        return [course.at(tick) for tick in range(self.horizon.ticks)]

    def explain(self, name: str, step: float | None = None) -> Explanation:
        """Where each value of a parameter comes from, rule by rule and factor by factor.

        Args:
            name: The parameter, by its name or an alias.
            step: The step whose values are asked for; without one all of training, the schedule named.

        Raises:
            ModelError: There is no such parameter.
        """
        position = self.index.position(name)
        row = self.index.rows[position]
        group = self.group_of.get(row.name)
        place = f"depth {row.depth} of {row.levels}" if row.levels > 1 else "no depth"
        title = f"{row.role} {row.shape}, {place}, " + (f'group "{group.name}"' if group else "never trained")
        return explain(row, self._resolution.profile_at(position), self.horizon, title, step)

    @cached_property
    def group_of(self) -> dict[str, Group]:
        """The group of each parameter that is ever trained, by its canonical name."""
        return {name: group for group in self.groups for name in group.names}

    def param_groups(self, model: nn.Module | None = None) -> list[dict[str, Any]]:
        """The groups as plain dicts, for any optimizer: `params`, `name`, `param_names` and real numbers.

        The numbers are those at the start, schedule left out: a scheduler multiplies them.

        Args:
            model: The live model; the planned one unless it was replaced or sharded since.

        Raises:
            PlanError: The model is gone, or is not the planned one.
        """
        bound = bind(self.index, self.live_model(model))
        dicts = []
        for group in self.groups:
            names = [name for name in group.names if name in bound]
            params = [bound[name] for name in names]
            dicts.append({"params": params, "name": group.name, "param_names": names} | group.settings())
        return [found for found in dicts if found["params"]]

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
        """Advice: what resolves, but is seldom meant."""
        return check(Subject(self._resolution, self.groups))

    def diff(self, other: "Plan") -> Diff:
        """What differs from another plan, by parameter names; false when nothing does."""
        return diff(self._resolution, other._resolution)  # noqa: SLF001  # another plan

    def table(self) -> list[list[str]]:
        """The groups as rows of text, under a row of headings."""
        return table(self.groups, self.frozen, self.horizon)

    def __str__(self) -> str:
        notes = [f"Rule {f.message.removeprefix('Rule ')}" for f in self.check() if f.code == "PG008"]
        return "\n".join([self.title, aligned(self.table()), *notes])

    @property
    def title(self) -> str:
        """The plan in a line."""
        count = f"{len(self.index):,} parameters in {len(self.groups):,} groups"
        name = f'"{self._given.name}", ' if self._given.name else ""
        return f"Plan {name}{count}, {self.horizon}"

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        same = (self._given, self.index, self.horizon) == (other._given, other.index, other.horizon)
        return same and self.pins == other.pins

    def __hash__(self) -> int:
        return hash((self.index, self.horizon))

    def __getstate__(self) -> dict[str, Any]:
        """A copy knows no model: a weak reference cannot be saved."""
        return self.__dict__ | {"_model": None}

    def _row(
        self, position: int, tick: float | None = None, values: dict[int, dict[str, Any]] | None = None
    ) -> PlanRow:
        values = self._base_values if values is None else values
        number = int(self._resolution.numbers[position])
        profile = self._resolution.profiles[number]
        if number not in values:
            values[number] = profile.values(tick)
        parts = tuple(
            PartRow(segment.start, segment.stop, own.values(tick))
            for segment, own in self._resolution.segments.get(position, ())
        )
        return PlanRow(self.index.rows[position], profile, values[number], parts)

    @cached_property
    def _base_values(self) -> dict[int, dict[str, Any]]:
        return {}
