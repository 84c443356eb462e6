"""The keys of a parameter group: which of them mean something, to whom."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import isclose
from typing import Any

import torch

from paramgroups.errors import HostError, nearest, shown
from paramgroups.integrations.dialects.members import Member
from paramgroups.optim import is_finite, is_number, optimizer_class, unpack
from paramgroups.optim.hyperparameters import SWITCHES

BOOKKEEPING = frozenset({"params", "name", "names", "param_names", "initial_lr", *SWITCHES})
"""What says nothing of how parameters are trained."""


def hyperparameters(member: Member, optimizer: Any, reads: Collection[str], host: str) -> dict[str, Any]:
    """What a group says to the optimizer: its hyperparameters, by our names.

    Args:
        member: The group.
        optimizer: The optimizer.
        reads: Keys that the host's trainer reads itself.
        host: What messages call it.

    Raises:
        HostError: A key is read by nobody.
    """
    known = optimizer_class(optimizer).defaults
    said = {
        key: value for key, value in unpack(dict(member.keys)).items() if key not in {*BOOKKEEPING, *reads}
    }
    for key, value in said.items():
        if not isinstance(key, str) or key not in known:
            raise HostError(
                f"{host}.read: {member.title} has {key}={shown(value)}, which nobody reads: neither "
                f"{host} nor {optimizer_class(optimizer).name}. {_near(key, {*known, *reads})}"
            )
    return {key: plain(value) for key, value in said.items()}


def _near(key: Any, known: Collection[str]) -> str:
    base = str(key).rpartition("_")[0]
    scales = sorted(one for one in known if one.startswith(f"{base}_") and base in ("lr", "wd", "decay"))
    return f'Here it is called "{scales[0]}".' if scales else nearest(str(key), known)


def plain(value: Any) -> Any:
    """A value that can be compared: a number for a tensor of one, a tuple for a list."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return value.item()
    return tuple(value) if isinstance(value, list) else value


def number(keys: Mapping[str, Any], key: str, default: float, where: str) -> float:
    """The number under a key, at least 0.

    Raises:
        HostError: It is none.
    """
    value = plain(keys.get(key, default))
    if not is_number(value) or not is_finite(value) or value < 0:
        raise HostError(f"{where}: {key}={shown(value)} is no number of at least 0. Write one, such as 0.1.")
    return float(value)


def base_rate(member: Member, where: str) -> float:
    """The rate that a group began with: a scheduler that has acted keeps it apart."""
    return number(member.keys, "initial_lr" if "initial_lr" in member.keys else "lr", 0.0, where)


def overwritten(found: Sequence[Member], by: str) -> Iterator[str]:
    """That groups have rates of their own which a loop writes over, and which are not its own work."""
    pairs = [
        (plain(member.keys["lr"]), scale)
        for member in found
        if "lr" in member.keys and (scale := member.keys.get("lr_scale", 1.0))
    ]
    rates = sorted(rate for rate, _ in pairs)
    if _vary(rates) and _vary(rate / scale for rate, scale in pairs):
        yield f"groups have lr from {rates[0]:g} to {rates[-1]:g}, and the loop writes {by} over them"


def _vary(values: Iterable[float]) -> bool:
    found = list(values)
    return bool(found) and not all(isclose(value, found[0]) for value in found)
