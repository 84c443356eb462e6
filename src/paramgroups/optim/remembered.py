"""What each optimizer remembers of a parameter, by torch's keys, and what of it another class can use."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.classes import Named, torch_name, torch_optimizers
from paramgroups.optim.hyperparameters import SWITCHES
from paramgroups.optim.memory import BY_ROW, MASTER, STEP, UNCOUNTED

OTHERS: Mapping[str, tuple[str, ...]] = {
    "adadelta": (STEP, "square_avg", "acc_delta"),
    "adamax": (STEP, "exp_avg", "exp_inf"),
    "asgd": (STEP, "eta", "mu", "ax"),
    "rprop": (STEP, "prev", "step_size"),
    "sparseadam": (STEP, "exp_avg", "exp_avg_sq"),
}
"""What the classes of torch need that have no update rule of ours; Adafactor's hangs on the dimensions."""

ADAFACTOR = {True: (STEP, "row_var", "col_var"), False: (STEP, "variance")}
"""By whether a parameter has two dimensions or more."""

GROWN = {"max_exp_avg_sq": "exp_avg_sq", "grad_avg": None, "momentum_buffer": None}
"""What may begin in mid-run: as a copy of another, or at 0."""

SHARED = (STEP, "exp_avg", "exp_avg_sq", "max_exp_avg_sq", MASTER, f"{BY_ROW}{STEP}")
"""What means the same in all classes that have it: the moments of Adam's family, and the weights."""

NUMBERS = (STEP, "mu_product", "eta", "mu")
"""One number each. All else that is known has the parameter's shape, or one that follows from it."""

ALIKE = ("adam", "adamw")
"""Of these torch keeps in a setting which of both it is."""

DECOUPLED = "decoupled_weight_decay"
LATER = frozenset({*SWITCHES, "maximize", DECOUPLED})
"""Settings that classes got in later versions of torch: to lack one tells nothing."""

UNREAD = ("lion",)
"""Of these the count is kept, and no rule reads it."""

State = Mapping[str, Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Needs:
    """What an optimizer wants to find in the state of a parameter.

    Attributes:
        needed: Without these it cannot go on.
        grown: What may begin now, by what it is a copy of.
        optional: What it goes on without as well.
    """

    needed: tuple[str, ...]
    grown: Mapping[str, str | None]
    optional: tuple[str, ...] = ()

    def lacking(self, state: State) -> list[str]:
        """What a state lacks."""
        return [key for key in self.needed if state.get(key) is None]

    def used(self, state: State) -> dict[str, Any]:
        """What of another class's state it can use: nothing where something is lacking."""
        known = {*self.needed, *self.grown, *self.optional, MASTER}
        known |= {f"{BY_ROW}{STEP}"} if STEP in known else set()
        found = {key: state[key] for key in SHARED if key in known and state.get(key) is not None}
        return {} if self.lacking(found) else found

    def strange(self, state: State) -> bool:
        """Whether a state must be of another class: something is lacking, and something else is there."""
        known = {*self.needed, *self.grown, *self.optional, MASTER}
        ours = [key for key in state if key in known or _is_by_row(key)]
        return bool(self.lacking(state)) and len(ours) < len(state)

    def grow(self, state: dict[str, Any]) -> dict[str, Any]:
        """A state with what it lacks and may begin now."""
        like = next((state[key] for key in self.needed if _is_whole(key, state.get(key))), None)
        for key, source in self.grown.items():
            if state.get(key) is None and isinstance(like, Tensor):
                state[key] = torch.zeros_like(like) if source is None else state[source].clone()
        return state


def needs_of(stepper: Named, settings: Mapping[str, Any], dims: int) -> Needs | None:
    """What is wanted of the state of a parameter; None where we know no better than its class.

    Args:
        stepper: The optimizer: the name of an update rule, or a class.
        settings: Those of the parameter's group.
        dims: How many dimensions the parameter has.
    """
    name = name_of(stepper) or ""
    if name in ALGORITHMS:
        rule = ALGORITHMS[name].of({**ALGORITHMS[name].defaults, **settings})
        if name in UNCOUNTED:
            return Needs((), {}, rule.states)
        count, free = ((), (STEP,)) if name in UNREAD else ((STEP,), ())
        keys = (*count, *rule.states, *rule.scalars)
        grown = {key: GROWN[key] for key in keys if key in GROWN and len(rule.states) > 1}
        return Needs(tuple(key for key in keys if key not in grown), grown, free)
    if name == "muon":
        return Needs((), {}, ("momentum_buffer",))
    keys = ADAFACTOR[dims > 1] if name == "adafactor" else OTHERS.get(name, ())
    return Needs(keys, {}) if keys else None


def is_familiar(stepper: Named) -> bool:
    """Whether what we know of keys holds: of ours, of torch's classes, and of what is made of them."""
    return isinstance(stepper, str) or any(map(torch_name, stepper.__mro__[:-1]))


def name_of(stepper: Named) -> str | None:
    """The lower-case name of an update rule of ours or of a class of torch; None of any other class."""
    return stepper if isinstance(stepper, str) else torch_name(stepper)


def shape_of(key: str, shape: Shape) -> Shape | None:
    """The shape of what is kept under a key of a parameter of this shape; None where it has none such."""
    if _is_by_row(key):
        return shape[:1] or None
    if key == "row_var":
        return (*shape[:-1], 1) if len(shape) > 1 else None
    if key == "col_var":
        return (*shape[:-2], 1, shape[-1]) if len(shape) > 1 else None
    return shape


def is_known(key: str) -> bool:
    """Whether we know what stands under a key."""
    return key in _known_keys() or _is_by_row(key)


def differ(saved: Mapping[str, Any], live: Mapping[str, Any], stepper: Named) -> bool:
    """Whether another class stepped a saved group than steps the live one, by the settings they have."""
    theirs, mine = (group.keys() & settings_known() for group in (saved, live))
    if (theirs ^ mine) - LATER:
        return True
    known = DECOUPLED in saved and DECOUPLED in live and name_of(stepper) in ALIKE
    return known and bool(saved[DECOUPLED]) != bool(live[DECOUPLED])


@cache
def settings_known() -> frozenset[str]:
    """All settings that torch's optimizers and ours read."""
    theirs = [key for cls in torch_optimizers().values() for key in signature(cls).parameters]
    ours = [key for family in ALGORITHMS.values() for key in family.defaults]
    return frozenset({*theirs, *ours} - {"params"})


def _is_by_row(key: str) -> bool:
    """Whether one number of each row stands there: not in Adafactor's, which is called alike."""
    return key.startswith(BY_ROW) and key != "row_var"


def _is_whole(key: str, value: Any) -> bool:
    return isinstance(value, Tensor) and key not in NUMBERS


@cache
def _known_keys() -> frozenset[str]:
    keys = [key for needed in (*OTHERS.values(), *ADAFACTOR.values()) for key in needed]
    adams = ("exp_avg", "exp_avg_sq", "mu_product", "square_avg", "sum")
    return frozenset({*keys, *adams, *GROWN, MASTER})
