"""Which keys a class can read: the texts in its code, whoever wrote it; no source is needed."""

from collections.abc import Iterable
from dis import opmap
from functools import lru_cache
from inspect import unwrap
from types import CodeType, FunctionType

from torch.optim import Optimizer

from paramgroups.auditing.bytecode import codes_of, texts_within

MOST = 300
"""So many functions are followed; a class of more is read as far as that."""
ROOTS = (object, Optimizer)
UNPACKING = opmap["CALL_FUNCTION_EX"]
"""What `update(**group)` is in bytecode."""
FOREIGN = ("torch", "numpy", "builtins")
OPTIMIZERS = "torch.optim"


@lru_cache(maxsize=256)
def texts_of(cls: type) -> frozenset[str]:
    """All texts in the code of a class, of its bases, and of the functions that they call.

    The base of all optimizers is left out: it reads no setting.

    Example:
        >>> class Scaled:
        ...     def step(self, group):
        ...         return group["lr"] * group.get("lr_mult", 1.0)
        >>> sorted(texts_of(Scaled) & {"lr", "lr_mult", "lr_scale"})
        ['lr', 'lr_mult']
    """
    bases = [base for base in cls.__mro__ if base not in ROOTS]
    values = [value for base in bases for value in vars(base).values()]
    said = {text for value in values for text in texts_within(value)}
    return frozenset(said | texts_in(one for value in values for one in _functions(value)))


def texts_in(functions: Iterable[object]) -> set[str]:
    """All texts in the code of some functions, and of the functions that they call by name."""
    found, arguments, unpacks = set[str](), set[str](), False
    seen: set[int] = set()
    todo = [unwrap(one) for one in functions if callable(one)]
    while todo and len(seen) < MOST:
        function = todo.pop()
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        for code in codes_of(function.__code__):
            found |= set(texts_within(code.co_consts))
            if not str(function.__module__).startswith(OPTIMIZERS):
                arguments |= set(_arguments(code))
                unpacks = unpacks or UNPACKING in code.co_code[::2]
            used = [function.__globals__.get(name) for name in code.co_names]
            found |= {text for one in used for text in texts_within(one)}
            todo += [unwrap(one) for one in used if callable(one) and _is_followed(one)]
    return found | arguments if unpacks else found


def _arguments(code: CodeType) -> tuple[str, ...]:
    """What a function may be given of a whole group: `update(**group)`."""
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _functions(value: object) -> tuple[object, ...]:
    """The functions within what a class has under a name."""
    if isinstance(value, property):
        return (value.fget, value.fset)
    if isinstance(value, (classmethod, staticmethod)):
        return (value.__func__,)
    return (value,) if isinstance(value, FunctionType) else ()


def _is_followed(found: object) -> bool:
    if not isinstance(found, FunctionType):
        return False
    module = found.__module__ or ""
    return module.startswith(OPTIMIZERS) or module.partition(".")[0] not in FOREIGN
