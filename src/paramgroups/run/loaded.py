"""What was taken out of a checkpoint, as a report."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import Any

from paramgroups.errors import listing
from paramgroups.journal import Event
from paramgroups.optim.carried import Carried, Difference
from paramgroups.run.modelling import Fitted

LINES = 40
"""How many lines of a difference are printed; the attributes have them all."""


@dataclass(frozen=True)
class Loaded:
    """What was taken out of a checkpoint; printed, a report.

    Attributes:
        path: The file.
        library: The version of this library that wrote it.
        recipe: The recipe of the saved run, as TOML; None where none was saved, or it cannot be written so.
        horizon: How long the saved run was to be; None where that was not saved.
        model: What of the model was taken over; None where it was not asked for.
        optimizer: What of the optimizer's memory was taken over, and which values of groups are others now;
            None where it was not asked for.
        recipe_diff: The lines of the recipe that differ: `-` what was saved, `+` what is planned now.
        told: What else differs: another horizon, controllers that begin anew or are no more.
        events: What gave groups the checkpoint's values, where `values=` asked for those.
    """

    path: str
    library: str
    recipe: str | None = None
    horizon: str | None = None
    model: Fitted | None = None
    optimizer: Carried | None = None
    recipe_diff: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()

    def __str__(self) -> str:
        parts = [
            _model(self.model),
            _part("optimizer", _memory(self.optimizer)),
            _part("run", self.told),
            _part(
                "values, then -> now", [] if self.optimizer is None else _short(_told(self.optimizer.values))
            ),
            _part("decided", map(str, self.events)),
            _part("recipe, - then, + now", _short(self.recipe_diff)),
        ]
        lines = [line for part in parts for line in part]
        return "\n".join([f"{self.path}, written by paramgroups {self.library}", *lines])


def recipe_diff(then: str, now: str) -> tuple[str, ...]:
    """The lines in which two recipes differ."""
    lines = unified_diff(then.splitlines(), now.splitlines(), n=0, lineterm="")
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")) and line[1:])


def _model(fitted: Fitted | None) -> Iterator[str]:
    if fitted is not None:
        count = len(fitted.kept)
        yield f"model: {count:,} tensor{' was' if count == 1 else 's were'} taken over"
        yield from (f"  {line}" for line in fitted.lines)


def _memory(carried: Carried | None) -> list[str]:
    """What became of the optimizer's memory; values are told in full beside."""
    return [] if carried is None else str(replace(carried, values=())).splitlines()


def _told(values: Iterable[Difference]) -> list[str]:
    """A line for each value of a group, with all that its parameters had."""
    then: dict[tuple[str, str, Any], list[str]] = {}
    for one in values:
        then.setdefault((one.group, one.hyper, _number(one.now)), []).append(_number(one.then))
    return [f"{group}: {hyper} {listing(found)} -> {now}" for (group, hyper, now), found in then.items()]


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _part(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if len(lines) == 1 and title == "optimizer":
        yield f"{title}: {lines[0]}"
    elif lines:
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def _short(lines: Sequence[str]) -> list[str]:
    more = len(lines) - LINES
    return [*lines[:LINES], *([f"… and {more:,} more lines"] if more > 0 else [])]
