"""The pass over all chunks in Triton: one program walks one chunk, block by block."""
# ruff: noqa: ANN001, ANN201, N803, PLR0913, PLR0917 - this is Triton: it types its functions itself, takes
# their tables one by one, and has its constants in capitals
# mypy: disable-error-code="untyped-decorator, no-untyped-def, assignment, misc"

from functools import cache
from typing import Any

import triton
import triton.language as tl

from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.backends.binding import bind


@triton.jit
def sqrt(number):
    """The nearest root; `tl.sqrt` of a float32 is one bit off, and 0 below the normal numbers."""
    if number.dtype == tl.float32:
        return tl.sqrt_rn(number)
    return tl.sqrt(number)


@triton.jit
def where(condition, yes, no):
    """One of two numbers, without a branch."""
    return tl.where(condition, yes, no)


@triton.jit
def sign(number):
    """1, 0 or −1; 0 for NaN."""
    return (number > 0).to(number.dtype) - (number < 0).to(number.dtype)


@triton.jit
def maximum(one, other):
    """The larger of two numbers; NaN where one is NaN."""
    return tl.where((one > other) | (one != one), one, other)  # noqa: PLR0124 - only NaN differs from itself


# the interpreter looks for `tl` among a function's names, and evaluates its annotations
WORDS = {"sqrt": sqrt, "where": where, "sign": sign, "maximum": maximum, "tl": tl, "Numbers": float}


@cache
def compiled(rule: Algorithm) -> Any:
    """A rule's `update` as a function that kernels call."""
    return triton.jit(bind(rule.update, WORDS))


@triton.jit
def pointers_at(row, KINDS: tl.constexpr, ALIGNED: tl.constexpr):
    """Where a chunk begins in each array; what is known to be aligned is read 16 bytes at a time."""
    found = ()
    for place in tl.static_range(len(KINDS)):
        pointer = tl.load(row + place).to(tl.pointer_type(KINDS[place]))
        if ALIGNED:
            pointer = tl.multiple_of(pointer, 16)
        found = found + (pointer,)  # noqa: RUF005 - Triton has no star in a tuple
    return found


@triton.jit
def constants_at(row, COUNT: tl.constexpr, COMPUTING: tl.constexpr):
    """The gradients' scale, then what the rule's `prepare` gave."""
    found = ()
    for place in tl.static_range(COUNT):
        found = found + (tl.load(row + place).to(COMPUTING),)  # noqa: RUF005 - likewise
    return found


@triton.jit
def added(total, number, mask, MASKED: tl.constexpr):
    """A total and the squares of a block, in float64; beyond the end numbers mean nothing."""
    wide = number.to(tl.float64)
    return total + (tl.where(mask, wide * wide, 0.0) if MASKED else wide * wide)


@triton.jit
def counted(total, number):
    """A total and how many are not finite: from itself, only a finite number leaves 0."""
    return total + (number - number != 0).to(tl.int32)


@triton.jit
def step_block(
    pointers,
    constants,
    places,
    mask,
    gradients,
    weights,
    updates,
    strange,
    UPDATE: tl.constexpr,
    COMPUTING: tl.constexpr,
    MASKED: tl.constexpr,
    WRITES: tl.constexpr,
    SUMS: tl.constexpr,
):
    """Step one block; the four totals with its own added."""
    numbers = ()
    for place in tl.static_range(len(pointers)):
        number = tl.load(pointers[place] + places, mask=mask, other=0.0 if MASKED else None)
        numbers = numbers + (number.to(COMPUTING),)  # noqa: RUF005 - likewise
    results = UPDATE(numbers[0], constants[0] * numbers[1], *numbers[2:], *constants[1:])
    if WRITES:
        tl.store(pointers[0] + places, results[0], mask=mask)
        for place in tl.static_range(1, len(results)):
            tl.store(pointers[place + 1] + places, results[place], mask=mask)
    if SUMS:
        gradients = added(gradients, numbers[1], mask, MASKED)
        weights = added(weights, numbers[0], mask, MASKED)
        updates = added(updates, results[0] - numbers[0], mask, MASKED)
        strange = counted(strange, numbers[1])
    return gradients, weights, updates, strange


@triton.jit
def keep(row, gradients, weights, updates, strange):
    """Store a chunk's four sums."""
    tl.store(row, tl.sum(gradients, 0))
    tl.store(row + 1, tl.sum(weights, 0))
    tl.store(row + 2, tl.sum(updates, 0))
    tl.store(row + 3, tl.sum(strange, 0).to(tl.float64))


@triton.jit(do_not_specialize_on_alignment=["table"])
def walk(
    chunks,
    table,
    sums,
    UPDATE: tl.constexpr,
    KINDS: tl.constexpr,
    COUNT: tl.constexpr,
    COMPUTING: tl.constexpr,
    ALIGNED: tl.constexpr,
    WRITES: tl.constexpr,
    SUMS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Step one chunk: whole blocks without a mask, then what is left; nothing where its scale is below 0."""
    chunk = tl.program_id(0).to(tl.int64)
    row = chunks + chunk * (len(KINDS) + 2)
    segment = tl.load(row + len(KINDS) + 1)
    shut = tl.load(table + segment * COUNT) < 0
    count = tl.where(shut, 0, tl.load(row + len(KINDS)))
    pointers = pointers_at(row, KINDS, ALIGNED)
    constants = constants_at(table + segment * COUNT, COUNT, COMPUTING)
    lanes = tl.arange(0, BLOCK)
    gradients = tl.full([BLOCK], 0.0, tl.float64)
    weights, updates = gradients, gradients
    strange = tl.full([BLOCK], 0, tl.int32)
    whole = count // BLOCK * BLOCK
    for first in range(0, whole, BLOCK):
        gradients, weights, updates, strange = step_block(
            pointers, constants, first + lanes, None, gradients, weights, updates, strange,
            UPDATE, COMPUTING, False, WRITES, SUMS,
        )  # fmt: skip
    if whole < count:
        places = whole + lanes
        gradients, weights, updates, strange = step_block(
            pointers, constants, places, places < count, gradients, weights, updates, strange,
            UPDATE, COMPUTING, True, WRITES, SUMS,
        )  # fmt: skip
    if SUMS:
        keep(sums + chunk * 4, gradients, weights, updates, strange)


@triton.jit
def measure(chunks, sums, KINDS: tl.constexpr, ALIGNED: tl.constexpr, BLOCK: tl.constexpr):
    """Sum one chunk of the gradients: beyond its end they are read as 0."""
    chunk = tl.program_id(0).to(tl.int64)
    row = chunks + chunk * (len(KINDS) + 2)
    count = tl.load(row + len(KINDS))
    pointer = pointers_at(row, KINDS, ALIGNED)[0]
    lanes = tl.arange(0, BLOCK)
    gradients = tl.full([BLOCK], 0.0, tl.float64)
    none = gradients
    strange = tl.full([BLOCK], 0, tl.int32)
    whole = count // BLOCK * BLOCK
    for first in range(0, whole, BLOCK):
        number = tl.load(pointer + first + lanes).to(tl.float64)
        gradients += number * number
        strange = counted(strange, number)
    if whole < count:
        places = whole + lanes
        number = tl.load(pointer + places, mask=places < count, other=0.0).to(tl.float64)
        gradients += number * number
        strange = counted(strange, number)
    keep(sums + chunk * 4, gradients, none, none, strange)


@triton.jit(do_not_specialize_on_alignment=["bounds"])
def gather(bounds, sums, totals, WIDTH: tl.constexpr):
    """Add up one column of one segment's chunks, always in the same order."""
    segment, column = tl.program_id(0).to(tl.int64), tl.program_id(1)
    first, last = tl.load(bounds + segment), tl.load(bounds + segment + 1)
    total = tl.full([WIDTH], 0.0, tl.float64)
    for start in range(first, last, WIDTH):
        places = start + tl.arange(0, WIDTH)
        total += tl.load(sums + places * 4 + column, mask=places < last, other=0.0)
    tl.store(totals + segment * 4 + column, tl.sum(total, 0))
