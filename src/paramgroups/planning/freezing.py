"""Whether gradients flow: what a plan says of the whole run."""

from collections.abc import Iterable, Sequence

from paramgroups.indexing import Index, Row
from paramgroups.indexing.flags import freeze, is_left, thaw
from paramgroups.planning.binding import Bound
from paramgroups.planning.groups import Group


def thawed(groups: Iterable[Group], index: Index, bound: Bound) -> list[str]:
    """What is trained at some time and has its flag down: rules thaw it, or another plan has left it so."""
    names = (name for group in groups for name in group.names)
    return [name for name in names if _is_down(name, index, bound)]


def _is_down(name: str, index: Index, bound: Bound) -> bool:
    by_rules = name in index and not index[name].trainable
    return by_rules or (name in bound and is_left(bound[name]))


def settle(bound: Bound, index: Index, groups: Iterable[Group], frozen: Sequence[Row]) -> tuple[str, ...]:
    """Give each tensor the flag that it has for the whole run, or before its first window.

    Args:
        bound: The live tensors by name.
        index: The planned parameters.
        groups: Those that are trained at some time.
        frozen: Those that are never trained.

    Returns:
        The names of those that are never trained.
    """
    names = tuple(row.name for row in frozen if row.name in bound)
    freeze(bound[name] for name in names)
    thaw(bound[name] for name in thawed(groups, index, bound) if name in bound)
    return names
