"""The compiled pass over all chunks: one kernel for each rule, set of dtypes, and statistics on or off."""
# ruff: noqa: PLR0913, PLR0917 - a compiled function takes its tables one by one

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.backends import cells, intrinsics
from paramgroups.optim.backends.batch import Floats, Ints
from paramgroups.optim.backends.binding import bind
from paramgroups.optim.backends.intrinsics import claim, loading, narrowing, storing

GRADIENT = 1
"""The place of the gradient among a rule's arrays: it is only read."""

# What the templates below are bound to, each kernel to its own: see `_words`.
load: Any = None
store: Any = None
narrow: Any = None
prepare: Any = None
update: Any = None
pass_over: Any = None
walk: Any = None
ARRAYS = HYPERS = 0


@dataclass(frozen=True)
class Kernel:
    """Both forms of one pass; the parallel one takes the number of threads before all else."""

    serial: Any
    parallel: Any


def _pass_plain(bases: Any, first: int, last: int, scale: Any, constants: Any, _: Floats, __: int) -> None:
    for index in range(first, last):
        numbers = load(bases, index)
        store(bases, index, update(numbers[0], scale * numbers[1], *(numbers[2:] + constants)))


def _pass_with_sums(
    bases: Any, first: int, last: int, scale: Any, constants: Any, sums: Floats, chunk: int
) -> None:
    gradients = weights = updates = 0.0
    for index in range(first, last):
        numbers = load(bases, index)
        results = update(numbers[0], scale * numbers[1], *(numbers[2:] + constants))
        store(bases, index, results)
        gradient, weight = np.float64(numbers[1]), np.float64(numbers[0])
        moved = np.float64(results[0] - numbers[0])
        gradients += gradient * gradient
        weights += weight * weight
        updates += moved * moved
    sums[chunk, 0], sums[chunk, 1], sums[chunk, 2] = gradients, weights, updates
    if not np.isfinite(gradients):
        # a finite sum says that there are none, so they are counted where it is not
        for index in range(first, last):
            sums[chunk, 3] += not np.isfinite(load(bases, index)[1])


def _walk(
    counter: int,
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
        chunk = claim(counter)
        if chunk >= len(chunks):
            return
        segment = chunks[chunk, 0]
        first = starts[segment] + chunks[chunk, 1]
        bases = to_fixed_tuple(addresses[:, tensor_of[segment]], ARRAYS)
        constants = narrow(prepare(steps[segment], *to_fixed_tuple(hypers[segment], HYPERS)))
        scale = narrow((scales[segment],))[0]
        pass_over(bases, first, first + chunks[chunk, 2], scale, constants, sums, chunk)


def _walk_together(
    threads: int,
    counter: int,
    chunks: Ints,
    starts: Ints,
    tensor_of: Ints,
    addresses: Ints,
    hypers: Floats,
    steps: Floats,
    scales: Floats,
    sums: Floats,
) -> None:
    for _ in numba.prange(threads):
        walk(counter, chunks, starts, tensor_of, addresses, hypers, steps, scales, sums)


@cache
def kernel(rule: Algorithm, kinds: tuple[str, ...], computing: str, *, sums: bool) -> Kernel:
    """Make the kernel of a rule; it is compiled when it first runs, or read from Numba's cache on disk.

    Args:
        rule: The update rule.
        kinds: The names of the dtypes of parameters, gradients and each state.
        computing: The name of the dtype that it computes in.
        sums: Whether it sums the statistics.
    """
    words, name = _words(rule, kinds, computing), _name(rule, kinds, computing, sums=sums)
    words["pass_over"] = _sums(words, _pass_with_sums) if sums else _compiled(bind(_pass_plain, words))
    serial = _kept(bind(_walk, words, f"walk_{name}"))
    together = bind(_walk_together, {"numba": numba, "walk": serial}, f"walk_together_{name}")
    return Kernel(serial, _kept(together, parallel=True))


def _words(rule: Algorithm, kinds: tuple[str, ...], computing: str) -> dict[str, Any]:
    return {
        "np": np,
        "claim": claim,
        "to_fixed_tuple": to_fixed_tuple,
        "load": loading(kinds, computing),
        "store": storing(kinds, GRADIENT),
        "narrow": narrowing(computing),
        "prepare": _compiled(bind(rule.prepare, intrinsics.WORDS)),
        # a product and a sum may become one instruction; nothing else may change
        "update": _compiled(bind(rule.update, intrinsics.WORDS), fastmath={"contract"}),
        "ARRAYS": len(kinds),
        "HYPERS": len(rule.hypers),
    }


def _sums(words: Mapping[str, Any], template: Callable[..., None]) -> Any:
    """Sums may be taken in another order, which lets them be vectorised; the rule was compiled without."""
    return _compiled(bind(template, words), fastmath={"contract", "reassoc", "nsz"})


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    return numba.njit(error_model="numpy", nogil=True, **options)(function)


def _kept(function: Callable[..., Any], **options: Any) -> Any:
    """Compiled, and kept on disk where there is a folder to write to."""
    try:
        return _compiled(function, cache=True, **options)
    except RuntimeError:
        return _compiled(function, **options)


def _name(rule: Algorithm, kinds: tuple[str, ...], computing: str, *, sums: bool) -> str:
    """What Numba keeps a kernel under: it looks at this file alone, so the name tells of all others."""
    words = [rule.name, *kinds, computing, "sums" if sums else "plain", _digest(rule)]
    return "_".join(words)


def _digest(rule: Algorithm) -> str:
    codes = [function.__code__ for function in (rule.prepare, rule.update)]
    text = repr([(code.co_code, code.co_consts, code.co_names) for code in codes]).encode()
    return hashlib.sha256(text + _below()).hexdigest()[:16]


@cache
def _below() -> bytes:
    return b"".join(Path(str(module.__file__)).read_bytes() for module in (cells, intrinsics))
