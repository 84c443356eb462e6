"""Sets of row numbers as sorted, disjoint, non-empty, half-open intervals."""

from collections.abc import Iterable

Intervals = tuple[tuple[int, int], ...]


def union(left: Intervals, right: Intervals) -> Intervals:
    """Rows of either.

    >>> union(((0, 3), (8, 9)), ((3, 5),))
    ((0, 5), (8, 9))
    """
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(left + right):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return tuple(merged)


def intersection(left: Intervals, right: Intervals) -> Intervals:
    """Rows of both.

    >>> intersection(((0, 5), (8, 12)), ((3, 9),))
    ((3, 5), (8, 9))
    """
    met = ((max(a, c), min(b, d)) for a, b in left for c, d in right)
    return tuple((start, stop) for start, stop in met if start < stop)


def complement(intervals: Intervals, length: int) -> Intervals:
    """The rows from 0 to `length` that are in none of the intervals.

    >>> complement(((2, 4),), 6)
    ((0, 2), (4, 6))
    """
    edges = (0, *_flat(intervals), length)
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return tuple((start, stop) for start, stop in gaps if start < stop)


def _flat(intervals: Intervals) -> Iterable[int]:
    return (edge for interval in intervals for edge in interval)
