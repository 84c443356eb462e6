"""`assert_clean`: an audit as a test of one line."""

from typing import Any

from torch import nn

from paramgroups.auditing.entry import audit
from paramgroups.errors import Severity


def assert_clean(
    model: nn.Module, optimizer: Any, scheduler: Any = None, *, level: Severity = "advice", **asked: Any
) -> None:
    """Fail where an audit finds something: a training set-up's own test.

    Args:
        model: The model.
        optimizer: The optimizer, or several.
        scheduler: The scheduler, or several.
        level: The lightest severity that fails: `"error"`, `"warning"` or `"advice"`.
        asked: Whatever else `pg.audit` takes: `steps=`, `loss=`, `batch=`, `checkpoint=`, `silence=` …

    Raises:
        AssertionError: Something was found; the whole report is its message.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> assert_clean(model, torch.optim.SGD(model.parameters(), lr=0.1))
    """
    found = audit(model, optimizer, scheduler, **asked).at(level)
    if found.findings:
        raise AssertionError(str(found))
