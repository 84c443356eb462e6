"""The optimizer: a rate of its own for every tensor, in one pass."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from paramgroups.errors import OptimizerError, nearest, shown
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.columns import part_of
from paramgroups.optim.hyperparameters import PACKED, SWITCHES, domain_of, is_number, unpack
from paramgroups.optim.memory import Memory, keep_precision
from paramgroups.optim.passes import Backend, Pass, lay_out, look

UNCOUNTED = ("sgd",)
"""Of these torch keeps no count of steps."""

BACKENDS = {"cpu": "paramgroups.optim.backends.cpu", "torch": "paramgroups.optim.backends.reference"}
"""The modules that step, loaded when they first do."""

COMPILED = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128)
"""The dtypes that the CPU backend has kernels for; a complex number is two real ones."""


class Optimizer(torch.optim.Optimizer):
    """Step all groups in one pass, however many rates there are.

    It is a torch optimizer: `param_groups` is read at each step, the state has torch's keys, and both can be
    loaded from and into torch's own class of the same name. Where torch's would step it, a parameter that is
    frozen (`requires_grad=False`) or has rate 0 is not: neither it nor its state is written, none is made.
    A parameter of half precision has its state in float32.

    Args:
        params: Parameters or groups of them, as for any torch optimizer.
        optimizer: Which update rule: `"adamw"`, `"adam"`, `"sgd"`, `"lion"`, `"rmsprop"`, `"adagrad"`,
            `"nadam"`, `"radam"`.
        backend: `"cpu"` (Numba) or `"torch"` (anywhere, slower); unless given, Numba steps what is on the CPU
            where it is installed.
        **settings: Defaults of the groups, under torch's names; what is unset is as torch has it.

    Raises:
        OptimizerError: There is no such rule or backend, the rule reads no such setting, or a value is out of
            its domain.

    Example:
        >>> import torch
        >>> from paramgroups.optim.optimizer import Optimizer
        >>> weight = torch.nn.Parameter(torch.ones(3))
        >>> optimizer = Optimizer([weight], "sgd", lr=0.5, backend="torch")
        >>> weight.sum().backward()
        >>> optimizer.step()
        >>> weight.tolist()
        [0.5, 0.5, 0.5]
    """

    def __init__(
        self,
        params: Iterable[Any],
        optimizer: str = "adamw",
        *,
        backend: str | None = None,
        **settings: Any,
    ) -> None:
        check_name("optimizer", optimizer, ALGORITHMS)
        check_backend(backend)
        check_settings(optimizer, settings)
        self._name = optimizer
        self._backend = backend
        self._pass: Pass | None = None
        super().__init__(params, {**ALGORITHMS[optimizer].defaults, **settings})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, as torch does; its values are checked.

        Raises:
            OptimizerError: A value is out of its domain. The group is not added then.
        """
        super().add_param_group(param_group)
        try:
            check_values(self.param_groups[-1], ALGORITHMS[self._name].defaults)
        except OptimizerError:
            self.param_groups.pop()
            raise

    @torch._disable_dynamo  # type: ignore[attr-defined]  # noqa: SLF001  # as torch's own: to trace a pass is no use
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step all parameters that are trained, have a gradient, and a rate that is not 0.

        Args:
            closure: Computes the loss anew, as torch's optimizers take it.

        Raises:
            OptimizerError: A gradient, a state or a setting cannot be stepped. Nothing is written then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            self._step()
        return loss

    def _step(self) -> None:
        family, groups = ALGORITHMS[self._name], self.param_groups
        memory = Memory(self.state, family.starts, counted=self._name not in UNCOUNTED)
        found = look(groups, family)
        if self._pass is None or not self._pass.fits(found, memory):
            self._pass = None  # what was laid out before is not kept beside what comes
            self._pass = lay_out(found, groups, memory, self._backend_of)
        self._pass.run(found, groups, memory)
        torch.autograd.graph.increment_version(found.stepped)

    def _backend_of(self, tensor: Tensor) -> Backend:
        served = tensor.device.type == "cpu" and tensor.dtype in COMPILED
        if self._backend == "cpu" and not served:
            raise OptimizerError(
                f'backend="cpu" does not step {tensor.dtype} on {tensor.device}. Leave backend= out: what it '
                "does not step is stepped by torch."
            )
        fastest = "cpu" if served and find_spec("numba") else "torch"
        made: Backend = import_module(BACKENDS[self._backend or fastest]).step
        return made

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` of this optimizer, or of torch's own class, gave.

        Args:
            state_dict: As torch has it. Where torch rounds the state of half-precision parameters to their
                dtype, it stays float32.
        """
        super().load_state_dict(state_dict)
        numbers = [number for group in state_dict["param_groups"] for number in group["params"]]
        params = [param for group in self.param_groups for param in group["params"]]
        for number, param in zip(numbers, params, strict=True):
            keep_precision(self.state, param, state_dict["state"].get(number))

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made of; it lays out a pass of its own."""
        own = {"_name": self._name, "_backend": self._backend}
        return {**super().__getstate__(), **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What is loaded has other tensors, and may lack a setting that was added since it was saved."""
        super().__setstate__(state)
        self._pass = None
        for group in self.param_groups:
            for name, value in ALGORITHMS[self._name].defaults.items():
                group.setdefault(name, value)


def check_name(what: str, name: object, known: Iterable[str]) -> None:
    """Refuse a name that nothing has.

    Raises:
        OptimizerError: It is not among the known ones.
    """
    if not isinstance(name, str) or name not in known:
        raise OptimizerError(f"{what}={shown(name)} is not known. {nearest(str(name)[:100], known)}")


def check_backend(backend: str | None) -> None:
    """Refuse a backend that is not there.

    Raises:
        OptimizerError: It is unknown, or its package is not installed.
    """
    if backend is not None:
        check_name("backend", backend, BACKENDS)
    if backend == "cpu" and find_spec("numba") is None:
        raise OptimizerError(
            'backend="cpu" needs Numba, which is not installed. Run pip install "paramgroups[cpu]", or leave '
            "backend= out to step with plain torch."
        )


def check_settings(optimizer: str, settings: Iterable[str]) -> None:
    """Refuse a setting that a rule does not read.

    Raises:
        OptimizerError: It reads none of that name.
    """
    known = ALGORITHMS[optimizer].defaults
    for name in settings:
        if name not in known and name not in SWITCHES:
            raise OptimizerError(f'{optimizer} reads no "{name}". {nearest(name[:100], known)}')


def check_values(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse values that a rule cannot be applied with.

    Raises:
        OptimizerError: One is out of its domain, or no number.
    """
    keys = {f"{part}{number}": key for key, part in PACKED.items() for number in (1, 2, 3)}
    for name, default in unpack(defaults).items():
        if is_number(default):
            value = part_of(group.get(keys.get(name, name)), name)
            if not is_number(value) or value not in domain_of(name):
                raise OptimizerError(f"{name}={shown(value)}: it must be a number, {domain_of(name)}.")
