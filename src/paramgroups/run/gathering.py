"""Checkpoints of several processes: one writes what all hold together, and each reads its own part."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from paramgroups import errors
from paramgroups.errors import CheckpointError
from paramgroups.optim.shards import is_spread
from paramgroups.run.fellows import Fellows, fellows_of
from paramgroups.run.filing import Reader
from paramgroups.run.masking import wrapping

OF_OPTIMIZER = re.compile(r"optimizer/state/(.*)/[^/]*", re.DOTALL)
OF_SNAPSHOT = re.compile(r"scheduler/guards/kept/\d+/(?:params/(.*)|states/(.*)/[^/]*)", re.DOTALL)


def is_first(tensors: Sequence[Tensor]) -> bool:
    """Whether this process writes what each of those that train these tensors has whole; it asks no other."""
    group = getattr(wrapping(tensors), "process_group", None)
    return group is None or torch.distributed.get_rank(group) == 0


class Company:
    """The processes that save or load together: all of them make the same call.

    Args:
        tensors: What they train.

    Attributes:
        place: The place of this one among them; the first writes.
        count: How many there are.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._fellows: Fellows | None = fellows_of(list(tensors))
        self.place, self.count = 0, 1
        if self._fellows is not None:
            ranks = [rank for rank, _ in self._fellows.gathered("")]
            self.place, self.count = ranks.index(torch.distributed.get_rank()), len(ranks)

    def share(self, names: list[str]) -> list[str]:
        """What is this one's to do of some work."""
        return names[self.place :: self.count]

    @contextmanager
    def together(self) -> Iterator[list[Any]]:
        """What fails on one process within fails on all of them, at its end.

        It gives a list for what must be the same on all: plain data, compared at the end.

        Raises:
            ParamGroupsError: One of them has failed, or they do not hold the same.
        """
        held: list[Any] = []
        try:
            yield held
        except Exception as error:  # whatever it is, the others wait
            self._hear({"kind": type(error).__name__, "error": str(error)})
            raise
        self._raise(self._hear({"held": held}))

    def _hear(self, said: Any) -> list[tuple[int, Any]]:
        if self._fellows is None:
            return []
        return [(rank, json.loads(words)) for rank, words in self._fellows.gathered(json.dumps(said))]

    def _raise(self, heard: list[tuple[int, Any]]) -> None:
        for rank, said in heard:
            if "error" in said:
                kind = getattr(errors, said["kind"], CheckpointError)
                raise kind(f"Rank {rank} cannot go on, and so no other can: {said['error']}")
        if any(said != heard[0][1] for _, said in heard):
            raise CheckpointError(
                "The processes do not hold the same tensors, so that no one file can hold what they have. "
                "Give all of them the same model, optimizer and scheduler."
            )


class Gathering:
    """Makes tensors whole that lie on several processes, one after another: all of them at the same time."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._left = deque(one for one in tensors if is_spread(one))

    def whole(self, tensor: Tensor) -> Tensor:
        """A tensor as one process would have it."""
        if not is_spread(tensor):
            return tensor
        self._left.popleft()
        return _whole(tensor)

    def finish(self) -> None:
        """Take part in what others have still to gather."""
        while self._left:
            _whole(self._left.popleft())


@torch.no_grad()
def _whole(tensor: Any) -> Tensor:
    made: Tensor = tensor.full_tensor()
    return made


class Finder:
    """Reads the tensors of a file as this process is to have them.

    Args:
        reader: The file.
        groups: The live groups: what is remembered of a parameter lies as the parameter does.
    """

    def __init__(self, reader: Reader, groups: Iterable[dict[str, Any]] = ()) -> None:
        self._reader = reader
        self._like: dict[str, Tensor] = {}
        for group in groups:
            for name, param in zip(group.get("param_names", ()), group["params"], strict=False):
                if is_spread(param):
                    self._like |= {name: param, f"{group.get('name')}: {name}": param}

    def __call__(self, name: str) -> Tensor:
        """A tensor by its name in the file, which is there when the reader has settled."""
        found = OF_OPTIMIZER.fullmatch(name) or OF_SNAPSHOT.fullmatch(name)
        label = next((one for one in found.groups() if one is not None), "") if found else ""
        like = self._like.get(label)
        if like is None or self._reader.entries[name].shape != tuple(like.shape):
            return self._reader.fetch(name)
        made: Tensor = read_spread(self._reader, name, like)
        return made


def read_into(reader: Reader, name: str, tensor: Tensor) -> None:
    """Write a tensor of a file over another of its shape, or over the part of it that is here."""
    if is_spread(tensor):
        with torch.no_grad():
            tensor.to_local().copy_(read_spread(reader, name, tensor).to_local())  # type: ignore[attr-defined]  # DTensor's
    else:
        reader.read_into(name, tensor)


def read_spread(reader: Reader, name: str, like: Any) -> Any:
    """The part of a file's tensor that is here, spread over the processes as another of its shape is."""
    from torch.distributed.tensor import DTensor, distribute_tensor  # noqa: PLC0415  # only where one is there
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset  # noqa: PLC0415  # likewise

    mesh, placements = like.device_mesh, like.placements
    if not all(one.is_replicate() or type(one).__name__ == "Shard" for one in placements):
        return distribute_tensor(reader.read(name).to(like.device), mesh, placements, src_data_rank=None)
    shape, offset = compute_local_shape_and_global_offset(like.shape, mesh, placements)
    part = reader.read_rows(name, offset[0], shape[0]) if shape else reader.read(name)
    for dim in range(1, len(shape)):
        part = part.narrow(dim, offset[dim], shape[dim])
    local = part.contiguous().to(like.device)
    return DTensor.from_local(
        local, mesh, placements, run_check=False, shape=like.shape, stride=like.stride()
    )
