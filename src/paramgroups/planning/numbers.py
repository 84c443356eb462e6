"""Numbers for people."""

import numpy as np

from paramgroups.optim import is_number

SMALLEST_PLAIN = 1e-12


def decimal(value: object) -> str:
    """A number in plain decimals, to six digits that count; what is no number as it is.

    >>> decimal(3e-5), decimal(0.1 + 0.2), decimal(True), decimal(None)
    ('0.00003', '0.3', 'yes', '–')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if not is_number(value):
        return str(value)
    number = float(f"{value:.6g}")
    if number and abs(number) < SMALLEST_PLAIN:
        return f"{number:g}"
    return np.format_float_positional(number, trim="-")
