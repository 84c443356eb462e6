"""Driving a controller as the scheduler does: by `ask`, multiplying its factors; a guard by its updates."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from paramgroups.control import Controller, Gate, Guard, Observation, Report, Verdict, ask, gate_of, judge
from paramgroups.optim.statistics import Statistics


def driven(controller: Controller, metrics: Iterable[float], name: str = "loss") -> Iterator[float]:
    """The product of its factors after each observation."""
    state: Mapping[str, Any] = controller.begin()
    product = 1.0
    for step, value in enumerate(metrics):
        state, rules = ask(controller, state, Observation(step, {name: value}))
        for one in rules:
            product *= one.settings["lr_scale"]
        yield product


def stats(grad: float = 1.0, weight: float = 10.0, update: float = 0.01, nonfinite: int = 0) -> Statistics:
    return Statistics(grad, weight, update, nonfinite)


def report(step: float, refused: Sequence[str] = (), bad: Sequence[str] = (), **groups: Statistics) -> Report:
    return Report(step, groups, frozenset(refused), tuple(bad))


def refused_by(gate: Gate | None, norms: Mapping[str, float]) -> frozenset[str]:
    """The groups whose update a gate leaves out."""
    if gate is None:
        return frozenset()
    if gate.alone:
        return frozenset(
            name
            for name, norm in norms.items()
            if gate.shut
            or not math.isfinite(norm)
            or (norm > gate.bounds.get(name, gate.bound) and not gate.clip)
        )
    norm = math.hypot(*norms.values())
    out = gate.shut or not math.isfinite(norm) or (norm > gate.bound and not gate.clip)
    return frozenset(norms) if out else frozenset()


class Run:
    """A run of one guard on synthetic updates."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.state: Mapping[str, Any] = guard.begin()
        self.step = 0

    def tell(self, **metrics: float) -> None:
        self.state, _ = ask(self.guard, self.state, Observation(self.step, metrics))

    def update(self, *norms: float, others: Sequence[str] = ()) -> frozenset[str]:
        """An update of groups a, b, …, whose gradients have these norms: those that were left out."""
        named = dict(zip("abc", norms, strict=False))
        out = refused_by(gate_of(self.guard, self.state), named) | frozenset(others)
        told = {name: stats(norm, nonfinite=0 if math.isfinite(norm) else 1) for name, norm in named.items()}
        self.judge(Report(self.step, told, out))
        return out

    def judge(self, seen: Report) -> tuple[Verdict, ...]:
        self.state, verdicts = judge(self.guard, self.state, seen)
        self.step += 1
        return verdicts
