"""A module that stays in evaluation, whoever calls `train()`."""

from types import MethodType

from torch import nn


def train(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: FBT001, FBT002  # torch's signature
    """What `train` does on a held module: it stays as it is, and what is within follows if it is not held."""
    for child in module.children():
        child.train(mode)
    return module


def hold(module: nn.Module) -> None:
    """Keep a module in evaluation, also when a parent calls `train()`; not what is within it.

    The method is called `train` so that a module pickles while it is held; read back, it is not held.
    """
    module.training = False
    module.__dict__["train"] = MethodType(train, module)


def is_held(module: nn.Module) -> bool:
    """Whether a module is held, by whomever."""
    return getattr(module.__dict__.get("train"), "__func__", None) is train


def release(module: nn.Module, *, training: bool) -> None:
    """Let a held module follow its parents again."""
    module.__dict__.pop("train", None)
    module.training = training
