"""What a plain training loop logs of a scheduler: rates by name, statistics, events, findings, the plan."""

from collections.abc import Iterable, Mapping
from itertools import takewhile
from types import TracebackType
from typing import Any, Self

import torch
import torch.distributed as dist

from paramgroups.errors import Finding, HostError, RuleError, shown
from paramgroups.integrations.loggers.protocol import Log, checked_log
from paramgroups.integrations.loggers.sinks import Sink
from paramgroups.integrations.logs import numbers
from paramgroups.planning import Plan
from paramgroups.run import Scheduler


class Recorder:
    """Log a run: call `step` after `scheduler.step()`.

    At the first step the plan and the recipe are told as texts, then every so many ticks the rates of all
    groups by name, statistics of the update before (with our optimizer), what you measured, and the events
    that came since. The step of each number is the scheduler's tick: a rate at step t is `plan.at(t)`'s, a
    statistic at step t is that of the t-th update. Of a fraction of a tick the whole part counts. In
    between nothing is computed. Nothing has to be saved for a resume: what was told follows from the tick.

    Where several processes train, the first one writes; statistics are those of all of them.

    A log that cannot be written to at the first step is an error. One that fails later is told in a warning
    and tried again at each record: it loses numbers, never the training, and no event.

    Args:
        scheduler: The scheduler.
        *logs: Where to: `Memory()`, `CSV(path)`, `TensorBoard(folder)`, `WandB(run)`, `MLflow(run)`, or an
            object of your own with the methods of `Log`.
        every: Ticks between two records.
        statistics: Whether to tell gradient norms, weight norms and update ratios of groups too.
        findings: What is told at the beginning: `plan.check()`, `pg.audit(model, optimizer, scheduler)`.

    Raises:
        HostError: It is no scheduler, a log or a finding is none, no log is given, or `every` is no count.

    Example:
        >>> import paramgroups as pg, torch
        >>> from paramgroups.integrations.loggers import Memory, Recorder
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 1))
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("1", lr_scale=10)])
        >>> optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=4))
        >>> log = Memory()
        >>> with Recorder(scheduler, log, every=2) as recorder:
        ...     for _ in range(4):
        ...         loss = model(torch.ones(3, 4)).square().mean()
        ...         loss.backward()
        ...         optimizer.step(); scheduler.step(); optimizer.zero_grad()
        ...         recorder.step(loss=loss)
        >>> log.series("lr/1"), list(log.series("loss"))
        ({0: 1.0, 2: 1.0, 4: 1.0}, [2, 4])
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *logs: Log,
        every: int = 1,
        statistics: bool = True,
        findings: Iterable[Finding] = (),
    ) -> None:
        self._rates = numbers(scheduler)
        if not logs:
            raise HostError("Recorder(scheduler) was given no log. Give Memory(), CSV(path), … after it.")
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise HostError(f"every={shown(every)} is no count of ticks. Give a whole number of at least 1.")
        self._scheduler, self._every, self._statistics = scheduler, every, statistics
        self._findings = "\n".join(map(_told, findings))
        each = [Sink(checked_log(log)) for log in logs]
        self._sinks = each if _is_first() else []
        self._made_at = self._tick
        self._known = len(scheduler.journal) if self._made_at else 0
        self._seen = 0  # told when the run begins; there was no update yet
        self._begun = self._closed = False

    def step(self, /, **metrics: Any) -> None:
        """Tell the present tick, if it is one that is told; a tick is told once.

        Args:
            **metrics: Numbers that you measured; of a tensor, nothing is waited for at other ticks.

        Raises:
            HostError: A metric is no number or has the name of a rate or statistic; a log cannot be written
                to at the first step; or the recorder is closed.
        """
        tick = self._tick
        if self._begin(max(tick - 1, 0)) and tick % self._every == 0 and tick != self._seen:
            ours = numbers(self._scheduler, statistics=self._statistics)
            self._record(ours | _measured(metrics, ours), tick)
        self._seen = tick

    def note(self, /, **metrics: Any) -> None:
        """Tell what was measured now, whichever tick it is: validation, the end of an epoch.

        Raises:
            HostError: As `step`.
        """
        if self._begin(self._tick):
            self._record(_measured(metrics, self._rates), self._tick)

    def finding(self, finding: Finding) -> None:
        """Tell a finding now: `pg.watch(model, optimizer, scheduler, report=recorder.finding)`.

        Raises:
            HostError: It is none, a log cannot be written to at the first step, or the recorder is closed.
        """
        if self._begin(self._tick):
            for sink in self._sinks:
                sink.text("findings", _told(finding), self._tick)

    def close(self) -> None:
        """Tell the events that were not told yet, and close the logs."""
        if self._begun and not self._closed:
            self._tell_events(self._tick)
        for sink in () if self._closed else self._sinks:
            sink.close()
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _tick(self) -> int:
        return max(int(self._scheduler.last_epoch), 0)

    def _begin(self, tick: int) -> bool:
        """Tell what the run is, once, and whether this process writes.

        Args:
            tick: That at which the run begins, or goes on.
        """
        if self._closed:
            raise HostError("This recorder is closed. Make another one, or close it after the loop.")
        if self._sinks and not self._begun:
            texts, told = self._texts(), self._told_before(tick)
            for sink in self._sinks:
                sink.begin(texts, tick, told)
                if tick == self._made_at == 0:
                    sink.numbers(self._rates, 0)
            self._begun = True
        return self._begun

    def _texts(self) -> dict[str, str]:
        plan = self._scheduler.plan
        found = {"plan": str(plan), "recipe": _written(plan), "findings": self._findings}
        return {name: text for name, text in found.items() if text}

    def _told_before(self, tick: int) -> int:
        """How many events a run that was cut off has told: states may be loaded after this was made."""
        if tick == self._made_at:
            return self._known
        return len(list(takewhile(lambda event: event.step <= tick, self._scheduler.journal)))

    def _record(self, found: Mapping[str, float], tick: int) -> None:
        for sink in self._sinks:
            sink.numbers(found, tick)
        self._tell_events(tick)

    def _tell_events(self, tick: int) -> None:
        if self._sinks:
            journal = self._scheduler.journal
            for sink in self._sinks:
                sink.events(journal, tick)


def _is_first() -> bool:
    """Whether this process is the one that writes."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


def _written(plan: Plan) -> str:
    try:
        return plan.recipe.to_toml()
    except RuleError as error:  # a class of the user's has no name in TOML
        return f"It cannot be written as TOML: {error}"


def _told(finding: Any) -> str:
    if not isinstance(finding, Finding):
        raise HostError(
            f"{shown(finding)} is no finding. Give what plan.check(), pg.audit(…) or pg.watch(…) found."
        )
    return str(finding)


def _measured(metrics: Mapping[str, Any], ours: Mapping[str, float]) -> dict[str, float]:
    if taken := sorted(metrics.keys() & ours.keys()):
        raise HostError(f'The metric "{taken[0]}" has the name of what is told already. Rename it.')
    return {name: _number(name, value) for name, value in metrics.items()}


def _number(name: str, value: Any) -> float:
    if isinstance(value, torch.Tensor):
        value = value.detach()
    try:
        if not isinstance(value, str | bytes):
            return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor of several numbers
        pass
    raise HostError(f"{shown(name)}={shown(value)} is no number. Give one, such as loss.item().")
