"""A saved scheduler's controllers beside those of today's recipe: each keeps what it remembered itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramgroups.errors import CheckpointError, shown

State = dict[str, Any]


class Reconciled(NamedTuple):
    """A saved state as today's controllers take it.

    Attributes:
        state: The state of the scheduler.
        begun: The titles of those that the checkpoint does not know: they begin anew.
        left: The titles of those of the checkpoint that are no more.
    """

    state: State
    begun: tuple[str, ...]
    left: tuple[str, ...]


def reconciled(saved: Any, live: Mapping[str, Any]) -> Reconciled:
    """What controllers remembered goes to those of the same title, which may stand in other places.

    Args:
        saved: The saved state of a scheduler.
        live: The present state of the one that it goes to.

    Raises:
        CheckpointError: The saved state is none.
    """
    try:
        theirs = [(str(one["title"]), dict(one["state"])) for one in saved["feedback"]["controllers"]]
        guards = dict(saved["guards"])
        kept, orders = dict(guards["kept"]), [dict(one) for one in guards["orders"]]
        places = {str(order["place"]) for order in orders} | set(map(str, kept))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"This is no state of pg.Scheduler: {shown(saved)} ({error!r}).") from error
    ours = [(one["title"], one["state"]) for one in live["feedback"]["controllers"]]
    places_now = _matched(theirs, ours)
    if len(places_now) == len(theirs) == len(ours) and all(then == now for then, now in places_now.items()):
        return Reconciled(dict(saved), (), ())
    places_then = {now: then for then, now in places_now.items()}
    states = [theirs[places_then[now]][1] if now in places_then else own for now, (_, own) in enumerate(ours)]
    told = [{"title": title, "state": one} for (title, _), one in zip(ours, states, strict=True)]
    by_place = {str(then): now for then, now in places_now.items()} if places else {}
    moved = {
        **guards,
        "kept": {str(by_place[str(place)]): one for place, one in kept.items() if str(place) in by_place},
        "orders": [
            {**order, "place": by_place[str(order["place"])]}
            for order in orders
            if str(order["place"]) in by_place
        ],
    }
    state = {**saved, "feedback": {**saved["feedback"], "controllers": told}, "guards": moved}
    begun = tuple(title for now, (title, _) in enumerate(ours) if now not in places_then)
    return Reconciled(
        state, begun, tuple(title for then, (title, _) in enumerate(theirs) if then not in places_now)
    )


def _matched(theirs: list[tuple[str, State]], ours: list[tuple[str, State]]) -> dict[int, int]:
    """Where each of the saved controllers stands today, by title and by what it remembers."""
    found: dict[int, int] = {}
    for then, (title, state) in enumerate(theirs):
        for now, (other, own) in enumerate(ours):
            if title == other and state.keys() == own.keys() and now not in found.values():
                found[then] = now
                break
    return found
