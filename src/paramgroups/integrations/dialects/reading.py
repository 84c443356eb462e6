"""Groups read into a recipe: what timm, MAE, BEiT and Megatron have in common."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

from paramgroups.errors import HostError, listing
from paramgroups.integrations.dialects.factoring import recipe_of
from paramgroups.integrations.dialects.members import Groups, Member, members, outside, rows_of
from paramgroups.rules import Recipe

Settings = Mapping[str, Any]
LeftOut = Literal["error", "freeze"]
SaidBy = Callable[[Member, Any], Settings]
"""What a group says, in our words, given the optimizer."""
Look = Callable[[Sequence[Member]], Iterable[str]]
"""What of all groups is not wrong and seldom meant."""


def read_groups(  # noqa: PLR0913  # what four dialects differ in
    groups: Groups,
    model: nn.Module,
    host: str,
    said_by: SaidBy,
    look: Look,
    *,
    optimizer: Any,
    given: Settings,
    left_out: LeftOut,
) -> Recipe:
    """The recipe by which a plan of the model gives each parameter what its group says.

    Args:
        groups: The groups, or the optimizer that holds them.
        model: The model of which they were made.
        host: Whose they are, as messages call it.
        said_by: What a group says.
        look: What to warn of.
        optimizer: The optimizer; None for the class of the given one, else AdamW.
        given: What the recipe is to say for all.
        left_out: What becomes of trainable parameters that are in no group.

    Raises:
        HostError: The groups are not those of the model, or say what nobody reads.
    """
    index = rows_of(model, host)
    found = members(groups, model, host)
    if optimizer is None:
        optimizer = type(groups) if isinstance(groups, torch.optim.Optimizer) else "adamw"
    frozen = outside(found, index)
    if frozen and left_out != "freeze":
        raise HostError(_told(frozen, found, host))
    said: dict[str, Settings] = {}
    for member in found:
        said |= dict.fromkeys(member.names, said_by(member, optimizer))
    if "lr" not in given and (silent := [name for name, settings in said.items() if "lr" not in settings]):
        raise HostError(
            f"{host}.read: nobody says the rate of {listing(silent)}. Give lr=, or groups with lr."
        )
    for told in look(found):
        warnings.warn(f"{host}.read: {told}", UserWarning, stacklevel=3)
    return recipe_of(said, index, optimizer=optimizer, given=given, frozen=frozen)


def _told(frozen: Sequence[str], found: Sequence[Member], host: str) -> str:
    empty = [member.number for member in found if not member.names]
    hint = f" Group {empty[0]} is empty: a generator gives its tensors once." if empty else ""
    return (
        f"{host}.read: in no group, though trainable: {listing(frozen)}. {host} would never train them.{hint}"
        ' Put them in a group; or, if that is meant, give left_out="freeze".'
    )
