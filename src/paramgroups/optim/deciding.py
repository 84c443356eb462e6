"""What gradients must be for a step to be made of them, decided on the device where they are.

It is `limits.passage` in torch's operations, so that the host does not wait for the norms of gradients: a
step is launched with what was decided, and the host is told a step later. Sums are taken segment by segment
in one order, as a GPU adds up scattered numbers in any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.backends.batch import NONFINITE, Floats, Ints
from paramgroups.optim.clipping import SMALL, bounds_of
from paramgroups.optim.fetching import Fetched, sent
from paramgroups.optim.limits import SQUARES, Limit, Outcome, Passage, check_limits

SHUT = -1.0
"""Stands for the factor of a group that is left out."""


@dataclass(frozen=True)
class Tables:
    """What limits and bounds say, on the device.

    Attributes:
        members: The groups of each limit, one limit after the other.
        counts: How many each has.
        owners: For each member its limit.
        bounds: The bound of each limit.
        clip: Whether each clips.
        shut: Whether each leaves its groups out whatever their gradients are.
        clipped: The groups with a `clip_norm`, scope after scope.
        widths: How many groups each scope has.
        scopes: For each clipped group its scope.
        norms: The bound of each clipped group.
    """

    members: Tensor
    counts: Tensor
    owners: Tensor
    bounds: Tensor
    clip: Tensor
    shut: Tensor
    clipped: Tensor
    widths: Tensor
    scopes: Tensor
    norms: Tensor


@dataclass(frozen=True)
class Decision:
    """What was decided, and is still on its way to the host.

    Attributes:
        gates: For each group the factor of its gradients, on the device; below 0 it is left out.
        limits: The limits.
        told: Its way to the host: for each limit norm, count of what is not finite, whether it is shut, and
            factor; then the gates.
    """

    gates: Tensor
    limits: Sequence[Limit]
    told: Fetched

    @property
    def passage(self) -> Passage:
        """As the host is told it: waits for the device if that is not there yet."""
        numbers = self.told.numbers
        count = 4 * len(self.limits)
        rows, gates = numbers[:count].reshape(4, -1).T.tolist(), numbers[count:]
        outcomes = [
            Outcome(limit, norm, int(odd), bool(shut), factor)
            for limit, (norm, odd, shut, factor) in zip(self.limits, rows, strict=True)
        ]
        shut = gates < 0
        return Passage(shut, np.where(shut, 1.0, gates), outcomes)


def decide(
    limits: Sequence[Limit], groups: Sequence[Mapping[str, Any]], sums: Tensor, scale: float
) -> Decision:
    """What of a step is made, and with which gradients: see `limits.passage`, whose twin this is.

    Args:
        limits: The limits.
        groups: The groups, each perhaps with a bound to clip to.
        sums: The sums over the gradients of each group, float64, on the device.
        scale: What all gradients are multiplied by.

    Raises:
        OptimizerError: A limit or a group has a bound that is none, or a limit names no group.

    Example:
        >>> sums = torch.tensor([[9.0, 0, 0, 0], [16.0, 0, 0, 0], [torch.nan, 0, 0, 1]], dtype=torch.float64)
        >>> decide([Limit((0, 1), 2.5, clip=True), Limit((2,))], [{}, {}, {}], sums, 1.0).gates.tolist()
        [0.5, 0.5, -1.0]
    """
    check_limits(limits, len(groups))
    tables = _sent(limits, groups, sums.device)
    both = torch.stack([sums[:, SQUARES], sums[:, NONFINITE]], 1)
    first, shut_first = _judged(tables, both, scale, ~tables.clip)
    out = _any(tables, shut_first, len(sums))
    second, shut_second = _judged(tables, torch.where(out[:, None], 0.0, both), scale, tables.clip)
    norms, odd = torch.where(tables.clip, second, first)
    shut = shut_first | shut_second
    over = tables.clip & ~shut & (norms > tables.bounds)
    factors = torch.where(over, tables.bounds / norms, 1.0)
    each = torch.ones_like(sums[:, 0])
    each = each.scatter_reduce(0, tables.members, factors[tables.owners], "amin") * scale
    out |= _any(tables, shut_second, len(sums))
    gates = torch.where(out, SHUT, each * _clipped(tables, sums[:, SQUARES], each, out, limited=bool(limits)))
    told = torch.cat([norms, odd, shut.double(), factors, gates])
    return Decision(gates, list(limits), Fetched(told))


def group_sums(sums: Tensor, groups: Ints, count: int) -> Tensor:
    """The sums of each of so many groups, from those of segments that stand group by group.

    Args:
        sums: A row for each segment.
        groups: The group of each; in order.
        count: How many groups there are.
    """
    return _totals(sums, sent(np.bincount(groups, minlength=count), sums.device))


def _judged(tables: Tables, both: Tensor, scale: float, of: Tensor) -> tuple[Tensor, Tensor]:
    """Norm and count of what is not finite of each limit, and which of some limits are shut."""
    squares, odd = _totals(both[tables.members], tables.counts).unbind(1)
    norms = squares.sqrt() * scale
    above = ~tables.clip & (norms > tables.bounds)
    return torch.stack([norms, odd]), of & (tables.shut | (odd > 0) | above)


def _any(tables: Tables, flags: Tensor, count: int) -> Tensor:
    """Which groups are in a limit that is flagged."""
    none = torch.zeros(count, dtype=torch.int8, device=flags.device)
    return none.scatter_reduce(0, tables.members, flags[tables.owners].to(torch.int8), "amax") > 0


def _clipped(tables: Tables, squares: Tensor, factors: Tensor, out: Tensor, *, limited: bool) -> Tensor:
    """What `clip_norm` multiplies each group by."""
    stepped = ~out & squares.isfinite() if limited else ~out
    moving = torch.where(stepped, squares, 0.0) * factors.square()
    norms = _totals(moving[tables.clipped], tables.widths).sqrt()[tables.scopes]
    found = torch.ones_like(squares)
    bounded = tables.norms / (norms + SMALL)
    found[tables.clipped] = torch.where(bounded > 1.0, 1.0, bounded)  # a norm that is NaN stays NaN
    return found


def _totals(rows: Tensor, counts: Tensor) -> Tensor:
    """The sums of so many rows, then of the next."""
    return torch.segment_reduce(rows, "sum", lengths=counts, unsafe=True)


def _sent(limits: Sequence[Limit], groups: Sequence[Mapping[str, Any]], device: torch.device) -> Tables:
    """All tables by one copy."""
    counts = np.array([len(limit.groups) for limit in limits], np.int64)
    members = np.fromiter(chain.from_iterable(limit.groups for limit in limits), np.int64)
    places, bounds, scopes = bounds_of(groups)
    order = np.argsort(scopes, kind="stable")
    tables: list[Ints | Floats] = [
        members,
        counts,
        np.repeat(np.arange(len(limits)), counts),
        np.array([limit.bound for limit in limits], np.float64),
        np.array([limit.clip for limit in limits], np.int64),
        np.array([limit.shut for limit in limits], np.int64),
        np.asarray(places, np.int64)[order],
        np.bincount(scopes) if len(scopes) else np.zeros(0, np.int64),
        scopes[order].astype(np.int64),
        bounds[order].astype(np.float64),
    ]
    there = sent(np.concatenate([table.view(np.int64) for table in tables]), device)
    parts = there.tensor_split(np.cumsum([len(table) for table in tables])[:-1].tolist())
    of, sizes, owners, most, clip, shut, clipped, widths, whose, norms = parts
    most, norms = most.view(torch.float64), norms.view(torch.float64)
    return Tables(of, sizes, owners, most, clip > 0, shut > 0, clipped, widths, whose, norms)
