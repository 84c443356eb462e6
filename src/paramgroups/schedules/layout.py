"""Where each part of a chain begins and how many ticks it takes."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from paramgroups.errors import ScheduleError
from paramgroups.schedules.horizon import Horizon, nearest_tick
from paramgroups.schedules.lengths import Length


class Part(NamedTuple):
    """What the layout needs to know of a shape: its name in errors, and its length (None: the rest)."""

    name: str
    length: Length | None


class Span(NamedTuple):
    """A first tick, and a number of ticks; None without a known end."""

    start: int
    ticks: int | None


def lay_out(parts: Sequence[Part], horizon: Horizon) -> list[Span]:
    """The span of each part; one without a length takes what the others leave.

    Ends are rounded to ticks, not lengths, so shares that add up to 100% fill the horizon exactly. Without a
    known end, the part without a length runs on, and those after it have no span: they have not begun.

    Raises:
        ScheduleError: The parts take longer than the horizon, or ask what it does not know.

    Example:
        >>> parts = [Part("a", "50%"), Part("b", "50%")]
        >>> lay_out(parts, Horizon.of(steps=5))
        [Span(start=0, ticks=3), Span(start=3, ticks=2)]
    """
    parts = _begun(parts, horizon)
    exact = [_exact(part, horizon) for part in parts]
    rest = _rest(parts, exact, horizon)
    spans: list[Span] = []
    end = Fraction(0)
    for ticks in exact:
        taken = rest if ticks is None else ticks
        start, end = nearest_tick(end), end + (taken or 0)
        spans.append(Span(start, None if taken is None else nearest_tick(end) - start))
    return spans


def _begun(parts: Sequence[Part], horizon: Horizon) -> Sequence[Part]:
    """All parts, or those up to the one that runs on until the end of training is known."""
    if horizon.ticks is not None:
        return parts
    lengths = [part.length for part in parts]
    return parts[: lengths.index(None) + 1] if None in lengths else parts


def _exact(part: Part, horizon: Horizon) -> Fraction | None:
    return None if part.length is None else horizon.exact(part.length, f"{part.name}: length")


def _rest(parts: Sequence[Part], exact: list[Fraction | None], horizon: Horizon) -> Fraction | None:
    """What the parts with a length leave to the one without; None without a known end."""
    if horizon.ticks is None:
        return None
    used = sum((ticks for ticks in exact if ticks is not None), Fraction(0))
    if used > horizon.ticks:
        raise ScheduleError(_too_long(parts, exact, used, horizon))
    return horizon.ticks - used


def _too_long(parts: Sequence[Part], exact: list[Fraction | None], used: Fraction, horizon: Horizon) -> str:
    each = (
        f"{part.name} {float(ticks):,.6g}"
        for part, ticks in zip(parts, exact, strict=True)
        if ticks is not None
    )
    return (
        f"A schedule of {float(used):,.6g} {horizon.unit}s ({', '.join(each)}) is longer than the horizon"
        f" of {horizon}. Shorten a length, or train for longer."
    )
