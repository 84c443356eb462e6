"""Megatron-core: groups whose `max_lr`, `min_lr`, `wd_mult` (once `lr_mult`) its own scheduler reads."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal

from torch import nn

from paramgroups.errors import HostError, shown
from paramgroups.integrations.dialects.factors import factor
from paramgroups.integrations.dialects.keys import hyperparameters, number
from paramgroups.integrations.dialects.losing import Loss
from paramgroups.integrations.dialects.members import Groups, Member
from paramgroups.integrations.dialects.reading import LeftOut, Settings, read_groups
from paramgroups.integrations.dialects.writing import write_groups
from paramgroups.optim import optimizer_class
from paramgroups.planning import Plan
from paramgroups.rules import Recipe
from paramgroups.schedules import Schedule

HOST = "megatron"
MAX, MIN, SCALE, DECAY = "max_lr", "min_lr", "lr_mult", "wd_mult"
DECAYS = ("start_wd", "end_wd")
FLAGS = ("is_expert_parallel", "is_decoupled_lr", "default_config")
WRITTEN = ("lr", "weight_decay")
"""What its scheduler writes at every step, so that what stands there does not count."""
READ = (MAX, MIN, SCALE, DECAY, *DECAYS, *FLAGS, *WRITTEN)

DIGITS = 15

Floored = Callable[[float], Schedule]
Scaled = Literal["max_lr", "lr_mult"]


def read(  # noqa: PLR0913  # what its scheduler is told besides
    groups: Groups,
    model: nn.Module,
    *,
    lr: float,
    weight_decay: float,
    min_lr: float = 0.0,
    schedule: Floored | None = None,
    scaled: Scaled = "max_lr",
    optimizer: Any = None,
    left_out: LeftOut = "error",
    **settings: Any,
) -> Recipe:
    """Read groups as Megatron-core makes them of its conditions and overrides.

    Its scheduler gives each group a rate of its own `max_lr`, down to its own `min_lr`, and the weight decay
    x `wd_mult`. Until 0.15 it multiplied the rate by `lr_mult` too; since 0.16 nobody reads that.

    Args:
        groups: The groups, before mixed precision or sharding replaced their tensors.
        model: The model of which they were made.
        lr: The rate of groups without `max_lr`: the scheduler's.
        weight_decay: The scheduler's weight decay, which groups multiply.
        min_lr: The floor of groups without `min_lr`: the scheduler's.
        schedule: The schedule for a floor, which is a part of the rate, such as
            `lambda floor: warmup(100, start=0.0).then(cosine(end=floor))`; None for a recipe without one.
        scaled: `"lr_mult"` where an older scheduler multiplies by it.
        optimizer: As a recipe names it; None for the class of the optimizer given, else AdamW.
        left_out: `"freeze"` if it is meant that trainable parameters are in no group.
        **settings: What the recipe is to say of other hyperparameters.

    Raises:
        HostError: A parameter is in no group or in two; a key is read by nobody, `lr_mult` too unless
            `scaled` says so; a group's weight decay grows.

    Warns:
        UserWarning: Groups have floors of their own, and no schedule is given to put them into.

    Example:
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import megatron
        >>> model = nn.Linear(2, 1)
        >>> weight, bias = {"params": [model.weight]}, {"params": [model.bias], "wd_mult": 0.0}
        >>> megatron.read([weight, bias], model, lr=0.1, weight_decay=0.05)
        Recipe(optimizer='adamw', lr=0.1, weight_decay=0.05, rules=[rule('bias', weight_decay=0.0)])

    Source: `OptimizerParamScheduler` of Megatron-core 0.19.2 and 0.13.1.
    """
    given = {"lr": lr, "weight_decay": weight_decay} | settings
    given |= {} if schedule is None else {"schedule": schedule(_floor(Member(0, {}, ()), lr, min_lr))}

    def said(member: Member, optimizer: Any) -> Settings:
        where = f"{HOST}.read: {member.title}"
        found = hyperparameters(member, optimizer, READ, HOST)
        found["lr"] = top = number(member.keys, MAX, lr, where)
        found["lr_scale"] = _scale(member, scaled, where)
        found["weight_decay"] = _decay(member, weight_decay, where)
        found["weight_decay_scale"] = number(member.keys, DECAY, 1.0, where)
        if schedule is not None:
            found["schedule"] = schedule(_floor(member, top, min_lr))
        return found

    def look(found: Sequence[Member]) -> Iterator[str]:
        floors = {_floor(member, member.keys.get(MAX, lr), min_lr) for member in found}
        if schedule is None and floors - {0.0}:
            yield (
                f"{MIN} is a floor of up to {max(floors):.3g} of the rate, and floors are the schedule's. "
                "Give schedule=lambda floor: …, and each group has its own."
            )

    return read_groups(groups, model, HOST, said, look, optimizer=optimizer, given=given, left_out=left_out)


def write(  # noqa: PLR0913  # what its scheduler is told besides
    plan: Plan,
    model: nn.Module | None = None,
    *,
    weight_decay: float | None = None,
    min_lr: float = 0.0,
    scaled: Scaled = "max_lr",
    lose: Collection[Loss] = (),
) -> list[dict[str, Any]]:
    """The groups of a plan for Megatron-core's scheduler.

    Args:
        plan: The plan.
        model: The live model; the planned one unless it was replaced or sharded since.
        weight_decay: The scheduler's weight decay; the recipe's unless given.
        min_lr: The floor of the recipe's rate; that of another rate is as much smaller or larger.
        scaled: `"lr_mult"` for a scheduler until 0.15, which multiplies by it.
        lose: What of the plan may be lost, by the words of the error that names it.

    Raises:
        HostError: The plan says what such groups cannot; a weight decay is to be made of 0.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import megatron
        >>> model = nn.Linear(2, 1)
        >>> rules = [pg.rule("bias", weight_decay=0.0, lr_scale=2)]
        >>> recipe = pg.Recipe(optimizer="adamw", lr=0.1, weight_decay=0.05, rules=rules)
        >>> [(group["max_lr"], group["wd_mult"]) for group in megatron.write(pg.plan(model, recipe))]
        [(0.1, 1.0), (0.2, 0.0)]
    """
    written = write_groups(plan, model, HOST, lose, SCALE)
    base = plan.given.lr
    known = dict(optimizer_class(plan.given.optimizer).defaults) | plan.given.settings
    decay = known.get("weight_decay", 0.0) if weight_decay is None else weight_decay
    for group in written:
        scale = group[SCALE] if scaled == MAX else 1.0
        group |= {MAX: base * scale, MIN: min_lr * scale, SCALE: 1.0 if scaled == MAX else group[SCALE]}
        group |= {DECAY: _multiple(group.get("weight_decay", 0.0), decay)}
        group |= {"is_expert_parallel": False, "is_decoupled_lr": False, "default_config": scale == 1}
    return written


def _scale(member: Member, scaled: Scaled, where: str) -> float:
    scale = number(member.keys, SCALE, 1.0, where)
    if scale != 1 and scaled == MAX:
        raise HostError(
            f"{where} has {SCALE}={scale:g}, which Megatron-core no longer reads since 0.16: all learn at "
            f'{MAX}. Give the group {MAX}=; or, for an older Megatron-core, scaled="{SCALE}".'
        )
    return scale


def _decay(member: Member, weight_decay: float, where: str) -> float:
    start, end = (number(member.keys, key, weight_decay, where) for key in DECAYS)
    if start != end:
        raise HostError(
            f"{where} has weight decay from {start:g} to {end:g}. Take the keys away, and give the recipe a "
            'schedule of it: schedules={"weight_decay": …}.'
        )
    return start


def _floor(member: Member, top: float, min_lr: float) -> float:
    """A group's floor as a part of its rate, without the last digit, in which rounding parts equal ones."""
    given = member.keys.get(MIN)
    floor = (min_lr if given is None else given) / top if top else 0.0
    return float(f"{floor:.{DIGITS}g}")


def _multiple(value: float, base: float) -> float:
    if base == 0 != value:
        raise HostError(
            f"{HOST}.write: a weight decay of {value:g} is no multiple of the scheduler's, {shown(base)}. "
            "Give weight_decay=."
        )
    return factor(value, base)
