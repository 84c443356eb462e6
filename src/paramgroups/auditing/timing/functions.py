"""What a user's function reaches and reads, told from its code alone: it is not called."""

import dis
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import torch

from paramgroups.auditing.bytecode import codes_of, texts_within

MOST = 64
"""So many functions are followed from one."""
WRITES = {
    "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR",
    "STORE_SLICE",
}  # fmt: skip
CELLS = {"STORE_DEREF", "DELETE_DEREF"}
MUTATORS = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "next", "pop", "popitem",
    "popleft", "remove", "reverse", "send", "setattr", "setdefault", "sort", "step", "update", "write",
}  # fmt: skip


@dataclass
class Reach:
    """What a function reaches: the code that it and the functions it calls run, and what their names mean.

    Attributes:
        codes: All code objects, those of nested functions too.
        values: What closures, defaults, arguments of partials and globals hold, by the names they have there.
    """

    codes: list[CodeType] = field(default_factory=list)
    values: list[tuple[str, Any]] = field(default_factory=list)

    @cached_property
    def names(self) -> frozenset[str]:
        """The globals and attributes that the code names."""
        return frozenset(name for code in self.codes for name in code.co_names)

    @cached_property
    def constants(self) -> frozenset[str]:
        """The texts that stand in the code."""
        return frozenset(text for code in self.codes for text in texts_within(code.co_consts))

    def number(self, names: Iterable[str]) -> tuple[str, float] | None:
        """The first of some names that stands for a plain number, with it."""
        for name, value in self.values:
            if name in names and isinstance(value, (int, float)) and not isinstance(value, bool):
                return name, value
        return None

    @property
    def changes_things(self) -> bool:
        """Whether a call may leave something else than it found; rather too often than too seldom."""
        return (
            bool(self.names & MUTATORS)
            or any(_writes(code) for code in self.codes)
            or any(_moves_on(value) for _, value in self.values)
        )


def reach(function: Any) -> Reach:
    """What a function, a partial or a method reaches.

    Example:
        >>> found = reach(lambda epoch: 0.95**epoch)
        >>> found.changes_things, reach([].append).changes_things
        (False, False)
    """
    found, seen, todo = Reach(), set[int](), [function]
    while todo and len(seen) < MOST:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        values = list(_values(one, found))
        found.values += values
        todo += [value for _, value in values if isinstance(value, (FunctionType, MethodType, partial))]
    return found


def functions_of(parts: Iterable[Any]) -> Iterator[Any]:
    """The functions that schedulers hold, alone or in lists; their own methods are none."""
    parts = tuple(parts)
    for part in parts:
        for value in getattr(part, "__dict__", {}).values():
            for one in value if isinstance(value, (list, tuple)) else (value,):
                owner = getattr(one, "__self__", None)
                own = any(owner is each for each in parts)
                if isinstance(one, (FunctionType, MethodType, partial)) and not own:
                    yield one


def that_changes_things(parts: Iterable[Any]) -> str | None:
    """The name of a function of schedulers that may change something when it is called, if one may."""
    for function in functions_of(parts):
        if reach(function).changes_things:
            return str(getattr(function, "__qualname__", type(function).__name__))
    return None


def _values(one: Any, found: Reach) -> Iterator[tuple[str, Any]]:
    if isinstance(one, partial):
        yield "func", one.func
        yield from (("", value) for value in one.args)
        yield from one.keywords.items()
    elif isinstance(one, MethodType):
        yield "__func__", one.__func__
        yield from _attributes(one)
    elif isinstance(one, FunctionType):
        yield from _of_function(one, found)


def _of_function(function: FunctionType, found: Reach) -> Iterator[tuple[str, Any]]:
    codes = list(codes_of(function.__code__))
    found.codes += codes
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # a name that has no value yet
            continue
    yield from zip(function.__code__.co_varnames, function.__defaults__ or (), strict=False)
    yield from (function.__kwdefaults__ or {}).items()
    for name in dict.fromkeys(name for code in codes for name in code.co_names):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _attributes(method: MethodType) -> Iterator[tuple[str, Any]]:
    """What a method reads of its object, one level deep."""
    held = getattr(method.__self__, "__dict__", {})
    for name in getattr(method.__func__, "__code__", codes_of.__code__).co_names:
        if name in held:
            yield name, held[name]
        elif isinstance(function := getattr(type(method.__self__), name, None), FunctionType):
            yield name, MethodType(function, method.__self__)


def _writes(code: CodeType) -> bool:
    outer = frozenset(code.co_freevars)
    return any(
        step.opname in WRITES or (step.opname in CELLS and step.argval in outer)
        for step in dis.get_instructions(code)
    )


def _moves_on(value: Any) -> bool:
    """Whether using a value is enough to change it: iterators and generators of random numbers."""
    if isinstance(value, (type, ModuleType)):
        return False
    if isinstance(value, (random.Random, torch.Generator)) or hasattr(type(value), "__next__"):
        return True
    return type(value).__module__.startswith("numpy.random")
