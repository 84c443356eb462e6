"""What the processes that hold parts of the same parameters tell each other of a step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.backends.batch import NONFINITE, STATISTICS, Floats, Ints
from paramgroups.optim.finding import Groups, params_of
from paramgroups.optim.shards import is_spread, parts_of
from paramgroups.optim.statistics import WEIGHTS, Told

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

HERE = STATISTICS
"""The place after the sums: in how many segments something was stepped."""

SLACK = 1e-6
"""What rounding may leave of a count that every copy has told a share of."""


class Pieces(NamedTuple):
    """Plain tensors that are parts of others, which they do not tell: those of FSDP1.

    Attributes:
        group: The processes that hold the parts.
        parts: By the identity of a tensor, into how many the whole is cut.
    """

    group: "ProcessGroup"
    parts: Mapping[int, int]


class Message:
    """Sums over all processes, which may still be on their way.

    Args:
        numbers: What is summed, in place: a row for each group.
        work: What is waited for; None: it is there.
    """

    def __init__(self, numbers: Tensor, work: Any = None) -> None:
        self._numbers, self._work = numbers, work

    def __getstate__(self) -> dict[str, Any]:
        """A copy holds what came, and waits for nobody."""
        self.wait()
        return vars(self)

    def wait(self) -> None:
        """Wait until it is there."""
        if self._work is not None:
            self._work.wait()
            self._work = None

    @property
    def sums(self) -> Floats:
        """The sums of each group; counts are whole, also where a copy alone has counted."""
        self.wait()
        found: Floats = self._numbers.cpu().numpy().copy()
        found[:, NONFINITE] = np.ceil(found[:, NONFINITE] - SLACK)
        return found

    @property
    def told(self) -> Told:
        """The same as what one launch told, a segment for each group."""
        sums = self.sums
        numbers, nothing = np.arange(len(sums)), np.zeros(len(sums), np.int64)
        return Told(sums[:, :STATISTICS], numbers, nothing, nothing, nothing, sums[:, HERE] > 0)


@dataclass(frozen=True, eq=False)
class Sharing:
    """The processes that hold an optimizer's parameters, and who counts how much of each.

    A process sends its sums, those of each parameter divided by how many hold the same numbers: so each
    number counts once, whichever way the mesh spreads or repeats it.

    Attributes:
        ranks: The processes.
        group: They, as torch has them.
        device: Where messages are made up.
        params: The optimizer's parameters.
        lengths: How many each group has.
        shares: By what the sums of each parameter are multiplied.
    """

    ranks: tuple[int, ...]
    group: "ProcessGroup"
    device: torch.device
    params: list[Tensor]
    lengths: list[int]
    shares: Floats

    def holds(self, params: list[Tensor], lengths: list[int]) -> bool:
        """Whether these are the same parameters in the same groups."""
        return lengths == self.lengths and all(map(is_, params, self.params))

    def send(self, told: Iterable[Told]) -> Message:
        """Begin to sum what the launches of all processes told, by group.

        Args:
            told: What those of this process told.
        """
        import torch.distributed as dist  # noqa: PLC0415  # loaded already: somebody has spread parameters

        numbers = self._shared(told)
        return Message(numbers, dist.all_reduce(numbers, group=self.group, async_op=True))

    def _shared(self, told: Iterable[Told]) -> Tensor:
        found = torch.zeros((len(self.lengths), HERE + 1), dtype=torch.float64, device=self.device)
        offsets = np.cumsum([0, *self.lengths])
        for one in told:
            at = np.flatnonzero(one.stepped)
            groups, places = one.groups[at], offsets[one.groups[at]] + one.members[at]
            sums = torch.as_tensor(one.sums).to(self.device, torch.float64)[self._there(at)]
            mine = sums * self._there(self.shares[places])[:, None]
            if not one.weighed:
                mine[:, WEIGHTS] = torch.nan
            found[:, :HERE].index_add_(0, self._there(groups), mine)
            found[:, HERE] += self._there(np.bincount(groups, minlength=len(found)))
        return found

    def _there(self, numbers: Ints | Floats) -> Tensor:
        return torch.as_tensor(numbers).to(self.device)


def sharing_of(groups: Groups, pieces: Pieces | None, known: Sharing | None) -> Sharing:
    """Who holds the parameters. All of these processes ask together, as parameters may lie on several meshes.

    Args:
        groups: The groups.
        pieces: Plain tensors that are parts of others.
        known: What was found before, which is given back while it holds.
    """
    params, lengths = params_of(groups)
    if known is not None and known.holds(params, lengths):
        return known
    ranks, circles = sharers(params, [pieces.group] if pieces else [])
    group = known.group if known is not None and known.ranks == ranks else _group_of(ranks, circles)
    device = next((torch.device(mesh.device_type) for mesh in _meshes(params)), params[0].device)
    parts = [_parts(one, pieces) for one in params]
    return Sharing(ranks, group, device, params, lengths, np.array(parts) / len(ranks))


def sharers(
    tensors: Iterable[Tensor], groups: Iterable["ProcessGroup"]
) -> tuple[tuple[int, ...], list["ProcessGroup"]]:
    """The processes that share tensors with this one or with each other, and the groups that join them.

    They ask together, as tensors may lie on several meshes.

    Args:
        tensors: The tensors, of which those that are spread tell with whom.
        groups: What else is known of who shares them.
    """
    meshes = _meshes(tensors)
    circles = [*groups, *(mesh.get_group(axis) for mesh in meshes for axis in range(mesh.ndim))]
    return _together([*map(_ranks_of_mesh, meshes), *map(_ranks_of, circles)], circles), circles


def _meshes(tensors: Iterable[Any]) -> list[Any]:
    return list({one.device_mesh: None for one in tensors if is_spread(one)})


def _parts(param: Tensor, pieces: Pieces | None) -> int:
    """Into how many parts a parameter is cut."""
    known = None if pieces is None else pieces.parts.get(id(param))
    return parts_of(param) if known is None else known


def _together(sets: Sequence[frozenset[int]], circles: Sequence["ProcessGroup"]) -> tuple[int, ...]:
    """The smallest set of processes that holds all of these, as all who are in it find it.

    Args:
        sets: Processes that this one shares parameters with.
        circles: The same, as torch has them along each dimension of the meshes.
    """
    found = frozenset[int]().union(*sets)
    if found not in sets:  # others share with some that this one does not
        for circle in circles:
            found = found.union(*_told_along(circle, found))
    return tuple(sorted(found))


def _told_along(circle: "ProcessGroup", found: frozenset[int]) -> list[frozenset[int]]:
    import torch.distributed as dist  # noqa: PLC0415  # as above

    heard: list[Any] = [None] * circle.size()
    dist.all_gather_object(heard, found, group=circle)
    return heard


def _group_of(ranks: tuple[int, ...], circles: Sequence["ProcessGroup"]) -> "ProcessGroup":
    import torch.distributed as dist  # noqa: PLC0415  # as above

    whole = dist.group.WORLD
    if whole is not None and len(ranks) == dist.get_world_size():
        return whole
    there = next((one for one in circles if _ranks_of(one) == frozenset(ranks)), None)
    return there or dist.new_group(list(ranks), use_local_synchronization=True)


def _ranks_of(circle: "ProcessGroup") -> frozenset[int]:
    import torch.distributed as dist  # noqa: PLC0415  # as above

    return frozenset(dist.get_process_group_ranks(circle))


def _ranks_of_mesh(mesh: Any) -> frozenset[int]:
    return frozenset(mesh.mesh.flatten().tolist())
