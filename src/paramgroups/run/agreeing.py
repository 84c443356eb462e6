"""What processes that train one model together decide alike, though each was told something else."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from paramgroups.errors import AgreementError, ParamGroupsError, PlanError, listing
from paramgroups.planning import Plan
from paramgroups.run.differing import lines_of, told_apart, told_of_plans
from paramgroups.run.fellows import Fellows, check_together, fellows_of
from paramgroups.run.ledger import Ledger

PIECES, BITS = 4, 16
"""A fingerprint is sent as small numbers, so that the sums of them and of their squares are exact."""

FAILED = 300
"""So much is told of another process's error."""

Metrics = Mapping[str, float | None]


class Agreement:
    """The processes that train one model together say in every tick what they do, in one small message.

    It holds the sums of what they measured, and a fingerprint of all that must be the same: the call, the
    tick, the names of the metrics, and the events since the last message. Where the fingerprints differ, all
    of them raise, and a second message tells what differs. In a tick in which something is observed, that is
    the message.

    Args:
        plan: The plan, which must be the same on all.
        together: Which processes: found by what wraps the model unless a process group is given, True for
            all or False for none.

    Raises:
        PlanError: `together` names no processes.
    """

    def __init__(self, plan: Plan, together: Any = None) -> None:
        check_together(together)
        self._plan, self._together = plan, together
        self._metrics = sorted({one for controller in plan.given.controllers for one in controller.metrics})
        self._fellows: Fellows | None = None
        self._known: int | None = None  # so many events are the same on all
        self._met = self._spoken = False

    def __getstate__(self) -> dict[str, Any]:
        """A copy trains another model, whose processes are looked for anew: process groups are not copied."""
        own = self._together if isinstance(self._together, bool) else None
        return {**self.__dict__, "_together": own, "_fellows": None, "_met": False}

    def renew(self) -> None:
        """A journal was loaded, and is compared as a whole."""
        self._known = None

    def meet(self, tensors: Sequence[torch.Tensor], tick: float) -> bool:
        """Whether other processes train these tensors too; the first time, they compare their plans.

        A model may be wrapped late, and to look for that takes a while: it is done at every call of tick 0,
        and later at ticks 1, 2, 4, 8 and so on.

        Raises:
            AgreementError: They have planned differently.
        """
        if self._fellows is None and (not self._met or math.frexp(tick)[0] in (0.0, 0.5)):
            self._fellows, self._met = fellows_of(tensors, self._together), True
            if self._fellows is not None:
                _compare_plans(self._fellows, self._plan)
        return self._fellows is not None

    def tick(self, tick: float, ledger: Ledger) -> None:
        """The scheduler is stepped; in a tick in which something was observed, all have heard that already.

        Raises:
            AgreementError: Not on all processes alike.
        """
        spoken, self._spoken = self._spoken, False
        if self._fellows is not None and not spoken:
            self._exchange(_said("scheduler.step()", tick, self._since(ledger)), ledger)

    def averaged(self, metrics: Metrics, tick: float, ledger: Ledger) -> dict[str, float]:
        """What all processes measured, each counted once; those that measured nothing say None.

        Raises:
            AgreementError: They tell different metrics, or at different ticks.
            PlanError: None of them has measured it.
        """
        if self._fellows is None:
            return _measured(metrics)
        said = _said(f"scheduler.observe({', '.join(sorted(metrics))})", tick, self._since(ledger))
        sums = self._exchange(said, ledger, metrics)
        self._spoken = True
        half = len(self._metrics)
        found = {
            name: total / count if count else None
            for name, total, count in zip(self._metrics, sums[:half], sums[half:], strict=True)
        }
        return _measured({name: found.get(name, value) for name, value in metrics.items()})

    @contextmanager
    def warning(self, ledger: Ledger) -> Iterator[None]:
        """What fails here is told to the others, which would wait for a message."""
        try:
            yield
        except ParamGroupsError as error:
            if self._fellows is not None and not self._spoken:
                with suppress(AgreementError):
                    self._exchange({"error": f"{type(error).__name__}: {error}"[:FAILED]}, ledger)
            raise

    def _since(self, ledger: Ledger) -> list[str]:
        """The events that the others have not heard of."""
        events = ledger.journal[self._known or 0 :]
        return [json.dumps(one.data) for one in events if one.action != "freezing"]

    def _exchange(self, said: dict[str, Any], ledger: Ledger, metrics: Metrics | None = None) -> list[float]:
        """The sums of what all measured.

        Raises:
            AgreementError: The others say something else.
        """
        assert self._fellows is not None  # noqa: S101  # whoever asks has looked
        given = metrics or {}
        values = [given.get(name) for name in self._metrics]
        numbers = [*(one or 0.0 for one in values), *(float(one is not None) for one in values)]
        words = json.dumps(said)
        found = self._fellows.summed([*_header(words), *numbers], _call(said))
        if not _are_alike(found):
            raise AgreementError(told_apart(self._fellows.gathered(words)))
        self._known = len(ledger.journal) - ledger.ahead  # what is noted next stands before those ahead
        return found[1 + 2 * PIECES :]


def _said(call: str, tick: float, events: Sequence[str]) -> dict[str, Any]:
    return {"call": call, "tick": float(tick), "events": events}


def _call(said: Mapping[str, Any]) -> str:
    return f"{said['call']} of tick {said['tick']:,.15g}" if "call" in said else "an error"


def _measured(metrics: Metrics) -> dict[str, float]:
    found = {name: value for name, value in metrics.items() if value is not None}
    if lacking := [name for name in metrics if name not in found]:
        raise PlanError(
            f"observe({lacking[0]}=None) says that it was not measured here, and no process has measured "
            f"{listing(lacking)}. Give the number on at least one."
        )
    return found


def _header(words: str) -> list[float]:
    """One, the pieces of a fingerprint, and their squares."""
    whole = int.from_bytes(hashlib.sha256(words.encode()).digest()[: PIECES * BITS // 8])
    pieces = [whole >> BITS * place & (1 << BITS) - 1 for place in range(PIECES)]
    return [1.0, *map(float, pieces), *(float(one * one) for one in pieces)]


def _are_alike(sums: Sequence[float]) -> bool:
    """Whether all have sent the same header: count · Σ x² is (Σ x)² only then."""
    count, *found = map(int, sums[: 1 + 2 * PIECES])
    return all(
        count * squares == total * total
        for total, squares in zip(found[:PIECES], found[PIECES:], strict=True)
    )


def _compare_plans(fellows: Fellows, plan: Plan) -> None:
    words = json.dumps(lines_of(plan))
    if not _are_alike(fellows.summed(_header(words), "the first message")):
        raise AgreementError(told_of_plans(fellows.gathered(words)))
