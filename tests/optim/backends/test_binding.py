import math

from paramgroups.optim.algorithms.words import sqrt
from paramgroups.optim.backends.binding import bind


def hypotenuse(one: float, other: float) -> float:
    return sqrt(one * one + other * other)


def test_a_bound_function_has_other_words_and_the_same_code() -> None:
    bound = bind(hypotenuse, {"sqrt": lambda number: f"root of {number:g}"}, "named")
    assert bound(3.0, 4.0) == "root of 25"
    assert bound.__qualname__ == "named"
    assert bound.__module__ == hypotenuse.__module__


def test_the_function_itself_keeps_its_own() -> None:
    bind(hypotenuse, {"sqrt": math.floor})
    assert hypotenuse(3.0, 4.0) == 5.0
    assert bind(hypotenuse, {"sqrt": math.floor}).__qualname__ == "hypotenuse"
