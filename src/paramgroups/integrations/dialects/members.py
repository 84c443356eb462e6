"""Parameter groups as other projects make them: which parameters of a model are in which."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import nn

from paramgroups.errors import HostError, listing, shown
from paramgroups.indexing import Index, index, named_parameters

Groups = Iterable[Mapping[str, Any]] | torch.optim.Optimizer


class Member(NamedTuple):
    """One group.

    Attributes:
        number: Its place in the list.
        keys: All that it says.
        names: Its parameters, by their canonical names.
    """

    number: int
    keys: Mapping[str, Any]
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"group {self.number}" + (f" ({listing(self.names, 1)})" if self.names else "")


def members(groups: Groups, model: nn.Module, host: str) -> list[Member]:
    """Read a list of groups, or those of an optimizer.

    Raises:
        HostError: It is no list of groups; a group holds what is no parameter of the model; or one parameter
            is held twice.
    """
    names = _names(model)
    found = [_member(number, group, names, host) for number, group in enumerate(_listed(groups, host))]
    _check_once(found, host)
    return found


def outside(found: Iterable[Member], rows: Index) -> list[str]:
    """The trainable parameters that are in no group."""
    held = set(chain.from_iterable(member.names for member in found))
    return [row.name for row in rows if row.trainable and row.name not in held]


def rows_of(model: nn.Module, host: str) -> Index:
    """The index of a model.

    Raises:
        HostError: It is none.
    """
    if not isinstance(model, nn.Module):
        raise HostError(f"{host}.read: {shown(model)} is no model. Give the torch.nn.Module of the groups.")
    return index(model)


def _names(model: nn.Module) -> dict[int, str]:
    names: dict[int, str] = {}
    for name, tensor in named_parameters(model):
        names.setdefault(id(tensor), name)
    return names


def _listed(groups: Any, host: str) -> list[Any]:
    found = groups.param_groups if isinstance(groups, torch.optim.Optimizer) else groups
    if isinstance(found, Iterable) and not isinstance(found, (str, Mapping, torch.Tensor)):
        listed = list(found)
        if listed and all(isinstance(group, Mapping) and "params" in group for group in listed):
            return listed
    raise HostError(
        f"{host}.read: {shown(groups)} is no list of parameter groups. Give the dicts that hold params, or "
        "the optimizer that was made of them."
    )


def _member(number: int, group: Mapping[str, Any], names: Mapping[int, str], host: str) -> Member:
    params = group["params"]
    several = isinstance(params, Iterable) and not isinstance(params, torch.Tensor)
    tensors = [_tensor(one) for one in params] if several else [params]
    for tensor in tensors:
        if id(tensor) not in names:
            raise HostError(
                f"{host}.read: group {number} holds {_what(tensor)}, which is no parameter of the model. "
                "Give the model of which the groups were made, and groups made before anything (mixed "
                "precision, sharding) replaced their tensors."
            )
    return Member(number, group, tuple(names[id(tensor)] for tensor in tensors))


def _tensor(one: Any) -> Any:
    """The tensor, also of a pair of a name and a tensor."""
    return one[1] if isinstance(one, tuple) and len(one) == 2 else one  # noqa: PLR2004  # a pair


def _what(one: object) -> str:
    return f"a tensor of shape {tuple(one.shape)}" if isinstance(one, torch.Tensor) else shown(one)


def _check_once(found: Iterable[Member], host: str) -> None:
    seen: dict[str, int] = {}
    for member in found:
        for name in member.names:
            if name in seen:
                raise HostError(
                    f'{host}.read: "{name}" is in group {seen[name]} and in group {member.number}; which of '
                    "them counts, nobody says. Take it out of one."
                )
            seen[name] = member.number
