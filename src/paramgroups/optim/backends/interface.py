"""Torch's stable C interface: functions whose names and form are kept between versions."""

import ctypes
from functools import cache
from pathlib import Path

import torch


@cache
def address_of(name: str) -> int | None:
    """Where a function of that interface begins; None where this torch has none of that name.

    >>> address_of("aoti_torch_get_dtype") is None, address_of("nonsense") is None
    (False, True)
    """
    function = getattr(_library(), name, None)
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


@cache
def _library() -> ctypes.CDLL | None:
    for path in sorted((Path(torch.__file__).parent / "lib").glob("*torch_cpu*")):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    return None
