"""Rates against the weights that they move: too large, or too small."""

from collections.abc import Callable, Iterable, Iterator
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.looks.samples import rms, sampled, some
from paramgroups.auditing.steppers import ADAPTIVE, is_one_pass, is_torch, keeps_masters, peak, rule_of
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.auditing.timing.simulating import course_of
from paramgroups.errors import Finding, listing

HUGE = Kind(
    "PG116", "warning", "a step as large as the weights",
    "A rule like Adam moves each number by about the rate at a step, so that one step writes over what was "
    "there.",
)  # fmt: skip
LOST = Kind(
    "PG117", "warning", "updates that are lost in rounding",
    "A weight of half precision has few digits: what is smaller than half the distance to the next number "
    "is added and rounded away.",
)  # fmt: skip
FRESH = 1e-3
"""Matrices smaller than this are made to grow: they begin at 0, or near it."""
HALVES = (torch.bfloat16, torch.float16)
FLOATS = (*HALVES, torch.float32, torch.float64)
MOST = 0.9


class Sample(NamedTuple):
    """A matrix that is trained, and some of its numbers."""

    group: Group
    name: str
    dtype: torch.dtype
    rate: float
    numbers: Tensor


def huge(subject: Subject) -> Iterator[Finding]:
    """Rates larger than most weights of their group."""
    found: dict[int, list[tuple[Sample, float]]] = {}
    for one in _samples(subject, FLOATS, min):
        if (size := rms(one.numbers)) >= FRESH:
            found.setdefault(id(one.group), []).append((one, size))
    large = [[pair for pair in pairs if pair[0].rate > pair[1]] for pairs in found.values()]
    pairs = [
        pair for over, every in zip(large, found.values(), strict=True) if 2 * len(over) > len(every)
        for pair in over
    ]  # fmt: skip
    if pairs:
        worst, size = max(pairs, key=lambda pair: pair[0].rate / pair[1])
        message = (
            f"{rule_of(worst.group)} at the rate {worst.rate:g} moves each number by about that at a step, "
            f'and those of "{worst.name}" are about {size:.2g} in size. Such steps are too large for '
            f"{listing([one.name for one, _ in pairs])}."
        )
        fix = "Rates of such rules are usually 1e-5 to 1e-2; those of SGD are larger."
        yield HUGE.finding(message, fix, dict.fromkeys(one.name for one, _ in pairs))


def lost(subject: Subject) -> Iterator[Finding]:
    """Half-precision weights that a typical step leaves as they are."""
    halves = [one for one in _samples(subject, HALVES, max) if _rounds(one.group)]
    shares = [(one, share) for one in halves if (share := _lost(one)) > MOST]
    if 2 * len(shares) > len(halves):
        first, share = shares[0]
        message = (
            f"In {_dtype(first.dtype)} a step of {rule_of(first.group)} at the rate {first.rate:g} is "
            f'rounded away in {share:.0%} of the numbers of "{first.name}"; so in all of '
            f"{listing([one.name for one, _ in shares])}."
        )
        fix = (
            "Keep the weights in float32 under torch.autocast, or keep float32 masters beside them: "
            "pg.Optimizer(…, master_weights=True)."
        )
        yield LOST.finding(message, fix, dict.fromkeys(one.name for one, _ in shares))


def _samples(
    subject: Subject, dtypes: tuple[torch.dtype, ...], chosen: Callable[[float, float], float]
) -> Iterator[Sample]:
    """Matrices under rules whose step is about the rate, each with some of its numbers."""
    matrices = (one for one in subject.trained if one[2].ndim > 1 and one[2].dtype in dtypes)
    trained = some([
        (group, row, tensor)
        for group, row, tensor in matrices
        if "lora_B" not in row.roles and rule_of(group) in ADAPTIVE
    ])  # fmt: skip
    rates = _rates(subject, {id(group): group for group, *_ in trained}.values(), chosen)
    for group, row, tensor in trained:
        if (rate := rates[id(group)]) and (numbers := sampled(tensor)) is not None:
            yield Sample(group, row.name, tensor.dtype, rate, numbers)


def _rates(
    subject: Subject, groups: Iterable[Group], chosen: Callable[[float, float], float]
) -> dict[int, float]:
    """Of each group the smaller, or the larger, of what was asked for and what its schedule will give."""
    found = {id(group): peak(group) or 0.0 for group in groups}
    courses = [course_of(subject, driver) for driver in subject.drivers]
    for course in filter(None, courses):
        for group, line in zip(course.groups, course.rates, strict=True):
            if (asked := found.get(id(group))) is not None:
                found[id(group)] = chosen(asked, max(filter(isfinite, line), default=0.0))
    return found


def _rounds(group: Group) -> bool:
    """Whether what steps a group adds in the precision of the weights, as far as is known."""
    known = is_torch(group.optimizer) or is_one_pass(group.optimizer)
    return known and not keeps_masters(group.optimizer)


def _lost(one: Sample) -> float:
    """The share of numbers that a step of the rate does not change.

    A number m × 2ᵉ, m from ½ to below 1, is ε × 2ᵉ⁻¹ from the next.
    """
    exponents = torch.frexp(one.numbers).exponent.float()
    spacing = torch.finfo(one.dtype).eps * torch.exp2(exponents - 1)
    return float(((one.rate < spacing / 2) & (one.numbers != 0)).float().mean())


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


KINDS = (HUGE, LOST)
CHECKS: tuple[Check, ...] = (huge, lost)
