"""Kernels: how many are made, how they are compiled, and what they load."""

import re
import subprocess
import sys
from dataclasses import replace

import numba
import pytest
import torch

from paramgroups.optim.algorithms import ALGORITHMS, Algorithm
from paramgroups.optim.backends.kernels import kernel
from tests.optim.backends.steppers import CASES, Stepper

KINDS = ("float32",) * 2


def rule_of(case: str) -> Algorithm:
    name, settings = CASES[case]
    return ALGORITHMS[name].of({**ALGORITHMS[name].defaults, **settings})


def test_one_kernel_for_each_rule_dtypes_and_sums() -> None:
    rule = rule_of("sgd")
    assert kernel(rule, KINDS, "float32", sums=False) is kernel(rule, KINDS, "float32", sums=False)
    assert kernel(rule, KINDS, "float32", sums=True) is not kernel(rule, KINDS, "float32", sums=False)


def test_kernels_on_disk_are_told_apart() -> None:
    """Numba looks at the file of the template alone, which is one for all."""
    rule = rule_of("sgd")
    other = replace(rule, update=lambda p, g, side, pull, lr: (p + lr * (side * g + pull * p),))
    names = {
        kernel(one, kinds, computing, sums=sums).serial.__qualname__
        for one in (rule, other)
        for kinds, computing in ((KINDS, "float32"), (("float64",) * 2, "float64"))
        for sums in (False, True)
    }
    assert len(names) == 8


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="reads x86 code")
@pytest.mark.parametrize("sums", [False, True], ids=["plain", "sums"])
@pytest.mark.parametrize("case", ["adamw", "adamw, amsgrad", "rmsprop, both"])
def test_the_inner_loop_is_vectorised(case: str, sums: bool) -> None:  # noqa: FBT001 - a case
    """With four and five arrays, too, of which three and four are written."""
    name, settings = CASES[case]
    ours = Stepper(name, [torch.ones(40)], [settings], "cpu")
    ours.sum_up() if sums else None
    ours.step([torch.ones(40)])
    kinds = ("float32",) * (2 + len(ours.rule.states))
    made = kernel(ours.rule, kinds, "float32", sums=sums).serial
    fresh = numba.njit(nogil=True, error_model="numpy")(made.py_func)  # what is read from disk has no text
    fresh.compile(made.signatures[0])
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
