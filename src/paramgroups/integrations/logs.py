"""What a host's log is given of a run: every group's rate under its name, and what its steps did."""

from paramgroups.errors import HostError, shown
from paramgroups.optim.optimizer import Optimizer
from paramgroups.optim.rows import ROWS
from paramgroups.run import Scheduler

STATISTICS = ("grad_norm", "weight_norm", "update_ratio")


def numbers(scheduler: Scheduler, *, statistics: bool = False) -> dict[str, float]:
    """The rate of every group, of rows with a rate of their own too, and statistics of the last step.

    Args:
        scheduler: The scheduler.
        statistics: Whether to tell also, of every group that was stepped last, √Σg² of its gradients, √Σw²
            of its weights, and how far it moved for its size. They are there for our optimizer.

    Returns:
        Numbers by name: `"lr/head"`, `"lr/embed.weight[100:120]"`, `"grad_norm/head"`, `"weight_norm/head"`,
        `"update_ratio/head"`.

    Raises:
        HostError: It is no scheduler of ours.

    Example:
        >>> import paramgroups as pg, torch
        >>> from paramgroups.integrations.logs import numbers
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 1))
        >>> plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("1", lr_scale=10)]))
        >>> optimizer, scheduler = pg.build(plan)
        >>> numbers(scheduler)
        {'lr/default': 0.1, 'lr/1': 1.0}
    """
    if not isinstance(scheduler, Scheduler):
        raise HostError(f"{shown(scheduler)} is no pg.Scheduler: pg.build(plan) makes one.")
    held = scheduler.optimizer.param_groups  # while ours waits for its turn, others write there
    found = {f"lr/{name}": float(group["lr"]) for name, group in zip(scheduler.rates, held, strict=False)}
    found |= _row_rates(scheduler)
    return found | (_statistics(scheduler) if statistics else {})


def _row_rates(scheduler: Scheduler) -> dict[str, float]:
    return {
        f"lr/{row['name']}[{row['start']}:{row['stop']}]": float(row["lr"])
        for group in scheduler.optimizer.param_groups
        for row in group.get(ROWS, ())
        if "lr" in row
    }


def _statistics(scheduler: Scheduler) -> dict[str, float]:
    optimizer = scheduler.optimizer
    if not (isinstance(optimizer, Optimizer) and optimizer.tells):
        return {}
    return {
        f"{what}/{name}": float(getattr(one, what))
        for name, one in optimizer.statistics().items()
        for what in STATISTICS
    }
