"""Which of the values that groups had in a checkpoint, and have in the plan, are to hold."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from paramgroups.errors import CheckpointError, listing, nearest, shown
from paramgroups.optim import is_finite, is_number
from paramgroups.optim.hyperparameters import pack, unpack
from paramgroups.run.writing import Overwritten

RECIPE, CHECKPOINT = "recipe", "checkpoint"
SIDES = (RECIPE, CHECKPOINT)
OTHER = ("initial_lr",)
Values = dict[str, float]
Choice = Mapping[str, str] | str
"""Whose values hold: of all hyperparameters, or of each by name."""


def check_choice(values: Any) -> None:
    """Refuse what says not whose values hold.

    Raises:
        CheckpointError: It is neither a side, nor a mapping to sides.
    """
    found = values.values() if isinstance(values, Mapping) else [values]
    if isinstance(values, Mapping) and not all(isinstance(key, str) for key in values):
        raise CheckpointError(
            f'values={shown(values)}: name hyperparameters, such as {{"lr": "checkpoint"}}.'
        )
    for one in found:
        if not isinstance(one, str) or one not in SIDES:
            raise CheckpointError(
                f'values={shown(values)}: {shown(one)} is neither "recipe" nor "checkpoint". Write '
                'values="checkpoint", or {"lr": "checkpoint"}.'
            )


def values_of(groups: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """The numbers that each parameter has in some groups, by its name; of groups without names nothing.

    Args:
        groups: Groups as an optimizer has them, or as its state has them.
    """
    found: dict[str, Values] = {}
    for group in groups:
        names = group.get("param_names")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found |= dict.fromkeys(names, _numbers(group))
    return found


def _numbers(group: Mapping[str, Any]) -> Values:
    plain = {key: _plain(value) for key, value in group.items() if key not in ("params", *OTHER)}
    if not isinstance(plain.get("betas", (0, 0)), tuple):
        del plain["betas"]
    numbers = unpack(plain)
    return {key: value for key, value in numbers.items() if is_number(value) and is_finite(value)}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) and value.numel() == 1 else value


def asked_of_checkpoint(choice: Choice, known: set[str]) -> set[str]:
    """The hyperparameters whose values of the checkpoint are to hold.

    Raises:
        CheckpointError: There is no such hyperparameter in any group.
    """
    if isinstance(choice, str):
        return known if choice == CHECKPOINT else set()
    if unknown := [name for name in choice if name not in known]:
        raise CheckpointError(
            f'values= names "{unknown[0]}", which no group has here and in the checkpoint. '
            f"{nearest(unknown[0][:60], known)}"
        )
    return {name for name, side in choice.items() if side == CHECKPOINT}


def wanted(choice: Choice, then: Mapping[str, Values], optimizer: Optimizer) -> list[Overwritten]:
    """What is to be written into an optimizer's groups so that they hold the checkpoint's values.

    Args:
        choice: Whose values hold.
        then: The checkpoint's values by parameter.
        optimizer: The optimizer, with the values of the recipe in its groups.

    Raises:
        CheckpointError: A group's parameters had different values, or there is no such hyperparameter.
    """
    here = [(group, _numbers(group)) for group in optimizer.param_groups]
    known = {name for one in then.values() for name in one} & {name for _, one in here for name in one}
    chosen = asked_of_checkpoint(choice, known)
    return [
        Overwritten(place, hyper, numbers[hyper], value)
        for place, (group, numbers) in enumerate(here)
        for hyper, value in _of_group(group, then, chosen & numbers.keys())
        if value != numbers[hyper]
    ]


def _of_group(
    group: Mapping[str, Any], then: Mapping[str, Values], chosen: set[str]
) -> Iterator[tuple[str, float]]:
    for hyper in sorted(chosen):
        found: dict[float, str] = {}
        for name in group.get("param_names", ()):
            if hyper in then.get(name, {}):
                found.setdefault(then[name][hyper], name)
        if len(found) > 1:
            told = listing(f"{value:.6g} ({name})" for value, name in found.items())
            raise CheckpointError(
                f"values= asks for the checkpoint's {hyper}, and the parameters of the group "
                f'"{group.get("name", "")}" had different ones there: {told}. Plan with rules that keep them '
                f'apart (group=), or take the recipe\'s: values={{"{hyper}": "recipe"}}.'
            )
        yield from ((hyper, value) for value in found)


def write_values(found: Sequence[Overwritten], optimizer: Optimizer) -> None:
    """Write values into the groups of an optimizer that nobody drives."""
    for one in found:
        group = optimizer.param_groups[one.place]
        packed = pack(unpack(group) | {one.name: one.found})
        for key, value in packed.items():
            if isinstance(group[key], Tensor):
                group[key].fill_(value)
            else:
                group[key] = value
