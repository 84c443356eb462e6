"""What a checkpoint holds of a run, whatever habits it was written by: optimizers, schedulers and weights."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from paramgroups.errors import listing
from paramgroups.optim.saved import GROUPS, STATE

MODEL_KEYS = ("model", "state_dict", "model_state_dict", "model_state", "net", "network", "module", "weights")
SCHEDULER_KEYS = ("scheduler", "lr_scheduler", "scheduler_state_dict", "lr_schedulers", "sched", "lr_sched")
SCHEDULER_MARKS = frozenset(
    {"_last_lr", "_step_count", "base_lrs", "_schedulers", "num_bad_epochs", "base_values"}
)
"""One of these is in the state of every scheduler of torch, of ours, and of timm's."""
DEEPEST = 3
"""How far within dicts and lists a state is looked for."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class SavedRun:
    """What a checkpoint holds.

    Attributes:
        where: What it is called in messages.
        optimizers: The states of optimizers.
        schedulers: The states of schedulers.
        shapes: The shape of each of the model's tensors by its saved name; None where no weights are there.
        aliases: Other names of saved tensors.
        keys: What else is there, for messages.
        by_name: Whether it is loaded by the names of parameters, as what `pg.save` wrote is.
        alone: Whether it is one state by itself, so that the lack of another tells nothing.
        ordered: Whether weights stand in the model's order.
        renamed: Whether names may have been changed on the way to the file.
    """

    where: str
    optimizers: tuple[Any, ...] = ()
    schedulers: tuple[Any, ...] = ()
    shapes: Mapping[str, Shape] | None = None
    aliases: Mapping[str, str] | None = None
    keys: str = ""
    by_name: bool = False
    alone: bool = False
    ordered: bool = False
    renamed: bool = False


def run_in(tree: Mapping[Any, Any], where: str) -> SavedRun:
    """What a dict holds, under the keys that the world uses, or by what states look like.

    Example:
        >>> import torch
        >>> sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1)
        >>> found = run_in({"epoch": 3, "optim": sgd.state_dict(), "net": {"w": torch.zeros(2)}}, "a dict")
        >>> len(found.optimizers), found.schedulers, found.shapes
        (1, (), {'w': (2,)})
    """
    optimizers = tuple(_within(tree, is_optimizer_state, DEEPEST))
    schedulers = tuple(_within(tree, is_scheduler_state, DEEPEST)) or tuple(_under(tree, SCHEDULER_KEYS))
    weights = tree if _are_weights(tree, whole=True) else next(_weights(tree), None)
    return SavedRun(
        where,
        optimizers,
        schedulers,
        None if weights is None else shapes_of(weights),
        keys=listing(f"{key} ({type(value).__name__})" for key, value in tree.items()) or "nothing",
        alone=is_optimizer_state(tree) or is_scheduler_state(tree) or weights is tree,
        ordered=True,
    )


def is_optimizer_state(found: Any) -> bool:
    """Whether it is what an optimizer's `state_dict` gives."""
    return isinstance(found, Mapping) and STATE in found and isinstance(found.get(GROUPS), list | tuple)


def is_scheduler_state(found: Any) -> bool:
    """Whether it looks as what a scheduler's `state_dict` gives."""
    return isinstance(found, Mapping) and not SCHEDULER_MARKS.isdisjoint(
        key for key in found if isinstance(key, str)
    )


def shapes_of(weights: Mapping[str, Any]) -> dict[str, Shape]:
    """The shapes of a model's saved tensors; what is none is left out."""
    return {name: tuple(one.shape) for name, one in weights.items() if isinstance(one, Tensor)}


def _within(tree: Any, is_one: Callable[[Any], bool], depth: int) -> Iterator[Any]:
    """What is such a state, within dicts and lists; what is within one is its own."""
    if is_one(tree):
        yield tree
    elif depth and not is_optimizer_state(tree):
        inside = (
            tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list | tuple) else ()
        )
        for one in inside:
            yield from _within(one, is_one, depth - 1)


def _under(tree: Mapping[Any, Any], keys: tuple[str, ...]) -> Iterator[Any]:
    return (tree[key] for key in keys if isinstance(tree.get(key), Mapping) and tree[key])


def _weights(tree: Mapping[Any, Any]) -> Iterator[Mapping[str, Any]]:
    return (one for one in _under(tree, MODEL_KEYS) if _are_weights(one, whole=False))


def _are_weights(found: Mapping[Any, Any], *, whole: bool) -> bool:
    """Whether it is a model's state: tensors by names, and beside them what modules saved of their own."""
    if not found or not all(isinstance(key, str) for key in found):
        return False
    return (all if whole else any)(isinstance(one, Tensor) for one in found.values())
