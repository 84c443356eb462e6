"""Names of groups: unique, readable, and the same for the same recipe and model."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, count
from typing import NamedTuple

from paramgroups.indexing import Row
from paramgroups.planning.cascade import Link
from paramgroups.planning.matching import Match
from paramgroups.planning.profile import Profile
from paramgroups.rules import RowValue

SHOWN = 3
ALL = "**"


class Member(NamedTuple):
    """The parameters of a group that have one profile."""

    profile: Profile
    rows: Sequence[Row]


def names_of(groups: Sequence[Sequence[Member]], matches: Sequence[Match]) -> list[str]:
    """A name for each group; what a rule names goes first, so that nothing else takes its name.

    Args:
        groups: The members of each group.
        matches: What each rule matches.
    """
    found: dict[int, str] = {}
    taken: set[str] = set()
    asked = [members[0].profile.group for members in groups]
    for place in sorted(range(len(groups)), key=lambda place: asked[place] is None):
        group, words = asked[place], label(groups[place], matches)
        wanted = [group, f"{group}, {words}"] if group else [words]
        found[place] = _free(wanted, taken)
        taken.add(found[place])
    return [found[place] for place in range(len(groups))]


def _free(wanted: Sequence[str], taken: Collection[str]) -> str:
    """The first name that is free, or else the last of them with a number."""
    numbered = (f"{wanted[-1]} #{number}" for number in count(2))
    return next(name for name in chain(wanted, numbered) if name not in taken)


def label(members: Sequence[Member], matches: Sequence[Match]) -> str:
    """A name for a group, of the rules that decide its values: of those that all its members share.

    Where they share none, each member's rules are named.
    """
    told = [_words(member, matches) for member in members]
    shared = [word for word in told[0] if all(word in words for words in told)]
    if shared or not all(told):
        return ", ".join(shared) or "default"
    each = list(dict.fromkeys(", ".join(words) for words in told))
    return " | ".join(each[:SHOWN]) + (" | …" if len(each) > SHOWN else "")


def _words(member: Member, matches: Sequence[Match]) -> list[str]:
    acting: dict[int, Link] = {}
    for link in _heard(member.profile):
        if link.rule not in acting or link.source is not None:
            acting[link.rule] = link
    words = [_word(matches[number - 1], acting[number], member.rows) for number in sorted(acting) if number]
    words += [text for text in member.profile.watched if text != ALL]
    return list(dict.fromkeys(word for word in words if word))


def _heard(profile: Profile) -> Iterator[Link]:
    """The links that make some value at some time."""
    courses = profile.courses.values()
    cascades = (part for course in courses for part in (course.chain, course.schedules))
    for cascade in (profile.named, profile.trainable, *profile.own.values(), *cascades):
        if len(cascade.links) > 1:
            for start, _ in cascade.pieces:
                yield from cascade.acting(start)


def _word(match: Match, link: Link, rows: Sequence[Row]) -> str:
    if link.source is None:
        return "" if match.rule.selector.text == ALL else match.rule.selector.written
    given = {id(match.rule.start): link.start, id(match.rule.until): link.until}
    value = given.get(id(link.source), link.value)
    words = list(dict.fromkeys(link.source.word(row, value) for row in rows))
    return " | ".join(words) if len(words) <= SHOWN else RowValue.word(link.source, rows[0], value)
