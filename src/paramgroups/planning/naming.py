"""Names of groups: unique, readable, and the same for the same recipe and model."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, count

from paramgroups.indexing import Row
from paramgroups.planning.cascade import Link
from paramgroups.planning.matching import Match
from paramgroups.planning.profile import Profile

Labelled = tuple[Profile, Row]


def names_of(labelled: Sequence[Labelled], matches: Sequence[Match]) -> list[str]:
    """A name for each group; what a rule names goes first, so that nothing else takes its name.

    Args:
        labelled: For each group the profile and the first parameter.
        matches: What each rule matches.
    """
    found: dict[int, str] = {}
    taken: set[str] = set()
    for place in sorted(range(len(labelled)), key=lambda place: labelled[place][0].group is None):
        profile, row = labelled[place]
        words = label(profile, matches, row)
        wanted = [profile.group, f"{profile.group}, {words}"] if profile.group else [words]
        found[place] = _free(wanted, taken)
        taken.add(found[place])
    return [found[place] for place in range(len(labelled))]


def _free(wanted: Sequence[str], taken: Collection[str]) -> str:
    """The first name that is free, or else the last of them with a number."""
    numbered = (f"{wanted[-1]} #{number}" for number in count(2))
    return next(name for name in chain(wanted, numbered) if name not in taken)


def label(profile: Profile, matches: Sequence[Match], row: Row) -> str:
    """A name for the parameters of a profile, of the rules that decide their values."""
    acting: dict[int, Link] = {}
    for link in _heard(profile):
        if link.rule not in acting or link.source is not None:
            acting[link.rule] = link
    words = [_word(matches[number - 1], acting[number], row) for number in sorted(acting) if number]
    return ", ".join(dict.fromkeys(word for word in words if word)) or "default"


def _heard(profile: Profile) -> Iterator[Link]:
    """The links that make some value at some time."""
    courses = profile.courses.values()
    cascades = (part for course in courses for part in (course.chain, course.schedules))
    for cascade in (profile.named, profile.trainable, *cascades):
        if len(cascade.links) > 1:
            for start, _ in cascade.pieces:
                yield from cascade.acting(start)


def _word(match: Match, link: Link, row: Row) -> str:
    if link.source is not None:
        return link.source.word(row, link.value)
    return "" if match.rule.selector.text == "**" else match.rule.selector.written
