"""Kernels: how many are made, how they are compiled, and what they load."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import pytest
import torch
from numba.core.dispatcher import Dispatcher

from paramgroups.optim.algorithms import ALGORITHMS, Algorithm
from paramgroups.optim.backends.kernels import kernel, measuring
from tests.optim.backends.steppers import CASES, Stepper

KINDS = ("float32",) * 2
FORMS = ("plain", "sums", "rehearsal")
LINE, GRID = numba.int64[::1], numba.int64[:, ::1]
FLOAT_LINE, FLOAT_GRID = numba.float64[::1], numba.float64[:, ::1]


def rule_of(case: str) -> Algorithm:
    name, settings = CASES[case]
    return ALGORITHMS[name].of({**ALGORITHMS[name].defaults, **settings})


def test_one_kernel_for_each_rule_dtypes_and_form() -> None:
    rule = rule_of("sgd")
    made = [kernel(rule, KINDS, "float32", form) for form in (*FORMS, *FORMS)]
    assert made[:3] == made[3:]
    assert len({id(one) for one in made}) == 3


def test_kernels_on_disk_are_told_apart() -> None:
    """Numba looks at the file of the template alone, which is one for all."""
    rule = rule_of("sgd")
    other = replace(rule, update=lambda p, g, side, pull, lr: (p + lr * (side * g + pull * p),))
    names = {
        kernel(one, kinds, computing, form).__qualname__
        for one in (rule, other)
        for kinds, computing in ((KINDS, "float32"), (("float64",) * 2, "float64"))
        for form in FORMS
    }
    assert len(names) == 12


def walk_of(made: Any) -> Dispatcher:
    """What a kernel calls."""
    walk: Dispatcher = made.__wrapped__.__globals__["walk"]
    return walk


def compiled_names(made: Any) -> set[str]:
    """Of all functions that a kernel is made of alone."""
    words = walk_of(made).py_func.__globals__.values()
    inner = {word.py_func.__qualname__ for word in words if isinstance(word, Dispatcher)}
    return inner | {walk_of(made).py_func.__qualname__, made.__qualname__}


def test_no_two_kernels_have_code_under_one_name() -> None:
    """What is read from disk is linked by name."""
    rule, halves = rule_of("sgd"), ("float16", "bfloat16")
    made = [measuring(kind) for kind in halves]
    made += [kernel(rule, (kind, kind), "float32", form) for form in FORMS for kind in halves]
    names = [name for one in made for name in compiled_names(one)]
    assert len(names) == len(set(names)) == 2 * 4 + 6 * 6


STEPPED = """
import sys, torch
from tests.optim.backends.steppers import Stepper
for dtype in sys.argv[1:]:
    kind = getattr(torch, dtype)
    ours = Stepper("adamw", [torch.ones(2000, dtype=kind)], [{}], "cpu", state_dtype=torch.float32)
    grads = [torch.full((2000,), 3.0, dtype=kind)]
    told = ours.measure(grads).sum(), ours.rehearse(grads).sum()
    ours.step(grads)
    ours.batch.statistics = True
    print(dtype, *told, ours.step(grads).sum(), float(ours.batch.params[0].double().sum()))
"""


def told_by_a_process(cache: Path, *dtypes: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", STEPPED, *dtypes],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
        timeout=240,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_kernels_that_two_processes_kept_are_not_mixed_up(tmp_path: Path) -> None:
    apart = [line for dtype in ("float16", "bfloat16") for line in told_by_a_process(tmp_path, dtype)]
    assert told_by_a_process(tmp_path, "float16", "bfloat16") == apart


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="reads x86 code")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ["adamw", "adamw, amsgrad", "rmsprop, both"])
def test_the_inner_loop_is_vectorised(case: str, form: str) -> None:
    """With four and five arrays, too, of which three and four are written."""
    name, settings = CASES[case]
    ours = Stepper(name, [torch.ones(40)], [settings], "cpu")
    ours.batch.statistics = form == "sums"
    ours.rehearse([torch.ones(40)]) if form == "rehearsal" else ours.step([torch.ones(40)])
    kinds = ("float32",) * (2 + len(ours.rule.states))
    walk = walk_of(kernel(ours.rule, kinds, "float32", form)).py_func
    fresh = numba.njit(nogil=True, error_model="numpy")(walk)  # what is read from disk has no text
    fresh.compile((LINE, GRID, LINE, LINE, GRID, FLOAT_GRID, FLOAT_LINE, FLOAT_LINE, FLOAT_GRID))
    [code] = fresh.inspect_asm().values()
    assert re.search(r"vsqrtps\s+%[yz]mm", code)
    assert re.search(r"vdivps\s+(%[yz]mm|.*%[yz]mm)", code)


def test_numba_loads_when_a_backend_does() -> None:
    said = (
        "import sys, paramgroups, paramgroups.optim.algorithms, paramgroups.optim.backends.reference; "
        "assert 'numba' not in sys.modules; "
        "import paramgroups.optim.backends.cpu; assert 'numba' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", said], check=True, timeout=120)  # noqa: S603 - our own words
