"""The factor that makes one number of another, as short as it can be written."""

from math import nextafter

DIGITS = 17


def factor(value: float, base: float) -> float:
    """A factor with which base x factor is the value: exactly, where there is one; the shortest of them.

    Args:
        value: What is to come out.
        base: What is multiplied; not 0, unless the value is 0 too.

    >>> factor(0.5, 2.0), factor(3e-4 * 0.75**5, 3e-4) == 0.75**5
    (0.25, True)
    """
    if value == base:
        return 1.0
    near = value / base
    tried = [float(f"{near:.{digits}g}") for digits in range(1, DIGITS + 1)]
    tried += [nextafter(near, 0), nextafter(near, 2 * near)]
    return next((one for one in tried if base * one == value), near)
