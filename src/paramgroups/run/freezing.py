"""Frozen is frozen: no gradient, no step, no drifting statistics, for as long as a rule says so."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import PlanError, listing
from paramgroups.indexing.flags import freeze, stand_in, thaw
from paramgroups.planning import Group, Plan
from paramgroups.planning.binding import Bound
from paramgroups.planning.cascade import Cascade
from paramgroups.planning.freezing import thawed
from paramgroups.run.abilities import stepping
from paramgroups.run.making import forget, forget_rows
from paramgroups.run.masking import MASKS, Hidden, choose
from paramgroups.run.statistics import Statistics
from paramgroups.run.windows import Piece, Windowed, windows_of


class Hushed(NamedTuple):
    """Tensors in which dropout is off at some time while they are frozen, and when."""

    dropout: Cascade
    tensors: list[torch.Tensor]


class Freezing:
    """Follows the plan's windows on `trainable`.

    What a rule freezes or thaws for the whole run is frozen or thawed here at once; what the user froze stays
    as it is unless a rule says otherwise. What is frozen in the middle of a run is forgotten by the
    optimizer, so that it thaws as a new parameter does, unless `moments="keep"`. A tensor of which only rows
    are frozen stays live: a rate of 0 says that the optimizer does not write them, nor what it remembers of
    them.

    With flags, what is frozen requires no gradient. With masks, gradients flow as if nothing were frozen, so
    that all processes exchange the same ones, and `hide` clears them before an update: no optimizer steps
    what has none. Until then they are seen by whoever looks at all gradients, such as a clipping by hand.
    What is frozen when the scheduler goes stays frozen, as it does with flags.

    Args:
        plan: The plan.
        groups: The plan's groups in the optimizer's order.
        optimizer: The optimizer, whose groups hold the tensors.
        model: The live model; None where there is none.
        bound: Its tensors by name; None where there is no model.
        how: `"flags"` or `"masks"`; chosen by the number of processes unless given.

    Attributes:
        how: `"flags"` or `"masks"`.
        reason: Why, in a sentence.
        is_told: Whether that is worth a word: something is frozen, and by masks, or as somebody asked.

    Raises:
        PlanError: There is no such way; something is to be frozen or thawed, and there is no model in which
            to do it; or it is to be thawed where a wrapper would not exchange its gradients.
    """

    def __init__(  # noqa: PLR0913  # all that freezing touches
        self,
        plan: Plan,
        groups: Sequence[Group],
        optimizer: Optimizer,
        model: nn.Module | None,
        bound: Bound | None,
        *,
        how: str | None = None,
    ) -> None:
        self._optimizer = optimizer
        self._groups = groups
        self._windowed = [
            windowed
            for place, (group, held) in enumerate(zip(groups, optimizer.param_groups, strict=True))
            for windowed in windows_of(place, group, held["params"], held.get("param_names", group.names))
        ]
        never = [row.name for row in plan.frozen if row.trainable]
        down = thawed(groups, plan.index, bound or {})
        freezes = bool(never or down or self._windowed)
        if bound is None and freezes:
            raise PlanError(
                "The plan freezes or thaws parameters, and the model in which it is to be done is gone, or "
                "was never told. Give it: pg.Scheduler(optimizer, plan, model=…)."
            )
        bound = bound or {}
        self._choice = choose(how, bound.values() if freezes else ())
        self.how = self._choice.how
        self.is_told = freezes and (how is not None or self.how == MASKS)
        self._lasting = self._begin(bound, never, down)
        self.reason = self._choice.reason(len(self._lasting))
        self._hushed = list(_hushed(plan, groups, bound))
        self._statistics: Statistics | None = None
        self._hidden = Hidden(self._lasting)
        self._hidden.outlive(optimizer)
        if model is not None:
            ruled = [*_of(bound, never), *(tensor for one in self._windowed for tensor in one.tensors)]
            self._statistics = Statistics(model, ruled, [t for one in self._hushed for t in one.tensors])

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy has a copy of the optimizer, which torch makes without hooks."""
        self.__dict__.update(state)
        self._hidden.outlive(self._optimizer)

    def _begin(self, bound: Bound, never: list[str], down: list[str]) -> list[nn.Parameter]:
        """Freeze and thaw for the whole run; what is never trained and is masked all the same."""
        if self.how == MASKS:  # a copy of a model that was frozen has its flags down
            windowed = {id(tensor) for one in self._windowed for tensor in one.tensors}
            down += [name for name, one in bound.items() if id(one) in windowed and name not in down]
        if self._choice.wrapper is not None:
            _check_flow(bound, down, self._choice.wrapper)
        thaw(_of(bound, down))
        stand_in(_of(bound, never))  # as FSDP2's shards do
        if self._choice.keeps_flags:
            return [tensor for tensor in _of(bound, never) if tensor.requires_grad]
        freeze(_of(bound, never))
        return []

    def follow(self, tick: float) -> None:
        """Freeze and thaw as the plan has it at a tick."""
        turned = [self._turn(one, tick) for one in self._windowed]
        if any(turned):
            self.hide()  # what was gathered while frozen is of no use at a thaw
            frozen = (tensor for one in self._windowed if not one.live for tensor in one.tensors)
            self._hidden.hold([*self._lasting, *frozen])
            self.hide()
        if self._statistics is not None:
            quiet = {id(t) for one in self._hushed if not one.dropout.at(tick) for t in one.tensors}
            self._statistics.follow(self.frozen if self.how == MASKS else (), quiet)

    def hide(self) -> None:
        """Clear the gradients of what is frozen now, so that no optimizer steps it.

        With flags there are none but those that somebody has set by hand.
        """
        self._hidden.clear()

    def hide_forgotten(self) -> None:
        """Clear the gradients of what is frozen now, but for what the optimizer remembers all the while."""
        self._hidden.clear({id(tensor) for one in self._windowed if one.kept for tensor in one.tensors})

    def _turn(self, one: Windowed, tick: float) -> bool:
        """Go to a tick; whether they freeze or thaw there.

        Only a change thaws, so that what the user freezes by hand meanwhile stays frozen.
        """
        begun, before = one.begun, one.live
        forgotten = one.turn(tick)
        turned = one.live != before or not begun
        if self.how != MASKS and turned:
            (thaw if one.live else freeze)(one.tensors)
        elif self.how != MASKS and not one.live:
            freeze(tensor for tensor in one.tensors if tensor.requires_grad)
        self._forget(one, forgotten)
        return turned

    @property
    def frozen(self) -> frozenset[int]:
        """The identities of the tensors that a rule freezes now."""
        return self._hidden.ids

    def _forget(self, one: Windowed, pieces: Sequence[Piece]) -> None:
        if not pieces:
            return
        optimizer, made_of = stepping(self._optimizer), self._groups[one.place].profile.optimizer
        held = optimizer.param_groups[one.place]
        if not one.kept:
            here = set(map(id, held["params"]))  # ZeroRedundancyOptimizer has a part of them in each process
            forget(optimizer, held, made_of, [tensor for tensor in one.tensors if id(tensor) in here])
            return
        for piece in pieces:
            forget_rows(optimizer, held, made_of, one.tensors[0], piece.rows)


def _of(bound: Bound, names: Iterable[str]) -> list[nn.Parameter]:
    return [bound[name] for name in names if name in bound]


def _hushed(plan: Plan, groups: Sequence[Group], bound: Bound) -> Iterator[Hushed]:
    """Those of the groups, and of what is never trained."""
    found = [(group.profile.dropout, group.names) for group in groups]
    found += [(plan[row.name]._profile.dropout, (row.name,)) for row in plan.frozen]  # noqa: SLF001  # over time
    for dropout, names in found:
        tensors: list[torch.Tensor] = [*_of(bound, names)]
        if tensors and not all(on for _, on in dropout.pieces):
            yield Hushed(dropout, tensors)


def _check_flow(bound: Bound, thawed: Iterable[str], wrapper: str) -> None:
    late = [name for name in thawed if name in bound and not bound[name].requires_grad]
    if late:
        raise PlanError(
            f"Rules thaw {listing(late)}, which the model has frozen, and {wrapper} has wrapped it: it would "
            "not exchange these gradients, and processes would part. Call plan.freeze(model) before wrapping "
            "the model, which also lets flow what rules thaw."
        )
