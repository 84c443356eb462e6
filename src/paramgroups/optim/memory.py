"""What an optimizer remembers of each tensor: made when it is first stepped, under torch's own keys."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from paramgroups.errors import OptimizerError, shown
from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.finding import local
from paramgroups.optim.shards import placed_as, runs_of

STEP = "step"
MASTER = "master"
BY_ROW = "row_"
"""Before the key of what is counted of each row by itself."""

Counts = dict[str, Tensor]
HALVES = (torch.float16, torch.bfloat16)
UNCOUNTED = ("sgd",)
"""Of these torch keeps no count of steps: a buffer that is there stands for one."""

ANEW = "Delete its state, del optimizer.state[parameter], to begin anew."

States = MutableMapping[Tensor, dict[str, Any]]


@dataclass(frozen=True)
class Memory:
    """The states of an optimizer, and how they begin.

    Attributes:
        states: The optimizer's state of each parameter.
        starts: The setting at which a state starts, by the state's key; all others start at 0.
        counted: Whether there is a count of steps.
        masters: Whether parameters of half precision are kept in float32 beside.
    """

    states: States
    starts: Mapping[str, str]
    counted: bool
    masters: bool = False

    def check(self, param: Tensor, rule: Algorithm) -> None:
        """Refuse a state of another shape than its parameter, before anything is written beyond its end.

        Raises:
            OptimizerError: The parameter was resized since its state was made, or another's state was loaded,
                or what is no state was put there.
        """
        state = self.states.get(param, {})
        for key in (*rule.states, MASTER):
            if state.get(key) is not None:
                _check_state(key, state[key], param)
        for key in (STEP, *rule.scalars) if self.counted else ():
            _check_number(key, state.get(key, 0.0), param)

    def knows(self, param: Tensor, rule: Algorithm) -> bool:
        """Whether a parameter has been stepped by this rule, or might be without anything being made."""
        if not self.keys(rule, mastered=self.masters and param.dtype in HALVES):
            return param.requires_grad and not is_lazy(param)  # there is nothing to know
        state = self.states.get(param, {})
        kept = [state.get(key) for key in rule.states]
        return bool(state) and all(isinstance(one, Tensor) and one.shape == param.shape for one in kept)

    def of(self, param: Tensor, rule: Algorithm, settings: Mapping[str, Any]) -> list[Tensor]:
        """The states that a rule keeps of a parameter: made if there are none, moved to where it is now."""
        if not rule.states:
            return []
        state, dtype = self.states[param], precise(param.dtype)
        for key in rule.states:
            start = _start(float(settings.get(self.starts.get(key, ""), 0.0)), dtype)
            state[key] = _placed(state.get(key), param, dtype, start)
        return [state[key] for key in rule.states]

    def counters(self, params: Sequence[Tensor], rule: Algorithm) -> dict[str, Tensor]:
        """One number of each parameter under each key: a tensor of which their states hold views."""
        if not self.counted:
            steps = [float(self.knows(param, rule) and bool(rule.states)) for param in params]
            return {STEP: torch.tensor(steps, dtype=torch.float32)}
        return {key: self._views(params, key, _first(key)) for key in (STEP, *rule.scalars)}

    def _views(self, params: Sequence[Tensor], key: str, start: float) -> Tensor:
        found = [float(self.states.get(param, {}).get(key, start)) for param in params]
        numbers = torch.tensor(found, dtype=torch.float32)
        for param, view in zip(params, numbers, strict=True):
            self.states[param][key] = view
        return numbers

    def row_counts(
        self, param: Tensor, rule: Algorithm, counters: Mapping[str, float], *, cut: bool
    ) -> Counts:
        """What is counted of each row of a parameter by itself; nothing where rows are all alike.

        Rows that were frozen while others learned start as young as they are: with the count of the others
        their first steps would be three times too large under Adam.

        Args:
            param: The parameter.
            rule: The update rule.
            counters: What stands for the whole of it.
            cut: Whether rows of it have settings of their own, and may be stepped without the others.
        """
        state, shape = self.states.get(param, {}), param.shape[:1]
        keys = {key: f"{BY_ROW}{key}" for key in counters}
        known = all(getattr(state.get(name), "shape", None) == shape for name in keys.values())
        if not rule.states or not param.numel() or not (known or cut):
            return {}
        for key, name in keys.items():
            whole = torch.full(shape, counters[key], dtype=torch.float32)
            state[name] = state[name].to("cpu", torch.float32) if known else whole
        return {key: state[name] for key, name in keys.items()}

    def forget_rows(self, param: Tensor, rule: Algorithm, settings: Mapping[str, Any], rows: slice) -> None:
        """Let rows of a parameter be as if they had never been stepped; its weights stay as they are."""
        if not rule.states or not self.knows(param, rule):
            return
        state = self.states[param]
        whole = {key: float(state.get(key, 1.0)) for key in (STEP, *rule.scalars)}
        for key, numbers in self.row_counts(param, rule, whole, cut=True).items():
            numbers[rows] = _first(key)
        for key, numbers in zip(rule.states, self.of(param, rule, settings), strict=True):
            start = _start(float(settings.get(self.starts.get(key, ""), 0.0)), numbers.dtype)
            first, stop, _ = rows.indices(len(param))
            for run in runs_of(param):
                local(numbers)[run.of(first, stop)] = start

    def keys(self, rule: Algorithm, *, mastered: bool) -> list[str]:
        """The keys of the state of a parameter that this rule steps."""
        counters = (STEP, *rule.scalars) if self.counted else ()
        return [*rule.states, *counters, *((MASTER,) if mastered else ())]

    def master_of(self, param: Tensor) -> Tensor:
        """A parameter in float32; where it was written since, what it is now."""
        state = self.states[param]
        known = state.get(MASTER)
        now = param.detach().float().contiguous()
        if known is None:
            state[MASTER] = now.clone()
        else:
            known = placed_as(known, param).to(param.device, torch.float32).contiguous()
            state[MASTER] = torch.where(known.to(param.dtype) == param, known, now)
        made: Tensor = state[MASTER]
        return made


def _check_state(key: str, found: Any, param: Tensor) -> None:
    if not isinstance(found, Tensor) or found.layout is not torch.strided:
        what = f"{shown(found)} as its {key}, which is no dense tensor"
    elif found.shape != param.shape:
        what = f"an entry {key} of shape {tuple(found.shape)}: it was resized since"
    elif lacking := lack(local(found)):
        what = f"an entry {key} whose storage has {lacking}"
    else:
        return
    raise OptimizerError(f"A parameter of shape {tuple(param.shape)} has {what}. {ANEW}")


def _check_number(key: str, found: Any, param: Tensor) -> None:
    try:
        fine = float(found) >= 0.0
    except (TypeError, ValueError, RuntimeError):
        fine = False
    if not fine:
        raise OptimizerError(
            f"A parameter of shape {tuple(param.shape)} has {shown(found)} as its {key}, which is no number "
            f"of at least 0. {ANEW}"
        )


def lack(tensor: Tensor) -> str:
    """What the storage of a tensor has and needs, where it has too little."""
    needed = (tensor.storage_offset() + reach(tensor)) * tensor.element_size()
    there = tensor.untyped_storage().nbytes()
    return f"{there:,} of the {needed:,} bytes that it needs" if tensor.numel() and there < needed else ""


def reach(tensor: Tensor) -> int:
    """How many numbers lie between a tensor's first and the end of its last."""
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def precise(dtype: torch.dtype) -> torch.dtype:
    """The dtype of the state of a parameter of this one."""
    return torch.float32 if dtype in HALVES else dtype


def _first(key: str) -> float:
    """What is counted before the first step."""
    return 0.0 if key == STEP else 1.0


def _start(value: float, dtype: torch.dtype) -> complex:
    """A complex number starts at the value in both of its parts, as torch has it."""
    return complex(value, value) if dtype.is_complex else value


def _placed(state: Tensor | None, param: Tensor, dtype: torch.dtype, start: complex) -> Tensor:
    if state is not None:
        return placed_as(state, param).to(param.device, dtype).contiguous()
    return torch.full_like(
        param, start, dtype=dtype, memory_format=torch.contiguous_format, requires_grad=False
    )


def placed(found: Any, param: Tensor, key: Any = None, *, on_device: bool = False) -> Any:
    """What was saved of a parameter, where it is now and as it computes.

    As torch has it, except that float32 of a parameter of half precision stays so, which torch rounds, and
    that whole numbers stay whole, such as an 8-bit state, of which torch makes floats.

    Args:
        found: A tensor, or what holds some.
        param: The parameter.
        key: Under which it stands.
        on_device: Whether the count of steps is kept where the parameter is.
    """
    if isinstance(found, Tensor):
        if key == STEP:
            return found.to(param.device, torch.float32) if on_device else found
        return found.to(param.device, _dtype_of(found, param))
    if isinstance(found, Mapping):
        return {key: placed(one, param, key, on_device=on_device) for key, one in found.items()}
    if isinstance(found, list | tuple):
        return type(found)([placed(one, param, on_device=on_device) for one in found])
    return found


def _dtype_of(found: Tensor, param: Tensor) -> torch.dtype:
    if not (param.is_floating_point() and found.is_floating_point()):
        return found.dtype
    is_kept = param.dtype in HALVES and found.dtype not in HALVES
    return torch.float32 if is_kept else param.dtype
