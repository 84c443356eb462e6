"""What is pretrained and what is fresh, told from the values alone."""

from collections.abc import Iterable, Iterator
from math import isclose

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.looks.samples import rms, sampled
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.errors import Finding, listing
from paramgroups.indexing import Row

TOGETHER = Kind(
    "PG131", "advice", "a pretrained part at the rate of a fresh one",
    "A fresh head wants a higher rate than what is trained already: at one rate for both either the head "
    "learns slowly, or what was learnt is washed out.",
)  # fmt: skip

ENOUGH = 16
"""So many norms tell whether a model is trained."""
LONG = 100
"""After so many batches running statistics are those of a training, and not of a first look."""
UNIFORM = 3.0**-0.5
"""The root mean square of what is spread evenly from -1 to 1."""


def together(subject: Subject) -> Iterator[Finding]:
    """A fresh head at no higher rate than the pretrained weights below it."""
    if subject.plan is not None or any(optimizer.state for optimizer in subject.optimizers):
        return
    trained = list(subject.trained)
    heads = [(group, row) for group, row, tensor in trained if _is_fresh(subject, row, tensor)]
    body = max((rate for group, row, _ in trained if (rate := _body_rate(group, row))), default=0.0)
    late = [(row.name, group.base) for group, row in heads if group.base and group.base <= body]
    if late and _is_pretrained(subject):
        names = [name for name, _ in late]
        message = (
            f"The norms are those of a trained model, and {listing(names)} is as it is initialised: it "
            f"learns at {late[0][1]:g}, and the weights below it at up to {body:g}."
        )
        fix = (
            'Give the head a higher rate: {"params": model.head.parameters(), "lr": 10 * rate}, or the rule '
            'pg.rule("head", lr_scale=10).'
        )
        yield TOGETHER.finding(message, fix, names)


def _body_rate(group: Group, row: Row) -> float | None:
    """The rate of a matrix that is part of neither a head nor an adapter."""
    return group.base if row.ndim > 1 and not {"head", "lora_A", "lora_B"} & row.roles else None


def _is_fresh(subject: Subject, row: Row, tensor: Tensor) -> bool:
    """Whether the weight of an output layer has the values that it is made with."""
    if row.ndim != 2 or "head" not in row.roles or "embedding" in row.roles:  # noqa: PLR2004  # a matrix
        return False
    bias = subject.tensors.get(f"{row.name.rpartition('.')[0]}.bias")
    of_bias = None if bias is None else sampled(bias)
    if of_bias is not None and not of_bias.any():
        return True
    found = sampled(tensor)
    return found is not None and _is_uniform(found, row.fan_in)


def _is_uniform(found: Tensor, fan_in: int) -> bool:
    """Whether numbers are spread evenly up to 1/√fan_in, as `nn.Linear` makes them."""
    bound = fan_in**-0.5
    largest = float(found.abs().max())
    return 0.8 * bound <= largest <= bound * 1.001 and isclose(rms(found), UNIFORM * bound, rel_tol=0.2)


def _is_pretrained(subject: Subject) -> bool:
    """Whether norms have been trained: no initialisation gives them both other scales and other shifts."""
    known = [(row.name, row.role) for row in subject.index if row.role == "norm"]
    scales = [name for name, _ in known if name.endswith("weight")]
    step = max(1, len(scales) // ENOUGH)
    return any(_is_trained(subject, name) for name in scales[::step]) or _has_statistics(subject.modules)


def _is_trained(subject: Subject, name: str) -> bool:
    scale = sampled(subject.tensors[name])
    shift = subject.tensors.get(name.removesuffix("weight") + "bias")
    moved = None if shift is None else sampled(shift)
    return scale is not None and _differs(scale) and (moved is None or bool(moved.any()))


def _differs(numbers: Tensor) -> bool:
    return bool((numbers != numbers[0]).any())


def _has_statistics(modules: Iterable[nn.Module]) -> bool:
    """Whether the statistics of batch norm are those of a training."""
    counts = [
        one.num_batches_tracked
        for one in modules
        if isinstance(one, _NormBase) and isinstance(one.num_batches_tracked, torch.Tensor)
    ]
    return any(not count.is_meta and int(count) > LONG for count in counts[:ENOUGH])


KINDS = (TOGETHER,)
CHECKS: tuple[Check, ...] = (together,)
