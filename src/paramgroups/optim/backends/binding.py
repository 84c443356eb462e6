"""One definition for all backends: a function is bound to a backend's own words."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any


def bind(function: Callable[..., Any], words: Mapping[str, Any], name: str | None = None) -> FunctionType:
    """The same code, with other meanings of the names that it uses from outside.

    Args:
        function: A plain function, without defaults and not a closure.
        words: What its names mean.
        name: What it is called then.

    Example:
        >>> def double_root(x: float) -> float:
        ...     return 2 * sqrt(x)
        >>> bind(double_root, {"sqrt": abs})(-3)
        6
    """
    code = function.__code__
    bound = FunctionType(code, {**words, "__name__": function.__module__}, code.co_name)
    bound.__qualname__ = name or function.__qualname__
    return bound
