"""timm: groups with `lr_scale`, which timm's own schedulers multiply the rate by and no other reads."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from torch import nn

from paramgroups.errors import HostError
from paramgroups.integrations.dialects.keys import base_rate, hyperparameters, number
from paramgroups.integrations.dialects.losing import Loss
from paramgroups.integrations.dialects.members import Groups, Member
from paramgroups.integrations.dialects.reading import LeftOut, Settings, read_groups
from paramgroups.integrations.dialects.writing import write_groups
from paramgroups.planning import Plan
from paramgroups.rules import Recipe

HOST = "timm"
SCALE = "lr_scale"
FALLBACK = "use_fallback"


def read(
    groups: Groups,
    model: nn.Module,
    *,
    lr: float | None = None,
    optimizer: Any = None,
    left_out: LeftOut = "error",
    **settings: Any,
) -> Recipe:
    """Read groups as `timm.optim.param_groups_layer_decay` or `param_groups_weight_decay` makes them.

    The recipe's plan gives each parameter the rate, x lr_scale, and the weight decay that timm's does.
    Scales that fall with depth become `layer_decay`; values of norms and biases become rules by role.

    Args:
        groups: The groups; or the optimizer of `create_optimizer_v2`, before or after its scheduler began.
        model: The model of which they were made.
        lr: The rate of groups that have none of their own; None where all have one.
        optimizer: As a recipe names it; None for the class of the optimizer given, else AdamW.
        left_out: `"freeze"` if it is meant that trainable parameters are in no group.
        **settings: What the recipe is to say of other hyperparameters.

    Returns:
        The recipe, without a schedule: groups know none.

    Raises:
        HostError: A parameter is in no group or in two; a key is read by nobody, such as `lr_mult`; nobody
            says the rate.

    Warns:
        UserWarning: All scales are 1, as where timm was given a wrapped model.

    Example:
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import timm
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> slow, fast = ({"params": list(one.parameters())} for one in model)
        >>> timm.read([slow | {"lr_scale": 0.5}, fast | {"lr_scale": 1.0}], model, lr=0.1)
        Recipe(optimizer='adamw', lr=0.1, rules=[rule('0', lr_scale=0.5)])
    """
    given = settings if lr is None else {"lr": lr} | settings
    return read_groups(groups, model, HOST, _said, flat, optimizer=optimizer, given=given, left_out=left_out)


def write(plan: Plan, model: nn.Module | None = None, *, lose: Collection[Loss] = ()) -> list[dict[str, Any]]:
    """The groups of a plan for timm's trainer: `lr_scale` is each group's rate as a part of the recipe's.

    Each has the recipe's rate as its `lr`, since timm's schedulers multiply that. So a scheduler that is not
    timm's gives all groups that one rate.

    Args:
        plan: The plan.
        model: The live model; the planned one unless it was replaced or sharded since.
        lose: What of the plan may be lost, by the words of the error that names it.

    Raises:
        HostError: The plan says what such groups cannot: schedules, windows, rows, controllers, several
            optimizers, clipping.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import timm
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0", lr_scale=0.5)])
        >>> [(group["name"], group["lr"], group["lr_scale"]) for group in timm.write(pg.plan(model, recipe))]
        [('0', 0.1, 0.5), ('default', 0.1, 1.0)]
    """
    return write_groups(plan, model, HOST, lose, SCALE)


def _said(member: Member, optimizer: Any) -> Settings:
    where = f"{HOST}.read: {member.title}"
    said = hyperparameters(member, optimizer, {"lr", SCALE, FALLBACK}, HOST)
    if member.keys.get(FALLBACK):
        raise HostError(
            f"{where} has {FALLBACK}=True: timm steps it by another optimizer. Take the key away, and say so "
            'by a rule of the recipe: optimizer="adamw".'
        )
    if "lr" in member.keys:
        said["lr"] = base_rate(member, where)
    return said | {SCALE: number(member.keys, SCALE, 1.0, where)}


def flat(found: Sequence[Member]) -> Iterator[str]:
    """That all scales are 1, which is no layer decay."""
    scales = {member.keys[SCALE] for member in found if SCALE in member.keys}
    if scales == {1}:
        yield (
            f"{SCALE} is 1 in every group, so all learn at one rate. timm finds no layers in a wrapped model "
            "(DDP, torch.compile): make the groups of the model itself."
        )
