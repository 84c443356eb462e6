"""Tables of numbers as a C function is handed them: by address, rows and columns."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from paramgroups.optim.backends.batch import Floats, Ints

TABLE = 3
"""What is told of a table: its address, its rows, its columns."""


def described(tables: Sequence[Ints | Floats]) -> Ints:
    """One row for each table; each must live for as long as this is used."""
    rows = [(table.ctypes.data, table.shape[0], table.shape[1] if table.ndim > 1 else 1) for table in tables]
    return np.array(rows, np.int64)


def _pointing(kind: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator] # numba has no types
    def pointer(_: Any, address: Any) -> Any:
        pointed = types.CPointer(kind)

        def write(context: Any, builder: Any, _: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(pointed))

        return pointed(address), write

    return pointer


_ints, _floats = _pointing(types.int64), _pointing(types.float64)


@numba.njit  # type: ignore[untyped-decorator] # numba has no types
def line(at: Ints) -> Any:
    """A column of integers."""
    return numba.carray(_ints(at[0]), (at[1],))


@numba.njit  # type: ignore[untyped-decorator] # numba has no types
def grid(at: Ints) -> Any:
    """A table of integers."""
    return numba.carray(_ints(at[0]), (at[1], at[2]))


@numba.njit  # type: ignore[untyped-decorator] # numba has no types
def float_line(at: Ints) -> Any:
    """A column of floats."""
    return numba.carray(_floats(at[0]), (at[1],))


@numba.njit  # type: ignore[untyped-decorator] # numba has no types
def float_grid(at: Ints) -> Any:
    """A table of floats."""
    return numba.carray(_floats(at[0]), (at[1], at[2]))


READERS = {"line": line, "grid": grid, "float_line": float_line, "float_grid": float_grid}
