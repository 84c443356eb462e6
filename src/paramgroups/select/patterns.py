"""Paths that find given parameters and no barred one: the largest modules, and like ones taken together."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from paramgroups.indexing.index import Index
from paramgroups.select.nodes import Node, Path, Scope
from paramgroups.select.segments import ANY, DEEP, Choice, Literal, Segment, Span, literal
from paramgroups.select.selection import Mask

Words = tuple[str, ...]
Pattern = tuple[Words, ...]
"""For each segment of a path the words that may stand there."""

ANYTHING = Path((DEEP,))
FEW = 2
"""So many alternatives are written out; more may be a range, or `*` where that finds nothing else."""


def patterns(index: Index, wanted: Mask, barred: Mask) -> list[Node]:
    """Paths that together find all that is wanted, and nothing that is barred."""
    modules = _modules(index, wanted, barred)
    found = [_path(pattern, index, wanted, barred) for pattern in _merged(modules)]
    return list(_needed(found, index, wanted))


def _needed(paths: list[Path], index: Index, wanted: Mask) -> Iterator[Path]:
    """The paths without those that find nothing wanted which the ones before do not."""
    rest = wanted.copy()
    for path in paths:
        mask = path.mask(Scope(index, {}))
        if (mask & rest).any():
            yield path
        rest &= ~mask


def _modules(index: Index, wanted: Mask, barred: Mask) -> list[Pattern]:
    """The largest modules with nothing barred in them, down to single parameters."""
    spoilt = Counter(
        prefix for name, position in index.positions.items() if barred[position] for prefix in _prefixes(name)
    )
    names = (index.rows[position].name for position in np.flatnonzero(wanted))
    found = (next(prefix for prefix in _prefixes(name) if not spoilt[prefix]) for name in names)
    return [tuple((word,) for word in module) for module in dict.fromkeys(found)]


def _prefixes(name: str) -> Iterator[Words]:
    words = tuple(name.split("."))
    return (words[:length] for length in range(1, len(words) + 1))


def _merged(patterns: list[Pattern]) -> list[Pattern]:
    """Paths that differ in one segment only, taken together: they find what they found apart."""
    before: list[Pattern] = []
    while before != patterns:
        before = patterns
        for column in range(max(map(len, patterns), default=0)):
            patterns = _merged_in(column, patterns)
    return patterns


def _merged_in(column: int, patterns: list[Pattern]) -> list[Pattern]:
    found: dict[tuple[Pattern, Pattern, bool], Words] = {}
    for pattern in patterns:
        here = pattern[column : column + 1]
        # A lone word reads better beside another than in braces with it.
        apart = not here or (len(pattern) == 1 and not _are_numbers(here[0]))
        key = (pattern, (), apart) if apart else (pattern[:column], pattern[column + 1 :], apart)
        found[key] = found.get(key, ()) + (() if apart else here[0])
    return [before if apart else (*before, words, *after) for (before, after, apart), words in found.items()]


def _are_numbers(words: Words) -> bool:
    return all(map(_is_number, words))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and (word == "0" or word[0] != "0")


def _path(pattern: Pattern, index: Index, wanted: Mask, barred: Mask) -> Path:
    """A path of the pattern, with stars and ranges where they find nothing barred."""
    path = Path(tuple(map(_choice, pattern)))
    for column, words in enumerate(pattern):
        for shorter in (ANY, _ranges(words)):
            tried = Path((*path.segments[:column], shorter, *path.segments[column + 1 :]))
            before, after = path.mask(Scope(index, {})), tried.mask(Scope(index, {}))
            more = (after & wanted).sum() > (before & wanted).sum()
            if not (after & barred).any() and (len(words) > FEW or (more and _are_numbers(words))):
                path = tried
                break
    return path


def _choice(words: Words) -> Segment:
    if len(words) == 1:
        return literal(words[0])
    return Segment((Choice(tuple((Literal(word),) for word in words)),))


def _ranges(words: Words) -> Segment:
    """The words in braces, numbers that follow each other as a range."""
    numbers = sorted(int(word) for word in words if _is_number(word))
    runs = (
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    )
    options: list[tuple[Literal] | tuple[Span]] = []
    for run in runs:
        if len(run) > FEW:
            options.append((Span(run[0], run[-1]),))
        else:
            options += [(Literal(str(number)),) for number in run]
    options += [(Literal(word),) for word in words if not _is_number(word)]
    return Segment((Choice(tuple(options)),))
