"""Which saved parameter is which live one: by names, and by places only where nobody has any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramgroups.errors import CheckpointError, listing
from paramgroups.optim.saved import PARAMS, Group, Member, Saved, names_in, twice


@dataclass(frozen=True)
class Matched:
    """The names of live parameters, and the saved ones by name.

    Attributes:
        names: A name for each live parameter, in order.
        members: The saved parameters.
        named: Whether both sides have names; else they are told by their places.
        alike: Whether the groups of both sides are cut alike.
    """

    names: Sequence[str]
    members: Mapping[str, Member]
    named: bool
    alike: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """The live parameters that were not saved."""
        return tuple(name for name in self.names if name not in self.members)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """The saved parameters with a state that are not among the live ones."""
        here = set(self.names)
        return tuple(name for name, one in self.members.items() if one.state and name not in here)


def match(saved: Saved, groups: Sequence[Group]) -> Matched:
    """Tell which saved parameter is which live one.

    Raises:
        CheckpointError: Names do not tell, or there are none and groups are cut in another way.
    """
    live, there = names_in(groups), saved.names
    if live is not None and there is None:
        raise CheckpointError(
            "The saved optimizer does not name its parameters, and the one here does: by their places the "
            "memory of one would be given to another. Give the names, in the order in which the parameters "
            "were given to the saved optimizer: pg.name_state(state, names)."
        )
    named = live is not None
    if live is not None and there is not None:
        if saved.by_strings and _is_aligned(saved, groups, live):
            there = live
        if list(there) != live or saved.sizes != sizes_of(groups):
            _check_once(there, "The saved optimizer")
            _check_once(live, "The optimizer here")
            return Matched(live, dict(zip(there, saved.members, strict=True)), named=True, alike=False)
    return _by_place(saved, groups, live or there, named=named)


def _is_aligned(saved: Saved, groups: Sequence[Group], live: Sequence[str]) -> bool:
    """Whether strings of another spelling stand for the live parameters in their order."""
    return saved.sizes == sizes_of(groups) and set(live).isdisjoint(saved.names or ())


def _by_place(saved: Saved, groups: Sequence[Group], names: Sequence[str] | None, *, named: bool) -> Matched:
    sizes = sizes_of(groups)
    if saved.sizes != sizes:
        raise CheckpointError(
            f"The saved optimizer has groups of {listing(map(str, saved.sizes))} parameters, and here are "
            f"groups of {listing(map(str, sizes))}, without names: there is no telling which is which. Make "
            "the optimizer of named parameters, such as plan.param_groups() or model.named_parameters(), and "
            "name the saved ones: pg.name_state(state, names)."
        )
    labels = [f"{place}[{member}]" for place, size in enumerate(sizes) for member in range(size)]
    names = labels if names is None or twice(names) else names
    return Matched(names, dict(zip(names, saved.members, strict=True)), named=named, alike=True)


def sizes_of(groups: Sequence[Group]) -> list[int]:
    """How many parameters each group has."""
    return [len(group[PARAMS]) for group in groups]


def _check_once(names: Sequence[str], who: str) -> None:
    if doubled := twice(names):
        raise CheckpointError(
            f"{who} has more than one parameter named {listing(doubled)}, so that names do not tell which "
            "is which. Give each a name of its own in param_names, such as with the model's in front."
        )
