"""Weights that were good, kept in memory to go back to."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from paramgroups.errors import CheckpointError, shown
from paramgroups.optim.optimizer import Optimizer

Tensors = Mapping[str, Tensor]
Places = Mapping[str, int]
"""Groups by name, and where they stand in the optimizer."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Copies of some groups' parameters, of what the optimizer remembers of them, and of their buffers.

    Attributes:
        step: The tick of the update after which they were taken.
        params: The parameters, each by its group and its name: a group that joined may have any names.
        states: What the optimizer remembered of each.
        buffers: Buffers, such as running statistics, by name: of the modules that hold these parameters and
            no others that are trained.
    """

    step: float
    params: Tensors
    states: Mapping[str, Mapping[str, Any]]
    buffers: Tensors

    @classmethod
    @torch.no_grad()
    def taken(cls, optimizer: Optimizer, groups: Places, model: nn.Module | None, step: float) -> "Snapshot":
        """Copy what there is now.

        Args:
            optimizer: The optimizer.
            groups: The groups.
            model: The model that has the buffers; None: none are copied.
            step: The tick of the last update.
        """
        optimizer.settle()
        params = dict(_named(optimizer, groups))
        states = {name: _copied(optimizer.state.get(param, {})) for name, param in params.items()}
        buffers = {name: one.clone() for name, one in _buffers(optimizer, groups, model)}
        return cls(step, {name: param.detach().clone() for name, param in params.items()}, states, buffers)

    @torch.no_grad()
    def restore(
        self, optimizer: Optimizer, groups: Places, model: nn.Module | None, frozen: Container[int]
    ) -> None:
        """Write it back; what is frozen now stays as it is. What has come since begins anew.

        Args:
            optimizer: The optimizer.
            groups: The groups.
            model: The model that has the buffers.
            frozen: The identities of the tensors that are frozen now.

        Raises:
            CheckpointError: A parameter has another shape. Nothing is written then.
        """
        live = [(name, one) for name, one in _named(optimizer, groups) if _learns(one, frozen)]
        self._check(live)
        optimizer.settle()
        for name, param in live:
            optimizer.state.pop(param, None)
            if name in self.params:
                param.copy_(self.params[name])
                if self.states[name]:
                    optimizer.state[param] = _copied(self.states[name])
        for name, buffer in _buffers(optimizer, groups, model, frozen):
            if name in self.buffers and self.buffers[name].shape == buffer.shape:
                buffer.copy_(self.buffers[name])

    def _check(self, live: list[tuple[str, Tensor]]) -> None:
        for name, param in live:
            if name in self.params and self.params[name].shape != param.shape:
                raise CheckpointError(
                    f'"{name}" has the shape {tuple(param.shape)}, and the snapshot to go back to '
                    f"{tuple(self.params[name].shape)}: it was resized since, or is of another model."
                )

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


def _named(optimizer: Optimizer, groups: Places) -> Iterator[tuple[str, Tensor]]:
    for name, number in groups.items():
        group = optimizer.param_groups[number]
        names = group.get("param_names") or map(str, range(len(group["params"])))
        yield from ((f"{name}: {one}", param) for one, param in zip(names, group["params"], strict=True))


def _buffers(
    optimizer: Optimizer, groups: Places, model: nn.Module | None, frozen: Container[int] = ()
) -> Iterator[tuple[str, Tensor]]:
    """The buffers of modules, or of what is around them, that hold parameters of these groups alone."""
    if model is None:
        return
    all_of = {group: held["params"] for group, held in enumerate(optimizer.param_groups)}
    chosen = set(groups.values())
    ours = {id(one) for group in chosen for one in all_of[group] if _learns(one, frozen)}
    others = {id(one) for group in all_of.keys() - chosen for one in all_of[group]}
    for path, module in model.named_modules():
        near = _holders(model, path)
        if any(id(one) in ours for one in near) and not any(id(one) in others for one in near):
            for name, buffer in module.named_buffers(recurse=False):
                yield f"{path}.{name}" if path else name, buffer


def _holders(model: nn.Module, path: str) -> list[nn.Parameter]:
    """The parameters of a module, or of the nearest around it that has some."""
    while not (found := list(model.get_submodule(path).parameters())) and path:
        path = path.rpartition(".")[0]
    return found


def _learns(param: Tensor, frozen: Container[int]) -> bool:
    return param.requires_grad and id(param) not in frozen


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one.detach().clone() if isinstance(one, Tensor) else one for key, one in state.items()}
