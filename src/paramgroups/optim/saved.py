"""A saved optimizer's state, read: its groups, its parameters' names and what it remembered of each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramgroups.errors import CheckpointError, listing, shown

PARAMS, NAMES, STATE, GROUPS = "params", "param_names", "state", "param_groups"

Group = Mapping[str, Any]
Number = int | str

FIX = "Load what optimizer.state_dict() gave."


@dataclass(frozen=True)
class Member:
    """A parameter of a saved optimizer.

    Attributes:
        group: The number of its group.
        state: What was remembered of it; empty where nothing was.
    """

    group: int
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Saved:
    """A saved optimizer.

    Attributes:
        groups: Its groups as they were saved.
        members: Its parameters, in order.
        names: Their names, in the same order; None where it has none.
        rest: What stands among the states and is of no parameter.
        by_strings: Whether parameters are numbered by strings, as `torch.distributed.checkpoint` hands them:
            such groups are cut as the live ones are, and their values are of another cut.
    """

    groups: Sequence[Group]
    members: Sequence[Member]
    names: Sequence[str] | None
    rest: Mapping[Any, Any]
    by_strings: bool

    @property
    def sizes(self) -> list[int]:
        """How many parameters each group has."""
        return [len(group[PARAMS]) for group in self.groups]


def read(state: Any) -> Saved:
    """Read the state of an optimizer.

    Raises:
        CheckpointError: It is none, or does not hold together.
    """
    if not isinstance(state, Mapping) or not {STATE, GROUPS} <= state.keys():
        found = listing(map(str, state)) or "nothing" if isinstance(state, Mapping) else shown(state)
        raise CheckpointError(f"This is no optimizer's state: {found}. {FIX}")
    states, groups = state[STATE], state[GROUPS]
    if not isinstance(states, Mapping) or not _are_groups(groups):
        wrong = "state" if not isinstance(states, Mapping) else "param_groups"
        raise CheckpointError(
            f"{wrong!r} of this optimizer's state is {shown(state[wrong])}: a dict of states and a list of "
            f"groups with their params are wanted. {FIX}"
        )
    numbers = [number for group in groups for number in group[PARAMS]]
    by_strings = _by_strings(numbers)
    _check_known(states, numbers)
    owners = [place for place, group in enumerate(groups) for _ in group[PARAMS]]
    members = [Member(owner, _state(states, number)) for owner, number in zip(owners, numbers, strict=True)]
    rest = {key: value for key, value in states.items() if not isinstance(key, int | str)}
    return Saved(groups, members, numbers if by_strings else names_in(groups), rest, by_strings)


def as_state(state: Any) -> dict[str, Any]:
    """A state as the dict that torch copies.

    Raises:
        CheckpointError: It is none.
    """
    read(state)
    return dict(state)


def names_in(groups: Sequence[Group]) -> list[str] | None:
    """The names of all parameters, in order; None where a group does not name its own.

    Raises:
        CheckpointError: A group names more or fewer than it has, or by what is no text.
    """
    if not groups or not all(group.get(NAMES) is not None for group in groups):
        return None
    for place, group in enumerate(groups):
        names = group[NAMES]
        if not _is_list(names) or len(names) != len(group[PARAMS]) or not _are_texts(names):
            raise CheckpointError(
                f"Group {place} has {len(group[PARAMS]):,} parameters, and as their names {shown(names)}. "
                "Give each parameter one name, in their order."
            )
    return [name for group in groups for name in group[NAMES]]


def twice(names: Iterable[Any]) -> list[str]:
    """What is there more than once."""
    return [str(name) for name, count in Counter(names).items() if count > 1]


def _are_groups(groups: Any) -> bool:
    return _is_list(groups) and all(
        isinstance(group, Mapping) and _is_list(group.get(PARAMS)) and _are_texts(group) for group in groups
    )


def _is_list(found: Any) -> bool:
    return isinstance(found, Sequence) and not isinstance(found, str | bytes)


def _are_texts(found: Iterable[Any]) -> bool:
    return all(isinstance(one, str) for one in found)


def _by_strings(numbers: Sequence[Any]) -> bool:
    """Whether parameters are numbered by strings; what is neither text nor number is refused."""
    kinds = {str if isinstance(number, str) else type(number) for number in numbers}
    if not (kinds <= {str} or kinds <= {int}):
        odd = next(number for number in numbers if type(number) is not int)
        raise CheckpointError(f"A parameter of this optimizer's state is numbered {shown(odd)}. {FIX}")
    if doubled := twice(numbers):
        raise CheckpointError(
            f"The parameter {listing(doubled)} is in the groups of this state more than once. {FIX}"
        )
    return kinds == {str}


def _check_known(states: Mapping[Any, Any], numbers: Sequence[Number]) -> None:
    known = set(numbers)
    if strange := [key for key in states if type(key) is int and key not in known]:
        raise CheckpointError(
            f"This state remembers something of the parameters {listing(map(str, strange))}, and no group "
            f"has them. {FIX}"
        )


def _state(states: Mapping[Any, Any], number: Number) -> Mapping[str, Any]:
    found = states.get(number, {})
    if not isinstance(found, Mapping):
        raise CheckpointError(f"What is remembered of the parameter {number} is {shown(found)}. {FIX}")
    return found
