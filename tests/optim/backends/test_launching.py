"""Threads, forks and the compiled forms: the same bits, and no process that ends."""

import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numba
import numpy as np
import pytest
import torch

from paramgroups.optim.backends.launching import LAUNCHER, Launcher
from tests.optim.backends.steppers import Stepper

COUNTS = (100_003, 5, 40_000, 70_000)
WAIT = 20


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As many as torch may use."""
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

    def __init__(self) -> None:
        self.forms: list[str] = []

    def serial(self, *_: Any) -> None:
        self.forms.append("serial")

    def parallel(self, threads: int, *_: Any) -> None:
        assert numba.get_num_threads() == threads
        self.forms.append(f"parallel on {threads}")


def form(launcher: Launcher, counts: list[int]) -> str:
    recorder: Any = Recorder()
    chunks = np.array([[0, 0, count] for count in counts])
    launcher.run(recorder, chunks)
    return str(recorder.forms[0])


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one processor")
@pytest.mark.usefixtures("two_threads")
def test_the_form_is_chosen() -> None:
    launcher, before = Launcher(), numba.get_num_threads()
    assert form(launcher, [60_000, 60_000]) == "parallel on 2"
    assert numba.get_num_threads() == before
    assert form(launcher, [30_000, 30_000]) == "serial"
    assert form(launcher, [90_000]) == "serial"
    with launcher._busy:
        assert form(launcher, [60_000, 60_000]) == "serial"
    torch.set_num_threads(1)
    assert form(launcher, [60_000, 60_000]) == "serial"


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one processor")
@pytest.mark.usefixtures("two_threads")
def test_a_kernel_that_raises_leaves_the_launcher_free() -> None:
    class Raising(Recorder):
        def parallel(self, threads: int, *_: Any) -> None:
            raise RuntimeError(str(threads))

    raising: Any = Raising()
    with pytest.raises(RuntimeError, match="2"):
        LAUNCHER.run(raising, np.array([[0, 0, 60_000]] * 2))
    assert form(LAUNCHER, [60_000, 60_000]) == "parallel on 2"
