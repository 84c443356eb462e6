"""Random decisions in the course of a run, and what they make of an optimizer's groups."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn
from torch.optim import Optimizer

import paramgroups as pg
from paramgroups.errors import ParamGroupsError
from paramgroups.journal import Journal

TOLD = ("params", "name", "param_names", "initial_lr")
HYPERS = {"sgd": ("lr", "weight_decay", "momentum"), "adamw": ("lr", "weight_decay", "betas")}

Act = Callable[[Optimizer, pg.Scheduler], object]


class Decision:
    """One decision, at a tick; its repr says which."""

    def __init__(self, what: str, *said: Any) -> None:
        self.what = what
        self.said = said

    def __repr__(self) -> str:
        return f"{self.what}{self.said}"

    def act(self, optimizer: Optimizer, scheduler: pg.Scheduler) -> None:
        """Take it; what the library refuses must change nothing."""
        before = journal_and_groups(optimizer, scheduler)
        try:
            ACTS[self.what](optimizer, scheduler, *self.said)
        except ParamGroupsError:
            scheduler.state_dict()
            assert len(scheduler.journal) >= len(before[0])
            if len(scheduler.journal) == len(before[0]):
                assert journal_and_groups(optimizer, scheduler) == before


def journal_and_groups(optimizer: Optimizer, scheduler: pg.Scheduler) -> tuple[Journal, list[dict[str, Any]]]:
    """What a refused decision leaves as it was."""
    journal = Journal(scheduler.journal)  # what was added is taken in by asking for it
    groups = [
        {key: value for key, value in group.items() if key not in TOLD} for group in optimizer.param_groups
    ]
    return journal, groups


def _named(optimizer: Optimizer, place: int) -> dict[str, Any]:
    return optimizer.param_groups[place % len(optimizer.param_groups)]


def _name(optimizer: Optimizer, scheduler: pg.Scheduler, place: int) -> str:
    scheduler.state_dict()  # what was added has a name from here on
    return str(_named(optimizer, place)["name"])


def _scale(optimizer: Optimizer, scheduler: pg.Scheduler, place: int, factor: float, steps: Any) -> None:
    scheduler.scale(_name(optimizer, scheduler, place), factor, steps=steps)


def _set(optimizer: Optimizer, scheduler: pg.Scheduler, place: int, said: Any, steps: Any) -> None:
    scheduler.set(_name(optimizer, scheduler, place), **said, steps=steps)


def _write(optimizer: Optimizer, _: pg.Scheduler, place: int, hyper: str, factor: float) -> None:
    group = _named(optimizer, place)
    if hyper == "betas" and "betas" in group:
        if group["betas"][0]:
            group["betas"] = (group["betas"][0] * factor, group["betas"][1])
    elif group.get(hyper):
        group[hyper] *= factor


def _observe(_: Optimizer, scheduler: pg.Scheduler, loss: float) -> None:
    scheduler.observe(loss=loss)


def _extend(_: Optimizer, scheduler: pg.Scheduler, steps: int) -> None:
    scheduler.extend(steps=steps)


def _add(optimizer: Optimizer, _: pg.Scheduler, said: Mapping[str, Any]) -> None:
    tensor = nn.Parameter(torch.ones(2))
    number = len(optimizer.param_groups)
    optimizer.add_param_group({"params": [(f"new.{number}", tensor)]} | dict(said))


ACTS: dict[str, Callable[..., None]] = {
    "scale": _scale,
    "set": _set,
    "write": _write,
    "observe": _observe,
    "extend": _extend,
    "add": _add,
}
PLACES = st.integers(0, 7)
FACTORS = st.sampled_from([0.0, 0.1, 0.5, 1 / 3, 1.0, 1.7])
LENGTHS = st.sampled_from([None, None, 1, 3, "20%"])
SAID = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.sampled_from([0.0, 0.03, 1e-4]),
        "lr_scale": FACTORS,
        "weight_decay": st.sampled_from([0.0, 0.2]),
        "momentum": st.sampled_from([0.0, 0.3]),
        "beta1": st.sampled_from([0.1, 0.8]),
        "momentum_scale": st.sampled_from([0.5, 1.05]),
    },
).filter(bool)


def decisions(optimizer: str) -> st.SearchStrategy[Decision]:
    """Any decision that is no jump."""
    hypers = st.sampled_from(HYPERS[optimizer])
    added = st.fixed_dictionaries({}, optional={"lr": st.just(0.07), "weight_decay": st.just(0.3)})
    return st.one_of(
        st.builds(Decision, st.just("scale"), PLACES, FACTORS, LENGTHS),
        st.builds(Decision, st.just("set"), PLACES, SAID, LENGTHS),
        st.builds(Decision, st.just("write"), PLACES, hypers, st.sampled_from([0.5, 1 / 3])),
        st.builds(Decision, st.just("write"), PLACES, st.just("lr"), st.sampled_from([1.1, 3.0])),
        st.builds(Decision, st.just("observe"), st.sampled_from([0.5, 1.0, 2.0, float("nan")])),
        st.builds(Decision, st.just("extend"), st.integers(2, 40)),
        st.builds(Decision, st.just("add"), added),
    )


def standing(optimizer: Optimizer) -> list[dict[str, Any]]:
    """A copy of what stands in the groups, by hyperparameter."""
    return [
        {
            key: value.item() if isinstance(value, torch.Tensor) else value
            for key, value in group.items()
            if key not in TOLD and key not in SWITCHES
        }
        for group in optimizer.param_groups
    ]


SWITCHES = ("foreach", "fused", "capturable", "differentiable", "maximize", "amsgrad", "nesterov")


def planned(plan: pg.Plan, optimizer: Optimizer, tick: float) -> list[dict[str, Any]]:
    """What a plan has for the groups of an optimizer at a tick."""
    by_name = {group.name: group for group in plan.groups}
    return [
        {hyper: by_name[held["name"]].profile.value(hyper, tick) for hyper in was}
        for held, was in zip(optimizer.param_groups, standing(optimizer), strict=True)
    ]
