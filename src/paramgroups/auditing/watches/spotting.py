"""Looks at flags, gradients and versions while training runs, a few tensors at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from paramgroups.auditing.drifting import around
from paramgroups.auditing.measures import part_of
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.watches.kinds import DRIFTED, MOVED, THAWED, WITHOUT
from paramgroups.errors import Finding, counted, listing

AT_ONCE = 128
"""Tensors in one look."""
COPIES = 8
"""A tensor is copied in the time in which so many are looked at."""
SAMPLE = 4096
"""Numbers of a tensor that are compared."""
FEWEST_LOOKS = 3
FEWEST_UPDATES = 100
"""Before these nobody says of a parameter that it never has a gradient; at the end of training, fewer do."""
FEWEST_AT_END = 5


@dataclass(eq=False)
class Seen:
    """A parameter, and what was seen of it.

    Attributes:
        name: Its name.
        tensor: It.
        version: How often it had been written when watching began.
        looks: How often it was trainable and had no gradient.
        thawed: How often it was found thawed in no group.
    """

    name: str
    tensor: Tensor
    version: int
    looks: int = 0
    thawed: int = 0


@dataclass(eq=False)
class Turns:
    """A list that is gone through a slice at a time, again and again."""

    held: list[Any]
    _at: int = field(default=0, init=False)

    def some(self, count: int | None) -> list[Any]:
        """The next few; all for None."""
        if count is None or count >= len(self.held):
            return self.held
        first = self._at if self._at < len(self.held) else 0
        self._at = first + count
        return self.held[first : self._at]


class Members:
    """The parameters in an optimizer's groups: frozen ones that move, trainable ones without a gradient.

    Args:
        optimizer: The optimizer.
        names: The names of the model's tensors, by their identities.
        masked: Tells of one whether its gradients are hidden from the optimizer now.
    """

    def __init__(self, optimizer: Optimizer, names: dict[int, str], masked: Callable[[str], bool]) -> None:
        self._optimizer, self._names, self._masked = optimizer, names, masked
        self._groups = 0
        self._updates = 0
        self._waiting: deque[Seen] = deque()
        self._frozen, self._live = Turns([]), Turns([])
        self._clones: list[tuple[Seen, Tensor]] = []
        self._follow()

    def update(self) -> Iterator[Finding]:
        """An update is about to be made, perhaps with groups that were added."""
        self._updates += 1
        if len(self._optimizer.param_groups) != self._groups:
            self._follow()
        return iter(())

    def before(self, count: int | None) -> Iterator[Finding]:
        """Remember what frozen ones are, with those that were frozen since."""
        if not all(one.tensor.requires_grad for one in self._live.some(count)):
            self._frozen.held += [one for one in self._live.held if not one.tensor.requires_grad]
            self._live.held = [one for one in self._live.held if one.tensor.requires_grad]
        frozen = self._frozen.some(None if count is None else count // COPIES)
        whole = count is None  # then only what has a gradient is copied: of a large model that is little
        with torch.no_grad():
            self._clones = [
                (one, _sample(one.tensor))
                for one in frozen
                if not one.tensor.requires_grad and not (whole and one.tensor.grad is None)
                if one.tensor.layout is torch.strided
            ]
        return iter(())

    def after(self, count: int | None) -> Iterator[Finding]:
        """What has moved, and what still has no gradient."""
        names = [one.name for one, was in self._clones if not torch.equal(_sample(one.tensor), was)]
        self._clones = []
        if names:
            told = counted(len(names), "frozen parameter")
            message = f"Update {self._updates:,} moved {told}: {listing(names)}."
            fix = (
                "Set parameter.grad = None when you freeze, and leave what stays frozen out of the "
                "optimizer: decay and momentum move what has a gradient of 0."
            )
            yield MOVED.finding(message, fix, names)
        self._look(len(self._waiting) if count is None else min(count, len(self._waiting)))
        if self._updates >= FEWEST_UPDATES:
            yield from self._without()

    def end(self) -> Iterator[Finding]:
        """Training is over, or is no longer watched."""
        if self._updates >= FEWEST_AT_END:
            yield from self._without()

    def _follow(self) -> None:
        known = {id(one.tensor) for one in (*self._live.held, *self._frozen.held)}
        groups = self._optimizer.param_groups
        added = [
            Seen(self._names[id(tensor)], tensor, tensor._version)  # noqa: SLF001  # the count of writes
            for group in groups[self._groups :]
            for tensor in group["params"]
            if id(tensor) in self._names and id(tensor) not in known
        ]
        self._groups = len(groups)
        self._waiting += added
        self._live.held += added

    def _look(self, count: int) -> None:
        for _ in range(count):
            one = self._waiting.popleft()
            if not one.tensor.requires_grad:
                one.looks = 0
            elif one.tensor.grad is None:
                one.looks += 1
            else:
                continue
            self._waiting.append(one)

    def _without(self) -> Iterator[Finding]:
        state = self._optimizer.state
        names = [
            one.name
            for one in self._waiting
            if one.looks >= FEWEST_LOOKS
            and one.tensor.requires_grad
            and one.tensor not in state
            and not self._masked(one.name)
            and one.tensor._version == one.version  # noqa: SLF001  # as above
        ]
        if names:
            message = (
                f"{counted(len(names), 'trainable parameter')} never had a gradient in {self._updates:,} "
                f"updates: {listing(names)}."
            )
            fix = (
                "Look whether forward uses them, and no detach() or no_grad() cuts them off; else freeze "
                "them."
            )
            yield WITHOUT.finding(message, fix, names)


class Outside:
    """The parameters that were frozen and in no group: one that is thawed has to join one.

    Args:
        subject: What is watched.
    """

    def __init__(self, subject: Subject) -> None:
        held = subject.held
        self._optimizers = subject.optimizers
        self._frozen = Turns(
            [
                Seen(name, tensor, 0)
                for name, tensor in subject.tensors.items()
                if id(tensor) not in held and not tensor.requires_grad
            ]
        )

    def before(self, count: int | None) -> Iterator[Finding]:
        """What is thawed now and was at an earlier update."""
        thawed = [one for one in self._frozen.some(count) if one.tensor.requires_grad]
        if not thawed:
            return
        held = {id(p) for one in self._optimizers for group in one.param_groups for p in group["params"]}
        for one in thawed:
            one.thawed = 0 if id(one.tensor) in held else one.thawed + 1
        names = [one.name for one in thawed if one.thawed > 1]
        if names:
            message = f"In no group, though thawed, {counted(len(names), 'parameter')}: {listing(names)}."
            fix = (
                "Hand them over when you thaw them, optimizer.add_param_group({'params': [...]}), or put all "
                "into groups from the start and freeze by requires_grad: pg.rule(selector, trainable=False, "
                "until='20%')."
            )
            yield THAWED.finding(message, fix, names)


@dataclass(eq=False)
class Norm:
    """A module with running statistics, and what was seen of it.

    Attributes:
        path: Where it stands.
        module: It.
        parts: The parameters that say whether it is frozen.
        counted: How often its count of batches was written when it was last looked at.
        drifts: How often it was found to have gone on.
        at: Before the updates of which optimizers it was frozen, and how often.
        live: Whether it was ever trainable.
    """

    path: str
    module: Any
    parts: list[nn.Parameter]
    counted: int
    drifts: int = 0
    at: dict[int, int] = field(default_factory=dict)
    live: bool = False


class Statistics:
    """Batch norms whose statistics go on though they are frozen.

    Args:
        subject: What is watched.
    """

    def __init__(self, subject: Subject) -> None:
        self._names = subject.names
        self._optimizers = len(subject.optimizers)
        found = (Norm(*one) for one in _norms(subject.model))
        self._norms = Turns([one for one in found if one.parts])

    def before(self, optimizer: int, count: int | None) -> Iterator[Finding]:
        """What has gone on, though it was frozen whenever it was looked at."""
        for one in self._norms.some(count):
            if one.live or any(part.requires_grad for part in one.parts):
                one.live = True  # what is frozen now and then, as in a GAN, goes on in between
                continue
            one.at[optimizer] = one.at.get(optimizer, 0) + 1
            now = one.module.num_batches_tracked._version  # noqa: SLF001  # a kernel writes the rest uncounted
            one.drifts += now != one.counted and one.module.momentum != 0
            one.counted = now
        drifting = [one for one in self._norms.held if self._drifts(one)]
        if drifting:
            paths = [one.path for one in drifting]
            names = [self._names[id(p)] for one in drifting for p in one.parts if id(p) in self._names]
            message = (
                f"The running statistics of {counted(len(paths), 'frozen module')} go on: {listing(paths)}."
            )
            fix = "Hold them in evaluation, after each model.train(): module.eval()."
            yield DRIFTED.finding(message, fix, dict.fromkeys(names))

    def _drifts(self, one: Norm) -> bool:
        seen = len(one.at) == self._optimizers and min(one.at.values()) >= FEWEST_LOOKS
        return seen and not one.live and one.drifts > 1


def _norms(model: nn.Module) -> Iterator[tuple[str, nn.Module, list[nn.Parameter], int]]:
    for path, module in model.named_modules():
        counts = getattr(module, "num_batches_tracked", None)
        if isinstance(counts, Tensor) and hasattr(module, "momentum"):
            yield path, module, around(model, path), counts._version  # noqa: SLF001  # the count of writes


def _sample(tensor: Tensor) -> Tensor:
    """Some of its numbers, copied."""
    with torch.no_grad():
        return part_of(tensor, SAMPLE).clone()
