"""The processes that train one model together, and the messages between them."""

import weakref
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from paramgroups.errors import AgreementError, PlanError, shown
from paramgroups.optim.sharing import sharers
from paramgroups.run.masking import processes, wrappers_of

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

Ranks = tuple[int, ...]

_OWN: "weakref.WeakKeyDictionary[ProcessGroup, dict[Any, ProcessGroup]]" = weakref.WeakKeyDictionary()


class Fellows:
    """Processes that hear each other.

    Args:
        group: Their process group.
    """

    def __init__(self, group: "ProcessGroup") -> None:
        self._group = group
        kinds = _kinds(group)
        self._device = torch.device("cpu" if "cpu" in kinds else kinds[0])

    def summed(self, numbers: Sequence[float], what: str) -> list[float]:
        """The sum of each number over all: one message, for which each waits.

        Args:
            numbers: As many on all.
            what: What this process does, for the error.

        Raises:
            AgreementError: The others do not answer.
        """
        told = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        try:
            dist.all_reduce(told, group=self._group)
        except RuntimeError as error:  # of torch.distributed
            raise AgreementError(
                f"At {what} the other processes did not answer: one has ended, or they do not come to that "
                f"call. All must step and observe equally often. ({str(error).splitlines()[0]})"
            ) from error
        found: list[float] = told.tolist()
        return found

    def gathered(self, words: str) -> list[tuple[int, str]]:
        """What each says, with its rank."""
        found: list[Any] = [None] * dist.get_world_size(self._group)
        dist.all_gather_object(found, (dist.get_rank(), words), self._group)
        return sorted(found)


def fellows_of(tensors: Sequence[torch.Tensor], together: Any = None) -> Fellows | None:
    """The processes that train these tensors together; None where one trains them alone.

    They are those of the wrapper (`DistributedDataParallel`, FSDP1) and those of the meshes on which tensors
    lie (`fully_shard`, tensor parallel), and those that train with one of these. Others that run beside
    them, such as those of a sweep or of other stages of a pipeline, are not. They get a process group of
    their own, so that a message never meets one of the gradients'; all of them must ask at the same time.

    Args:
        tensors: The live tensors.
        together: What was said by name: a process group, True for all processes, False for none.
    """
    if processes() == 1 or together is False:
        return None
    if together is None:
        ranks, groups = sharers(tensors, _of_wrapper(tensors))
    else:
        ranks, groups = sharers((), [_all() if together is True else together])
    return Fellows(_own(ranks, _patience(groups[0]))) if len(ranks) > 1 else None


def check_together(together: Any) -> None:
    """Refuse what names no processes.

    Raises:
        PlanError: It is no process group, and no switch.
    """
    kind = getattr(dist, "ProcessGroup", bool)
    if together is not None and not isinstance(together, bool | kind):
        raise PlanError(
            f"together={shown(together)} names no processes. Give a process group of torch.distributed, True "
            "for all processes, False for none, or leave it out: they are found by what wraps the model."
        )


def _of_wrapper(tensors: Sequence[torch.Tensor]) -> "list[ProcessGroup]":
    """The process groups that a wrapper was given; FSDP1 may copy its shards over a second one.

    A wrapper that was left behind may be there still, when its process group was destroyed.
    """
    for wrapper in wrappers_of(tensors):
        each = (getattr(wrapper, name, None) for name in ("process_group", "_inter_node_pg"))
        if groups := [group for group in each if group is not None and _lives(group)]:
            return groups
    return []


def _lives(group: "ProcessGroup") -> bool:
    try:
        return bool(dist.get_process_group_ranks(group))
    except KeyError:  # torch has no question for it
        return False


def _own(ranks: Ranks, patience: timedelta | None) -> "ProcessGroup":
    """A process group for our messages alone: on the CPU where there is a way, since no GPU is waited for."""
    known = _OWN.setdefault(_all(), {})
    if (ranks, patience) not in known:
        backend = "gloo" if "cpu" in _kinds(_all()) and dist.is_gloo_available() else None
        some = len(ranks) < dist.get_world_size()  # torch then goes by how many groups each of them is in
        known[ranks, patience] = dist.new_group(
            list(ranks), timeout=patience, backend=backend, use_local_synchronization=some
        )
    return known[ranks, patience]


def _all() -> "ProcessGroup":
    world = dist.group.WORLD
    assert world is not None  # noqa: S101  # torch.distributed is initialised where one asks
    return world


def _kinds(group: "ProcessGroup") -> list[str]:
    """The devices from which a group sends."""
    return [one.split(":")[0] for one in dist.get_backend_config(group).split(",")]


def _patience(group: "ProcessGroup") -> timedelta | None:
    """How long the members of a group wait for each other; None: as torch has it."""
    with suppress(AttributeError, RuntimeError):  # torch tells it by no public name
        found: timedelta = group._get_backend(torch.device(_kinds(group)[0])).options._timeout  # noqa: SLF001
        return found
    return None
