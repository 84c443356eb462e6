"""BEiT: groups with `lr_scale`, under a loop that writes its rate, and weight decay where there is any."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from torch import nn

from paramgroups.errors import HostError
from paramgroups.integrations.dialects.keys import hyperparameters, number, overwritten
from paramgroups.integrations.dialects.losing import Loss
from paramgroups.integrations.dialects.members import Groups, Member
from paramgroups.integrations.dialects.reading import LeftOut, Settings, read_groups
from paramgroups.integrations.dialects.writing import write_groups
from paramgroups.planning import Plan
from paramgroups.rules import Recipe

HOST = "beit"
SCALE = "lr_scale"
DECAY = "weight_decay"


def read(  # noqa: PLR0913  # what its loop is told besides
    groups: Groups,
    model: nn.Module,
    *,
    lr: float,
    weight_decay: float,
    optimizer: Any = None,
    left_out: LeftOut = "error",
    **settings: Any,
) -> Recipe:
    """Read groups as BEiT's `get_parameter_groups` makes them.

    Its loop writes rate x lr_scale into each group, and its weight decay into each whose own is above 0: what
    else stood there does not count.

    Args:
        groups: The groups, or the optimizer that holds them.
        model: The model of which they were made.
        lr: The rate of its arguments.
        weight_decay: The weight decay of its arguments, where its schedule begins.
        optimizer: As a recipe names it; None for the class of the optimizer given, else AdamW.
        left_out: `"freeze"` if it is meant that trainable parameters are in no group.
        **settings: What the recipe is to say of other hyperparameters.

    Returns:
        The recipe, without a schedule.

    Raises:
        HostError: A parameter is in no group or in two; a key is read by nobody; a group lacks `lr_scale` or
            `weight_decay`, without which its loop fails.

    Warns:
        UserWarning: Groups have a rate or a weight decay of their own, which the loop writes over.

    Example:
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import beit
        >>> model = nn.Linear(2, 1)
        >>> groups = [{"params": [model.weight], "weight_decay": 0.05, "lr_scale": 1.0}]
        >>> groups += [{"params": [model.bias], "weight_decay": 0.0, "lr_scale": 1.0}]
        >>> beit.read(groups, model, lr=0.1, weight_decay=0.05)
        Recipe(optimizer='adamw', lr=0.1, weight_decay=0.05, rules=[rule('bias', weight_decay=0.0)])

    Source: Bao et al. 2021 (arXiv 2106.08254), `optim_factory.py` of its code.
    """
    given = {"lr": lr, DECAY: weight_decay} | settings

    def said(member: Member, optimizer: Any) -> Settings:
        where = f"{HOST}.read: {member.title}"
        if lacking := {SCALE, DECAY} - member.keys.keys():
            raise HostError(f"{where} has no {min(lacking)}, without which BEiT's loop fails. Give it one.")
        found = hyperparameters(member, optimizer, {"lr", SCALE, DECAY}, HOST)
        decay = weight_decay if number(member.keys, DECAY, 0.0, where) else 0.0
        return found | {SCALE: number(member.keys, SCALE, 1.0, where), DECAY: decay}

    def look(found: Sequence[Member]) -> Iterator[str]:
        yield from overwritten(found, "the rate x lr_scale")
        if others := {member.keys[DECAY] for member in found} - {0, weight_decay}:
            yield f"{DECAY}={min(others):g} stands in groups, and the loop writes {weight_decay:g} over it"

    return read_groups(groups, model, HOST, said, look, optimizer=optimizer, given=given, left_out=left_out)


def write(plan: Plan, model: nn.Module | None = None, *, lose: Collection[Loss] = ()) -> list[dict[str, Any]]:
    """The groups of a plan for BEiT's loop: `lr_scale` is each group's rate as a part of the recipe's.

    Args:
        plan: The plan.
        model: The live model; the planned one unless it was replaced or sharded since.
        lose: What of the plan may be lost, by the words of the error that names it.

    Raises:
        HostError: The plan says what such groups cannot: schedules, windows and such, or more than one weight
            decay besides 0, since the loop writes one over all.
    """
    written = write_groups(plan, model, HOST, lose, SCALE)
    if len(decays := sorted({group[DECAY] for group in written if group.get(DECAY)})) > 1:
        raise HostError(
            f"{HOST}.write: BEiT's loop writes one weight decay over all that are not 0, and the plan has "
            f"{decays[0]:g} and {decays[-1]:g}. Give rules of one value and of 0."
        )
    return written
