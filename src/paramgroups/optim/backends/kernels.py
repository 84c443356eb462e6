"""The compiled pass over all chunks: one kernel for each rule, set of dtypes, and statistics on or off."""
# ruff: noqa: PLR0913, PLR0917 - a compiled function takes its tables one by one

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.backends import cells, intrinsics, tables
from paramgroups.optim.backends.batch import Floats, Ints
from paramgroups.optim.backends.binding import bind
from paramgroups.optim.backends.intrinsics import claim, loading, narrowing, storing
from paramgroups.optim.backends.tables import TABLE

GRADIENT = 1
"""The place of the gradient among a rule's arrays: it is only read."""

BLOCK = 1024
"""Numbers that are summed in the type of computing, as many at once as the rule takes, before their sum is
added in float64."""
FUSED = {"contract"}
"""A product and a sum of a rule may become one instruction; nothing else may change."""
SUMMED = {"contract", "reassoc", "nsz"}
"""Sums may be taken in another order, which lets them be vectorised; the rule within was compiled without."""
LEAST, MOST = 1e-28, np.inf
"""Between these a block's sum of squares in float32 is exact to about 1e-7: what underflows is too little."""

# What the templates below are bound to, each kernel to its own.
load: Any = None
store: Any = None
narrow: Any = None
prepare: Any = None
update: Any = None
pass_over: Any = None
walk: Any = None
line: Any = None
grid: Any = None
float_line: Any = None
float_grid: Any = None
read: Any = None
checked: Any = None
ZERO: Any = None
ARRAYS = HYPERS = 0


def _pass_plain(bases: Any, first: int, last: int, scale: Any, constants: Any, _: Floats, __: int) -> None:
    for index in range(first, last):
        numbers = load(bases, index)
        store(bases, index, update(numbers[0], scale * numbers[1], *(numbers[2:] + constants)))


def _pass_with_sums(
    bases: Any, first: int, last: int, scale: Any, constants: Any, sums: Floats, chunk: int
) -> None:
    squares, weights, updates, strange = 0.0, 0.0, 0.0, 0
    for start in range(first, last, BLOCK):
        stop = min(start + BLOCK, last)
        gradient_sum = weight_sum = update_sum = ZERO
        for index in range(start, stop):
            numbers = load(bases, index)
            results = update(numbers[0], scale * numbers[1], *(numbers[2:] + constants))
            store(bases, index, results)
            moved = results[0] - numbers[0]
            gradient_sum += numbers[1] * numbers[1]
            weight_sum += numbers[0] * numbers[0]
            update_sum += moved * moved
        found = checked(gradient_sum, bases[GRADIENT], start, stop)
        squares, strange = squares + found[0], strange + found[1]
        weights, updates = weights + weight_sum, updates + update_sum
    sums[chunk, 0], sums[chunk, 1], sums[chunk, 2], sums[chunk, 3] = squares, weights, updates, strange


def _pass_of_gradients(base: int, first: int, last: int, sums: Floats, chunk: int) -> None:
    """Both halves at once: memory serves two runs faster than one."""
    squares, strange, half = 0.0, 0, (last - first) // 2
    for start in range(first, first + half, BLOCK):
        stop = min(start + BLOCK, first + half)
        near_sum = far_sum = ZERO
        for index in range(start, stop):
            near, far = read((base,), index)[0], read((base,), index + half)[0]
            near_sum += near * near
            far_sum += far * far
        found = checked(near_sum, base, start, stop)
        squares, strange = squares + found[0], strange + found[1]
        found = checked(far_sum, base, start + half, stop + half)
        squares, strange = squares + found[0], strange + found[1]
    found = checked(ZERO, base, first + 2 * half, last)  # the last of an odd count
    sums[chunk, 0], sums[chunk, 3] = squares + found[0], strange + found[1]


def _checked(gradient_sum: Any, base: int, start: int, stop: int) -> tuple[float, int]:
    """A block's sum, taken anew in float64 where it is not exact enough; and how many are not finite."""
    if LEAST < gradient_sum < MOST:
        return np.float64(gradient_sum), 0
    squares, strange = 0.0, 0
    for index in range(start, stop):
        gradient = np.float64(read((base,), index)[0])
        squares += gradient * gradient
        strange += not np.isfinite(gradient)
    return squares, strange


def _walk(
    counter: Ints,
    chunks: Ints,
    starts: Ints,
    tensor_of: Ints,
    addresses: Ints,
    hypers: Floats,
    steps: Floats,
    scales: Floats,
    sums: Floats,
) -> None:
    """Take chunks until none is left: threads that are slow, or came late, take fewer."""
    while True:
        chunk = claim(counter.ctypes.data)
        if chunk >= len(chunks):
            return
        segment = chunks[chunk, 0]
        first = starts[segment] + chunks[chunk, 1]
        bases = to_fixed_tuple(addresses[:, tensor_of[segment]], ARRAYS)
        constants = narrow(prepare(steps[segment], *to_fixed_tuple(hypers[segment], HYPERS)))
        scale = narrow((scales[segment],))[0]
        pass_over(bases, first, first + chunks[chunk, 2], scale, constants, sums, chunk)


def _walk_gradients(
    counter: Ints, chunks: Ints, starts: Ints, tensor_of: Ints, addresses: Ints, sums: Floats
) -> None:
    """From the last chunk to the first: a step begins where this ends, with what is cached."""
    while True:
        chunk = len(chunks) - 1 - claim(counter.ctypes.data)
        if chunk < 0:
            return
        segment = chunks[chunk, 0]
        first = starts[segment] + chunks[chunk, 1]
        pass_over(addresses[0, tensor_of[segment]], first, first + chunks[chunk, 2], sums, chunk)


def _enter(_: int, __: int, tables: Any) -> None:
    at = numba.carray(tables, (9, TABLE), np.int64)
    walk(
        line(at[0]), grid(at[1]), line(at[2]), line(at[3]), grid(at[4]),
        float_grid(at[5]), float_line(at[6]), float_line(at[7]), float_grid(at[8]),
    )  # fmt: skip


def _enter_gradients(_: int, __: int, tables: Any) -> None:
    at = numba.carray(tables, (6, TABLE), np.int64)
    walk(line(at[0]), grid(at[1]), line(at[2]), line(at[3]), grid(at[4]), float_grid(at[5]))


@cache
def kernel(rule: Algorithm, kinds: tuple[str, ...], computing: str, form: str) -> Any:
    """Make the kernel of a rule: compiled now, or read from Numba's cache on disk.

    It is a C function of two numbers, which it does not look at, and the address of its tables; several
    threads may be in it at once, and share the work.

    Args:
        rule: The update rule.
        kinds: The names of the dtypes of parameters, gradients and each state.
        computing: The name of the dtype that it computes in.
        form: "plain"; "sums", which also sums statistics; or "rehearsal", which only does that.
    """
    name = "_".join([rule.name, *kinds, computing, form, _digest(rule.prepare, rule.update)])
    written = () if form == "rehearsal" else [place for place in range(len(kinds)) if place != GRADIENT]
    words = {
        **_adding(kinds[GRADIENT], computing, name),
        "to_fixed_tuple": to_fixed_tuple,
        "load": loading(kinds, computing),
        "store": storing(kinds, written),
        "narrow": narrowing(computing),
        "prepare": _compiled(bind(rule.prepare, intrinsics.WORDS, f"prepare_{name}")),
        "update": _compiled(bind(rule.update, intrinsics.WORDS, f"update_{name}"), fastmath=FUSED),
        "ARRAYS": len(kinds),
        "HYPERS": len(rule.hypers),
    }
    template, fastmath = (_pass_plain, False) if form == "plain" else (_pass_with_sums, SUMMED)
    words["pass_over"] = _compiled(bind(template, words, f"pass_{name}"), fastmath=fastmath)
    return _entered(_enter, _walk, words, name)


@cache
def measuring(kind: str) -> Any:
    """Make the kernel that sums the squares of gradients and counts those that are not finite.

    Args:
        kind: The name of their dtype.
    """
    computing = "float64" if kind == "float64" else "float32"
    name = f"gradients_{kind}_{_digest()}"
    words = _adding(kind, computing, name)
    words["pass_over"] = _compiled(bind(_pass_of_gradients, words, f"pass_{name}"), fastmath=SUMMED)
    return _entered(_enter_gradients, _walk_gradients, words, name)


def _adding(kind: str, computing: str, name: str) -> dict[str, Any]:
    """What sums of gradients of this dtype are added up with."""
    words = {"np": np, "claim": claim, "GRADIENT": GRADIENT, "read": loading((kind,), computing)}
    words |= {"BLOCK": BLOCK, "LEAST": LEAST, "MOST": MOST, "ZERO": np.dtype(computing).type(0)}
    return words | {"checked": _compiled(bind(_checked, words, f"checked_{name}"), fastmath=SUMMED)}


def _entered(
    entry: Callable[..., None], walk: Callable[..., None], words: Mapping[str, Any], name: str
) -> Any:
    own = {"walk": _compiled(bind(walk, words, f"walk_{name}")), "numba": numba, "np": np, "TABLE": TABLE}
    bound = bind(entry, own | tables.READERS, f"enter_{name}")
    signature = numba.types.void(numba.types.int64, numba.types.int64, numba.types.voidptr)
    try:
        return numba.cfunc(signature, cache=True)(bound)
    except RuntimeError:  # there is no folder to keep it in
        return numba.cfunc(signature)(bound)


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Under a name that no other has: what is read from disk is linked by name, one code for two kernels."""
    return numba.njit(error_model="numpy", nogil=True, **options)(function)


def _digest(*functions: Callable[..., Any]) -> str:
    """Numba looks at this file alone to tell whether what it kept is stale: the name tells of all others."""
    codes = [function.__code__ for function in functions]
    text = repr([(code.co_code, code.co_consts, code.co_names) for code in codes]).encode()
    return hashlib.sha256(text + _below()).hexdigest()[:16]


@cache
def _below() -> bytes:
    return b"".join(Path(str(module.__file__)).read_bytes() for module in (cells, intrinsics, tables))
