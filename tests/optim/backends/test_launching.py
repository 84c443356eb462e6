"""Threads, forks and the compiled forms: the same bits, and no process that ends."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest
import torch

from paramgroups.optim.backends import launching
from paramgroups.optim.backends.launching import Launcher
from tests.optim.backends.steppers import Stepper

COUNTS = (100_003, 5, 40_000, 70_000)
WAIT = 20


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many as torch may use, and for less work than pays."""
    monkeypatch.setattr(launching, "ENOUGH", 1 << 16)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def stepped(steps: int = 3) -> tuple[list[bytes], bytes]:
    """The bits of weights and statistics after some steps of the same numbers."""
    draw = torch.Generator().manual_seed(3)
    params = [torch.randn(count, generator=draw) for count in COUNTS]
    grads = [torch.randn(count, generator=draw) for count in COUNTS]
    ours = Stepper("adamw", params, [{"lr": 0.01 * place} for place in range(1, 5)], "cpu")
    ours.batch.statistics = True
    sums = [ours.measure(grads), ours.rehearse(grads)] + [ours.step(grads) for _ in range(steps)]
    return [param.numpy().tobytes() for param in params], np.stack(sums).tobytes()


@pytest.mark.usefixtures("two_threads")
def test_the_same_bits_for_one_thread_and_two() -> None:
    together = stepped()
    torch.set_num_threads(1)
    assert stepped() == together


@pytest.mark.usefixtures("two_threads")
def test_threads_that_step_at_once_do_not_end_the_process() -> None:
    wanted, found = stepped(), []
    workers = [threading.Thread(target=lambda: found.append(stepped(40)[0])) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(WAIT)
    assert len(found) == 3
    assert found[0] == found[1] == found[2]
    assert stepped() == wanted


def send(ours: Stepper, grads: list[torch.Tensor], channel: Connection) -> None:
    """Step in a child, with no work of torch's own: its threads do not outlive a fork either."""
    ours.step(grads)
    channel.send([param.numpy().tobytes() for param in ours.batch.params])


@pytest.mark.usefixtures("two_threads")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_after_use_steps_alone() -> None:
    params = [torch.randn(count) for count in COUNTS]
    grads = [torch.randn(count) for count in COUNTS]
    ours = Stepper("adamw", params, [{}] * 4, "cpu")
    ours.step(grads)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=send, args=(ours, grads, sender), daemon=True)
    child.start()
    found = receiver.recv() if receiver.poll(WAIT) else None
    child.kill() if found is None else child.join(WAIT)
    ours.step(grads)
    assert found == [param.numpy().tobytes() for param in params]
    assert child.exitcode == 0


class Recorder:
    """Which form was run, in place of a kernel."""

    address = 0

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def ctypes(self, begin: int, end: int, _: int) -> None:
        self.calls.append((begin, end))


def threads_of(launcher: Launcher, counts: list[int], monkeypatch: pytest.MonkeyPatch) -> int:
    """On how many threads so many numbers are walked."""
    recorder: Any = Recorder()
    found: list[int] = []
    run = lambda kernel, threads, context: found.append(threads)  # noqa: ARG005, E731  # in torch's place
    monkeypatch.setattr(launching, "together", lambda: run)
    launcher.run(recorder, np.array([[0, 0, count] for count in counts]))
    return found[0] if found else len(recorder.calls)


@pytest.mark.usefixtures("two_threads")
def test_so_many_threads_as_there_is_work_for(monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = Launcher()
    assert threads_of(launcher, [60_000, 60_000], monkeypatch) == 2
    assert threads_of(launcher, [30_000, 30_000], monkeypatch) == 1
    assert threads_of(launcher, [90_000], monkeypatch) == 1
    launcher._note_fork()
    assert threads_of(launcher, [60_000, 60_000], monkeypatch) == 1
    torch.set_num_threads(1)
    assert threads_of(Launcher(), [60_000, 60_000], monkeypatch) == 1


@pytest.mark.usefixtures("two_threads")
def test_threads_of_our_own_where_torch_lends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = stepped()
    monkeypatch.setattr(launching, "address_of", lambda _: None)
    launching.together.cache_clear()
    try:
        assert launching.together() is launching.on_threads_of_our_own
        assert stepped() == wanted
    finally:
        launching.together.cache_clear()


def test_a_helper_that_raises_is_heard() -> None:
    class Raising(Recorder):
        def ctypes(self, begin: int, end: int, _: int) -> None:
            super().ctypes(begin, end, _)
            time.sleep(0.01)
            if threading.current_thread() is not threading.main_thread():
                raise RuntimeError("from a helper")

    raising: Any = Raising()
    with pytest.raises(RuntimeError, match="from a helper"):
        launching.on_threads_of_our_own(raising, 2, 0)
    assert raising.calls == [(0, 1), (0, 1)]
