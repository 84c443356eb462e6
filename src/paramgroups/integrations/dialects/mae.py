"""MAE: groups with `lr_scale`, under a loop that writes its rate x lr_scale over all groups."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from torch import nn

from paramgroups.integrations.dialects.keys import hyperparameters, number, overwritten
from paramgroups.integrations.dialects.losing import Loss
from paramgroups.integrations.dialects.members import Groups, Member
from paramgroups.integrations.dialects.reading import LeftOut, Settings, read_groups
from paramgroups.integrations.dialects.writing import write_groups
from paramgroups.planning import Plan
from paramgroups.rules import Recipe

HOST = "mae"
SCALE = "lr_scale"


def read(
    groups: Groups,
    model: nn.Module,
    *,
    lr: float,
    optimizer: Any = None,
    left_out: LeftOut = "error",
    **settings: Any,
) -> Recipe:
    """Read groups as MAE's `param_groups_lrd` makes them.

    Args:
        groups: The groups, or the optimizer that holds them.
        model: The model of which they were made.
        lr: The rate of its arguments (`args.lr`), which its loop writes over whatever stands in the groups.
        optimizer: As a recipe names it; None for the class of the optimizer given, else AdamW.
        left_out: `"freeze"` if it is meant that trainable parameters are in no group.
        **settings: What the recipe is to say of other hyperparameters.

    Returns:
        The recipe, without a schedule: MAE's is `warmup(n, start=0.0).then(cosine(end=min_lr / lr))`.

    Raises:
        HostError: A parameter is in no group or in two; a key is read by nobody.

    Warns:
        UserWarning: Groups have rates of their own, which the loop writes over.

    Example:
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import mae
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> slow, fast = ({"params": list(one.parameters())} for one in model)
        >>> mae.read([slow | {"lr_scale": 0.5}, fast | {"lr_scale": 1.0}], model, lr=0.1)
        Recipe(optimizer='adamw', lr=0.1, rules=[rule('0', lr_scale=0.5)])

    Source: He et al. 2021 (arXiv 2111.06377), `util/lr_decay.py` and `util/lr_sched.py` of its code.
    """
    given = {"lr": lr} | settings
    return read_groups(groups, model, HOST, _said, _look, optimizer=optimizer, given=given, left_out=left_out)


def write(plan: Plan, model: nn.Module | None = None, *, lose: Collection[Loss] = ()) -> list[dict[str, Any]]:
    """The groups of a plan for MAE's loop: `lr_scale` is each group's rate as a part of the recipe's.

    Give the recipe's rate as `args.lr`. Torch's schedulers know no `lr_scale`.

    Args:
        plan: The plan.
        model: The live model; the planned one unless it was replaced or sharded since.
        lose: What of the plan may be lost, by the words of the error that names it.

    Raises:
        HostError: The plan says what such groups cannot.
    """
    return write_groups(plan, model, HOST, lose, SCALE)


def _said(member: Member, optimizer: Any) -> Settings:
    said = hyperparameters(member, optimizer, {"lr", SCALE}, HOST)
    return said | {SCALE: number(member.keys, SCALE, 1.0, f"{HOST}.read: {member.title}")}


def _look(found: Sequence[Member]) -> Iterator[str]:
    return overwritten(found, "args.lr x lr_scale")
