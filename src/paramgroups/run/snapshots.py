"""Weights that were good, kept in memory to go back to."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from paramgroups.errors import CheckpointError, shown

States = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Copies of some groups' parameters, of what the optimizer remembers of them, and of the model's buffers.

    Attributes:
        step: The tick of the update after which they were taken.
        params: The parameters by name.
        states: What the optimizer remembered of each, by name.
        buffers: The model's buffers, such as running statistics, by name.
    """

    step: float
    params: Mapping[str, Tensor]
    states: States
    buffers: Mapping[str, Tensor]

    @classmethod
    @torch.no_grad()
    def taken(
        cls, optimizer: Optimizer, groups: Collection[int], model: nn.Module | None, step: float
    ) -> "Snapshot":
        """Copy what there is now.

        Args:
            optimizer: The optimizer.
            groups: The numbers of the groups.
            model: The model whose buffers are copied; None: none are.
            step: The tick of the last update.
        """
        params = dict(_named(optimizer, groups))
        states = {name: _copied(optimizer.state.get(param, {})) for name, param in params.items()}
        buffers = {} if model is None else {name: one.clone() for name, one in model.named_buffers()}
        return cls(step, {name: param.detach().clone() for name, param in params.items()}, states, buffers)

    @torch.no_grad()
    def restore(self, optimizer: Optimizer, groups: Collection[int], model: nn.Module | None) -> None:
        """Write it back. What has come since, such as the memory of what was thawed, begins anew."""
        for name, param in _named(optimizer, groups):
            optimizer.state.pop(param, None)
            if name in self.params:
                param.copy_(self.params[name])
                if self.states[name]:
                    optimizer.state[param] = _copied(self.states[name])
        for name, buffer in () if model is None else model.named_buffers():
            if name in self.buffers:
                buffer.copy_(self.buffers[name])

    @property
    def data(self) -> dict[str, Any]:
        """Itself as plain Python and tensors, for a checkpoint."""
        return {
            "step": self.step,
            "params": dict(self.params),
            "states": {name: dict(state) for name, state in self.states.items()},
            "buffers": dict(self.buffers),
        }

    @classmethod
    def read(cls, data: Any) -> "Snapshot":
        """The snapshot that `data` gave.

        Raises:
            CheckpointError: It is none.
        """
        try:
            params, states, buffers = (dict(data[key]) for key in ("params", "states", "buffers"))
            if all(isinstance(one, Tensor) for one in (*params.values(), *buffers.values())):
                return cls(data["step"], params, {name: dict(states[name]) for name in params}, buffers)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"This is no snapshot of weights: {shown(data)} ({error!r}).") from error
        raise CheckpointError("A snapshot of weights holds what is no tensor. Load what state_dict() gave.")


def _named(optimizer: Optimizer, groups: Collection[int]) -> Iterator[tuple[str, Tensor]]:
    for number in groups:
        group = optimizer.param_groups[number]
        yield from zip(group["param_names"], group["params"], strict=True)


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one.detach().clone() if isinstance(one, Tensor) else one for key, one in state.items()}
