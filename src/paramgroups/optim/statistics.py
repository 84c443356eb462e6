"""What the last step has done, told by group, by parameter or by segment: summed in the pass itself."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from paramgroups.errors import OptimizerError, nearest
from paramgroups.optim.backends.batch import NONFINITE, STATISTICS, Floats, Ints, Sums
from paramgroups.optim.finding import Bools, reals
from paramgroups.optim.parts import batch_sums

Group = Mapping[str, Any]

WEIGHTS = 1
"""The place of Σw² among the sums."""


GONE = (
    "Parameters or groups were taken away since the last step, which has no names without them. Ask for its "
    "statistics before, or after the next step."
)


class Statistics(NamedTuple):
    """What a step has done to some numbers.

    Attributes:
        grad_norm: √Σg² of their gradients, before they were clipped.
        weight_norm: √Σw² before the step.
        update_norm: √Σ(w′ − w)², before the sum is rounded to the weight's dtype.
        nonfinite: How many of the gradients are infinite or NaN.
    """

    grad_norm: float
    weight_norm: float
    update_norm: float
    nonfinite: int

    @property
    def update_ratio(self) -> float:
        """How far they moved for their size, ‖w′ − w‖ / ‖w‖; infinite where they left 0.

        About 1e-3 is what healthy training often shows; much more undoes what a network has learned.
        """
        if self.update_norm == 0.0:
            return 0.0
        return self.update_norm / self.weight_norm if self.weight_norm else np.inf


@dataclass(frozen=True, eq=False)
class Told:
    """The sums of a launch, and whose they are.

    Attributes:
        sums: Four sums for each segment, perhaps still on a device.
        groups: The group of each segment.
        members: Which of the group's parameters it is of.
        starts: Its first number there.
        counts: How many numbers it has.
        stepped: Whether it was stepped.
        weighed: Whether weights were summed: not where the gradients alone were looked at.
    """

    sums: Sums
    groups: Ints
    members: Ints
    starts: Ints
    counts: Ints
    stepped: Bools
    weighed: bool = True


def total(told: Sequence[Told], count: int) -> Floats:
    """The sums of each of so many groups."""
    found = np.zeros((count, STATISTICS))
    for one in told:
        sums = batch_sums(one.sums)
        for column in range(STATISTICS):
            found[:, column] += np.bincount(one.groups, sums[:, column], count)
    return found


def tell(told: Sequence[Told], groups: Sequence[Group], by: str, scale: float) -> dict[str, Statistics]:
    """Statistics by name.

    Args:
        told: What the launches summed.
        groups: The groups.
        by: `"group"`, `"parameter"`, or `"segment"`, which tells rows with settings of their own apart.
        scale: What all gradients are multiplied by.

    Raises:
        OptimizerError: It is none of these, or what was stepped is there no more.
    """
    if by not in VIEWS:
        raise OptimizerError(f"statistics(by={by!r}): there is no such view. {nearest(str(by), VIEWS)}")
    labels = labels_of(groups)
    if by == "group":
        return _of_groups(told, labels, scale)
    found: dict[str, Floats] = {}
    for one in told:
        sums = _weighed(one)
        for segment in np.flatnonzero(one.stepped).tolist():
            name = _name(by, one, segment, groups, labels)
            found[name] = found.get(name, 0.0) + sums[segment]
    return {name: _statistics(sums, scale) for name, sums in found.items()}


def _of_groups(told: Sequence[Told], labels: Sequence[str], scale: float) -> dict[str, Statistics]:
    """Those of groups at once, however many tensors they have: guards ask for them at every step."""
    sums, present = np.zeros((len(labels), STATISTICS)), np.zeros(len(labels), np.bool_)
    for one in told:
        here, groups = _weighed(one)[one.stepped], one.groups[one.stepped]
        if groups.max(initial=0) >= len(labels):
            raise OptimizerError(GONE)
        present[groups] = True
        for column in range(STATISTICS):
            sums[:, column] += np.bincount(groups, here[:, column], len(labels))
    sums[:, :NONFINITE] = np.sqrt(sums[:, :NONFINITE])
    sums[:, 0] *= scale
    rows = zip(labels, sums.tolist(), present.tolist(), strict=True)
    return {
        label: Statistics(grads, weights, updates, int(odd))
        for label, (grads, weights, updates, odd), here in rows
        if here
    }


def _weighed(told: Told) -> Floats:
    sums = batch_sums(told.sums)
    return sums if told.weighed else np.where(np.arange(STATISTICS) == WEIGHTS, np.nan, sums)


def left_out(told: Told, shut: Bools) -> Told:
    """Of what was measured, that of the groups that are not stepped."""
    return replace(told, weighed=False, stepped=told.stepped & shut[told.groups])


def _statistics(sums: Floats, scale: float) -> Statistics:
    grads, weights, updates = np.sqrt(sums[:3]).tolist()
    return Statistics(grads * scale, weights, updates, int(sums[3]))


def _name(by: str, told: Told, segment: int, groups: Sequence[Group], labels: Sequence[str]) -> str:
    try:
        return NAMES[by](told, segment, groups, labels)
    except IndexError as error:
        raise OptimizerError(GONE) from error


def labels_of(groups: Sequence[Group]) -> list[str]:
    """What each group is called: its name, or its number; both where others have the same."""
    names = [str(group.get("name", number)) for number, group in enumerate(groups)]
    if len(set(names)) == len(names):
        return names
    count = Counter(names)
    return [name if count[name] == 1 else f"{name} (group {number})" for number, name in enumerate(names)]


def _parameter(told: Told, segment: int, groups: Sequence[Group], labels: Sequence[str]) -> str:
    number, member = int(told.groups[segment]), int(told.members[segment])
    names = groups[number].get("param_names", ())
    return str(names[member]) if member < len(names) else f"{labels[number]}[{member}]"


def _segment(told: Told, segment: int, groups: Sequence[Group], labels: Sequence[str]) -> str:
    name = _parameter(told, segment, groups, labels)
    param = groups[int(told.groups[segment])]["params"][int(told.members[segment])]
    total = reals(param)
    size = total // max(1, param.shape[0]) if param.dim() else 1
    start, count = int(told.starts[segment]), int(told.counts[segment])
    whole = count >= total
    return name if whole else f"{name}[{start // size}:{(start + count) // size}]"


NAMES: Mapping[str, Callable[[Told, int, Sequence[Group], Sequence[str]], str]] = {
    "parameter": _parameter,
    "segment": _segment,
}
"""What a segment is called in each view that tells segments or parameters apart."""

VIEWS = ("group", *NAMES)
