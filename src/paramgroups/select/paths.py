"""Paths: patterns of dotted names, matched segment by segment against all names at once."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from paramgroups.indexing.spelling import Spelling
from paramgroups.select.segments import Segment
from paramgroups.select.selection import Mask

Segments = tuple[Segment, ...]
# How many segments of the pattern have been matched, and the names of which they are a beginning.
States = dict[int, Mask]
Numbers = npt.NDArray[np.int32]


def under(names: Spelling, segments: Segments, length: int) -> Mask:
    """Which of `length` parameters have a name that the segments match, or are under such a module."""
    mask = np.zeros(length, dtype=np.bool_)
    for states in steps(names, segments):
        if len(segments) in states:
            mask[names.positions[states[len(segments)]]] = True
    return mask


def steps(names: Spelling, segments: Segments) -> Iterator[States]:
    """The states before each column of the names, and those after the last."""
    states = _with_none(segments, {0: np.ones(len(names.positions), dtype=np.bool_)})
    yield states
    for column in names.columns:
        states = _with_none(segments, _after(names, segments, states, column))
        yield states


def words_in(names: Spelling, column: Numbers) -> dict[str, int]:
    """The words that stand in a column, with their numbers."""
    present = np.bincount(column, minlength=len(names.words) + 1)
    return {word: number for word, number in names.words.items() if present[number]}


def _after(names: Spelling, segments: Segments, states: States, column: Numbers) -> States:
    after: States = {}
    for matched, mask in states.items():
        if matched == len(segments):
            continue
        if segments[matched].deep:
            _add(after, matched, mask)
        else:
            _add(after, matched + 1, mask & _fitting(names, segments[matched], column))
    return after


def _fitting(names: Spelling, segment: Segment, column: Numbers) -> Mask:
    """The names whose segment in this column is as the pattern says."""
    if segment.literal is not None:
        return np.equal(column, names.words.get(segment.literal, -1))
    fits = np.zeros(len(names.words) + 1, dtype=np.bool_)
    for word, number in words_in(names, column).items():
        fits[number] = segment.matches(word)
    return fits[column]


def _with_none(segments: Segments, states: States) -> States:
    """The states with each `**` passed over too, since it may stand for nothing."""
    for matched, segment in enumerate(segments):
        if segment.deep and matched in states:
            _add(states, matched + 1, states[matched])
    return states


def _add(states: States, matched: int, names: Mask) -> None:
    if names.any():
        states[matched] = states[matched] | names if matched in states else names
