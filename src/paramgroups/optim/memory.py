"""What an optimizer remembers of each tensor: made when it is first stepped, under torch's own keys."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import Algorithm

STEP = "step"
HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Memory:
    """The states of an optimizer, and how they begin.

    Attributes:
        states: The optimizer's state of each parameter.
        starts: The setting at which a state starts, by the state's key; all others start at 0.
        counted: Whether torch keeps a count of steps; else a state that is there stands for one.
    """

    states: MutableMapping[Tensor, dict[str, Any]]
    starts: Mapping[str, str]
    counted: bool

    def check(self, param: Tensor, rule: Algorithm) -> None:
        """Refuse a state of another shape than its parameter, before anything is written beyond its end.

        Raises:
            OptimizerError: The parameter was resized since its state was made, or another's state was loaded.
        """
        state = self.states.get(param, {})
        for key in rule.states:
            found = state.get(key)
            if found is not None and found.shape != param.shape:
                raise OptimizerError(
                    f"A parameter of shape {tuple(param.shape)} has a {key} of shape {tuple(found.shape)}: "
                    "it was resized since. Delete its state, del optimizer.state[parameter], to begin anew."
                )

    def of(self, param: Tensor, rule: Algorithm, settings: Mapping[str, Any]) -> list[Tensor]:
        """The states that a rule keeps of a parameter: made if there are none, moved to where it is now."""
        state = self.states[param]
        dtype = torch.float32 if param.dtype in HALVES else param.dtype
        for key in rule.states:
            if state.get(key) is None:
                start = _start(float(settings.get(self.starts.get(key, ""), 0.0)), dtype)
                state[key] = torch.full_like(
                    param, start, dtype=dtype, memory_format=torch.contiguous_format, requires_grad=False
                )
            else:
                state[key] = state[key].to(param.device, dtype).contiguous()
        return [state[key] for key in rule.states]

    def steps_of(self, param: Tensor, rule: Algorithm) -> float:
        """How many steps a parameter has been through."""
        state = self.states.get(param, {})
        if self.counted:
            return float(state.get(STEP, 0.0))
        return float(bool(rule.states) and all(state.get(key) is not None for key in rule.states))


def _start(value: float, dtype: torch.dtype) -> complex:
    """A complex number starts at the value in both of its parts, as torch has it."""
    return complex(value, value) if dtype.is_complex else value


def keep_precision(states: MutableMapping[Tensor, dict[str, Any]], param: Tensor, saved: Any) -> None:
    """Give a half-precision parameter its float32 state as it was saved: torch rounds what it loads."""
    if param.dtype not in HALVES or not isinstance(saved, Mapping):
        return
    for key, value in saved.items():
        if isinstance(value, Tensor) and key != STEP and value.is_floating_point():
            states[param][key] = value.to(param.device, torch.float32)
