"""`pg.watch`: what only shows while training runs, at a hundredth of its time."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from os import PathLike
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from torch import nn
from torch.optim import Optimizer

from paramgroups.auditing.checks import catalogue
from paramgroups.auditing.kinds import LONGEST, SEEMS, untaken
from paramgroups.auditing.objects import Driver
from paramgroups.auditing.reading import UNSEEN, read_subject
from paramgroups.auditing.result import Audit, gravest_first
from paramgroups.auditing.silence_files import silences_of
from paramgroups.auditing.silences import Meant, Silence, Silenced, apply, idle
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.watches.allowing import SHARE, Allowance
from paramgroups.auditing.watches.following import Edits, Undriven
from paramgroups.auditing.watches.sampling import Weights
from paramgroups.auditing.watches.spotting import AT_ONCE, Members, Outside, Statistics
from paramgroups.auditing.watches.ticking import Ticks
from paramgroups.errors import Finding, PlanError
from paramgroups.schedules import Horizon

LOG = logging.getLogger("paramgroups")
FIRST = 2
"""Updates that are looked at wholly, before it is known how long one takes."""
LOOKED = ("PG4", UNSEEN.code)
"""What a watch looks for: a silence of anything else is idle in it, and may not be elsewhere."""
Look = Callable[[], Iterator[Finding]]


class Watch:
    """A context within which a training is watched; `pg.watch` makes it.

    Attributes:
        findings: What was found so far, each kind once, in the order in which it was found.
    """

    def __init__(
        self,
        subject: Subject,
        found: Iterable[Finding] = (),
        *,
        report: Callable[[Finding], Any] | None = None,
        silences: Iterable[Meant] = (),
        share: float = SHARE,
    ) -> None:
        self._subject = subject
        self._report = report or _warn
        self._silences = tuple(silences)
        self._share = share
        self._told: dict[str, Finding] = {}
        self._silenced: dict[tuple[int, tuple[str, ...]], Silenced] = {}
        self._hooks: ExitStack | None = None
        self._watched: list[Watched] = []
        self._first = tuple(found)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far, and is not silenced."""
        return tuple(self._told.values())

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __enter__(self) -> Self:
        if self._hooks is not None:
            raise PlanError("This watch is on already. Enter it once, around the whole loop.")
        subject = self._subject
        self._tell(self._first)
        shared = Allowance(self._share), Statistics(subject), Outside(subject)
        with ExitStack() as hooks:
            begun = [self._begin(hooks, place, *shared) for place in range(len(subject.optimizers))]
            self._watched = [one for one in begun if one is not None]
            self._hooks = hooks.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._hooks is not None:
            self._hooks.close()
        self._hooks = None
        for one in self._watched:
            self._tell(one.end(whole=error is None))

    def audit(self) -> Audit:
        """What was found, with what is silenced told apart."""
        silenced = tuple(self._silenced.values())
        found = [*self.findings, *idle(self._silences, silenced, LOOKED)]
        updates = sum(one.updates for one in self._watched)
        title = f"{type(self._subject.model).__name__}, watched for {updates:,} updates"
        return Audit(title, gravest_first(found), silenced)

    def _begin(self, hooks: ExitStack, place: int, *shared: Any) -> "Watched | None":
        """Watch one more optimizer; None where it cannot be, which is told."""
        optimizer = self._subject.optimizers[place]
        try:
            one = Watched(self._subject, place, *shared)
            hooks.enter_context(self._hooked(one, optimizer))
        except Exception as error:  # noqa: BLE001  # an optimizer may be anything that has groups
            self._tell([_unwatched(optimizer, error)])
            return None
        return one

    def _hooked(self, one: "Watched", optimizer: Optimizer) -> ExitStack:
        with ExitStack() as hooks:
            hooks.callback(optimizer.register_step_pre_hook(self._hook(one.before)).remove)
            hooks.callback(optimizer.register_step_post_hook(self._hook(one.after)).remove)
            return hooks.pop_all()

    def _hook(self, look: Callable[[], Iterable[Finding]]) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            if found := look():
                self._tell(found)

        return hook

    def _tell(self, found: Iterable[Finding]) -> None:
        left, silenced = apply(self._silences, found)
        for one in silenced:
            self._silenced.setdefault((id(one.silence), one.finding.names), one)
        for finding in left:
            if finding.code not in self._told:
                self._told[finding.code] = finding
                self._report(finding)


class Watched:
    """One optimizer that is watched.

    Args:
        subject: What is watched.
        place: The optimizer's place.
        allowance: How much time looks may take.
        norms: The modules with running statistics.
        outside: What is in no group.
    """

    def __init__(
        self, subject: Subject, place: int, allowance: Allowance, norms: Statistics, outside: Outside
    ) -> None:
        optimizer = subject.optimizers[place]
        driven = [one for one in subject.drivers if one.optimizer is optimizer]
        self.updates = 0
        self._allowance = allowance
        self._members = members = Members(optimizer, subject.names, _masks(driven))
        self._weights = weights = Weights(subject, place)
        self._ticks = [Ticks(subject, one, optimizer) for one in driven]
        self._each: list[Look] = [members.update, *(one.update for one in self._ticks)]
        self._each += [one.update for one in _rates(driven, optimizer)]
        self._whole: list[tuple[Look, Look]] = [
            (lambda: members.before(None), lambda: members.after(None)),
            (lambda: norms.before(place, None), _nothing),
            (lambda: outside.before(None), _nothing),
            (weights.before, weights.after),
        ]
        self._some: list[tuple[Look, Look]] = [
            (lambda: members.before(AT_ONCE), lambda: members.after(AT_ONCE)),
            (lambda: norms.before(place, AT_ONCE), _nothing),
            (weights.before, weights.after),
            (lambda: outside.before(AT_ONCE), _nothing),
            (weights.before, weights.after),
        ]
        self._afterwards: list[Look] = []

    def before(self) -> list[Finding]:
        """An update is about to be made."""
        began = perf_counter()
        self.updates += 1
        found = [finding for look in self._each for finding in _taken(look)]
        if self._allowance.open() or self.updates <= FIRST:
            looks = self._whole if self.updates <= FIRST else [self._some[self.updates % len(self._some)]]
            self._afterwards = [after for _, after in looks]
            found += [finding for look, _ in looks for finding in _taken(look)]
        self._allowance.spend(perf_counter() - began)
        return found

    def after(self) -> list[Finding]:
        """An update was made."""
        if not self._afterwards:
            return []
        began = perf_counter()
        looks, self._afterwards = self._afterwards, []
        found = [finding for look in looks for finding in _taken(look)]
        self._allowance.spend(perf_counter() - began)
        return found

    def end(self, *, whole: bool) -> list[Finding]:
        """Training is over, or is no longer watched; what broke off may not have come to its ticks yet."""
        ticks = [one.end for one in self._ticks] if whole else []
        looks = [*ticks, self._members.end, self._weights.end]
        return list(chain.from_iterable(map(_taken, looks)))


def watch(
    model: nn.Module,
    optimizer: Any,
    scheduler: Any = None,
    *,
    report: Callable[[Finding], Any] | None = None,
    silence: Iterable[Silence] | str | PathLike[str] = (),
) -> Watch:
    """Watch a training while it runs, and tell what only shows there, each kind once.

    Enter it around the whole loop, validation and the scheduler's steps within.
    It looks at what is cheap before and after each update (flags, counts of writes, rates), and at a few
    weights as long as all that takes less than a hundredth of the time. It writes nothing: weights are bit by
    bit what they are without it.

    Args:
        model: The model, in any wrapper.
        optimizer: A torch optimizer, or several in a list.
        scheduler: What drives its rates, if anything, as `pg.audit` takes it.
        report: What is called with a finding when it is made; a warning of the logger `paramgroups` unless
            given.
        silence: What is meant and not to be told, as `pg.audit` takes it.

    Raises:
        ModelError: The model cannot be indexed.
        PlanError: A silence is of a kind that there is not; or the watch is entered while it is on.
        SelectorError: The selector of a silence asks what cannot be known of this model.
        FileError: The file of silences cannot be read.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(4, 2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
        >>> with watch(model, optimizer, scheduler, report=lambda finding: print(finding.code)):
        ...     for _ in range(10):
        ...         model(torch.ones(3, 4)).square().mean().backward()
        ...         optimizer.step()  # and no scheduler.step()
        ...         optimizer.zero_grad()
        PG401
    """
    subject, found = read_subject(model, optimizer, scheduler, Horizon.of())
    meant = silences_of(silence, catalogue(), subject.index)
    return Watch(subject, found, report=report, silences=meant)


def _masks(driven: list[Driver]) -> Callable[[str], bool]:
    """Tells of a parameter whether a plan keeps its gradients from the optimizer now."""
    ours = next((one.scheduler for one in driven if one.is_ours), None)
    if ours is None:
        return lambda _: False
    return lambda name: name in ours.plan and not ours.plan.at(max(ours.last_epoch, 0))[name].trainable


def _rates(driven: list[Driver], optimizer: Optimizer) -> list[Edits] | list[Undriven]:
    """Who follows its rates: nobody where several write them, or a plan that takes an edit for a factor."""
    if not driven:
        return [Undriven(optimizer)]
    return [Edits(one, optimizer) for one in driven if len(driven) == 1 and Edits.can_see(one)]


def _taken(look: Look) -> list[Finding]:
    """What a look finds; where foreign objects break it, that."""
    try:
        return list(look())
    except Exception as error:  # noqa: BLE001  # a look must not end a training
        return [untaken("A look at the training", error, SEEMS)]


def _unwatched(optimizer: Optimizer, error: Exception) -> Finding:
    told = f"{type(error).__name__}: {str(error)[:LONGEST]}"
    message = f"The optimizer {type(optimizer).__name__} cannot be watched: {told}."
    return UNSEEN.finding(message, "Let its __init__ call super().__init__(params, defaults).")


def _nothing() -> Iterator[Finding]:
    return iter(())


def _warn(finding: Finding) -> None:
    LOG.warning("%s", finding)
