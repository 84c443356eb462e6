"""Plain Python and tensors as JSON that refers to tensors by name, and back."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from paramgroups.errors import CheckpointError, listing, shown

DEEPEST = 64
"""How many lists and dicts may be within one another; what is saved of a run has eight."""

MARK = "$"
"""Begins the one key of a dict that stands for what JSON does not have."""

Place = tuple[str, ...]
Named = dict[str, Tensor]
Find = Callable[[str], Tensor]

Packed = Any
"""What JSON holds exactly: None, switches, numbers, texts, and lists and dicts of those."""


def pack(found: Any, where: str) -> tuple[Packed, Named]:
    """What JSON holds in place of a tree, and the tensors in it by name.

    Args:
        found: None, switches, numbers, texts, fractions, torch's dtypes, tensors, and lists, tuples, sets
            and dicts of those.
        where: What the tensors' names begin with; the keys that lead to each follow.

    Raises:
        CheckpointError: Something in it is none of these; its place is named.

    Example:
        >>> pack({"step": 3, "betas": (0.9, 0.99), "best": float("inf")}, "run")[0]
        {'step': 3, 'betas': {'$tuple': [0.9, 0.99]}, 'best': {'$float': 'inf'}}
        >>> pack([torch.ones(2)], "run")
        ([{'$tensor': 'run/0'}], {'run/0': tensor([1., 1.])})
    """
    tensors: Named = {}
    return _packed(found, (where,), tensors), tensors


def unpack(data: Packed, tensor: Find) -> Any:
    """What `pack` was given.

    Args:
        data: What it made of it; anything, if a stranger wrote it.
        tensor: Gives the tensor of a name, or raises LookupError.

    Raises:
        CheckpointError: It is nothing that `pack` makes, or a tensor is not there.
    """
    return _unpacked(data, tensor, 0)


def references(data: Packed) -> list[str]:
    """The names of the tensors that packed data refer to, as often as they do.

    Raises:
        CheckpointError: It is nothing that `pack` makes.
    """
    names: list[str] = []
    nothing = torch.empty(0)

    def note(name: str) -> Tensor:
        names.append(name)
        return nothing

    _unpacked(data, note, 0)
    return names


def _packed(found: Any, place: Place, tensors: Named) -> Packed:
    if len(place) > DEEPEST:
        raise CheckpointError(f"{_told(place[:4])}… is nested more than {DEEPEST} deep. Give flatter data.")
    if found is None or isinstance(found, bool):
        return found
    for kind, write in WRITERS:
        if isinstance(found, kind):
            return write(found, place, tensors)
    if hasattr(found, "dtype") and getattr(found, "shape", None) == ():  # one of numpy's numbers
        return _packed(found.item(), place, tensors)
    raise CheckpointError(
        f"{_told(place)} is a {type(found).__name__}, which no file of ours holds: {shown(found)}. It holds "
        "numbers, texts, switches, None, tensors, and lists, tuples, sets and dicts of those; no code."
    )


def _scalar(found: float | str, place: Place) -> Packed:
    if isinstance(found, float):
        number = float(found)  # no subclass, such as numpy's
        return number if math.isfinite(number) else {f"{MARK}float": str(number)}
    if isinstance(found, str):
        return _text(str(found), place)
    return int(found) if -(2**63) <= found < 2**64 else {f"{MARK}int": hex(found)}


def _text(found: str, place: Place) -> str:
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise CheckpointError(f"{_told(place)} is a text that UTF-8 does not hold: {error}.") from error
    return found


def _items(found: Any, place: Place, tensors: Named) -> list[Packed]:
    return [_packed(one, (*place, str(number)), tensors) for number, one in enumerate(found)]


def _mapping(found: Mapping[Any, Any], place: Place, tensors: Named) -> Packed:
    plain = all(type(key) is str and not key.startswith(MARK) for key in found)
    inside = [(*place, key if isinstance(key, str) else shown(key)) for key in found]
    values = [_packed(value, within, tensors) for value, within in zip(found.values(), inside, strict=True)]
    if plain:
        return {_text(key, place): value for key, value in zip(found, values, strict=True)}
    keys = [_packed(key, place, tensors) for key in found]
    return {f"{MARK}dict": [list(pair) for pair in zip(keys, values, strict=True)]}


def _name(tensor: Tensor, place: Place, tensors: Named) -> str:
    name = first = _text("/".join(place), place)
    count = 1
    while name in tensors:  # keys that are told alike, such as 1 and "1"
        count += 1
        name = f"{first}#{count}"
    tensors[name] = tensor
    return name


def _told(place: Place) -> str:
    return "/".join(place)


WRITERS: Sequence[tuple[Any, Callable[[Any, Place, Named], Packed]]] = (
    (Tensor, lambda found, place, tensors: {f"{MARK}tensor": _name(found, place, tensors)}),
    ((int, float, str), lambda found, place, _: _scalar(found, place)),
    (list, _items),
    (tuple, lambda found, place, tensors: {f"{MARK}tuple": _items(found, place, tensors)}),
    (Mapping, _mapping),
    ((set, frozenset), lambda found, place, tensors: {f"{MARK}set": _items(_sorted(found), place, tensors)}),
    (Fraction, lambda found, *_: {f"{MARK}fraction": str(found)}),
    (torch.dtype, lambda found, *_: {f"{MARK}dtype": str(found).removeprefix("torch.")}),
)
"""What writes each kind of value."""


def _sorted(found: Iterable[Any]) -> list[Any]:
    return sorted(found, key=repr)


def _unpacked(data: Packed, tensor: Find, depth: int) -> Any:
    if depth > DEEPEST:
        raise _strange(data, f"it is nested more than {DEEPEST} deep")
    if isinstance(data, list):
        return [_unpacked(one, tensor, depth + 1) for one in data]
    if not isinstance(data, dict):
        return _known(data)
    mark, value = next(iter(data.items()), ("", None))
    if not mark.startswith(MARK):
        return {key: _unpacked(one, tensor, depth + 1) for key, one in data.items()}
    if len(data) > 1 or mark not in READERS:
        raise _strange(data, f"known are {listing(READERS, len(READERS))}")
    return READERS[mark](value, tensor, depth + 1)


def _known(data: Packed) -> Packed:
    if data is None or isinstance(data, bool | int | float | str):
        return data
    raise _strange(data, f"a {type(data).__name__} is no JSON")


def _strange(data: Packed, why: str) -> CheckpointError:
    return CheckpointError(f"{shown(data)} is nothing that a checkpoint holds: {why}.")


def _list(data: Packed, tensor: Find, depth: int) -> list[Any]:
    if not isinstance(data, list):
        raise _strange(data, "a list is wanted")
    return [_unpacked(one, tensor, depth) for one in data]


def _hashed(make: Callable[[list[Any]], Any], data: Packed, tensor: Find, depth: int) -> Any:
    try:
        return make(_list(data, tensor, depth))
    except (TypeError, ValueError) as error:
        raise _strange(data, str(error)) from error


def _dict(pairs: list[Any]) -> dict[Any, Any]:
    if any(not isinstance(pair, list) for pair in pairs):
        raise ValueError("pairs of a key and a value are wanted")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _read(make: Callable[[str], Any], data: Packed) -> Any:
    try:
        if isinstance(data, str):
            return make(data)
    except (LookupError, ValueError, ArithmeticError, AttributeError) as error:
        raise _strange(data, str(error)) from error
    raise _strange(data, "a text is wanted")


def _float(text: str) -> float:
    if text not in ("inf", "-inf", "nan"):
        raise ValueError("inf, -inf and nan are written so")
    return float(text)


def _fraction(text: str) -> Fraction:
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator or 1))


def _dtype(text: str) -> torch.dtype:
    found = getattr(torch, text, None)
    if isinstance(found, torch.dtype):
        return found
    raise ValueError("torch has no such dtype")


def _tensor(data: Packed, tensor: Find, _: int) -> Tensor:
    try:
        if isinstance(data, str):
            return tensor(data)
    except LookupError as error:
        raise _strange(data, "no such tensor is in the file") from error
    raise _strange(data, "the name of a tensor is wanted")


READERS: Mapping[str, Callable[[Packed, Find, int], Any]] = {
    f"{MARK}tensor": _tensor,
    f"{MARK}tuple": lambda data, tensor, depth: tuple(_list(data, tensor, depth)),
    f"{MARK}set": lambda data, tensor, depth: _hashed(set, data, tensor, depth),
    f"{MARK}dict": lambda data, tensor, depth: _hashed(_dict, data, tensor, depth),
    f"{MARK}float": lambda data, *_: _read(_float, data),
    f"{MARK}int": lambda data, *_: _read(lambda text: int(text, 16), data),
    f"{MARK}fraction": lambda data, *_: _read(_fraction, data),
    f"{MARK}dtype": lambda data, *_: _read(_dtype, data),
}
"""What reads each of the dicts that stand for what JSON does not have."""
