"""Numbers for people."""

import math

import numpy as np

from paramgroups.optim import is_number

SMALLEST_PLAIN, LARGEST_PLAIN = 1e-12, 1e15
EXACT = 1e-9


def decimal(value: object, digits: int = 6) -> str:
    """A number in plain decimals, to so many digits that count; what is no number as it is.

    What these would turn into another whole number is told in full: 0.9999999 is not 1.

    >>> decimal(3e-5), decimal(0.1 + 0.2), decimal(0.9999999), decimal((0.9, 0.95)), decimal(None)
    ('0.00003', '0.3', '0.9999999', '(0.9, 0.95)', '–')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return f"({', '.join(decimal(part, digits) for part in value)})"
    if isinstance(value, type):
        return value.__name__
    if not (isinstance(value, (int, float)) and is_number(value)):
        return str(value)
    return _plain(float(value), digits)


def _plain(value: float, digits: int) -> str:
    number = float(f"{value:.{digits}g}")
    if number.is_integer() and not math.isclose(number, value, rel_tol=EXACT):
        number = value
    if number and not SMALLEST_PLAIN <= abs(number) < LARGEST_PLAIN:
        return f"{number:g}"
    return np.format_float_positional(number, trim="-")
