"""Numbers for people."""

import math

import numpy as np

from paramgroups.optim import is_number

SMALLEST_PLAIN, LARGEST_PLAIN = 1e-12, 1e15
EXACT = 1e-9


def decimal(value: object) -> str:
    """A number in plain decimals, to six digits that count; what is no number as it is.

    What six digits would turn into another whole number is told in full: 0.9999999 is not 1.

    >>> decimal(3e-5), decimal(0.1 + 0.2), decimal(0.9999999), decimal((0.9, 0.95)), decimal(None)
    ('0.00003', '0.3', '0.9999999', '(0.9, 0.95)', '–')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return f"({', '.join(map(decimal, value))})"
    if isinstance(value, type):
        return value.__name__
    return _plain(float(value)) if is_number(value) else str(value)


def _plain(value: float) -> str:
    number = float(f"{value:.6g}")
    if number.is_integer() and not math.isclose(number, value, rel_tol=EXACT):
        number = value
    if number and not SMALLEST_PLAIN <= abs(number) < LARGEST_PLAIN:
        return f"{number:g}"
    return np.format_float_positional(number, trim="-")
