"""Other layouts of an optimizer's state: torch's own without names, and the flat one of many processes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from paramgroups.errors import CheckpointError, listing, shown
from paramgroups.optim.saved import GROUPS, NAMES, PARAMS, STATE, read, twice

Flat = dict[str, Any]


def name_state(state: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A saved optimizer's state with the names of its parameters, so that it can be loaded by name.

    Args:
        state: What `optimizer.state_dict()` gave; names that it has are replaced. It is left as it is, and
            its tensors are not copied.
        names: A name for each parameter, in the order in which they were given to that optimizer, group by
            group: of `torch.optim.AdamW(model.parameters())` it is
            `[name for name, _ in model.named_parameters()]`.

    Raises:
        CheckpointError: It is no optimizer's state, or there are more or fewer names, or one twice.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> saved = torch.optim.SGD([weight], lr=0.1).state_dict()
        >>> name_state(saved, ["head.weight"])["param_groups"][0]["param_names"]
        ['head.weight']
    """
    sizes, given = read(state).sizes, _texts(names)
    if len(given) != sum(sizes):
        raise CheckpointError(
            f"{len(given):,} names were given, and the saved optimizer has {sum(sizes):,} parameters in "
            f"groups of {listing(map(str, sizes))}. Give one for each that was given to it, and for no other."
        )
    if doubled := twice(given):
        raise CheckpointError(
            f"The name {listing(doubled)} is given more than once. Each is of one parameter."
        )
    left = iter(given)
    groups = [{**group, NAMES: [next(left) for _ in group[PARAMS]]} for group in state[GROUPS]]
    return {**state, GROUPS: groups}


def flatten_state(state: Mapping[str, Any]) -> Flat:
    """A named state as `torch.distributed.checkpoint` flattens it, one entry for each tensor and value.

    Args:
        state: What the `state_dict()` of an optimizer with named parameters gave, or `name_state`.

    Returns:
        `{"state.head.weight.exp_avg": …, "param_groups.head.weight.lr": …}`; tensors are not copied.

    Raises:
        CheckpointError: It is no optimizer's state, or has no names.

    Example:
        >>> import torch
        >>> head = torch.nn.Linear(2, 1, bias=False)
        >>> saved = torch.optim.SGD(head.named_parameters(), lr=0.5).state_dict()
        >>> flatten_state(saved)["param_groups.weight.lr"]
        0.5
    """
    saved = read(state)
    if saved.names is None:
        raise CheckpointError(
            "This state does not name its parameters. Give their names: pg.name_state(state, names)."
        )
    if doubled := twice(saved.names):
        raise CheckpointError(f"More than one parameter of this state is named {listing(doubled)}.")
    flat: Flat = {}
    for name, member in zip(saved.names, saved.members, strict=True):
        flat.update(_flattened(f"{STATE}.{name}", member.state))
        values = saved.groups[member.group].items()
        flat.update({f"{GROUPS}.{name}.{key}": one for key, one in values if key not in {PARAMS, NAMES}})
    return flat


def unflatten_state(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `flatten_state`: a named state that an optimizer loads.

    Parameters whose values are equal are a group; which were one before is not told by the flat form.

    Args:
        flat: What `flatten_state` gave, or `torch.distributed.checkpoint` with
            `StateDictOptions(flatten_optimizer_state_dict=True)`.

    Raises:
        CheckpointError: It has other entries, or a state of a parameter without values.

    Example:
        >>> flat = {"param_groups.head.weight.lr": 0.5, "state.head.weight.step": 3}
        >>> unflatten_state(flat)["state"]
        {0: {'step': 3}}
    """
    values = _values(flat)
    numbers = {name: number for number, name in enumerate(values)}
    states: dict[int, Flat] = {}
    for key, value in flat.items():
        if key.startswith(f"{STATE}."):
            name, path = _parted(key, numbers)
            _put(states.setdefault(numbers[name], {}), path, value)
    groups: dict[Any, Flat] = {}
    for name, own in values.items():
        group = groups.setdefault(_comparable(own), {**own, PARAMS: [], NAMES: []})
        group[PARAMS].append(numbers[name])
        group[NAMES].append(name)
    return {STATE: states, GROUPS: [*groups.values()]}


def _texts(names: Iterable[str]) -> list[str]:
    given = [*names] if isinstance(names, Iterable) and not isinstance(names, str) else None
    if given is None or not all(isinstance(name, str) for name in given):
        raise CheckpointError(
            f"names={shown(names if given is None else given)}: give a list of texts, such as "
            "[name for name, _ in model.named_parameters()]."
        )
    return given


def _flattened(path: str, state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in state.items():
        if isinstance(value, Mapping):
            yield from _flattened(f"{path}.{key}", value)
        else:
            yield f"{path}.{key}", value


def _values(flat: Mapping[str, Any]) -> dict[str, Flat]:
    """The values of each parameter's group, by the parameter's name."""
    if not isinstance(flat, Mapping):
        raise CheckpointError(f"{shown(flat)} is no flat state of an optimizer: it is a dict by names.")
    found: dict[str, Flat] = {}
    for key, value in flat.items():
        head, _, rest = str(key).partition(".")
        name, _, hyper = rest.rpartition(".")
        if head not in {STATE, GROUPS} or not rest or (head == GROUPS and not name):
            raise CheckpointError(
                f"The entry {shown(key)} is none of a flat state of an optimizer: they begin with "
                '"state." or "param_groups.", and a parameter\'s name. Take others out.'
            )
        if head == GROUPS:
            found.setdefault(name, {}).update({} if hyper == NAMES else {hyper: value})
    return found


def _parted(key: str, names: Mapping[str, int]) -> tuple[str, list[str]]:
    """The parameter's name in a key, and the path below it."""
    parts = key.split(".")[1:]
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        if name in names:
            return name, parts[length:]
    raise CheckpointError(
        f"The entry {shown(key)} is of a parameter that has no values: there is no "
        '"param_groups." entry of its name. The flat state is not whole.'
    )


def _put(state: Flat, path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        state = state.setdefault(part, {})
        if not isinstance(state, dict):
            raise CheckpointError(f"{part!r} is a value and holds others in this flat state.")
    state[path[-1]] = value


def _comparable(value: Any) -> Any:
    """A value that is equal to another just where what it stands for is."""
    if isinstance(value, Mapping):
        return tuple((key, _comparable(one)) for key, one in sorted(value.items()))
    if isinstance(value, Tensor):
        return "tensor", _comparable(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(map(_comparable, value))
    return type(value).__name__, repr(value)
