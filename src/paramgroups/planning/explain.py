"""Where each value of a parameter comes from: rule by rule, factor by factor."""

from collections.abc import Iterator
from dataclasses import dataclass

from paramgroups.indexing import Row
from paramgroups.optim import pack
from paramgroups.planning.cascade import Chain, Link
from paramgroups.planning.course import Course, Timing
from paramgroups.planning.numbers import decimal
from paramgroups.planning.profile import Profile
from paramgroups.schedules import Horizon

ALWAYS = ("lr", "weight_decay")


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
    chains: dict[str, list[str]]

    def __str__(self) -> str:
        width = max(len(name) for name in self.chains)
        lines = [f"{self.name}   {self.title}"]
        for name, chain in self.chains.items():
            lines += [f"  {name if not number else '':<{width}}  {line}" for number, line in enumerate(chain)]
        return "\n".join(lines)


def explain(
    row: Row, profile: Profile, horizon: Horizon, title: str, tick: float | None = None
) -> Explanation:
    """Explain one parameter, at a tick or, without one, over all of training with the schedule named.

    Args:
        row: The parameter.
        profile: Its values over time.
        horizon: How long training is.
        title: What it is, in words.
        tick: The tick whose values are asked for.
    """
    told = {
        name: list(_course_lines(course, row, horizon, tick))
        for name, course in profile.courses.items()
        if name in ALWAYS or not _is_default(course)
    }
    told["trainable"] = list(_chain_lines(profile.trainable, row, horizon, tick))
    defaults = {name: course.base for name, course in profile.courses.items() if name not in told}
    shown = [
        f"{name} {decimal(value)}" for name, value in pack(defaults).items() if value not in (None, False)
    ]
    told["defaults"] = [f"{', '.join(shown) or 'none'} ({profile.optimizer.name})"]
    return Explanation(row.name, title, told)


def _is_default(course: Course) -> bool:
    return (
        len(course.chain.links) == 1
        and course.constant
        and course.chain.links[0].origin.startswith("default")
    )


def _course_lines(course: Course, row: Row, horizon: Horizon, tick: float | None) -> Iterator[str]:
    if tick is not None:
        factor = course.factor(tick)
        scheduled = course.timing(tick)
        last = (
            f" × {decimal(factor)} ({scheduled.schedule!r} at {horizon.progress_text(tick)})"
            if scheduled
            else ""
        )
        product = f"{_product(course.chain, row, tick)}{last}"
        yield product if product.count(" × ") == 0 else f"{decimal(course.at(tick))} = {product}"
    else:
        yield from _chain_lines(course.chain, row, horizon, None)
        yield from (_timing_line(start, timing, horizon) for start, timing in course.timings if timing)
    yield from _dropped(course.chain, row, tick or 0)


def _chain_lines(chain: Chain, row: Row, horizon: Horizon, tick: float | None) -> Iterator[str]:
    pieces = chain.pieces if tick is None else ((tick, chain.at(tick)),)
    for start, value in pieces:
        since = f"from {horizon.unit} {start:,.0f}: " if start and tick is None else ""
        if len(chain.acting(start)) == 1:
            yield f"{since}{_product(chain, row, start)}"
        else:
            yield f"{since}{decimal(value)} = {_product(chain, row, start)}"


def _product(chain: Chain, row: Row, tick: float) -> str:
    return " × ".join(_voice(link, row) for link in chain.acting(tick))


def _voice(link: Link, row: Row) -> str:
    return f"{decimal(link.value)} ({link.cause(row)})"


def _timing_line(start: float, timing: Timing, horizon: Horizon) -> str:
    since = f"from {horizon.unit} {start:,.0f} " if start else ""
    clock = f", its clock from {horizon.unit} {timing.began:,}" if timing.began else ""
    return f"{since}× the schedule {timing.schedule!r}{clock}"


def _dropped(chain: Chain, row: Row, tick: float) -> Iterator[str]:
    """What a later rule set anew, or what acts at another time only."""
    acting = chain.acting(tick)
    before = [link for link in chain.links if link.start <= tick < link.until and link not in acting]
    if before:
        yield f"dropped: {', '.join(_voice(link, row) for link in before)}"
