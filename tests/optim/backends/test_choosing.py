"""Which backend steps what."""

from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
import torch

from paramgroups.errors import OptimizerError
from paramgroups.optim.backends import choosing, cpu, reference
from paramgroups.optim.backends.choosing import (
    BACKENDS,
    COMPILED,
    Source,
    backend_of,
    check_backend,
    is_installed,
)

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.mark.parametrize("dtype", COMPILED, ids=str)
def test_kernels_step_what_they_are_compiled_for(dtype: torch.dtype) -> None:
    assert backend_of(CPU, dtype) is cpu


@pytest.mark.parametrize("dtype", [torch.int8, torch.complex32, torch.float8_e5m2], ids=str)
def test_plain_torch_steps_all_other_dtypes(dtype: torch.dtype) -> None:
    assert backend_of(CPU, dtype) is reference


def test_plain_torch_steps_all_other_devices() -> None:
    assert backend_of(META, torch.float32) is reference


@pytest.mark.parametrize(("name", "module"), [("cpu", cpu), ("torch", reference)], ids=["cpu", "torch"])
def test_one_that_is_asked_for_is_taken(name: str, module: Any) -> None:
    check_backend(name)
    assert backend_of(CPU, torch.float32, forced=name) is module


@pytest.mark.parametrize(
    ("name", "device", "dtype", "message"),
    [
        ("cpu", META, torch.float32, 'backend="cpu" does not step torch.float32 on meta. Leave backend= out'),
        ("cpu", CPU, torch.int8, 'backend="cpu" does not step torch.int8 on cpu'),
        ("cuda", CPU, torch.float32, 'backend="cuda" does not step torch.float32 on cpu'),
    ],
    ids=["device", "dtype", "kind of device"],
)
def test_one_that_does_not_serve(name: str, device: torch.device, dtype: torch.dtype, message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        backend_of(device, dtype, forced=name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("cpuu", "backend='cpuu' is not known. Nearest: \"cpu\"."),
        ("", "backend='' is not known. Known: cpu, cuda, torch."),
        (3, "backend=3 is not known. Known: cpu, cuda, torch."),
        ("x" * 10_000, "is not known. Known: cpu, cuda, torch."),
    ],
    ids=["near", "empty", "number", "long"],
)
def test_one_that_is_not_known(asked: Any, message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        check_backend(asked)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_none_is_asked_for() -> None:
    check_backend(None)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An environment in which neither Numba nor Triton is installed."""

    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(choosing, "version", version)
    is_installed.cache_clear()
    yield
    is_installed.cache_clear()


@pytest.mark.usefixtures("bare")
def test_without_numba_plain_torch_steps() -> None:
    assert backend_of(CPU, torch.float32) is reference
    check_backend("torch")
    with pytest.raises(OptimizerError) as caught:
        check_backend("cpu")
    assert str(caught.value) == (
        'backend="cpu" needs numba 0.61 or later, which is not installed. Run pip install '
        '"paramgroups[cpu]", or leave backend= out to step with what there is.'
    )


@pytest.mark.parametrize(
    ("there", "enough"),
    [("0.61.2", True), ("0.60.9", False), ("1.0", True), ("0.62.0rc1", True)],
    ids=str,
)
def test_the_least_version(there: str, enough: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001  # a case
    monkeypatch.setattr(choosing, "version", lambda _: there)
    assert is_installed.__wrapped__(BACKENDS["cpu"]) is enough


def test_what_needs_nothing_is_installed() -> None:
    assert is_installed(Source("anything"))


def test_each_extra_installs_what_its_backend_needs() -> None:
    needs = {name: source.package for name, source in BACKENDS.items() if source.package}
    assert needs == {"cpu": "numba", "cuda": "triton"}
    assert all(BACKENDS[name].extra for name in needs)
