"""Advice on what is frozen when: windows that clash, end too late, or leave nothing to train."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, compress, pairwise
from typing import Any

from paramgroups.errors import Finding, listing
from paramgroups.planning.cascade import Cascade
from paramgroups.planning.matching import Match
from paramgroups.planning.profile import Profile
from paramgroups.planning.subject import Check, Subject
from paramgroups.planning.table import times
from paramgroups.planning.windows import ALWAYS, Window
from paramgroups.rules import RowValue
from paramgroups.schedules import Horizon

UNSAID: Mapping[str, Any] = {"clock": "run", "rewarm": None, "moments": "clean", "dropout": True}
"""What says something of a thaw, and what it is when nothing is said."""

WHOLE = ("dropout",)
"""What acts on whole tensors only."""


def past_the_end(subject: Subject) -> Iterator[Finding]:
    """A freeze that was to end, and does not within the run."""
    horizon, rows = subject.resolution.profiler.horizon, subject.resolution.index.rows
    for match in subject.resolution.matches:
        until, late = match.rule.until, _late(match, horizon)
        names = tuple(rows[position].name for position, code in match.code_at.items() if code in late)
        if names:
            label = until.label if isinstance(until, RowValue) else repr(until)
            message = (
                f'Rule {match.number} "{match.rule.selector.written}" acts until={label}, and the run has '
                f"{horizon}: it acts to the end on {listing(names, 3)}."
            )
            fix = 'Let it end within the run, as a share of it if that varies: "20%" and the like.'
            yield Finding("PG010", "warning", message, fix, names)


def _late(match: Match, horizon: Horizon) -> set[int]:
    """The codes whose window begins within the run and does not end there.

    A number that ends with the run is one that somebody chose.
    """
    if horizon.ticks is None:
        return set()
    least = horizon.ticks + (not isinstance(match.rule.until, RowValue))
    return {
        code
        for code, (_, until) in enumerate(match.bounds, 1)
        if until is not None and match.windows[code - 1][0] < horizon.ticks and horizon.length(until) >= least
    }


def overlapping(subject: Subject) -> Iterator[Finding]:
    """Two rules that freeze the same parameters at the same time, each for a time of its own."""
    found: dict[tuple[int, int], list[tuple[Window, str]]] = {}
    end = subject.resolution.profiler.horizon.ticks or math.inf
    for profile, names in subject.members():
        freezes = list(_freezes(profile, subject.resolution.matches))
        for (one, first), (other, second) in combinations(freezes, 2):
            shared = max(first[0], second[0]), min(first[1], second[1])
            if shared[0] < min(shared[1], end):
                found.setdefault((one.number, other.number), []).extend((shared, name) for name in names)
    for pair, told in found.items():
        windows, names = zip(*told, strict=True)
        one, other = (subject.resolution.matches[number - 1] for number in pair)
        last = max(until for _, until in windows)
        span = min(start for start, _ in windows), None if last == math.inf else last
        message = (
            f'Rule {one.number} "{one.rule.selector.written}" and rule {other.number} '
            f'"{other.rule.selector.written}" both freeze {listing(names, 3)} in '
            f"{times([span], subject.resolution.profiler.horizon)}."
        )
        fix = (
            "If the second is to follow the first, let it start where that ends. Else well: the longer holds."
        )
        yield Finding("PG012", "advice", message, fix, names)


def _freezes(profile: Profile, matches: Sequence[Match]) -> Iterator[tuple[Match, Window]]:
    """The rules that freeze a profile for a time, and when."""
    for match, code in zip(matches, profile.codes, strict=True):
        if match.acts(code) and match.windows[code - 1] != ALWAYS:
            said = zip(match.rule.assignments, match.values[code - 1], strict=True)
            if any(one.name == "trainable" and value is False for one, value in said):
                yield match, match.windows[code - 1]


def nothing_trained(subject: Subject) -> Iterator[Finding]:
    """Ticks at which no parameter is trained."""
    horizon = subject.resolution.profiler.horizon
    whole = [group.profile for group in subject.groups]
    rows = [segment.profile for group in subject.groups for segment in group.segments]
    chains = [profile.trainable for profile in (*whole, *rows)]
    still = [span for span in spans(chains, horizon) if not any(chain.at(span[0]) for chain in chains)]
    if chains and still:
        names = tuple(name for group in subject.groups for name in group.names)
        message = f"Nothing at all is trained in {times(still, horizon)}."
        fix = "Let something be trained then: look at start= and until= of the rules that freeze."
        yield Finding("PG013", "warning", message, fix, names)


def spans(chains: Sequence[Cascade], horizon: Horizon) -> list[tuple[float, float | None]]:
    """The times within which none of the chains changes; the last to the end, None."""
    end = horizon.ticks or math.inf
    edges = sorted({start for chain in chains for start, _ in chain.pieces if start < end})
    return [*pairwise(edges), *((edge, None) for edge in edges[-1:])]


def nothing_thaws(subject: Subject) -> Iterator[Finding]:
    """What is said of a thaw, or of a freeze in mid-run, where there is none."""
    profiles, whole = subject.resolution.all_profiles, len(subject.resolution.profiles)
    for place, match in enumerate(subject.resolution.matches):
        reached = [match.acts(profile.codes[place]) for profile in profiles]
        said = {"clock": match.rule.clock} | match.rule.settings
        for key, (happens, words) in THAWS.items():
            counted = list(compress(profiles, reached[:whole] if key in WHOLE else reached))
            idle = said.get(key, UNSAID[key]) == UNSAID[key] or any(map(happens, counted))
            if any(reached) and not idle:
                names = subject.names(match)
                message = (
                    f'Rule {match.number} "{match.rule.selector.written}" gives {key}={said[key]!r} to '
                    f"{len(names):,} parameter{'s' * (len(names) != 1)} of which none {words}: "
                    f"{listing(names, 3)}."
                )
                fix = (
                    f'Freeze them for a time, pg.rule("…", trainable=False, until="20%"), or take {key}= out.'
                )
                yield Finding("PG014", "advice", message, fix, names)


def _thaws(profile: Profile) -> bool:
    return any(live for start, live in profile.trainable.pieces if start)


def _freezes_in_mid_run(profile: Profile) -> bool:
    return any(not live for start, live in profile.trainable.pieces if start)


def _is_frozen(profile: Profile) -> bool:
    return not all(live for _, live in profile.trainable.pieces)


THAWS: Mapping[str, tuple[Callable[[Profile], bool], str]] = {
    "clock": (_thaws, "thaws in mid-run"),
    "rewarm": (_thaws, "thaws in mid-run"),
    "moments": (_freezes_in_mid_run, "is frozen in mid-run"),
    "dropout": (_is_frozen, "is ever frozen as a whole"),
}


FREEZING: tuple[Check, ...] = (
    past_the_end,
    overlapping,
    nothing_trained,
    nothing_thaws,
)
