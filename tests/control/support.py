"""Driving a controller as the scheduler does: by `ask`, multiplying its factors."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paramgroups.control import Controller, Observation, ask


def driven(controller: Controller, metrics: Iterable[float], name: str = "loss") -> Iterator[float]:
    """The product of its factors after each observation."""
    state: Mapping[str, Any] = controller.begin()
    product = 1.0
    for step, value in enumerate(metrics):
        state, rules = ask(controller, state, Observation(step, {name: value}))
        for one in rules:
            product *= one.settings["lr_scale"]
        yield product
