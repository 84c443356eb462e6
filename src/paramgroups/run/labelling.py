"""An optimizer's state by the names of its parameters, in place of the numbers that torch gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from paramgroups.errors import CheckpointError, shown
from paramgroups.indexing import named_parameters

NAMES = "param_names"
State = dict[str, Any]
Groups = Sequence[Mapping[str, Any]]


def with_names(groups: Groups, live: Groups, model: nn.Module | None) -> list[State]:
    """Groups that do not name their parameters, with the model's names of them if it has them all.

    Args:
        groups: The groups of an optimizer, or of its state.
        live: The same of the optimizer.
        model: The model; None where it is not known.
    """
    known = () if model is None else reversed([*named_parameters(model)])
    names = {id(param): name for name, param in known}  # of a tied one the first
    found = [[names.get(id(param)) for param in held["params"]] for held in live]
    if len(groups) != len(live) or any(None in of_group for of_group in found):
        return [dict(group) for group in groups]
    return [{**group, NAMES: group.get(NAMES) or own} for group, own in zip(groups, found, strict=True)]


def labelled(state: Mapping[str, Any]) -> State:
    """What `state_dict` gave, with names for numbers where all parameters have one of their own.

    Args:
        state: As torch has it: `state` by number, and groups that list the numbers.
    """
    groups = state["param_groups"]
    names = {number: name for group in groups for number, name in _named(group)}
    count = sum(len(group["params"]) for group in groups)
    if len(set(names.values())) < count:  # some have none, or two have one
        names = {number: number for group in groups for number in group["params"]}
    told = [{**group, "params": [names[number] for number in group["params"]]} for group in groups]
    return {
        "groups": told,
        "state": {names.get(number, number): one for number, one in state["state"].items()},
    }


def _named(group: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    numbers, names = group["params"], group.get(NAMES)
    if not isinstance(names, Sequence) or isinstance(names, str) or len(names) != len(numbers):
        return []
    return [pair for pair in zip(numbers, names, strict=True) if isinstance(pair[1], str)]


def numbered(data: Any) -> State:
    """What `labelled` was given.

    Raises:
        CheckpointError: The data are no such state.
    """
    groups, state = _tables(data)
    if strange := [one for one in groups if not isinstance(one.get("params"), list)]:
        raise _none(strange[0])
    labels = [label for group in groups for label in group["params"]]
    if not all(type(label) in (int, str) for label in labels) or len({*labels}) < len(labels):
        raise _none([label for label in labels if type(label) not in (int, str)] or labels)
    if strange := [one for one in state.values() if not isinstance(one, dict)]:
        raise _none(strange[0])
    numbers = {label: number for number, label in enumerate(labels)}
    told = [{**group, "params": [numbers[label] for label in group["params"]]} for group in groups]
    return {"state": {numbers.get(label, label): one for label, one in state.items()}, "param_groups": told}


def _tables(data: Any) -> tuple[list[dict[str, Any]], dict[Any, Any]]:
    if not isinstance(data, dict) or data.keys() != {"groups", "state"}:
        raise _none(data)
    groups, state = data["groups"], data["state"]
    if isinstance(groups, list) and all(map(_is_table, groups)) and isinstance(state, dict):
        return groups, state
    raise _none(data)


def _is_table(group: Any) -> bool:
    return isinstance(group, dict) and all(isinstance(key, str) for key in group)


def _none(found: Any) -> CheckpointError:
    return CheckpointError(f"This is no state of an optimizer: {shown(found)}. Nothing was loaded.")
