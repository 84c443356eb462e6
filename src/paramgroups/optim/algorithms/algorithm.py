"""What an update rule is: scalar functions that every backend compiles, and the names of what they read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Numbers = tuple[float, ...]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Algorithm:
    """One update rule, written once for all backends.

    `prepare` runs once a segment, `update` once a number. Both use arithmetic, comparisons and the words of
    `paramgroups.optim.algorithms.words`, no branches; `update` has no number written in it, so it computes
    in the type of its arguments.

    Attributes:
        name: What tells it from all others.
        hypers: The hyperparameters that `prepare` reads, in order; switches are 0.0 or 1.0.
        states: Torch's keys of the state that has one number for each number of the parameter.
        prepare: `(step, *hypers) -> constants` in float64; the first step is 1.
        update: `(p, g, *states, *constants) -> (p, *states)`.
        scalars: Torch's keys of the state that has one number a segment, beside `step`. They are the last
            of `hypers`, as they stand before this step, and start at 1.
        advance: `(step, *hypers) -> scalars` as they stand after this step; of arrays too.
        trust: `(Σg², Σw², Σu², *hypers) -> ratio` of all that is stepped of a tensor. g is what the rule is
            given, so after clipping, and u the update of a step that was rehearsed with `lr` and `trust` 1.
            The ratio is then the hyperparameter `trust`, the last one.
    """

    name: str
    hypers: tuple[str, ...]
    states: tuple[str, ...]
    prepare: Callable[..., Numbers]
    update: Callable[..., Numbers]
    scalars: tuple[str, ...] = ()
    advance: Callable[..., Numbers] | None = None
    trust: Callable[..., float] | None = None


@dataclass(frozen=True)
class Family:
    """An optimizer as its users know it: its defaults, and the rule that a group's settings ask for.

    Attributes:
        defaults: The hyperparameters of a group, under torch's keys.
        of: The rule of a group with these settings.
        starts: The hyperparameter at which a state starts, by the state's key; all others start at 0.
        check: What is wrong with settings that do not go together, as a sentence; None if nothing is.
    """

    defaults: Settings
    of: Callable[[Settings], Algorithm]
    starts: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Settings], str | None] = lambda _: None
