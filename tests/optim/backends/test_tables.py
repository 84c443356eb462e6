"""Tables by their addresses, rows and columns."""

import numba
import numpy as np

from paramgroups.optim.backends.batch import Floats, Ints
from paramgroups.optim.backends.tables import described, float_grid, float_line, grid, line


@numba.njit  # type: ignore[untyped-decorator] # numba has no types
def told(at: Ints) -> tuple[int, int, float, float]:
    return line(at[0])[2], grid(at[1])[1, 2], float_line(at[2])[1], float_grid(at[3])[2, 0]


def test_compiled_code_reads_tables_by_their_description() -> None:
    ints, floats = np.arange(6), np.arange(6.0) / 4
    tables: list[Ints | Floats] = [ints, ints.reshape(2, 3), floats, floats.reshape(3, 2)]
    at = described(tables)
    assert at[:, 1:].tolist() == [[6, 1], [2, 3], [6, 1], [3, 2]]
    assert told(at) == (2, 5, 0.25, 1.0)
