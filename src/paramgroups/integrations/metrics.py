"""What a host has measured, for the controllers that ask for it."""

from collections.abc import Mapping
from typing import Any

from paramgroups.journal import Event
from paramgroups.planning import Plan
from paramgroups.run import Scheduler


def asked_of(plan: Plan) -> frozenset[str]:
    """The names of all metrics that the controllers of a plan read."""
    return frozenset(metric for one in plan.given.controllers for metric in one.metrics)


def tell(scheduler: Scheduler, metrics: Mapping[str, Any]) -> tuple[Event, ...]:
    """Tell the controllers those of a host's metrics that they read; the host measures others besides.

    Args:
        scheduler: The scheduler.
        metrics: Numbers by name.

    Returns:
        What came of it; nothing where no controller reads any of them.

    Raises:
        PlanError: One that a controller reads is no number.

    Example:
        >>> import paramgroups as pg, torch
        >>> from paramgroups.integrations.metrics import tell
        >>> cut = pg.control.plateau("**", "eval_loss", patience=0)
        >>> model = torch.nn.Linear(2, 1)
        >>> recipe = pg.Recipe(optimizer="sgd", lr=1.0, controllers=[cut])
        >>> optimizer, scheduler = pg.build(pg.plan(model, recipe))
        >>> tell(scheduler, {"eval_loss": 1.0, "eval_runtime": 12.0}), tell(scheduler, {"epoch": 1})
        ((), ())
        >>> _ = tell(scheduler, {"eval_loss": 1.0})
        >>> scheduler.rates
        {'default': 0.1}
    """
    asked = asked_of(scheduler.plan)
    found = {name: value for name, value in metrics.items() if name in asked}
    return scheduler.observe(**found) if found else ()
