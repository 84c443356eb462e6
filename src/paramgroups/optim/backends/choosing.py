"""Which backend steps a tensor: by where it is, by its dtype, and by what is installed."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple, cast

import torch

from paramgroups.errors import OptimizerError, nearest, shown
from paramgroups.optim.backends.batch import Backend


class Source(NamedTuple):
    """Where a backend comes from.

    Attributes:
        module: Its module, loaded when it first steps.
        package: What it needs installed.
        least: The least version of that, major and minor.
        extra: The extra of this package that installs that.
        device: The kind of device that it steps on; None for all.
    """

    module: str
    package: str = ""
    least: tuple[int, int] = (0, 0)
    extra: str = ""
    device: str | None = None


HERE = __name__.rpartition(".")[0]
BACKENDS: Mapping[str, Source] = {
    "cpu": Source(f"{HERE}.cpu", "numba", (0, 61), "cpu", "cpu"),
    "cuda": Source(f"{HERE}.gpu", "triton", (3, 4), "gpu", "cuda"),
    "torch": Source(f"{HERE}.reference"),
}
"""By name, the fastest first."""

COMPILED = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128)
"""The dtypes that kernels are compiled for; a complex number is two real ones."""


def check_backend(name: str | None) -> None:
    """Refuse a backend that is not there.

    Raises:
        OptimizerError: It is unknown, or its package is not installed.
    """
    if name is None:
        return
    if name not in BACKENDS:
        raise OptimizerError(f"backend={shown(name)} is not known. {nearest(str(name)[:100], BACKENDS)}")
    source = BACKENDS[name]
    if not is_installed(source):
        least = ".".join(map(str, source.least))
        raise OptimizerError(
            f'backend="{name}" needs {source.package} {least} or later, which is not installed. Run pip '
            f'install "paramgroups[{source.extra}]", or leave backend= out to step with what there is.'
        )


@cache
def is_installed(source: Source) -> bool:
    """Whether a backend can be loaded."""
    if not source.package:
        return True
    try:
        parts = version(source.package).split(".")
    except PackageNotFoundError:
        return False
    return tuple(int(part) for part in parts[:2] if part.isdecimal()) >= source.least


def backend_of(device: torch.device, dtype: torch.dtype, forced: str | None = None) -> Backend:
    """What steps tensors of a dtype on a device.

    Args:
        device: Where they are.
        dtype: Their dtype.
        forced: The backend that was asked for by name.

    Raises:
        OptimizerError: The one that was asked for does not step these.
    """
    able = [name for name, source in BACKENDS.items() if _serves(source, device, dtype)]
    if forced is not None and forced not in able:
        raise OptimizerError(
            f'backend="{forced}" does not step {dtype} on {device}. Leave backend= out: each tensor is '
            "stepped by what there is for it."
        )
    installed = (name for name in able if is_installed(BACKENDS[name]))
    return cast("Backend", import_module(BACKENDS[forced or next(installed)].module))


def _serves(source: Source, device: torch.device, dtype: torch.dtype) -> bool:
    return source.device is None or (source.device == device.type and dtype in COMPILED)
