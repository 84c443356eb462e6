"""Which optimizers there are, by the names that groups keep: ours, torch's, and a user's classes."""

from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch

from paramgroups.errors import OptimizerError, RuleError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.classes import Named, optimizer_class, torch_name
from paramgroups.optim.hyperparameters import CLIPPING, pack


@dataclass
class Known:
    """The classes of other optimizers that were named so far; groups hold names, which can be saved."""

    classes: dict[str, type[torch.optim.Optimizer]] = field(default_factory=dict)

    def name_of(self, named: Named) -> str:
        """The name of an optimizer: of ours or torch's its lower-case name, of a user's class where it is.

        Raises:
            OptimizerError: There is no such optimizer, the class cannot be made, or another has its name.
        """
        if isinstance(named, str) and (named in ALGORITHMS or named in self.classes):
            return named
        try:
            found = optimizer_class(named)
        except RuleError as error:
            raise OptimizerError(str(error)) from error
        cls = found.cls
        name = None if cls is None else torch_name(cls) or f"{cls.__module__}.{cls.__qualname__}"
        if cls is None or name is None or name in ALGORITHMS:
            return str(named if name is None else name)
        if self.classes.setdefault(name, cls) is not cls:
            raise OptimizerError(
                f'Two classes are called "{name}", and groups keep names alone. '
                "Give one another __qualname__."
            )
        return name

    def stepper(self, name: str) -> Named:
        """The class of this name; of an update rule of ours the name itself."""
        return self.classes.get(name, name)

    def defaults(self, name: str) -> dict[str, Any]:
        """The settings of a group that this optimizer steps, under torch's keys."""
        if name in ALGORITHMS:
            return dict(ALGORITHMS[name].defaults)
        cls = self.classes[name]
        found = {key: value for key, value in optimizer_class(cls).defaults.items() if key not in CLIPPING}
        asked = signature(cls).parameters.get("lr")
        if asked is not None and isinstance(asked.default, (int, float)):
            found["lr"] = asked.default  # the class was read by making one with a rate of ours
        return pack(found)
