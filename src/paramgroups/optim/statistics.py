"""What the last step has done, told by group, by parameter or by segment: summed in the pass itself."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from paramgroups.errors import OptimizerError, nearest
from paramgroups.optim.backends.batch import NONFINITE, STATISTICS, Floats, Ints, Sums
from paramgroups.optim.fetching import Fetched
from paramgroups.optim.finding import Bools
from paramgroups.optim.parts import batch_sums

Group = Mapping[str, Any]

WEIGHTS, UPDATES = 1, 2
"""The places of Σw² and Σ(w′ − w)² among the sums."""


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


class ByGroup(Mapping[str, Statistics]):
    """The statistics of groups; who asks for one number of each, at every step, makes no objects.

    Args:
        names: The groups.
        norms: A row for each: what its `Statistics` hold.

    Example:
        >>> found = ByGroup(["stem", "head"], np.array([[3.0, 2.0, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0]]))
        >>> found["stem"].update_ratio, found.update_ratios
        (0.25, {'stem': 0.25, 'head': 0.0})
    """

    def __init__(self, names: Sequence[str], norms: Floats) -> None:
        self._names, self._norms = names, norms

    def __getitem__(self, name: str) -> Statistics:
        grads, weights, updates, odd = self._norms[self._places[name]].tolist()
        return Statistics(grads, weights, updates, int(odd))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __repr__(self) -> str:
        return repr(dict(self))

    @property
    def grad_norms(self) -> list[float]:
        """The norm of the gradients of each."""
        found: list[float] = self._norms[:, 0].tolist()
        return found

    @cached_property
    def update_ratios(self) -> dict[str, float]:
        """How far each moved for its size."""
        rows = zip(
            self._names, self._norms[:, WEIGHTS].tolist(), self._norms[:, UPDATES].tolist(), strict=True
        )
        return {
            name: (updates / weights if weights else np.inf) if updates else 0.0
            for name, weights, updates in rows  # no call for each: there may be hundreds
        }

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._names)}


def chosen(seen: Mapping[str, Statistics], names: Collection[str]) -> Mapping[str, Statistics]:
    """Those of some groups that are there."""
    if len(seen) == len(names) and all(map(seen.__contains__, names)):
        return seen
    return {name: seen[name] for name in names if name in seen}


@dataclass(frozen=True, eq=False)
class Told:
    """The sums of a launch, and whose they are.

    Attributes:
        sums: Four sums for each segment, perhaps still on a device.
        groups: The group of each segment.
        members: Which of the group's parameters it is of.
        starts: Its first row there, wherever that is.
        counts: How many rows it has.
        stepped: Whether it was stepped.
        weighed: Whether weights were summed: not where the gradients alone were looked at.
    """

    sums: Sums | Fetched
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


def tell(told: Sequence[Told], groups: Sequence[Group], by: str, scale: float) -> Mapping[str, Statistics]:
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


def _of_groups(told: Sequence[Told], labels: Sequence[str], scale: float) -> ByGroup:
    """Those of groups at once, however many tensors they have: guards ask for them at every step."""
    sums, present = np.zeros((len(labels), STATISTICS)), np.zeros(len(labels), np.bool_)
    for one in told:
        here, groups = _weighed(one), one.groups
        if not one.stepped.all():
            here, groups = here[one.stepped], groups[one.stepped]
        if groups.max(initial=0) >= len(labels):
            raise OptimizerError(GONE)
        present[groups] = True
        cells = groups[:, None] * STATISTICS + np.arange(STATISTICS)
        sums += np.bincount(cells.ravel(), here.ravel(), sums.size).reshape(sums.shape)
    sums[:, :NONFINITE] = np.sqrt(sums[:, :NONFINITE])
    sums[:, 0] *= scale
    if not present.all():
        labels = [label for label, here in zip(labels, present.tolist(), strict=True) if here]
    return ByGroup(labels, sums if len(labels) == len(sums) else sums[present])


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
    start, count = int(told.starts[segment]), int(told.counts[segment])
    whole = not param.dim() or count >= param.shape[0]
    return name if whole else f"{name}[{start}:{start + count}]"


NAMES: Mapping[str, Callable[[Told, int, Sequence[Group], Sequence[str]], str]] = {
    "parameter": _parameter,
    "segment": _segment,
}
"""What a segment is called in each view that tells segments or parameters apart."""

VIEWS = ("group", *NAMES)
