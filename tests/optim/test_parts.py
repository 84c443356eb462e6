"""What one launch does around its backend: trust, counters, masters, copies of what is no plain run."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.optim.parts import batch_sums, plain
from tests.optim.backends.steppers import CLASSES, assert_close
from tests.optim.passers import Params, Walker, feed, given, grown

BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])
TRUSTED = pytest.mark.parametrize("name", ["lamb", "lars"])


def row(start: int, stop: int, **own: Any) -> dict[str, Any]:
    return {"name": "table", "start": start, "stop": stop, **own}


@BOTH
def test_a_step_of_lamb_by_hand(backend: str) -> None:
    """‖w‖ = 5 and u = (1, 1), so that each number goes by 0.1 · 5/√2; in the other tensor by 13/√2."""
    params = [given(3.0, 4.0, grad=2.0), given(5.0, 12.0, grad=0.5)]
    Walker("lamb", {"params": params, "lr": 0.1, "eps": 0.0}, backend=backend).step()
    for param, begun, length in zip(params, ([3, 4], [5, 12]), (5, 13), strict=True):
        assert param.tolist() == pytest.approx([number - 0.1 * length / np.sqrt(2) for number in begun])


@BOTH
def test_a_step_of_lars_by_hand(backend: str) -> None:
    """0.01 · 5 / (10 + 0.5 · 5) = 0.004, times g + 0.5 w."""
    param = given(3.0, 4.0, grad=[6.0, 8.0])
    group = {"params": [param], "lr": 1.0, "weight_decay": 0.5, "trust_coefficient": 0.01, "eps": 0.0}
    Walker("lars", group, backend=backend).step()
    assert param.tolist() == pytest.approx([3 - 0.004 * 7.5, 4 - 0.004 * 10])


@BOTH
@TRUSTED
def test_trust_is_of_the_whole_tensor_where_rows_are_cut(name: str, backend: str) -> None:
    """Equal rates in all rows give what the tensor without rows gives; other rates go by the same ratio."""
    torch.manual_seed(0)
    (table,) = grown((6, 3))
    group = {"params": [table], "param_names": ["table"], "lr": 0.1, "weight_decay": 0.1}
    whole = Walker(name, {**group, "params": [nn.Parameter(table.detach().clone())]}, backend=backend)
    cut = Walker(name, {**group, "rows": [row(1, 3, lr=0.1), row(4, 5, lr=0.2)]}, backend=backend)
    before = table.detach().clone()
    whole.groups[0]["params"][0].grad = table.grad
    whole.step()
    cut.step()
    moved, wanted = table.detach() - before, whole.groups[0]["params"][0].detach() - before
    wanted[4] *= 2
    assert_close([moved], [wanted], 1e-12)


@BOTH
@TRUSTED
def test_trust_is_of_gradients_as_the_rule_is_given_them(name: str, backend: str) -> None:
    """After clipping and unscaling, so that a scaled step equals one with scaled gradients."""
    torch.manual_seed(0)
    ours = grown((4, 2), (3,))
    theirs = [nn.Parameter(param.detach().clone()) for param in ours]
    mine, twin = (Walker(name, {"params": params, "lr": 0.1, "weight_decay": 0.1}, backend=backend)
                  for params in (ours, theirs))  # fmt: skip
    for _ in range(3):
        feed(ours)
        for param, other in zip(ours, theirs, strict=True):
            assert param.grad is not None
            other.grad = param.grad * 0.01
        mine.step([0.01])
        twin.step()
    assert_close([param.detach() for param in ours], theirs, 1e-10)


@BOTH
@TRUSTED
def test_trust_of_many_steps_is_that_of_the_written_formula(name: str, backend: str) -> None:
    torch.manual_seed(0)
    ours = grown((4, 2), (), (3,))
    theirs = [nn.Parameter(param.detach().clone()) for param in ours]
    settings = {"lr": 0.05, "weight_decay": 0.1}
    mine, twin = (
        Walker(name, {"params": ours, **settings}, backend=backend),
        CLASSES[name](theirs, **settings),
    )
    for _ in range(20):
        feed(ours, theirs)
        mine.step()
        twin.step()
    assert_close([param.detach() for param in ours], theirs, 1e-10)


@TRUSTED
def test_a_rehearsal_leaves_the_rates_as_they_were(name: str) -> None:
    walker = Walker(name, {"params": grown((2,)), "lr": 0.25})
    walker.step()
    batch = walker.layout.parts[0].batch
    assert batch.hypers[:, batch.algorithm.hypers.index("lr")].tolist() == [0.25]


@BOTH
def test_the_products_of_nadam_are_torchs(backend: str) -> None:
    """Also of a tensor that is not stepped in between, and of one that begins later."""
    torch.manual_seed(0)
    ours = grown((3,), (2,), (4,))
    theirs = [nn.Parameter(param.detach().clone()) for param in ours]
    mine = Walker("nadam", {"params": ours, "momentum_decay": 0.1}, backend=backend)
    twin = torch.optim.NAdam(theirs, momentum_decay=0.1)
    for step in range(8):
        feed(ours, theirs)
        for params in (ours, theirs):
            params[1].grad = None if step % 2 else params[1].grad
            params[2].grad = None if step < 5 else params[2].grad
        mine.step()
        twin.step()
    for param, other in zip(ours, theirs, strict=True):
        for key in ("mu_product", "step"):
            assert mine.states[param][key].item() == pytest.approx(twin.state[other][key].item(), rel=1e-6)
            assert mine.states[param][key].dtype == twin.state[other][key].dtype
    assert_close([param.detach() for param in ours], theirs, 1e-6)


@BOTH
def test_steps_are_counted_for_each_tensor_in_one_place(backend: str) -> None:
    params = grown((3,), (2,))
    walker = Walker("adam", {"params": params}, backend=backend)
    walker.step()
    params[0].grad = None
    walker.step()
    counts = [walker.states[param]["step"] for param in params]
    assert [count.item() for count in counts] == [1, 2]
    assert all(count.dtype == torch.float32 and count.shape == () for count in counts)
    assert counts[0].data_ptr() + 4 == counts[1].data_ptr()
    counts[0].fill_(7)
    feed(params)
    walker.step()
    assert [count.item() for count in counts] == [8, 3]


def versions_of(tensors: list[torch.nn.Parameter]) -> list[int]:
    return [tensor._version for tensor in tensors]


@BOTH
def test_autograd_is_told_what_was_written(backend: str) -> None:
    params = grown((3,), (2,), (2,))
    params[1].grad = None
    walker = Walker("adam", {"params": params[:2]}, {"params": params[2:], "lr": 0.0}, backend=backend)
    before = versions_of(params)
    walker.step()
    assert [now > then for now, then in zip(versions_of(params), before, strict=True)] == [True, False, False]
    feed(params)
    walker.groups[1]["lr"] = 0.1
    before = versions_of(params)
    walker.step()
    assert all(now > then for now, then in zip(versions_of(params), before, strict=True))


def strided() -> Params:
    torch.manual_seed(0)
    image = torch.randn(2, 3, 4, 4, dtype=torch.float64).to(memory_format=torch.channels_last)
    params = [image, torch.randn(3, 2, dtype=torch.float64).t(), torch.randn(2, 2, dtype=torch.complex128)]
    return [nn.Parameter(param) for param in params]


@BOTH
def test_what_is_no_plain_run_is_stepped_as_a_copy_and_stays_what_it_is(backend: str) -> None:
    ours, theirs = strided(), strided()
    walker = Walker("adam", {"params": ours}, backend=backend)
    twin = torch.optim.Adam(theirs)
    addresses, strides = [param.data_ptr() for param in ours], [param.stride() for param in ours]
    for step in range(4):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        ours[1].grad = ours[1].grad if step != 2 else None
        theirs[1].grad = theirs[1].grad if step != 2 else None
        walker.step()
        twin.step()
    assert [param.data_ptr() for param in ours] == addresses
    assert [param.stride() for param in ours] == strides
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def half(*numbers: float, dtype: torch.dtype = torch.bfloat16) -> nn.Parameter:
    return given(*numbers, grad=1.0, dtype=dtype)


@BOTH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_masters_keep_what_half_precision_would_lose(dtype: torch.dtype, backend: str) -> None:
    """1,000 steps of 2⁻¹³ each are less than half of the last bit of 1, and together 0.122."""
    lost, kept = half(1.0, dtype=dtype), half(1.0, dtype=dtype)
    rate = {"lr": 2.0**-13}
    without = Walker("sgd", {"params": [lost], **rate}, backend=backend)
    with_masters = Walker("sgd", {"params": [kept], **rate}, backend=backend, masters=True)
    for _ in range(1000):
        without.step()
        with_masters.step()
    assert lost.item() == 1.0
    assert with_masters.states[kept]["master"].item() == 1 - 1000 * 2.0**-13
    assert kept.item() == torch.tensor(1 - 1000 * 2.0**-13).to(dtype).item()


@BOTH
def test_masters_are_those_of_a_float32_twin(backend: str) -> None:
    torch.manual_seed(0)
    (param,) = grown((4, 3), dtype=torch.bfloat16)
    twin = nn.Parameter(param.detach().float())
    walker = Walker("adam", {"params": [param], "lr": 1e-4}, backend=backend, masters=True)
    torchs = torch.optim.Adam([twin], lr=1e-4)
    for _ in range(50):
        feed([param])
        assert param.grad is not None
        twin.grad = param.grad.float()
        walker.step()
        torchs.step()
    assert_close([walker.states[param]["master"]], [twin], 1e-6)
    assert torch.equal(param, walker.states[param]["master"].bfloat16())


@BOTH
def test_masters_follow_a_model_that_is_loaded(backend: str) -> None:
    """Where a number was written, that is what counts; where it was not, the exact one stays."""
    model = nn.Linear(2, 1, bias=False, dtype=torch.bfloat16)
    nn.init.ones_(model.weight)
    model.weight.grad = torch.ones_like(model.weight)
    walker = Walker("sgd", {"params": [model.weight], "lr": 2.0**-13}, backend=backend, masters=True)
    walker.step()
    parts = walker.layout.parts
    model.load_state_dict({"weight": torch.tensor([[1.0, 4.0]])})
    walker.step()
    assert walker.layout.parts is parts
    assert walker.states[model.weight]["master"].tolist() == [[1 - 2 * 2.0**-13, 4 - 2.0**-13]]
    assert model.weight.tolist() == [[1.0, 4.0]]


@BOTH
def test_masters_follow_what_was_written_between_two_layouts(backend: str) -> None:
    param, other = half(1.0, 1.0), half(1.0)
    walker = Walker("sgd", {"params": [param]}, {"params": [], "lr": 1.0}, backend=backend, masters=True)
    walker.groups[0]["lr"] = 2.0**-13
    walker.step()
    param.data[1] = 4.0
    walker.groups[1]["params"].append(other)
    walker.step()
    assert walker.states[param]["master"].tolist() == [1 - 2 * 2.0**-13, 4 - 2.0**-13]


@BOTH
def test_masters_of_tensors_that_share_memory(backend: str) -> None:
    """The second follows what the first has written in the same step, as without masters."""
    memory = torch.ones(4, dtype=torch.bfloat16)
    params = [nn.Parameter(memory), nn.Parameter(memory[2:])]
    for param in params:
        param.grad = torch.ones_like(param)
    walker = Walker("sgd", {"params": params, "lr": 0.25}, backend=backend, masters=True)
    walker.step()
    assert memory.tolist() == [0.75, 0.75, 0.5, 0.5]
    walker.step()
    assert memory.tolist() == [0.5, 0.5, 0.0, 0.0]


@BOTH
def test_masters_of_strided_halves(backend: str) -> None:
    param = nn.Parameter(torch.ones(2, 3, dtype=torch.bfloat16).t())
    param.grad = torch.ones_like(param)
    walker = Walker("sgd", {"params": [param], "lr": 2.0**-13}, backend=backend, masters=True)
    for _ in range(64):
        walker.step()
    assert walker.states[param]["master"].unique().tolist() == [1 - 2.0**-7]
    assert param.unique().tolist() == [1 - 2.0**-7]


def test_only_halves_have_masters() -> None:
    params = [given(1.0, dtype=torch.float32), half(1.0)]
    walker = Walker("adam", {"params": params}, masters=True)
    walker.step()
    assert ["master" in walker.states[param] for param in params] == [False, True]
    assert walker.states[params[1]]["master"].dtype == torch.float32


def test_plain_tensors_are_views_where_they_can_be() -> None:
    line, number = torch.ones(2, 3), torch.tensor([1 + 2j])
    for tensor in (line, number):
        assert plain(tensor).data_ptr() == tensor.data_ptr()
    odd = [line.t(), number.conj(), number.conj().imag, torch._neg_view(line)]
    assert all(plain(tensor).is_contiguous() and not plain(tensor).is_neg() for tensor in odd)
    assert [plain(tensor).tolist() for tensor in odd[1:3]] == [[[1.0, -2.0]], [-2.0]]
    assert plain(nn.Parameter(line)).requires_grad is False


def test_sums_become_an_array() -> None:
    array = np.ones((2, 4))
    assert batch_sums(array) is array
    found = batch_sums(torch.ones(2, 4))
    assert found.dtype == np.float64
    assert found.tolist() == array.tolist()


def test_states_that_are_still_those_of_the_layout() -> None:
    params = grown((2,), (3,))
    walker = Walker("adam", {"params": params})
    (part,) = walker.find()
    assert part.holds
    kept = walker.states[params[1]]["exp_avg"]
    walker.states[params[1]]["exp_avg"] = kept.clone()
    assert not part.holds
    walker.states[params[1]]["exp_avg"] = kept
    assert part.holds
    del walker.states[params[1]]["step"]
    assert not part.holds
