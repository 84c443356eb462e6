"""A saved optimizer beside a live one, position by position, as torch's `load_state_dict` pairs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from torch import Tensor
from torch.optim import Optimizer

from paramgroups.auditing.resumes.saved_names import align, spellings
from paramgroups.auditing.resumes.saved_runs import SavedRun
from paramgroups.auditing.subject import Group, Subject
from paramgroups.optim.saved import NAMES, Saved


@dataclass(frozen=True, eq=False)
class Positions:
    """A saved optimizer beside a live one, position by position.

    Attributes:
        subject: What is audited.
        run: The checkpoint.
        optimizer: The live optimizer.
        groups: Its groups.
        saved: The saved one.
    """

    subject: Subject
    run: SavedRun
    optimizer: Optimizer
    groups: Sequence[Group]
    saved: Saved

    @cached_property
    def names(self) -> list[str]:
        """The live parameters."""
        return list(chain.from_iterable(group.names for group in self.groups))

    @cached_property
    def params(self) -> list[Tensor]:
        """Their tensors."""
        return list(chain.from_iterable(group.params for group in self.groups))

    @cached_property
    def places(self) -> list[int]:
        """The number of the group of each."""
        return [place for place, group in enumerate(self.groups) for _ in group.params]

    @cached_property
    def then(self) -> list[str | None] | None:
        """The canonical name of each saved parameter, None where it has none here; None without names."""
        told = self.saved.names
        if told is None:
            return self._by_weights
        known = {**spellings(self.subject.model), **self._own_names}
        found = align(told, known).names
        then = [found.get(name) for name in told]
        if len(then) != len(self.names):
            return then
        # names as a part of the model has them, which may be those of other parameters of the whole
        pairs = zip(told, then, self.names, strict=True)
        return [now if now.endswith(f".{name}") else one for name, one, now in pairs]

    @property
    def _own_names(self) -> dict[str, str]:
        """What the live groups call their parameters, with the canonical names."""
        live = [group.settings.get(NAMES) for group in self.groups]
        lists = [one for one in live if isinstance(one, list)]
        own = list(chain.from_iterable(lists)) if len(lists) == len(live) else []
        return dict(zip(own, self.names, strict=True)) if len({*own}) == len(self.names) else {}

    @cached_property
    def _by_weights(self) -> list[str | None] | None:
        """The order of the saved weights, where an optimizer of all of them in one group is plain."""
        if not self.run.ordered or self.run.shapes is None or len(self.groups) != 1:
            return None
        if self.names != list(self.subject.tensors):
            return None
        known = align(self.run.shapes, spellings(self.subject.model)).names
        order = list(dict.fromkeys(known[name] for name in self.run.shapes if name in known))
        return [*order] if sorted(order) == sorted(self.names) else None

    @property
    def sizes(self) -> list[int]:
        """How many parameters each live group has."""
        return [len(group.params) for group in self.groups]
