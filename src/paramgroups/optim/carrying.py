"""Take the state of a saved optimizer over, by the names and shapes of parameters, never by their places."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from paramgroups.errors import CheckpointError, OptimizerError, listing, shown
from paramgroups.optim.carried import Carried, Shape
from paramgroups.optim.checking import check_values
from paramgroups.optim.classes import Named
from paramgroups.optim.hyperparameters import CLIPPING, SWITCHES, is_number, key_of, unpack
from paramgroups.optim.matching import Matched, match, sizes_of
from paramgroups.optim.memory import placed
from paramgroups.optim.remembered import (
    NUMBERS,
    Needs,
    differ,
    is_familiar,
    is_known,
    needs_of,
    settings_known,
    shape_of,
)
from paramgroups.optim.rows import ROWS, cuts_of
from paramgroups.optim.saved import GROUPS, NAMES, PARAMS, STATE, Group, Member, Saved, read

OPTIMIZER = "optimizer"
OWN = ("name", NAMES, OPTIMIZER)
"""What a group is, and who steps it: that stays as it is here."""

State = Mapping[str, Any]


def carry(saved: Any, groups: Sequence[Group], steppers: Sequence[Named]) -> tuple[dict[str, Any], Carried]:
    """What of a saved state goes into these groups, in torch's layout for them.

    A parameter is what has its name and its shape. A group whose parameters are those of one saved group has
    the saved values, if the same class steps it; any other keeps its own. Where nobody has names, parameters
    are told by their places, as torch has it, and must have the same shapes.

    Args:
        saved: What `state_dict` of an optimizer gave, with names.
        groups: The live groups.
        steppers: Who steps each of them: the name of an update rule of ours, or a class.

    Returns:
        The state, and what was carried.

    Raises:
        CheckpointError: It is no optimizer's state or a damaged one, or it has no names and the groups have.
    """
    found = read(saved)
    work = _Work(groups, found, match(found, groups), steppers)
    states = {place: state for place, state in enumerate(work.states()) if state}
    laid_out = work.laid_out()
    carried = Carried(
        tuple(work.names[place] for place in states),
        work.matched.missing,
        work.matched.unexpected,
        work.reshaped,
        dict(work.moved()),
        work.refit,
        saved=work.told(),
    )
    return {**saved, STATE: {**states, **found.rest}, GROUPS: laid_out}, carried.beside(laid_out)


def by_parameter(state: State, groups: Sequence[Group]) -> dict[str, Any]:
    """A carried state that is kept under the parameters themselves, each tensor as ours wants it.

    Torch places each tensor of a numbered state by a look through all groups: for 50,000 that takes minutes.
    What stands under other keys it takes as it is.
    """
    states = dict(state[STATE])
    for group, laid in zip(groups, state[GROUPS], strict=True):
        on_device = bool(laid.get("fused") or laid.get("capturable"))
        for param, number in zip(group[PARAMS], laid[PARAMS], strict=True):
            if number in states:
                states[param] = placed(states.pop(number), param, on_device=on_device)
    return {**state, STATE: states}


@dataclass
class _Work:
    """One load: the live groups, the saved ones, and what is found on the way.

    Attributes:
        groups: The live groups.
        saved: The saved optimizer.
        matched: Which parameter is which.
        steppers: Who steps each live group.
        reshaped: Parameters whose state is of another shape.
        refit: What was left behind where another class steps.
    """

    groups: Sequence[Group]
    saved: Saved
    matched: Matched
    steppers: Sequence[Named]
    reshaped: dict[str, tuple[Shape, Shape]] = field(default_factory=dict)
    refit: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = self.matched.names
        self._places = [place for place, group in enumerate(self.groups) for _ in group[PARAMS]]
        self._sources = self._found_sources()
        self._others = {pair: self._is_other(*pair) for pair in self._pairs()}
        self._needs: dict[tuple[int, int], Needs | None] = {}
        self._values = [self._values_of(place) for place in range(len(self.groups))]

    def states(self) -> Iterator[State]:
        """The state of each live parameter, in order; empty where it begins anew."""
        params = (param for group in self.groups for param in group[PARAMS])
        for name, place, param in zip(self.names, self._places, params, strict=True):
            member = self.matched.members.get(name)
            yield self._state(name, place, param, member) if member is not None and member.state else {}

    def laid_out(self) -> list[dict[str, Any]]:
        """The groups that are loaded, their parameters numbered by their places."""
        start, groups = 0, []
        for values, size in zip(self._values, sizes_of(self.groups), strict=True):
            groups.append({**values, PARAMS: list(range(start, start + size))})
            start += size
        return groups

    def moved(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """Whose group has another name now."""
        if self.saved.by_strings:
            return
        for name, place in zip(self.names, self._places, strict=True):
            if name in self.matched.members:
                source = self.matched.members[name].group
                then, now = _title(self.saved.groups[source], source), _title(self.groups[place], place)
                if then != now:
                    yield name, (then, now)

    def told(self) -> list[tuple[str, list[Group]]]:
        """The saved groups from which each live one comes."""
        return [
            (_title(group, place), [self.saved.groups[source] for source in self._sources[place]])
            for place, group in enumerate(self.groups)
        ]

    def _found_sources(self) -> list[dict[int, int]]:
        """For each live group how many of its parameters come from which saved one."""
        counts: list[dict[int, int]] = [{} for _ in self.groups]
        for name, place in zip(self.names, self._places, strict=True):
            if name in self.matched.members:
                source = self.matched.members[name].group
                counts[place][source] = counts[place].get(source, 0) + 1
        return counts

    def _pairs(self) -> Iterator[tuple[int, int]]:
        return ((source, place) for place, counts in enumerate(self._sources) for source in counts)

    def _is_other(self, source: int, place: int) -> bool:
        """Whether a saved group was stepped by another class than the live one is."""
        return differ(self.saved.groups[source], self.groups[place], self.steppers[place])

    def _values_of(self, place: int) -> dict[str, Any]:
        """What a live group holds after the load, without its parameters."""
        live = {key: value for key, value in self.groups[place].items() if key != PARAMS}
        source = self._whole_source(place)
        if source is None:
            return live
        saved = {key: value for key, value in self.saved.groups[source].items() if key != PARAMS}
        _check_settings(saved, live, _title(self.groups[place], place))
        if ROWS not in saved and not CLIPPING.keys().isdisjoint(saved):
            live.pop(ROWS, None)  # ours has saved it, and had none
        own = {key: live[key] for key in OWN if key in live}
        values = {**live, **saved, **own}
        if OPTIMIZER not in live:
            values.pop(OPTIMIZER, None)
        self._check_rows(place, values)
        return values

    def _whole_source(self, place: int) -> int | None:
        """The saved group that has just the parameters of a live one, where the same class stepped it."""
        counts, size = self._sources[place], len(self.groups[place][PARAMS])
        source = next(iter(counts), None)
        if self.saved.by_strings:
            return None
        if not size and self.matched.alike:
            return place
        if source is None or self._others[source, place]:
            return None
        whole = len(self.saved.groups[source][PARAMS]) == size
        return source if whole and counts == {source: size} else None

    def _check_rows(self, place: int, values: Group) -> None:
        if not values.get(ROWS) or not isinstance(self.steppers[place], str):
            return
        try:
            cuts_of([{**values, PARAMS: self.groups[place][PARAMS]}])
        except OptimizerError as error:
            raise CheckpointError(f"Rows of the saved optimizer do not fit: {error}") from error

    def _state(self, name: str, place: int, param: Tensor, member: Member) -> State:
        stepper = self.steppers[place]
        if not is_familiar(stepper) or is_lazy(param):
            return member.state
        shape, state = tuple(param.shape), member.state
        _check_state(name, state)
        if (found := _other_shape(state, shape)) is not None:
            self._reshape(name, found, shape)
            return {}
        needs = self._needs_of(place, len(shape))
        if needs is None:
            return state
        if self._others[member.group, place] or needs.strange(state):
            return self._refitted(name, needs, state)
        if lacking := needs.lacking(state):
            raise CheckpointError(
                f'What the saved optimizer remembers of "{name}" lacks {listing(lacking)}, and has '
                f"{listing(map(str, state))}. Load what optimizer.state_dict() gave, or take it out of "
                "the state to begin anew."
            )
        return needs.grow(dict(state))

    def _needs_of(self, place: int, dims: int) -> Needs | None:
        if (place, dims) not in self._needs:
            self._needs[place, dims] = needs_of(self.steppers[place], self._values[place], dims)
        return self._needs[place, dims]

    def _refitted(self, name: str, needs: Needs, state: State) -> State:
        used = needs.used(state)
        if left := tuple(key for key in state if key not in used):
            self.refit[name] = left
        return needs.grow(used)

    def _reshape(self, name: str, found: Shape, shape: Shape) -> None:
        if not self.matched.named:
            raise CheckpointError(
                f"The saved state of the parameter {name} is of shape {found}, and it has {shape}: told by "
                "their places, it may be another's. Give both names: make the optimizer of "
                "model.named_parameters(), and name the saved ones by pg.name_state(state, names)."
            )
        self.reshaped[name] = found, shape


def _title(group: Group, place: int) -> str:
    return str(group.get("name", place))


def _check_state(name: str, state: State) -> None:
    """Refuse what is no memory of a parameter; what we do not know is left to its class."""
    for key, value in state.items():
        if value is not None and is_known(key) and not _fits(key, value):
            wanted = "a number of at least 0" if key in NUMBERS else "a dense tensor"
            raise CheckpointError(
                f'The saved optimizer remembers {shown(value)} of "{name}" as its {key}, where {wanted} is '
                "wanted. Load what optimizer.state_dict() gave."
            )


def _fits(key: str, value: Any) -> bool:
    if key not in NUMBERS:
        return isinstance(value, Tensor) and value.layout is torch.strided
    if isinstance(value, Tensor):
        if value.numel() != 1 or value.is_complex():
            return False
        if type(value) is not Tensor or value.is_meta:
            return True  # of processes together, or without a value
        value = value.item()
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def _other_shape(state: State, shape: Shape) -> Shape | None:
    """The shape of something in a state that does not go with a parameter of this shape."""
    for key, value in state.items():
        if is_known(key) and key not in NUMBERS and value is not None:
            found = tuple(value.shape)
            if found != shape_of(key, shape):
                return found
    return None


def _check_settings(saved: Group, live: Group, title: str) -> None:
    """Refuse saved values of a group that nobody can step with."""
    numbers = [
        key for key, value in unpack(live).items() if key_of(key) in settings_known() and _is_number(value)
    ]
    if saved.get("clip_norm") is not None:
        numbers.append("clip_norm")
    switches = [key for key, value in live.items() if isinstance(value, bool) and key not in SWITCHES]
    try:
        check_values(
            saved, {key: 0.0 for key in numbers if key_of(key) in saved}, f'the saved group "{title}"'
        )
    except OptimizerError as error:
        raise CheckpointError(f"{error} The saved state is damaged, or another program's.") from error
    for key in switches:
        if not isinstance(saved.get(key, False), bool):
            raise CheckpointError(
                f'{key}={shown(saved[key])} in the saved group "{title}": it must be True or False. The '
                "saved state is damaged, or another program's."
            )


def _is_number(value: Any) -> bool:
    return is_number(value) or isinstance(value, Tensor)
