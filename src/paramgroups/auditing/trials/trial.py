"""What a few real steps on copies of a training did."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median

from torch import Tensor

from paramgroups.auditing.subject import Group


@dataclass
class Tried:
    """What the steps did to one parameter; each list has a number for each step.

    Attributes:
        lives: Whether it required a gradient.
        gradients: The largest number in its gradient; None where there was none.
        updates: The norm of what the step added to it.
        weights: Its norm before that.
        shares: The rate of its group as a part of the one that was asked for; None where they cannot be told.
        raw: Of a parameter with hooks, the rows whose gradient was not 0 before them in some step.
        left: The rows whose gradient was not 0 after them.
        rows: The rows that moved.
    """

    lives: list[bool] = field(default_factory=list)
    gradients: list[float | None] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    shares: list[float | None] = field(default_factory=list)
    raw: Tensor | None = None
    left: Tensor | None = None
    rows: Tensor | None = None

    @property
    def live(self) -> bool:
        """Whether it was trainable all the time; a plan may thaw it in between."""
        return bool(self.lives) and all(self.lives)

    @property
    def moved_frozen(self) -> bool:
        """Whether a step moved it while it was frozen."""
        return any(not live and update != 0 for live, update in zip(self.lives, self.updates, strict=False))

    @property
    def moved(self) -> bool:
        """Whether a step moved it; what became NaN did not stand still."""
        return any(update != 0 for update in self.updates)

    @property
    def fresh(self) -> bool:
        """Whether it was 0 throughout at first: then its updates are large beside it, as they should be."""
        return not self.weights or self.weights[0] == 0


@dataclass
class Trial:
    """What a few real steps on copies did.

    Attributes:
        asked: How many steps were to be taken.
        losses: The loss before each step, and after the last.
        tried: What became of each of the model's parameters that is in a group, by name.
        drifted: Where modules stand, in the model out of what only runs it, whose statistics moved while they
            were frozen.
        untaken: What could not be done, and why.
    """

    asked: int
    losses: list[float] = field(default_factory=list)
    tried: dict[str, Tried] = field(default_factory=dict)
    drifted: tuple[str, ...] = ()
    untaken: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return max((len(one.updates) for one in self.tried.values()), default=0)

    def ratios(self, groups: Iterable[Group]) -> dict[str, float]:
        """By group, the median over the steps of the norm of its update over that of its weights."""
        found = {group.label: self.ratio(group) for group in groups}
        return {label: ratio for label, ratio in found.items() if ratio is not None}

    def ratio(
        self, group: Group, *, of: Callable[[str], bool] = bool, asked_for: bool = False
    ) -> float | None:
        """That of one group; None where nothing in it was both stepped and other than 0 before.

        Args:
            group: The group.
            of: Which of its parameters count.
            asked_for: Whether it is told as it would be at the rate that was asked for.
        """
        chosen = [self.tried[name] for name in group.names if name in self.tried and of(name)]
        chosen = [one for one in chosen if one.live and not one.fresh]
        steps = range(min((len(one.updates) for one in chosen), default=0))
        found = []
        for step in steps:
            share = chosen[0].shares[step]
            if share == 0:
                continue
            update = sum(one.updates[step] ** 2 for one in chosen) ** 0.5
            weight = sum(one.weights[step] ** 2 for one in chosen) ** 0.5
            if weight:
                found.append(update / weight / (share if asked_for and share else 1.0))
        return median(found) if found else None
