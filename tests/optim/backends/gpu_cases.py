"""What the Triton backend computes, against the reference; `test_gpu` runs this in a process of its own.

There NumPy runs Triton's code, or, where there is one, a GPU does.
"""

import math
import os
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from paramgroups.optim.backends import STATISTICS, Backend, gpu, plan_chunks, reference
from paramgroups.optim.backends.batch import Batch, Floats, Sums
from tests.optim.backends.steppers import BACKENDS, CASES, Stepper, assert_close

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
SIZES = (0, 1, 1023, 1024, 1025, 2500)
RATES = (0.0, 1e-6, 1e-3, 0.1)
HALVES = {"bfloat16": 2**-7, "float16": 2**-10}
INTERPRETED = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
"""NumPy tells of what a GPU does silently."""


def read(backend: Backend) -> SimpleNamespace:
    """A backend whose sums are waited for."""

    def numbers(sums: Sums | None) -> Floats | None:
        return sums.cpu().numpy() if isinstance(sums, Tensor) else sums

    def step(batch: Batch) -> Floats | None:
        return numbers(backend.step(batch))

    def rehearse(batch: Batch) -> Floats | None:
        return numbers(backend.rehearse(batch))

    def measure(batch: Batch) -> Floats | None:
        return numbers(backend.measure(batch))

    return SimpleNamespace(step=step, rehearse=rehearse, measure=measure)


@pytest.fixture(autouse=True)
def on_the_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.manual_seed(0)
    monkeypatch.setitem(BACKENDS, "gpu", read(gpu))
    monkeypatch.setitem(BACKENDS, "reference", read(reference))
    with torch.device(DEVICE):
        yield


def drawn(sizes: Sequence[int] = SIZES, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    return [torch.randn(size).to(dtype) for size in sizes]


def twins(
    case: str, params: Sequence[Tensor], state_dtype: torch.dtype | None = None
) -> tuple[Stepper, Stepper]:
    """A rule on the GPU and in the reference, a rate for each tensor."""
    name, settings = CASES[case]
    each = [{**settings, "lr": RATES[place % len(RATES)]} for place in range(len(params))]
    copies = [param.clone() for param in params]
    pair = (
        Stepper(name, params, each, "gpu", state_dtype=state_dtype),
        Stepper(name, copies, each, "reference", state_dtype=state_dtype),
    )
    for stepper in pair:
        stepper.batch.statistics = True
    return pair


def everything(stepper: Stepper) -> list[Tensor]:
    return [*stepper.batch.params, *(tensor for state in stepper.batch.states for tensor in state)]


def assert_sums(found: object, wanted: object, within: float) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=within, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_rule_in_float32(case: str) -> None:
    ours, twin = twins(case, drawn())
    for _ in range(3):
        grads = drawn()
        found, wanted = ours.step(grads), twin.step(grads)
        assert_sums(found[:, [0, 1, 3]], wanted[:, [0, 1, 3]], 1e-6)
        assert_sums(found[:, 2], wanted[:, 2], 1e-2)
    assert_close(everything(ours), everything(twin), 1e-5)


@pytest.mark.parametrize("case", CASES)
def test_a_rule_in_float64(case: str) -> None:
    ours, twin = twins(case, drawn((1, 1025), torch.float64))
    for _ in range(3):
        grads = drawn((1, 1025), torch.float64)
        assert_sums(ours.step(grads), twin.step(grads), 1e-9)
    assert_close(everything(ours), everything(twin), 1e-12)


@pytest.mark.parametrize("state", ["float32", "half"])
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("case", ["adamw, amsgrad", "lion", "sgd, nesterov"])
def test_half_precision(case: str, dtype: str, state: str) -> None:
    """But for the last bit: the interpreter cuts what does not fit into bfloat16, where a GPU rounds."""
    half: torch.dtype = getattr(torch, dtype)
    ours, twin = twins(case, drawn((7, 1025), half), torch.float32 if state == "float32" else half)
    grads = drawn((7, 1025), half)
    assert_sums(ours.step(grads), twin.step(grads), 1e-2)
    assert_close(everything(ours), everything(twin), HALVES[dtype])


def test_rows_have_hyperparameters_of_their_own() -> None:
    """Rows 0 to 2 and 4 to 7 are segments; row 3 is none, and is not written."""
    table = torch.ones(8, 5)
    ours = Stepper("sgd", [table], [{"lr": 1.0}], "gpu", cuts=[[15, 20]])
    ours.batch.starts[1] = 20
    ours.batch.hypers[1, 0] = 0.5
    ours.step([torch.ones(8, 5)])
    assert table[:, 0].tolist() == [0, 0, 0, 1, 0.5, 0.5, 0.5, 0.5]
    assert table[:, 4].tolist() == table[:, 0].tolist()


def test_what_has_no_chunk_is_not_stepped() -> None:
    whole, frozen = torch.zeros(4000), torch.zeros(3)
    ours = Stepper("sgd", [whole, frozen], [{"lr": 1.0}] * 2, "gpu")
    ours.batch.chunks = plan_chunks(ours.batch.counts, size=1500)[1:3]
    ours.batch.statistics = True
    sums = ours.step([torch.ones(4000), None])
    assert whole.nonzero().squeeze().tolist() == list(range(1500, 4000))
    assert not frozen.any()
    assert sums.tolist() == [[2500, 0, 2500, 0], [0, 0, 0, 0]]


def test_nothing_to_step() -> None:
    ours = Stepper("sgd", [torch.zeros(3), torch.zeros(0)], [{"lr": 1.0}] * 2, "gpu")
    ours.batch.chunks = ours.batch.chunks[:0]
    ours.batch.statistics = True
    for sums in (ours.step([None, None]), ours.rehearse([None, None]), ours.measure([None, None])):
        assert sums.shape == (2, STATISTICS)
        assert not sums.any()


def test_scales_multiply_the_gradients_and_leave_them() -> None:
    params, grads = [torch.zeros(3), torch.zeros(1030)], [torch.ones(3), torch.ones(1030)]
    ours = Stepper("sgd", params, [{"lr": 1.0}] * 2, "gpu")
    ours.batch.scales, ours.batch.statistics = np.array([0.5, 2.0]), True
    sums = ours.step(grads)
    assert [float(param.unique()) for param in params] == [-0.5, -2.0]
    assert [float(grad.unique()) for grad in grads] == [1.0, 1.0]
    assert sums[:, 0].tolist() == [3.0, 1030.0]


@pytest.mark.parametrize("backend", ["gpu", "reference"])
def test_gates_that_the_device_has_decided(backend: str) -> None:
    """Below 0 nothing is written and nothing summed, whatever the gradient is; else it is a scale."""
    params = [torch.ones(3), torch.ones(1030), torch.ones(5)]
    ours = Stepper("sgd", params, [{"lr": 1.0, "momentum": 0.9}] * 3, backend)
    ours.batch.gates = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    ours.batch.statistics = True
    sums = ours.step([torch.ones(3), torch.full((1030,), math.nan), torch.ones(5)])
    assert [float(param.unique()) for param in params] == [0.5, 1.0, -1.0]
    assert [float(state.unique()) for state in ours.batch.states[0]] == [0.5, 0.0, 2.0]
    assert sums.tolist() == [[3.0, 3.0, 0.75, 0.0], [0.0] * 4, [5.0, 5.0, 20.0, 0.0]]


@pytest.mark.parametrize("case", ["adamw", "rmsprop, both"])
def test_a_rehearsal_writes_nothing_and_sums_as_the_step(case: str) -> None:
    ours, _ = twins(case, drawn())
    ours.step(drawn())
    grads = drawn()
    before = [tensor.clone() for tensor in everything(ours)]
    told = ours.rehearse(grads)
    assert all(map(torch.equal, everything(ours), before))
    np.testing.assert_array_equal(told, ours.step(grads))
    assert not all(map(torch.equal, everything(ours), before))


def test_measuring_reads_gradients_alone() -> None:
    """Neither parameters nor states need memory."""
    ours, twin = twins("adamw", drawn())
    grads = drawn()
    wanted = twin.measure(grads)
    ours.batch.params = [param.new_empty(0) for param in ours.batch.params]
    ours.batch.states = [[param.new_empty(0) for param in ours.batch.params]] * 2
    assert_sums(ours.measure(grads), wanted, 1e-12)


@INTERPRETED
def test_what_lies_beyond_the_end_is_not_summed() -> None:
    """Without ε, the numbers that fill the last block are 0 / 0."""
    ours = Stepper("adagrad", [torch.zeros(3)], [{"eps": 0.0, "lr": 0.5}], "gpu")
    ours.batch.statistics = True
    assert ours.step([torch.ones(3)]).tolist() == [[3.0, 0.0, 0.75, 0.0]]


@INTERPRETED
def test_what_is_not_finite_is_counted_where_it_is() -> None:
    params = [torch.zeros(4000), torch.zeros(9), torch.zeros(9)]
    grads = [torch.ones(4000), torch.ones(9), torch.full((9,), 1e30)]
    grads[0][[0, 7, 3999]] = torch.tensor([math.nan, math.inf, -math.inf])
    ours = Stepper("sgd", params, [{"lr": 0.0}] * 3, "gpu")
    ours.batch.statistics = True
    for sums in (ours.measure(grads), ours.step(grads)):
        assert sums[:, 3].tolist() == [3, 0, 0]
        assert sums[2, 0] == pytest.approx(9e60)


@INTERPRETED
def test_float64_squares_that_overflow_are_finite_gradients() -> None:
    ours = Stepper("sgd", [torch.zeros(4, dtype=torch.float64)], [{"lr": 0.0}], "gpu")
    sums = ours.measure([torch.full((4,), 1e200, dtype=torch.float64)])
    assert sums[0].tolist() == [math.inf, 0, 0, 0]


def test_more_chunks_than_are_summed_at_once() -> None:
    numbers = torch.randn(8 * gpu.WIDTH + 24)
    ours = Stepper("sgd", [torch.zeros_like(numbers), torch.zeros(1)], [{"lr": 1.0}] * 2, "gpu")
    ours.batch.chunks = plan_chunks(ours.batch.counts, size=8)
    sums = ours.measure([numbers, torch.ones(1)])
    assert sums[:, 0] == pytest.approx([float(numbers.double().square().sum()), 1.0])
    np.testing.assert_array_equal(sums, ours.measure([numbers, torch.ones(1)]))


def test_tensors_that_begin_anywhere() -> None:
    """A view into a larger tensor is no multiple of 16 bytes away from its beginning."""
    whole, grad = torch.randn(3001), torch.randn(3001)
    ours, twin = twins("adamw", [whole[1:].clone()]), twins("adamw", [whole[1:]])
    ours[0].step([grad[1:].clone()])
    twin[0].step([grad[1:]])
    for one, other in zip(everything(ours[0]), everything(twin[0]), strict=True):
        assert torch.equal(one, other)


def test_addresses_that_are_given_are_used() -> None:
    param, grad = torch.zeros(3), torch.ones(3)
    ours = Stepper("sgd", [torch.empty(0)], [{"lr": 1.0}], "gpu")
    ours.batch.counts[:] = 3
    ours.batch.chunks = plan_chunks(ours.batch.counts)
    ours.batch.addresses = np.array([[param.data_ptr()], [grad.data_ptr()]])
    ours.step([torch.empty(0)])
    assert param.tolist() == [-1.0] * 3


def test_without_statistics_nothing_is_summed() -> None:
    ours = Stepper("sgd", [torch.zeros(3)], [{"lr": 1.0}], "gpu")
    ours.given([torch.ones(3)]).steps += 1
    assert gpu.step(ours.batch) is None
    assert ours.batch.params[0].tolist() == [-1.0] * 3
