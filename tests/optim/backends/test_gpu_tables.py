"""What a launch on a GPU reads."""

import numpy as np
import pytest
import torch

from paramgroups.optim.backends import plan_chunks
from paramgroups.optim.backends.gpu_tables import constants, send
from tests.optim.backends.steppers import CASES, Stepper

ALL = slice(None)


def stepped(case: str = "adamw") -> Stepper:
    """Two tensors, the first of two segments, at different steps and rates."""
    name, settings = CASES[case]
    params = [torch.zeros(40), torch.zeros(5)]
    each = [{**settings, "lr": rate} for rate in (0.1, 0.003)]
    ours = Stepper(name, params, each, "reference", cuts=[[16, 24], [5]])
    ours.given([torch.ones(40), torch.ones(5)]).steps += [1, 7, 300]
    return ours


@pytest.mark.parametrize("case", CASES)
def test_constants_are_those_of_each_segment(case: str) -> None:
    """NumPy's powers differ in the last bit, which RAdam's difference of large numbers makes a thousand."""
    batch = stepped(case).batch
    found = constants(batch)
    for row, step, hypers in zip(found, batch.steps, batch.hypers, strict=True):
        wanted = batch.algorithm.prepare(float(step), *hypers.tolist())
        np.testing.assert_allclose(row, [1.0, *wanted], rtol=1e-10)


def test_scales_come_first() -> None:
    batch = stepped().batch
    batch.scales = np.array([0.5, 0.25, 1.0])
    assert constants(batch)[:, 0].tolist() == [0.5, 0.25, 1.0]


def test_settings_that_no_step_could_have_are_no_warning() -> None:
    """The first moment's correction at step 0 is a division by 0."""
    batch = stepped().batch
    batch.steps[0] = 0
    assert np.isfinite(constants(batch)[1:]).all()


def test_a_tensor_without_gradient_has_the_address_0() -> None:
    batch = stepped().batch
    param = batch.params[1].data_ptr()
    batch.grads[1] = None
    assert batch.begins[:2, 1].tolist() == [param, 0]
    batch.addresses = np.arange(8).reshape(4, 2)
    assert batch.begins is batch.addresses


def test_a_row_says_where_a_chunk_begins_in_each_array() -> None:
    batch = stepped().batch
    batch.chunks = plan_chunks(batch.counts, size=20)
    tables = send(batch, slice(0, 2), np.ones((3, 2)))
    table, single = batch.params
    grad, alone = batch.grads
    assert grad is not None
    assert alone is not None
    assert tables.chunks.view(-1, 4).tolist() == [
        [table.data_ptr(), grad.data_ptr(), 16, 0],
        [table.data_ptr() + 64, grad.data_ptr() + 64, 20, 1],
        [table.data_ptr() + 144, grad.data_ptr() + 144, 4, 1],
        [single.data_ptr(), alone.data_ptr(), 5, 2],
    ]
    assert tables.bounds.tolist() == [0, 1, 3, 4]
    assert tables.constants.tolist() == [1.0] * 6
    assert tables.aligned


def test_sizes_are_each_arrays_own() -> None:
    batch = stepped().batch
    batch.grads = [torch.ones(40, dtype=torch.bfloat16), torch.ones(5, dtype=torch.bfloat16)]
    batch.dtypes = (torch.float32, torch.bfloat16, *batch.dtypes[2:])
    tables = send(batch, slice(0, 2), np.ones((3, 1)))
    assert batch.grads[0] is not None
    assert tables.chunks.view(-1, 4)[1, :2].tolist() == [
        batch.params[0].data_ptr() + 64,
        batch.grads[0].data_ptr() + 32,
    ]


def test_one_chunk_off_sixteen_bytes_is_enough() -> None:
    batch = stepped().batch
    batch.starts[1] = 17
    assert not send(batch, ALL, np.ones((3, 1))).aligned


def test_segments_without_chunks_have_no_rows() -> None:
    batch = stepped().batch
    batch.chunks = batch.chunks[1:2]
    assert send(batch, ALL, np.ones((3, 1))).bounds.tolist() == [0, 0, 1, 1]
