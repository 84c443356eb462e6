"""The words of update rules beyond arithmetic, for plain numbers; every backend has its own."""

from math import sqrt

__all__ = ["maximum", "sign", "sqrt", "where"]


def where(condition: bool, yes: float, no: float) -> float:  # noqa: FBT001 - the condition is the subject
    """One of two numbers, both of which are computed."""
    return yes if condition else no


def sign(number: float) -> float:
    """1, 0 or −1; 0 for NaN, as torch has it."""
    return float((number > 0.0) - (number < 0.0))


def maximum(one: float, other: float) -> float:
    """The larger of two numbers; NaN where one is NaN."""
    return one if one > other or one != one else other  # noqa: PLR0124 - only NaN differs from itself
