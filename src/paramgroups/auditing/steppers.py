"""Who steps a group: the update rule by its lower-case name, whatever class it is in."""

from collections.abc import Iterable
from inspect import Parameter, signature

from torch.optim import Optimizer

from paramgroups.auditing.subject import Group
from paramgroups.optim.optimizer import OPTIMIZER
from paramgroups.optim.optimizer import Optimizer as OnePass

OF_TORCH = "torch.optim."
ADAPTIVE = frozenset({"adam", "adamw", "nadam", "radam", "adamax", "lion"})
"""Rules of which a step moves each number by about the rate, whatever its gradient."""
DECOUPLED = frozenset({"adamw", "lion", "muon", "adafactor", "lamb"})
"""Rules that shrink the weights themselves, by the rate times the decay."""


def rule_of(group: Group) -> str:
    """The lower-case name of the update rule that steps a group.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from paramgroups.auditing.reading import read_subject
        >>> from paramgroups.schedules import Horizon
        >>> model = nn.Linear(2, 2)
        >>> optimizer = torch.optim.AdamW(model.parameters())
        >>> rule_of(read_subject(model, optimizer, None, Horizon.of())[0].groups[0])
        'adamw'
    """
    if isinstance(group.optimizer, OnePass):
        named = group.settings.get(OPTIMIZER)
        return str(named or group.optimizer._main).rpartition(".")[2].lower()  # noqa: SLF001  # no public view
    return type(group.optimizer).__name__.lower()


def is_torch(optimizer: Optimizer) -> bool:
    """Whether it is a class of torch itself, so that what it does is known."""
    return type(optimizer).__module__.startswith(OF_TORCH)


def is_one_pass(optimizer: Optimizer) -> bool:
    """Whether it is ours."""
    return isinstance(optimizer, OnePass)


def keeps_masters(optimizer: Optimizer) -> bool:
    """Whether it is ours and keeps weights of half precision in float32 beside."""
    return isinstance(optimizer, OnePass) and optimizer._options.master_weights  # noqa: SLF001  # no public view


def searches(optimizer: Optimizer) -> bool:
    """Whether an optimizer computes the loss itself, as LBFGS does: its steps are as long as they may be."""
    wanted = signature(type(optimizer).step).parameters.get("closure")
    return wanted is not None and wanted.default is Parameter.empty


def is_decoupled(group: Group) -> bool:
    """Whether the decay of a group is multiplied by its rate and by nothing else."""
    return rule_of(group) in DECOUPLED or bool(group.settings.get("decoupled_weight_decay"))


def peak(group: Group) -> float | None:
    """The highest rate that is asked for of a group; None where none is known."""
    asked = [rate for rate in (group.base, group.value("max_lr")) if rate is not None]
    return max(asked, default=None)


def listed(groups: Iterable[Group]) -> list[str]:
    """The parameters of some groups, each once."""
    return list(dict.fromkeys(name for group in groups for name in group.names))
