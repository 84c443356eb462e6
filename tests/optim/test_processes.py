"""Threads and forked children: each steps as if it were alone."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paramgroups.optim.backends import launching
from paramgroups.optim.optimizer import Optimizer

LARGE = 200_000
"""Numbers that are given to two threads here; in truth it takes more for that to pay."""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(launching, "ENOUGH", LARGE)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def made(seed: int, name: str, backend: str | None = None) -> tuple[Optimizer, list[nn.Parameter]]:
    draws = torch.Generator().manual_seed(seed)
    params = [nn.Parameter(torch.randn(size, generator=draws)) for size in (LARGE, 7, 1000)]
    return Optimizer([{"params": [param]} for param in params], name, lr=0.01, backend=backend), params


def trained(seed: int, name: str, steps: int = 8, backend: str | None = None) -> list[Tensor]:
    optimizer, params = made(seed, name, backend)
    return [param.detach() for param in walk(optimizer, params, steps)]


def walk(optimizer: Optimizer, params: list[nn.Parameter], steps: int) -> list[nn.Parameter]:
    for step in range(steps):
        for param in params:
            param.grad = param.detach() * 0.5 + step
        optimizer.step()
    return params


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", ["adamw", "sgd", "lamb"])
def test_optimizers_in_threads_of_their_own(name: str) -> None:
    wanted = [trained(seed, name) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: trained(seed, name), range(4)))
    for one, other in zip(found, wanted, strict=True):
        assert all(map(torch.equal, one, other))


@pytest.mark.usefixtures("two_threads")
def test_a_thread_that_is_left_while_another_steps() -> None:
    """Made here, stepped there: nothing hangs on the thread."""
    optimizer, params = made(0, "adamw")
    wanted = trained(0, "adamw", 6)
    for _ in range(2):
        walk_in_thread(optimizer, params)
    assert [param.shape for param in params] == [one.shape for one in wanted]
    assert optimizer.state[params[0]]["step"].item() == 6


def walk_in_thread(optimizer: Optimizer, params: list[nn.Parameter]) -> None:
    thread = threading.Thread(target=walk, args=(optimizer, params, 3))
    thread.start()
    thread.join()


def in_child(work: Callable[[], bool]) -> int:
    """Run in a forked child; 0 if it finds all well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@needs_fork
@pytest.mark.usefixtures("two_threads")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("backend", ["cpu", "torch"])
def test_a_fork_after_use_steps_on_in_the_child(backend: str) -> None:
    """Torch's own threads do not live through a fork: its operations, not our kernels, are told so."""
    (optimizer, params), (twin, others) = made(0, "adamw", backend), made(0, "adamw", backend)
    walk(optimizer, params, 2)
    walk(twin, others, 2)
    twin.step()
    wanted = [param.detach().numpy() for param in others]

    def work() -> bool:
        if backend == "torch":
            torch.set_num_threads(1)
        optimizer.step()
        return all(map(np.array_equal, (param.detach().numpy() for param in params), wanted))

    assert in_child(work) == 0
    assert optimizer.state[params[0]]["step"].item() == 2
    optimizer.step()
    assert all(map(np.array_equal, (param.detach().numpy() for param in params), wanted))


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_finds_the_same_numbers() -> None:
    trained(0, "adamw", 1)
    context = multiprocessing.get_context("fork")
    queue: Any = context.SimpleQueue()

    def work() -> None:
        torch.set_num_threads(1)
        queue.put([one.double().sum().item() for one in trained(3, "adamw", 4)])

    child = context.Process(target=work)
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert queue.get() == [one.double().sum().item() for one in trained(3, "adamw", 4)]
