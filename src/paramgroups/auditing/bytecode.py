"""The code objects and the texts within a function's code."""

from collections.abc import Iterator
from types import CodeType


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """A code object and those of the functions that are made within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def texts_within(found: object) -> Iterator[str]:
    """A text, and the texts within what holds constants.

    Example:
        >>> list(texts_within(("lr", 3, ("beta", None))))
        ['lr', 'beta']
    """
    if isinstance(found, str):
        yield found
    elif isinstance(found, (tuple, frozenset, list)):
        for one in found:
            yield from texts_within(one)
