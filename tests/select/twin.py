"""What selectors mean, said slowly: sets of single rows of tensors."""

import operator
import re
from math import isnan

from paramgroups.indexing import Index, Row
from paramgroups.select import Selection
from paramgroups.select.conditions import Attribute, Statistic
from paramgroups.select.nodes import Node, Path, Pins, Regex, Role, Rows, Type
from paramgroups.select.operators import And, Minus, Not, Or
from paramgroups.select.segments import Choice, Literal, Piece, Segment, Span, Star

# The n-th row of dimension 0 of a tensor, or all of one that has no rows.
Atom = tuple[str, int | None]
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def atoms_of(row: Row) -> set[Atom]:
    return {(row.name, n) for n in range(row.shape[0] if row.shape else 0)} or {(row.name, None)}


def everything(index: Index) -> set[Atom]:
    return {atom for row in index for atom in atoms_of(row)}


def atoms(selection: Selection) -> set[Atom]:
    rows = selection.index.rows
    whole = {atom for row, here in zip(rows, selection.whole, strict=True) if here for atom in atoms_of(row)}
    return whole | {
        (rows[at].name, n)
        for at, intervals in selection.rows.items()
        for start, stop in intervals
        for n in range(start, stop)
    }


def found(node: Node, index: Index, pins: Pins) -> set[Atom]:
    match node:
        case Or(parts):
            return set().union(*(found(part, index, pins) for part in parts))
        case And(parts):
            return everything(index).intersection(*(found(part, index, pins) for part in parts))
        case Minus(parts):
            return found(parts[0], index, pins).difference(*(found(part, index, pins) for part in parts[1:]))
        case Not((part,)):
            return everything(index) - found(part, index, pins)
        case Rows(start, stop):
            cut = slice(start, stop)
            return {(row.name, n) for row in index if row.shape for n in range(row.shape[0])[cut]}
    return {atom for row in index if holds(node, row, pins) for atom in atoms_of(row)}


def holds(node: Node, row: Row, pins: Pins) -> bool:
    match node:
        case Path(segments):
            return any(leads(segments, name.split(".")) for name in row.names)
        case Regex(pattern):
            return any(re.fullmatch(pattern, name) for name in row.names)
        case Role(word) | Type(word):
            return word in (row.roles if isinstance(node, Role) else row.module_bases)
        case Attribute(name, sign, value):
            return bool(COMPARE[sign](getattr(row, name), value))
        case Statistic(name, sign, value):
            known = pins[name][row.name]
            return not isnan(known) and bool(COMPARE[sign](known, value))
    raise NotImplementedError(node)


def leads(segments: tuple[Segment, ...], words: list[str]) -> bool:
    if not segments:
        return True
    first, *rest = segments
    if first.deep:
        return any(leads(tuple(rest), words[n:]) for n in range(len(words) + 1))
    return bool(words) and fits(first, words[0]) and leads(tuple(rest), words[1:])


def fits(segment: Segment, word: str) -> bool:
    return re.fullmatch("".join(map(pattern_of, segment.pieces)), word, re.DOTALL) is not None


def pattern_of(piece: Piece) -> str:
    match piece:
        case Literal(characters):
            return re.escape(characters)
        case Star():
            return ".*"
        case Span(first, last):
            return f"0*(?:{'|'.join(map(str, range(first, last + 1)))})"
        case Choice(options):
            return "(?:" + "|".join("".join(map(pattern_of, option)) for option in options) + ")"
    raise NotImplementedError(piece)
