"""What tensors are, read anew at each step: where they begin, how large, which dtype, which device.

Nothing of it may be stale, so all of it is read at each step; Python takes a microsecond a tensor. Where
Numba is there, torch's stable C interface (`aoti_torch_get_…`, whose form is kept between versions) is asked
instead: ten nanoseconds.
"""

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.backends.batch import Ints
from paramgroups.optim.backends.choosing import BACKENDS, is_installed
from paramgroups.optim.backends.interface import address_of
from paramgroups.optim.backends.traits import COLUMNS, HASHED

QUESTIONS = (
    "get_data_ptr", "get_numel", "get_sizes", "get_dtype", "get_device_type", "get_device_index",
    "get_storage_size", "is_contiguous", "get_dim",
)  # fmt: skip
BITS = 64

_codes: dict[object, int] = {}


def read(tensors: Sequence[Tensor]) -> Ints:
    """Read tensors.

    Args:
        tensors: What is read: dense, sparse, or without any memory.

    Returns:
        One row a tensor, of the columns above. What has no numbers at an address has no plain run, and the
        address 0. Codes and hashes mean nothing but that equal ones are equal.

    Example:
        >>> from paramgroups.optim.backends.traits import NUMEL, PLAIN
        >>> weight = torch.ones(2, 3)
        >>> rows = read([weight, weight.t()])
        >>> rows[:, NUMEL].tolist(), rows[:, PLAIN].tolist()
        ([6, 6], [1, 0])
    """
    fast = _fast()
    found = None if fast is None else fast.rows(fast.handles(tensors))
    return read_by_attributes(tensors) if found is None else found


def watching(tensors: Sequence[Tensor]) -> Callable[[], bool]:
    """What tells whether tensors of our own still begin where they did, for less than reading them again.

    Args:
        tensors: What is watched. It must not be given to `torch.utils.swap_tensors`.
    """
    tensors, fast = list(tensors), _fast()
    if fast is None:
        before = [tensor.data_ptr() for tensor in tensors]
        return lambda: [tensor.data_ptr() for tensor in tensors] == before
    handles = fast.handles(tensors)
    known = fast.begins(handles)

    def unmoved(_: Sequence[Tensor] = tensors) -> bool:  # for as long as they live, so do their handles
        return np.array_equal(fast.begins(handles), known)

    return unmoved


def read_by_attributes(tensors: Sequence[Tensor]) -> Ints:
    """As `read`, by asking each tensor in Python."""
    return np.array([_row(tensor) for tensor in tensors], np.int64).reshape(len(tensors), COLUMNS)


def _row(tensor: Tensor) -> tuple[int, ...]:
    try:
        address = tensor.data_ptr()
    except RuntimeError:
        address = 0
    there = tensor.untyped_storage().nbytes() if tensor.layout is torch.strided else 0
    has_memory = tensor.layout is torch.strided and (address != 0 or tensor.numel() == 0)
    plain = int(has_memory and tensor.is_contiguous())
    # below 0, as none of torch's own codes is: rows of both readers are never taken for equal
    codes = map(_code, (tensor.dtype, tensor.device, tensor.layout))
    return address, tensor.numel(), hashed(tensor.shape), *codes, there, plain


def _code(thing: object) -> int:
    return -1 - _codes.setdefault(thing, len(_codes))


def hashed(shape: Sequence[int]) -> int:
    """A number that tells shapes of equal size apart, within 64 bits."""
    found = len(shape)
    for size in shape:
        found = (found * HASHED + size) % (1 << BITS)
    return found - (1 << BITS) if found >> (BITS - 1) else found


class Fast(NamedTuple):
    """Reading by torch's C interface.

    Attributes:
        addresses: The functions that are asked.
        ask: Asks them, and fills rows; whether one of the tensors could not be read.
        begin: Asks the first of them alone.
    """

    addresses: Ints
    ask: Callable[[Ints, Ints, Ints], bool]
    begin: Callable[[int, Ints, Ints], bool]

    def handles(self, tensors: Sequence[Tensor]) -> Ints:
        """Where each tensor is told from, for as long as it is the same object."""
        return np.fromiter(map(_HANDLE, tensors), np.int64, len(tensors))

    def rows(self, handles: Ints) -> Ints | None:
        """What is told; None where one of them is odd, and is to be asked in Python."""
        rows = np.empty((len(handles), COLUMNS), np.int64)
        return None if self.ask(self.addresses, handles, rows) else rows

    def begins(self, handles: Ints) -> Ints:
        """Where each tensor's first number is; 0 for all where one has none."""
        found = np.empty(len(handles), np.int64)
        return np.zeros_like(found) if self.begin(self.addresses[0], handles, found) else found


@cache
def _fast() -> Fast | None:
    """Reading by torch's C interface; None where there is no such, or no compiler."""
    addresses = _interface()
    if addresses is None or not is_installed(BACKENDS["cpu"]):
        return None
    from paramgroups.optim.backends.asking import ask, begin  # noqa: PLC0415 - they need Numba

    return Fast(addresses, ask, begin)


_HANDLE = attrgetter("_cdata")


def _interface() -> Ints | None:
    """The addresses of the functions that are asked, in the order of the columns."""
    found = [address_of(f"aoti_torch_{question}") for question in QUESTIONS]
    return None if None in found else np.array(found, np.int64)
