"""Asking torch's stable C interface about many tensors, from compiled code."""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from paramgroups.optim.backends.batch import Ints
from paramgroups.optim.backends.traits import ADDRESS, HASHED, NUMEL, SHAPE

CODE, WORD = ir.IntType(32), ir.IntType(64)
SIZE = 8
"""Bytes of a handle, of a word, and of a column."""


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def call(_: Any, function: Any, handle: Any, answer: Any) -> Any:
    """`function(handle, answer)`, all three by their addresses; 0 where it went well."""

    def write(_: Any, builder: Any, __: Any, args: Any) -> Any:
        kind = ir.FunctionType(CODE, [WORD, WORD]).as_pointer()
        return builder.call(builder.inttoptr(args[0], kind), args[1:])

    return types.int32(function, handle, answer), write


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def word_at(_: Any, address: Any) -> Any:
    """The 64 bits at an address."""

    def write(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], WORD.as_pointer()))

    return types.int64(address), write


@numba.njit  # type: ignore[untyped-decorator] # numba has no types
def hashed(sizes: int, count: int) -> int:
    """A number that tells shapes of equal size apart."""
    found = count
    for place in range(count):
        found = found * HASHED + word_at(sizes + SIZE * place)
    return found


@numba.njit(cache=True)  # type: ignore[untyped-decorator] # numba has no types
def ask(functions: Ints, handles: Ints, rows: Ints) -> bool:
    """Fill one row for each tensor; what has no memory, or is sparse, ends it.

    Args:
        functions: The addresses of torch's functions: one for each column, and the number of dimensions.
        handles: The address of each tensor's implementation.
        rows: What is filled.

    Returns:
        Whether a tensor could not be read.
    """
    rows[:] = 0
    answers = np.zeros(1, np.int64)
    dims = answers.ctypes.data
    for number in range(len(handles)):
        handle, row = handles.ctypes.data + SIZE * number, rows[number].ctypes.data
        failed = call(functions[len(functions) - 1], handle, dims)
        for column in range(len(functions) - 1):
            failed |= call(functions[column], handle, row + SIZE * column)
        if failed or (rows[number, ADDRESS] == 0 and rows[number, NUMEL] > 0):
            return True
        rows[number, SHAPE] = hashed(rows[number, SHAPE], answers[0])
    return False


@numba.njit(cache=True)  # type: ignore[untyped-decorator] # numba has no types
def begin(function: int, handles: Ints, addresses: Ints) -> bool:
    """Fill the address of each tensor's first number; whether one could not be told."""
    failed = 0
    for number in range(len(handles)):
        answer = addresses.ctypes.data + SIZE * number
        failed |= call(function, handles.ctypes.data + SIZE * number, answer)
    return failed != 0
