"""Where each value of a parameter comes from: rule by rule, factor by factor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from paramgroups.indexing import Row
from paramgroups.optim import pack
from paramgroups.planning.cascade import Cascade, Link
from paramgroups.planning.course import Course
from paramgroups.planning.groups import Group
from paramgroups.planning.matching import Segment
from paramgroups.planning.numbers import decimal
from paramgroups.planning.profile import Profile
from paramgroups.planning.timing import Timing
from paramgroups.rules.rule import BASES
from paramgroups.schedules import Horizon, Schedule

ALWAYS = ("lr", "weight_decay")
SHOWN, MOST = 8, 40
"""So many voices of a value, and changes over time, are told; of more, the first and the last."""
DECAYS = {
    "coupled": "a step multiplies it by lr, so a small rate has less of it",
    "independent": "a step takes weight_decay × the schedule's factor off a weight, at any rate",
}
"""What the two kinds of decay mean."""
Part = tuple[Segment, Profile]
Chains = dict[str, list[str]]


@dataclass(frozen=True)
class Explanation:
    """The chain of every value of one parameter; `str` of it is for people.

    Attributes:
        name: The parameter.
        title: What it is, and its group.
        chains: For each hyperparameter its chain in words, one line for each time at which it changes.
    """

    name: str
    title: str
    chains: Chains

    def __str__(self) -> str:
        width = max(len(name) for name in self.chains)
        lines = [f"{self.name}   {self.title}"]
        for name, chain in self.chains.items():
            lines += [f"  {name if not number else '':<{width}}  {line}" for number, line in enumerate(chain)]
        return "\n".join(lines)


@dataclass(frozen=True)
class Teller:
    """Puts cascades into words.

    Attributes:
        row: The parameter; None for one that joined while training.
        horizon: How long training is.
        tick: The tick whose values are asked for; without one all of training, the schedule named.
        several: Whether the plan's groups have several rates.
    """

    row: Row | None
    horizon: Horizon
    tick: float | None
    several: bool = False

    def profile(self, profile: Profile, parts: Sequence[Part]) -> Chains:
        """The chain of each hyperparameter, and those of rows with values of their own."""
        courses = profile.courses
        told = {
            name: list(self.course(course))
            for name, course in courses.items()
            if name in ALWAYS or not course.unsaid
        }
        told |= {f"rows {s.start:,} to {s.stop - 1:,}": list(self.part(own, profile)) for s, own in parts}
        told["trainable"] = list(self.chain(profile.trainable))
        told |= self.own(profile)
        told |= self.decay(profile)
        defaults = pack({name: course.base for name, course in courses.items() if name not in told})
        shown = [f"{name} {decimal(value)}" for name, value in defaults.items() if value not in (None, False)]
        return told | {"defaults": [f"{', '.join(shown) or 'none'} ({profile.optimizer.name})"]}

    def own(self, profile: Profile) -> Chains:
        """What else no optimizer reads, where it is other than where nobody says it."""
        told = {name: chain for name, chain in profile.said.items() if name != "decay"}
        if self.tick is not None:
            told = {name: chain for name, chain in told.items() if chain.at(self.tick) != BASES[name]}
        return {name: list(self.chain(chain)) for name, chain in told.items()}

    def decay(self, profile: Profile) -> Chains:
        """Whether decay follows the rate, where there is any and that makes a difference."""
        decays = profile.courses.get("weight_decay")
        if (
            decays
            and any(value for _, value in decays.chain.pieces)
            and (self.several or profile.independent)
        ):
            said = profile.own["decay"]
            return {"decay": [f"{self.voices(said, 0)[0]}: {DECAYS[said.at(0)]}"]}
        return {}

    def part(self, own: Profile, whole: Profile) -> Iterator[str]:
        """What rows have of their own."""
        for name, course in own.courses.items():
            if course.key != whole.courses[name].key:
                yield from (f"{name} {line}" for line in self.course(course))
        if own.trainable.pieces != whole.trainable.pieces:
            yield from (f"trainable {line}" for line in self.chain(own.trainable))
        for name, chain in own.own.items():
            if chain.pieces != whole.own[name].pieces:
                yield from (f"{name} {line}" for line in self.chain(chain))

    def course(self, course: Course) -> Iterator[str]:
        """A value, its schedule, and what a later rule dropped."""
        if self.tick is None:
            yield from self.chain(course.told)
            for start, timing in course.timings:
                if timing is not None:
                    yield self.schedule(start, timing, course.schedules)
        else:
            timing = course.timing(self.tick)
            scheduled = list(self.factors(timing, self.tick)) if timing else []
            yield self.product(course.at(self.tick), [*self.voices(course.told, self.tick), *scheduled])
        if dropped := self.dropped(course.chain):
            yield f"dropped: {', '.join(dropped)}"

    def chain(self, chain: Cascade) -> Iterator[str]:
        """A value without a schedule, and each time at which it changes."""
        pieces = chain.pieces if self.tick is None else ((self.tick, chain.at(self.tick)),)
        told = pieces if len(pieces) <= MOST else (*pieces[: MOST // 2], *pieces[-MOST // 2 :])
        for number, (start, value) in enumerate(told):
            if len(told) < len(pieces) and number == MOST // 2:
                yield f"… {len(pieces) - len(told):,} more changes …"
            since = f"from {self.horizon.unit} {start:,.0f}: " if start and self.tick is None else ""
            yield f"{since}{self.product(value, self.voices(chain, start))}"

    def voices(self, chain: Cascade, tick: float) -> list[str]:
        """Who makes the value at a tick."""
        acting = list(chain.acting(tick))
        first, folded, last = acting[:SHOWN], acting[SHOWN:-1], acting[SHOWN:][-1:]
        between = [f"{decimal(prod(link.value for link in folded))} ({len(folded):,} more)"] if folded else []
        return [*map(self.voice, first), *between, *map(self.voice, last)]

    def voice(self, link: Link) -> str:
        """A value or factor, and who gives it."""
        cause = link.origin if self.row is None else link.cause(self.row)
        return f"{decimal(link.value)} ({cause})"

    def product(self, value: object, voices: Sequence[str]) -> str:
        """The value as the product of what makes it."""
        return voices[0] if len(voices) == 1 else f"{decimal(value)} = {' × '.join(voices)}"

    def factors(self, timing: Timing, tick: float) -> Iterator[str]:
        """What the schedule multiplies by at a tick, and what the ramp after a thaw."""
        if timing.schedule:
            yield self.factor(timing, timing.schedule, tick)
        if timing.ramp:
            yield f"{decimal(timing.ramp.factor(tick))} (rewarm, {timing.ramp.place(tick)})"

    def factor(self, timing: Timing, schedule: Schedule, tick: float) -> str:
        """What the schedule multiplies by at a tick: the part of it that acts, and how far its clock is."""
        shape = schedule.piece_at(timing.rest, max(0, tick - timing.began)).shape
        when = timing.rest.progress_text(max(0, tick - timing.began))
        if timing.began:
            when += f" of its clock from {self.horizon.unit} {timing.began:,}"
        return f"{decimal(timing.scheduled(tick))} ({shape!r} at {when})"

    def schedule(self, start: float, timing: Timing, said: Cascade) -> str:
        """Which schedule acts from a tick on, and who gives it."""
        unit = self.horizon.unit
        since = f"from {unit} {start:,.0f} " if start else ""
        clock = f", its clock from {unit} {timing.began:,}" if timing.began else ""
        told = [f"× {timing.schedule!r} ({said.acting(start)[-1].origin}{clock})"] if timing.schedule else []
        if timing.ramp:
            told.append(f"× rewarm over {timing.ramp.ticks:,} {unit}s")
        return since + " ".join(told)

    def dropped(self, chain: Cascade) -> list[str]:
        """What a rule set anew, or what acts at no time: every link that is nowhere heard."""
        ticks = [start for start, _ in chain.pieces] if self.tick is None else [self.tick]
        if len(chain.links) > MOST:  # of many edits it is not told which of them others dropped
            return []
        heard = {link for tick in ticks for link in chain.acting(tick)}
        present = [link for link in chain.links if any(link.start <= tick < link.until for tick in ticks)]
        return [self.voice(link) for link in present if link not in heard]


def explain(  # noqa: PLR0913  # one for each thing that is told
    row: Row,
    profile: Profile,
    parts: Sequence[Part],
    horizon: Horizon,
    *,
    group: str | None,
    tick: float | None = None,
    several: bool = False,
) -> Explanation:
    """Explain one parameter, at a tick or, without one, over all of training with the schedule named.

    Args:
        row: The parameter.
        profile: Its values over time.
        parts: Rows of it with values of their own.
        horizon: How long training is.
        group: The name of its group; None where it is never trained.
        tick: The tick whose values are asked for.
        several: Whether the plan's groups have several rates.
    """
    teller = Teller(row, horizon, tick, several)
    return Explanation(row.name, _title(row, group), teller.profile(profile, parts))


def explain_joined(name: str, group: Group, horizon: Horizon, tick: float | None) -> Explanation:
    """Explain one parameter of a group that joined while training, of which the index knows nothing."""
    title = f'joined while training, group "{group.name}"'
    return Explanation(name, title, Teller(None, horizon, tick).profile(group.profile, ()))


def _title(row: Row, group: str | None) -> str:
    place = f"depth {row.depth} of {row.levels}" if row.levels > 1 else "no depth"
    tower = f" in {row.tower}" if row.tower else ""
    also = f", also {', '.join(row.aliases)}" if row.aliases else ""
    member = "never trained" if group is None else f'group "{group}"'
    return f"{row.role} {row.shape}, {place}{tower}{also}, {member}"
