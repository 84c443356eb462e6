"""How numbers lie in memory, and how a compiled kernel reads and writes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

FLOAT, DOUBLE, HALF = ir.FloatType(), ir.DoubleType(), ir.HalfType()
WORD, SHORT = ir.IntType(32), ir.IntType(16)
BITS = {HALF: 16, FLOAT: 32, DOUBLE: 64}
HIDDEN = 16
"""The bits of a float32 that bfloat16 leaves out."""
HALF_WAY, QUIET = 0x7FFF, 0x7FC0


@dataclass(frozen=True)
class Cell:
    """One number in memory.

    Attributes:
        stored: Its type there.
        read: `(builder, what was loaded) -> a float`.
        write: `(builder, a float) -> what is stored`.
    """

    stored: Any
    read: Callable[[Any, Any], Any]
    write: Callable[[Any, Any], Any]


def converted(builder: Any, number: Any, wanted: Any) -> Any:
    """A float as one of another width."""
    if number.type == wanted:
        return number
    if {_bits(number.type), _bits(wanted)} == {BITS[HALF], BITS[DOUBLE]}:
        number = converted(
            builder, number, FLOAT
        )  # as torch does; to do it at once is a call that LLVM lacks
    widens = _bits(number.type) < _bits(wanted)
    return (builder.fpext if widens else builder.fptrunc)(number, wanted)


def _bits(kind: Any) -> int:
    return next(bits for known, bits in BITS.items() if known == kind)


def _plain(kind: Any) -> Cell:
    return Cell(kind, lambda _, number: number, lambda builder, number: converted(builder, number, kind))


def _read_bfloat16(builder: Any, number: Any) -> Any:
    return builder.bitcast(builder.shl(builder.zext(number, WORD), WORD(HIDDEN)), FLOAT)


def _write_bfloat16(builder: Any, number: Any) -> Any:
    """Round to nearest, to even where two are as near: half of the last bit that stays is added."""
    number = converted(builder, number, FLOAT)
    bits = builder.bitcast(number, WORD)
    odd = builder.and_(builder.lshr(bits, WORD(HIDDEN)), WORD(1))
    rounded = builder.lshr(builder.add(builder.add(bits, WORD(HALF_WAY)), odd), WORD(HIDDEN))
    is_nan = builder.fcmp_unordered("uno", number, number)
    return builder.trunc(builder.select(is_nan, WORD(QUIET), rounded), SHORT)


CELLS = {
    "float64": _plain(DOUBLE),
    "float32": _plain(FLOAT),
    "float16": _plain(HALF),
    "bfloat16": Cell(SHORT, _read_bfloat16, _write_bfloat16),
}
"""By the dtype's name."""
