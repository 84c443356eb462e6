"""What differs between processes that train one model together, in words."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from paramgroups.errors import listing
from paramgroups.journal import Event
from paramgroups.planning import Group, Plan

QUARTERS = 4
Words = Sequence[tuple[int, str]]
"""What each process says, with its rank."""

EDITS = (
    "Make every edit on all processes with the same numbers, a write into param_groups and add_param_group "
    "too. Where it hangs on what one of them has found, let all hear of it first: by scheduler.observe, or "
    "by torch.distributed.broadcast."
)
CALLS = (
    "Call both on all processes; one that has measured nothing says so: scheduler.observe(loss=None). "
    "Processes that do not train one model are kept apart by pg.build(…, together=False)."
)
PLANS = (
    "Plan on all processes with the same recipe, the same model and the same length; the number of batches "
    "of a loader may differ from one to the other. Processes that do not train one model are kept apart by "
    "pg.build(…, together=False)."
)


def told_apart(words: Words) -> str:
    """How the calls of processes differ, and what is to be done.

    Args:
        words: What each has said: `{"call", "tick", "events"}`, or `{"error"}`, as JSON.
    """
    said = [(rank, json.loads(one)) for rank, one in words]
    if failed := [(rank, one["error"]) for rank, one in said if "error" in one]:
        return f"{_ranks(rank for rank, _ in failed)} cannot go on, and so the others cannot: {failed[0][1]}"
    if parts := _parts(said, lambda one: one["call"]):
        return f"The processes do not make the same call: {parts}. {CALLS}"
    if parts := _parts(said, lambda one: f"at tick {one['tick']:,.15g}"):
        return (
            f"The schedulers of the processes stand at different ticks: {parts}. Step them equally often, "
            "and load the same checkpoint on all."
        )
    return f"The journals of the processes differ: {_first_event(said)}. {EDITS}"


def told_of_plans(words: Words) -> str:
    """How the plans of processes differ, and what is to be done.

    Args:
        words: The lines of each one's plan, as JSON.
    """
    said = [(rank, json.loads(one)) for rank, one in words]
    return f"The processes do not have the same plan: {_first(said, str, 'nothing more')}. {PLANS}"


def lines_of(plan: Plan) -> list[str]:
    """A plan as lines: its length, its controllers, each group, who is in it and its values in the course."""
    ticks = [(plan.horizon.ticks or 0) * quarter / QUARTERS for quarter in range(QUARTERS)]
    controllers = [f"controller {one.title}" for one in plan.given.controllers]
    return [
        str(plan.horizon),
        *controllers,
        *(line for group in plan.groups for line in _lines(group, ticks)),
    ]


def _lines(group: Group, ticks: Sequence[float]) -> Iterator[str]:
    mark = hashlib.sha256("\0".join(group.names).encode()).hexdigest()[:8]
    yield f'group "{group.name}" of {len(group.names):,} parameters ({mark})'
    for name, course in sorted(group.courses.items()):
        values = " → ".join(dict.fromkeys(_short(course.at(tick)) for tick in ticks))
        yield f'{name} {values} in group "{group.name}"'


def _short(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _first_event(said: Sequence[tuple[int, Any]]) -> str:
    return _first([(rank, one["events"]) for rank, one in said], _event, "nothing more")


def _event(line: str) -> str:
    return f'"{Event.read(json.loads(line))}"'


def _first(said: Sequence[tuple[int, Sequence[str]]], show: Callable[[str], str], nothing: str) -> str:
    """The first place at which lists are not the same, and who has what there."""
    for place in zip_longest(*(lines for _, lines in said)):
        if len(set(place)) > 1:
            ranks = [rank for rank, _ in said]
            return _parts(
                list(zip(ranks, place, strict=True)), lambda one: nothing if one is None else show(one)
            )
    return "in nothing that can be told"


def _parts(said: Sequence[tuple[int, Any]], key: Callable[[Any], Hashable]) -> str:
    """Who says what, where they do not say the same; else nothing."""
    found: dict[Hashable, list[int]] = {}
    for rank, one in said:
        found.setdefault(key(one), []).append(rank)
    if len(found) == 1:
        return ""
    return "; ".join(f"{what} on {_ranks(ranks)}" for what, ranks in found.items())


def _ranks(ranks: Iterable[int]) -> str:
    known = list(ranks)
    return f"rank{'s' * (len(known) > 1)} {listing(map(str, known))}"
