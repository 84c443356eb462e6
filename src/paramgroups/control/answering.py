"""What the guards share that answer to what the others found: when an update is bad."""

import math
from collections.abc import Iterator

from paramgroups.control.guarding import Report


def is_bad(report: Report) -> bool:
    """Whether a guard found the update bad, one of its groups was left out, or a number is not finite."""
    return bool(report.bad or report.refused) or next(broken(report), None) is not None


def broken(report: Report) -> Iterator[str]:
    """The groups whose gradients, weights or updates are not finite."""
    for name, told in report.groups.items():
        if told.nonfinite or not math.isfinite(told.grad_norm + told.weight_norm + told.update_norm):
            yield name
