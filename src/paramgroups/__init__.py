"""Every parameter learns at its own rate: parameter-specific learning rates for PyTorch.

The public names are loaded when they are first used, so that importing the package, or asking its command
line for help, loads no torch.
"""

from importlib import import_module
from typing import Any

from paramgroups._version import __version__
from paramgroups.errors import Finding, ParamGroupsError

_HOMES = {
    "Audit": "auditing",
    "Carried": "optim.carried",
    "Event": "journal",
    "Index": "indexing",
    "Journal": "journal",
    "Optimizer": "optim.optimizer",
    "Plan": "planning",
    "Recipe": "rules",
    "Row": "indexing",
    "Rule": "rules",
    "Scheduler": "run",
    "assert_clean": "auditing",
    "audit": "auditing",
    "build": "run",
    "flatten_state": "optim.layouts",
    "index": "indexing",
    "load": "run",
    "load_recipe": "planning",
    "name_state": "optim.layouts",
    "per_parameter": "rules",
    "plan": "planning",
    "plot": "reporting",
    "rule": "rules",
    "save": "run",
    "silence": "auditing",
    "spread": "recipes.spreading",
    "unflatten_state": "optim.layouts",
    "watch": "auditing",
}
_PARTS = ("control", "recipes", "schedules", "select")

__all__ = ["Finding", "ParamGroupsError", "__version__", *_HOMES, *_PARTS]  # noqa: PLE0604  # all are text


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"paramgroups.{name}")
    if name not in _HOMES:
        raise AttributeError(f"paramgroups has no {name!r}. It has: {', '.join(sorted(__all__))}.")
    found = getattr(import_module(f"paramgroups.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
