"""An event: one decision that was made while training, as plain data."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

from paramgroups.errors import CheckpointError, listing, nearest, shown
from paramgroups.journal.plain import finite, jsonable, plain, text, tick

Action = Literal["set", "scale", "write", "horizon", "join", "skip", "clip", "rollback", "stop", "freezing"]

NOTES = {
    "skip": "update",
    "clip": "gradients",
    "rollback": "weights",
    "stop": "training",
    "freezing": "freezing",
}
"""The actions that change no value of the plan, and what each is about."""

OF_THE_RUN = {"horizon": "horizon", "join": "group", **NOTES}
"""The actions whose value is a dict, and what they name in place of a hyperparameter."""

FACTORS = ("scale", "write")
"""The actions whose value is a factor."""

WIDEST = 60


@dataclass(frozen=True)
class Event:
    """A decision made while training. All that it holds is plain data; its lists are tuples.

    Attributes:
        step: The tick from which it acts.
        cause: Who decided: `"scale"`, `"set"`, `"written"`, `'plateau("head", "val_loss")'`.
        action: `"set"`, `"scale"`, `"write"` (a factor found in the groups), `"horizon"` (another length of
            training) or `"join"` (a group came). What changes no value of the plan: `"skip"` (an update was
            left out), `"clip"` (its gradients were scaled), `"rollback"` (weights went back), `"stop"`
            (training ended), `"freezing"` (how it is done).
        hyper: The hyperparameter; what the others are about: `"horizon"`, `"group"`, `"update"`, …
        value: What is set, or the factor; of the others a dict that says more.
        old: What stood in the groups before, schedule included; None where nothing did.
        new: What stands there from then on.
        names: The parameters that it touches, by their canonical names.
        until: The first tick at which it acts no more; None: it acts to the end.

    Raises:
        CheckpointError: One of them is not what it should be.

    Example:
        >>> print(Event(8120, "scale", "scale", "lr", 0.1, 3e-4, 3e-5, ("head.weight",)))
        step 8,120  lr 0.0003 → 3e-05  × 0.1  scale  "head.weight"
    """

    step: float
    cause: str
    action: Action
    hyper: str
    value: Any = field(hash=False)  # a dict has no hash
    old: Any = field(hash=False)
    new: Any = field(hash=False)
    names: tuple[str, ...] = ()
    until: float | None = None

    def __post_init__(self) -> None:
        for key, read in CHECKS.items():
            object.__setattr__(self, key, read(key, getattr(self, key)))
        if self.until is not None and self.until <= self.step:
            raise CheckpointError(
                f"until={shown(self.until)} is not after step={shown(self.step)}, so the event never acts."
                " Give a later tick, or none."
            )
        _check_value(self)

    @property
    def data(self) -> dict[str, Any]:
        """Itself as plain data, which JSON holds exactly; `Event.read` gives an equal event."""
        found = {one.name: jsonable(getattr(self, one.name)) for one in fields(self)}
        return {key: value for key, value in found.items() if key != "until" or value is not None}

    @classmethod
    def read(cls, data: Any) -> "Event":
        """The event that plain data describe.

        Args:
            data: What `data` gave.

        Raises:
            CheckpointError: The data describe none; the message names the key, what was found and the fix.

        Example:
            >>> event = Event(3, "set", "set", "lr", 0.1, 0.2, 0.1)
            >>> Event.read(event.data) == event
            True
        """
        if not isinstance(data, Mapping):
            raise CheckpointError(
                f"{shown(data)} is no event. An event is a dict with step, cause, action, …"
            )
        known = [one.name for one in fields(cls)]
        for key in data:
            if key not in known:
                word = key if isinstance(key, str) else ""
                raise CheckpointError(f"An event has no key {shown(key)}. {nearest(word[:WIDEST], known)}")
        if absent := [one.name for one in fields(cls) if one.default is MISSING and one.name not in data]:
            raise CheckpointError(f"The event lacks {listing(absent)}. It has: {listing(data, 9)}.")
        return cls(**data)

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """For people: the step, what changed, how, who decided, and the parameters."""
        change = f"{_short(self.new)}" if self.old is None else f"{_short(self.old)} → {_short(self.new)}"
        how = f"× {_short(self.value)}" if self.action in FACTORS else ""
        if self.action in NOTES:
            change, how = self.action, ", ".join(f"{key} {_told(one)}" for key, one in self.value.items())
        until = "" if self.until is None else f"until {self.until:,.15g}"
        return (
            f"{self.step:,.15g}",
            _one_line(f"{self.hyper} {change}"),
            " ".join(filter(None, (how, until))),
            _one_line(self.cause),
            _one_line(_parameters(self.names)),
        )

    def __str__(self) -> str:
        return "  ".join(filter(None, (f"step {self.cells[0]}", *self.cells[1:])))


def _check_value(event: Event) -> None:
    """The value is of the kind that its action wants."""
    if event.action in FACTORS and finite("value", event.value) < 0:
        raise CheckpointError(f"value={shown(event.value)} scales, and is negative. A factor is at least 0.")
    wanted = OF_THE_RUN.get(event.action)
    if wanted is None:
        return
    if event.hyper != wanted:
        raise CheckpointError(
            f'hyper={shown(event.hyper)}, and the action is "{event.action}". Give "{wanted}".'
        )
    if not isinstance(event.value, dict):
        raise CheckpointError(
            f'value={shown(event.value)}, and the action is "{event.action}". Give a dict of plain data.'
        )


def _action(key: str, value: Any) -> str:
    known = get_args(Action)
    if not isinstance(value, str) or value not in known:
        raise CheckpointError(f"{key}={shown(value)} is not known. {nearest(str(shown(value)), known)}")
    return value


def _names(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise CheckpointError(f'{key}={shown(value)} is no list. Give the names: ["head.weight"].')
    return tuple(text(f"{key}[{i}]", name) for i, name in enumerate(value))


def _until(key: str, value: Any) -> float | None:
    return None if value is None else tick(key, value)


CHECKS = {
    "step": tick,
    "cause": text,
    "action": _action,
    "hyper": text,
    "value": plain,
    "old": plain,
    "new": plain,
    "names": _names,
    "until": _until,
}
"""What reads each field: it returns it in its one form, or raises CheckpointError."""


def _one_line(words: str) -> str:
    return " ".join(words.split())


def _told(value: Any) -> str:
    """A reason is told in full: it has the numbers at its end."""
    return _one_line(value) if isinstance(value, str) else _short(value)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    found = json.dumps(jsonable(value), ensure_ascii=False)
    return found if len(found) <= WIDEST else f"{found[: WIDEST - 1]}…"


def _parameters(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    first = json.dumps(names[0], ensure_ascii=False)
    return first if len(names) == 1 else f"{len(names):,} parameters, such as {first}"
