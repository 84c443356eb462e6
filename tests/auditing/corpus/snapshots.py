"""Everything of a set-up that an audit could change, kept so that it can be compared bit by bit."""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.auditing.corpus.cases import Setup


def copied(value: Any) -> Any:
    """Plain data with tensors cloned; other objects as they are."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, Mapping):
        return {key: copied(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [copied(held) for held in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Bit by bit: a NaN equals itself."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and same_tensors(one, other)
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(held, other[key]) for key, held in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one is other or bool(one == other) or (one != one and other != other)  # noqa: PLR0124  # NaN


def same_tensors(one: torch.Tensor, other: torch.Tensor) -> bool:
    if (one.dtype, one.shape, one.device) != (other.dtype, other.shape, other.device):
        return False
    return one.is_meta or bool(torch.equal(one.nan_to_num(), other.nan_to_num()))


def listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def of_model(model: nn.Module) -> dict[str, Any]:
    parameters = list(model.parameters())
    return {
        "tensors": copied(model.state_dict()),
        "objects": [id(p) for p in parameters],
        "training": [module.training for module in model.modules()],
        "trainable": [p.requires_grad for p in parameters],
        "gradients": [copied(p.grad) for p in parameters],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()],
    }


def of_optimizer(optimizer: Any) -> dict[str, Any]:
    if not hasattr(optimizer, "param_groups"):
        return copied(vars(optimizer))  # type: ignore[no-any-return]  # a dict of what it holds
    groups: Iterable[dict[str, Any]] = optimizer.param_groups
    kept = [{key: value for key, value in group.items() if key != "params"} for group in groups]
    return {
        "state": [copied(state) for state in optimizer.state.values()],
        "whose": [id(p) for p in optimizer.state],
        "groups": copied(kept),
        "members": [[id(p) for p in group["params"]] for group in groups],
    }


def of_scheduler(given: Any) -> Any:
    scheduler = given["scheduler"] if isinstance(given, dict) else given
    return copied(scheduler.state_dict() if hasattr(scheduler, "state_dict") else vars(scheduler))


def snapshot(setup: Setup) -> dict[str, Any]:
    """The model, the optimizers, the schedulers and the generators of random numbers as they are now."""
    return {
        "torch": torch.get_rng_state(),
        "numpy": copied(np.random.get_state()),  # noqa: NPY002  # the global generator is what users seed
        "random": copied(random.getstate()),
        "model": of_model(setup.model),
        "optimizers": [of_optimizer(one) for one in listed(setup.optimizer)],
        "schedulers": [of_scheduler(one) for one in listed(setup.scheduler)],
        "batch": copied(setup.options.get("batch")),
    }


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is not as it was."""
    return [name for name in before if not same(before[name], after[name])]
