"""Rows of a tensor that have settings of their own: plain data under `rows` in the tensor's group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from operator import contains
from typing import Any

from torch import Tensor
from torch.nn.parameter import is_lazy

from paramgroups.errors import OptimizerError, nearest, shown
from paramgroups.optim.hyperparameters import pack, unpack

ROWS = "rows"
PLACE = ("name", "start", "stop")
"""What a row's entry has beside its settings."""
FORM = 'It is a list of {"name": …, "start": …, "stop": …, "lr": …}.'

Group = Mapping[str, Any]


@dataclass(frozen=True)
class Cut:
    """Rows of one tensor.

    Attributes:
        group: The number of the group.
        member: Which of the group's tensors it is.
        start: The first row.
        stop: The first row that is no more among them.
    """

    group: int
    member: int
    start: int
    stop: int

    def __str__(self) -> str:
        return f"rows {self.start} to {self.stop - 1} of group {self.group}"


def rowed(groups: Sequence[Group]) -> list[tuple[int, Group]]:
    """The groups with rows of their own, and their numbers."""
    return [(number, group) for number, group in enumerate(groups) if group.get(ROWS)]


def cuts_of(groups: Sequence[Group]) -> list[Cut]:
    """All rows that have settings of their own, group by group.

    Raises:
        OptimizerError: Rows are of no tensor in their group, are not there, or overlap.
    """
    if not any(map(contains, groups, repeat(ROWS))):
        return []
    return [cut for number, group in rowed(groups) for cut in _cuts(number, group)]


def settings_of(
    groups: Sequence[Group], known: Sequence[str], shared: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The settings of all such rows, in the same order: the group's, with their own in their place.

    Args:
        groups: The groups.
        known: The keys that a group's optimizer reads.
        shared: Keys of which rows have none of their own.

    Raises:
        OptimizerError: Rows have a setting that nobody reads.
    """
    return [
        _merged(group, row, known) | {key: group.get(key) for key in shared}
        for _, group in rowed(groups)
        for row in group[ROWS]
    ]


def _merged(group: Group, row: Group, known: Sequence[str]) -> dict[str, Any]:
    whole = unpack({key: group[key] for key in known if key in group})
    own = unpack({name: value for name, value in row.items() if name not in PLACE})
    for name in own:
        if name not in whole:
            raise OptimizerError(
                f'Rows of "{row["name"]}" have {name}={shown(own[name])}, which nobody reads. '
                f"{nearest(name, whole)}"
            )
    return pack(whole | own)


def _cuts(number: int, group: Group) -> list[Cut]:
    names = list(group.get("param_names", ()))[: len(group["params"])]
    if not isinstance(group[ROWS], Sequence) or not all(isinstance(row, Mapping) for row in group[ROWS]):
        raise OptimizerError(f"group['rows'] is {shown(group[ROWS])} in group {number}. {FORM}")
    cuts = [_cut(number, group, names, row) for row in group[ROWS]]
    for before, after in pairwise(sorted(cuts, key=lambda cut: (cut.member, cut.start))):
        if before.member == after.member and after.start < before.stop:
            raise OptimizerError(
                f'Rows {after.start} to {min(before.stop, after.stop) - 1} of "{names[after.member]}" have '
                "settings of their own twice. Let the entries of group['rows'] not overlap."
            )
    return cuts


def _cut(number: int, group: Group, names: Sequence[str], row: Group) -> Cut:
    missing = [key for key in PLACE if key not in row]
    if missing:
        raise OptimizerError(f"An entry of group['rows'] lacks {missing[0]!r}: {shown(row)}. {FORM}")
    name, start, stop = (row[key] for key in PLACE)
    if name not in names:
        raise OptimizerError(
            f'Rows of "{name}" have settings of their own, and group {number} has no such parameter. '
            f"{nearest(str(name), names) if names else 'It names none.'} The group names its parameters in "
            "param_names; to give model.named_parameters() does that."
        )
    member = names.index(name)
    _check_range(group["params"][member], row)
    return Cut(number, member, start, stop)


def _check_range(tensor: Tensor, row: Group) -> None:
    name, start, stop = (row[key] for key in PLACE)
    there = 0 if is_lazy(tensor) or not tensor.dim() else tensor.shape[0]
    if not (isinstance(start, int) and isinstance(stop, int) and 0 <= start < stop <= there):
        raise OptimizerError(
            f'Rows {shown(start)} to before {shown(stop)} of "{name}": it has {there:,} rows, and a range '
            "is two ints, the first below the second."
        )
