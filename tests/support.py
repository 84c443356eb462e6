"""What tests need that is no part of the library: optional packages beside a torchvision without operators.

The CPU build of torch and torchvision's wheel may not fit together: then torchvision fails on import, and
with it timm and transformers. They need only the two operators' names to be there.
"""

import importlib
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType

import torch

OPERATORS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


@cache
def _prepare() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name, signature in OPERATORS.items():
            torch.library.define(name, signature)
    except ImportError:
        return


@cache
def import_timm() -> ModuleType:
    """timm, whether torchvision's operators load or not."""
    _prepare()
    return importlib.import_module("timm")


@cache
def import_transformers() -> ModuleType:
    """transformers, whether torchvision's operators load or not."""
    _prepare()
    return importlib.import_module("transformers")


@cache
def import_peft() -> ModuleType:
    """peft, whether torchvision's operators load or not."""
    _prepare()
    return importlib.import_module("peft")


def calls_of(action: Callable[[], object]) -> int:
    """How many functions an action calls: its cost, counted so that a slow machine changes nothing."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count
