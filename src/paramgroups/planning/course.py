"""The course of one hyperparameter through training: the cascade's value times its schedule's factor."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

from paramgroups.planning.cascade import Cascade, Link, Piece, at, merged, parted, span
from paramgroups.planning.numbers import decimal
from paramgroups.planning.timing import Ramp, Timing
from paramgroups.schedules import Horizon, Schedule

DEFAULT = "default of "
"""How the origin of a value begins that the optimizer's class gives."""
UNENDING = 10_000
"""So many ticks are checked where training has no known end."""


@dataclass(frozen=True)
class Course:
    """One hyperparameter of one profile, at every tick.

    Attributes:
        chain: The cascade, schedule left out.
        schedules: The cascade of its schedules.
        timings: Which schedule acts from which tick on; None where none does.
        horizon: How long training is.
        exact: What stands at single ticks because it was written there, where a product would round.
        divisor: The cascade of the rate where decay does not follow that: it is divided by it.
    """

    chain: Cascade
    schedules: Cascade
    timings: tuple[Piece, ...]
    horizon: Horizon
    exact: tuple[Piece, ...] = ()
    divisor: Cascade | None = None

    def at(self, tick: float) -> Any:
        """The value at a tick, schedule included."""
        value, timing = self.parts(tick)
        return value if timing is None else value * timing.factor(tick)

    def parts(self, tick: float) -> tuple[Any, Timing | None]:
        """What the value at a tick is the product of: what stands there, and the schedule if one acts."""
        if self.exact and span(self.exact, tick)[0] == tick:
            return at(self.exact, tick), None
        return self._standing(tick), self.timing(tick)

    def _standing(self, tick: float) -> Any:
        value = at(self.chain.pieces, tick)
        return value if self.divisor is None else value * _inverse(at(self.divisor.pieces, tick))

    @property
    def _layers(self) -> tuple[tuple[Piece, ...], ...]:
        """What its value is made of, each over time."""
        divisor = () if self.divisor is None else (self.divisor.pieces,)
        return self.chain.pieces, self.timings, *divisor

    @cached_property
    def told(self) -> Cascade:
        """The cascade with all that makes its value, schedule left out."""
        return self.chain if self.divisor is None else Cascade((*self.chain.links, *_quotients(self.divisor)))

    def span(self, tick: float) -> tuple[float, float]:
        """From where to before where its parts are those of a tick."""
        begun, next_exact = span(self.exact, tick)
        if begun == tick:
            return tick, math.nextafter(tick, math.inf)
        starts, stops = zip(*(span(layer, tick) for layer in self._layers), strict=True)
        return max(*starts, math.nextafter(begun, math.inf)), min(*stops, next_exact)

    def timing(self, tick: float) -> Timing | None:
        """The schedule that acts at a tick, and when its clock began."""
        found: Timing | None = at(self.timings, tick)
        return found

    def factor(self, tick: float) -> float:
        """The schedule's factor at a tick; 1 where no schedule acts."""
        timing = self.timing(tick)
        return 1.0 if timing is None else timing.factor(tick)

    @cached_property
    def start(self) -> float:
        """The tick at which its schedule's clock begins."""
        first = next((timing for _, timing in self.timings if timing and timing.schedule), None)
        return 0 if first is None else first.began

    @property
    def base(self) -> Any:
        """The value at the start of its schedule's clock, schedule left out."""
        return self._standing(self.start)

    @property
    def key(self) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        """What two courses of equal values have in common."""
        return self.told.pieces, self.timings

    @property
    def constant(self) -> bool:
        """Whether it has one value at all ticks."""
        return len(self.told.pieces) == 1 and self.timings == ((0.0, None),) and not self.exact

    @property
    def unsaid(self) -> bool:
        """Whether it is the optimizer's default, of which neither the recipe nor a rule says anything."""
        return self.constant and len(self.told.links) == 1 and self.chain.links[0].origin.startswith(DEFAULT)

    def then(self, link: Link, written: Any = None) -> "Course":
        """This course with one more voice in its cascade.

        Args:
            link: The voice.
            written: What was written at its first tick, exactly; None where nothing was.
        """
        before, rest = parted(self.exact, link.start)
        _, after = parted(rest, link.until)
        here = () if written is None else ((link.start, written),)
        return replace(self, chain=self.chain.then(link), exact=before + here + after)

    def over(self, horizon: Horizon, tick: float, made: Callable[[Timing], Timing]) -> "Course":
        """This course where training is found to be longer, or shorter, at a tick.

        Args:
            horizon: How long training is from then on. Windows stay where they were planned.
            tick: The tick; what was before it stays as it was.
            made: Gives a timing over that horizon.
        """
        past = [piece for piece in self.timings if piece[0] < tick]
        ahead = [(tick, self.timing(tick)), *(piece for piece in self.timings if piece[0] > tick)]
        told = [(start, timing and made(timing)) for start, timing in ahead]
        exact, _ = parted(self.exact, math.nextafter(tick, math.inf))
        return replace(self, timings=merged((*past, *told)), horizon=horizon, exact=exact)

    def extremes(self, since: float = 0.0) -> list[tuple[float, Any]]:
        """Ticks from `since` on and values, among which are its smallest and largest value there."""
        ahead = chain.from_iterable(parted(layer, since)[1] for layer in self._layers)
        edges = sorted({since} | {start for start, _ in ahead})
        # The last tick leaves in the groups what stands at the end: it is asked too.
        end = max(edges) + UNENDING if self.horizon.ticks is None else self.horizon.ticks + 1
        return [
            found
            for start, stop in zip(edges, [*edges[1:], end], strict=True)
            for found in self._in(start, stop)
        ]

    def _in(self, start: float, stop: float) -> list[tuple[float, Any]]:
        value, timing = self._standing(start), self.timing(start)
        if timing is None:
            return [(start, value)]
        ticks = timing.extremes(int(start), math.ceil(stop)) if start < stop else (start,)
        return [(tick, value * timing.factor(tick)) for tick in ticks]


def _inverse(rate: float) -> float:
    """What divides by the rate; 0 where that is 0, or so small that nothing can be divided by it."""
    inverse = 1 / rate if rate else 0.0
    return inverse if math.isfinite(inverse) else 0.0


def _quotients(rate: Cascade) -> Iterator[Link]:
    """What a value is multiplied by that is divided by the rate, in words."""
    ends = [start for start, _ in rate.pieces[1:]] + [math.inf]
    for (start, value), end in zip(rate.pieces, ends, strict=True):
        origin = f"lr {decimal(value)}, decay independent of the rate"
        yield Link(_inverse(value), scales=True, origin=origin, start=start, until=end)


def masked(course: Course, trainable: Cascade) -> Course:
    """The rate as it acts on what is frozen now and then: 0 for as long as it is."""
    ends = [start for start, _ in trainable.pieces[1:]] + [math.inf]
    for (start, live), end in zip(trainable.pieces, ends, strict=True):
        if not live:
            course = course.then(Link(0.0, scales=False, origin="frozen", start=start, until=end))
    return course


def timings(
    schedules: Cascade,
    clocks: Cascade,
    thaws: tuple[int, ...],
    made: Callable[[Schedule, int], Timing],
) -> tuple[Piece, ...]:
    """Which schedule acts from which tick on, and when its clock began.

    Args:
        schedules: The cascade of schedules of one hyperparameter.
        clocks: The cascade of clocks, `"run"` or `"thaw"`.
        thaws: The ticks at which the parameter begins to be trained; 0 where it is so from the start.
        made: Gives the timing of a schedule whose clock begins at a tick.
    """

    def timing(edge: float) -> Timing | None:
        schedule = schedules.at(edge)
        began = _thaw(thaws, edge) if clocks.at(edge) == "thaw" else 0
        return None if schedule is None else made(schedule, began)

    edges = {start for chain in (schedules, clocks) for start, _ in chain.pieces} | {0.0, *thaws}
    return merged((edge, timing(edge)) for edge in sorted(edges) if edge < math.inf)


def rewarmed(
    pieces: tuple[Piece, ...], ramps: Sequence[Ramp], made: Callable[[Schedule | None, int, Ramp], Timing]
) -> tuple[Piece, ...]:
    """The timings of a rate that rises after thaws.

    Args:
        pieces: Its timings without that.
        ramps: One for each thaw in mid-run, in their order; over no ticks where the rate is there at once.
        made: Gives the timing of a schedule whose clock begins at a tick, within a ramp.
    """

    def timing(edge: float) -> Timing | None:
        found: Timing | None = at(pieces, edge)
        last = [ramp for ramp in ramps if ramp.began <= edge][-1:]
        if not last or edge >= sum(last[0]):
            return found
        return made(found.schedule, found.began, last[0]) if found else made(None, 0, last[0])

    edges = {start for start, _ in pieces} | {edge for ramp in ramps for edge in (ramp.began, sum(ramp))}
    return merged((edge, timing(edge)) for edge in sorted(edges))


def _thaw(thaws: tuple[int, ...], tick: float) -> int:
    """The latest thaw so far, else the next one: a frozen parameter waits at its schedule's start."""
    past = [thaw for thaw in thaws if thaw <= tick]
    return past[-1] if past else next(iter(thaws), 0)
