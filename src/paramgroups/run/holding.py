"""A module that stays in evaluation, whoever calls `train()`."""

from typing import Any

from torch import nn

TRAIN, STATE = "train", "__getstate__"
"""What a hold puts on a module: the method, and what Python asks a module for that is copied or pickled."""


class Held:
    """The `train` of a held module: it stays as it is, and what is within follows if it is not held.

    Attributes:
        own: The `train` that the user had put on the module; None where there was none.
        training: The mode that it had.
        holds: Whether it holds the module; a copy, as of a parametrized module, does not.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        found = module.__dict__.get(TRAIN)
        self.own: Any = found.own if isinstance(found, Held) else found
        self.training = module.training
        self.holds = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Nobody holds a copy yet."""
        self.__dict__.update(state, holds=False)

    def __call__(self, mode: bool = True) -> nn.Module:  # noqa: FBT001, FBT002  # torch's signature
        """What `train` does of a held module."""
        if not self.holds:
            release(self._module, training=self._module.training)
            return self._module.train(mode)
        for child in self._module.children():
            child.train(mode)
        return self._module

    def state(self) -> Any:
        """What of the module is copied or pickled: all but the hold, since nobody holds a copy yet."""
        state = type(self._module).__getstate__(self._module)
        if not isinstance(state, dict):  # of a class that says itself what is copied
            return state
        own = {} if self.own is None else {TRAIN: self.own}
        return {name: one for name, one in state.items() if name not in (TRAIN, STATE)} | own


def hold(module: nn.Module) -> None:
    """Keep a module in evaluation, also when a parent calls `train()`; not what is within it.

    A copy of it, shallow, deep or pickled, is not held.
    """
    if not is_held(module):
        held = Held(module)
        module.__dict__ |= {TRAIN: held, STATE: held.state}
    module.training = False


def is_held(module: nn.Module) -> bool:
    """Whether a module is held, by whomever."""
    found = module.__dict__.get(TRAIN)
    return isinstance(found, Held) and found.holds


def release(module: nn.Module, *, training: bool) -> None:
    """Let a held module follow its parents again, or the `train` that the user gave it.

    Args:
        module: The module.
        training: Its mode from now on, unless the user's `train` decides on that: then it is what it was.
    """
    held = module.__dict__.pop(TRAIN, None)
    module.__dict__.pop(STATE, None)
    if isinstance(held, Held) and held.own is not None:
        module.__dict__[TRAIN], training = held.own, held.training
    module.training = training
