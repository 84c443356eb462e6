"""How exactly float32 is multiplied: torch has old switches for all of it, and newer ones by operation."""

from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import torch

NEWER = (
    "cudnn", "mkldnn", "cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv", "mkldnn.rnn",
)  # fmt: skip
"""Where `torch.backends` has `fp32_precision`, what others follow first."""


class Switch(NamedTuple):
    """A setting of the process: how it is read and how it is written."""

    read: Callable[[], Any]
    write: Callable[[Any], Any]


def precision_kept() -> list[Callable[[], None]]:
    """What puts all of them back as they are now, to be called in this order.

    What was not changed is not written: writing an old switch sets all the newer ones behind it.
    """
    return [partial(_put, one, value) for one in _switches() if (value := _value(one)) is not None]


def _switches() -> Iterator[Switch]:
    yield Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)
    yield _attribute(torch.backends.cudnn, "allow_tf32")
    yield _attribute(torch.backends, "fp32_precision")
    for path in NEWER:
        try:
            yield _attribute(attrgetter(path)(torch.backends), "fp32_precision")
        except AttributeError:  # this torch does not have it
            continue


def _attribute(of: Any, name: str) -> Switch:
    return Switch(partial(getattr, of, name), partial(setattr, of, name))


def _value(switch: Switch) -> Any:
    """What it stands at; None where it is not there, or where newer ones behind it differ."""
    try:
        return switch.read()
    except (AttributeError, RuntimeError):
        return None


def _put(switch: Switch, value: Any) -> None:
    if _value(switch) != value:
        switch.write(value)
