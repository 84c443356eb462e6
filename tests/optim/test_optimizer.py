"""The optimizer against torch's own classes."""

import copy
import math
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.errors import OptimizerError
from paramgroups.optim.backends import choosing
from paramgroups.optim.optimizer import Optimizer
from paramgroups.schedules import linear
from tests.optim.backends.steppers import CASES, CLASSES, assert_close

Params = list[nn.Parameter]
SHAPES: list[tuple[int, ...]] = [(4, 3), (), (0,), (5,)]
BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])
WITHIN = {torch.float64: 1e-7, torch.float32: 1e-5, torch.bfloat16: 2**-8}
EXCHANGED = {
    "adamw": ("adamw", {}),
    "adam": ("adam", {"amsgrad": True, "weight_decay": 0.1}),
    "sgd": ("sgd", {"momentum": 0.9, "dampening": 0.3}),
    "sgd, plain": ("sgd", {}),
}


def make(*, dtype: torch.dtype = torch.float64, shapes: Sequence[tuple[int, ...]] = SHAPES) -> Params:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape, dtype=torch.float64).to(dtype)) for shape in shapes]


def grouped(params: Params) -> list[dict[str, Any]]:
    return [{"params": [param], "lr": 0.01 * place} for place, param in enumerate(params, 1)]


def feed(*models: Params) -> None:
    """The same gradients for all."""
    for twins in zip(*models, strict=True):
        grad = torch.randn(twins[0].shape, dtype=torch.float64)
        for param in twins:
            param.grad = (grad + 0j if param.is_complex() else grad).to(param.dtype)


def walk(steps: int, *pairs: tuple[torch.optim.Optimizer, Params]) -> None:
    for _ in range(steps):
        feed(*(params for _, params in pairs))
        for optimizer, _ in pairs:
            optimizer.step()


def twins(
    name: str = "adamw", backend: str | None = None, **settings: Any
) -> tuple[tuple[Optimizer, Params], tuple[Any, Params]]:
    ours, theirs = make(), make()
    mine = Optimizer(grouped(ours), name, backend=backend, **settings)
    return (mine, ours), (CLASSES[name](grouped(theirs), **settings), theirs)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_thirty_steps_are_torchs_in_float64(case: str, dtype: torch.dtype, backend: str) -> None:
    """The twin of bfloat16 begins each step at the same weights: what rounds, goes its own way."""
    name, settings = CASES[case]
    ours = make(dtype=dtype)
    theirs = [nn.Parameter(param.detach().double().clone()) for param in ours]
    mine = Optimizer(grouped(ours), name, backend=backend, **settings)
    twin = CLASSES[name](grouped(theirs), **settings)
    for _ in range(30):
        feed(ours)
        for param, other in zip(ours, theirs, strict=True):
            assert param.grad is not None
            other.grad = param.grad.double().clone()
            if dtype == torch.bfloat16:
                other.data.copy_(param.data)
        mine.step()
        twin.step()
    for param, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(param.double(), other, rtol=WITHIN[dtype], atol=WITHIN[dtype])


@BOTH
@pytest.mark.parametrize("case", EXCHANGED)
def test_states_are_exchanged_with_torch_both_ways(case: str, backend: str) -> None:
    name, settings = EXCHANGED[case]
    (mine, ours), (twin, theirs) = twins(name, backend, **settings)
    walk(3, (mine, ours), (twin, theirs))
    to_torch, to_us = copy.deepcopy(mine.state_dict()), copy.deepcopy(twin.state_dict())
    twin.load_state_dict(to_torch)
    mine.load_state_dict(to_us)
    walk(3, (mine, ours), (twin, theirs))
    assert_close([param.detach() for param in ours], theirs, 1e-12)


@BOTH
def test_an_earlier_state_loaded_in_mid_run(backend: str) -> None:
    (mine, ours), (twin, theirs) = twins(backend=backend)
    walk(2, (mine, ours), (twin, theirs))
    saved = copy.deepcopy((mine.state_dict(), twin.state_dict()))
    walk(3, (mine, ours), (twin, theirs))
    mine.load_state_dict(saved[0])
    twin.load_state_dict(saved[1])
    walk(2, (mine, ours), (twin, theirs))
    assert_close([param.detach() for param in ours], theirs, 1e-12)
    assert mine.state[ours[0]]["step"].item() == 4


def test_a_loaded_state_in_half_precision_stays_exact() -> None:
    params = make(dtype=torch.bfloat16)
    mine = Optimizer(params, lr=0.1)
    walk(3, (mine, params))
    saved = copy.deepcopy(mine.state_dict())
    mine.load_state_dict(saved)
    assert mine.state[params[0]]["exp_avg"].dtype == torch.float32
    assert torch.equal(mine.state[params[0]]["exp_avg"], saved["state"][0]["exp_avg"])


@BOTH
def test_rate_0_frozen_and_without_gradient(backend: str) -> None:
    params = make(shapes=[(3,)] * 4)
    before = [param.detach().clone() for param in params]
    mine = Optimizer(grouped(params), backend=backend)
    mine.param_groups[0]["lr"] = 0.0
    feed(params)
    params[1].requires_grad_(False)
    params[2].grad = None
    mine.step()
    moved = [not torch.equal(param, old) for param, old in zip(params, before, strict=True)]
    assert moved == [False, False, False, True]
    assert list(mine.state) == [params[3]]


@BOTH
def test_gradients_that_come_and_go(backend: str) -> None:
    (mine, ours), (twin, theirs) = twins(backend=backend)
    for step in range(6):
        feed(ours, theirs)
        ours[step % 4].grad = theirs[step % 4].grad = None
        mine.step()
        twin.step()
    assert_close([param.detach() for param in ours], theirs, 1e-12)


@BOTH
def test_a_group_added_and_a_parameter_moved_to_another(backend: str) -> None:
    (mine, ours), (twin, theirs) = twins(backend=backend)
    walk(2, (mine, ours), (twin, theirs))
    for optimizer, params in ((mine, ours), (twin, theirs)):
        params.append(nn.Parameter(torch.ones(2, dtype=torch.float64)))
        optimizer.add_param_group({"params": [params[-1]], "lr": 0.5})
    walk(2, (mine, ours), (twin, theirs))
    for optimizer in (mine, twin):
        groups = optimizer.param_groups
        groups[0]["params"].append(groups[1]["params"].pop())
    walk(2, (mine, ours), (twin, theirs))
    assert_close([param.detach() for param in ours], theirs, 1e-12)


def swap(params: Params) -> None:
    params[0].data = params[0].data.clone() * 2


def transpose(params: Params) -> None:
    params[0].data = params[0].data.T.contiguous().T


@BOTH
@pytest.mark.parametrize("change", [swap, transpose])
def test_a_replaced_parameter_is_stepped_where_it_is(change: Callable[[Params], None], backend: str) -> None:
    (mine, ours), (twin, theirs) = twins(backend=backend)
    walk(2, (mine, ours), (twin, theirs))
    old = ours[0].data
    kept = old.clone()
    change(ours)
    change(theirs)
    walk(2, (mine, ours), (twin, theirs))
    assert torch.equal(old, kept)
    assert_close([param.detach() for param in ours], theirs, 1e-12)


@BOTH
def test_a_model_moved_to_another_dtype(backend: str) -> None:
    model = nn.Linear(2, 1)
    mine = Optimizer(model.parameters(), lr=0.1, backend=backend)
    for _ in range(2):
        model(torch.ones(1, 2, dtype=model.weight.dtype)).sum().backward()
        mine.step()
        mine.zero_grad()
        model.double()
    assert mine.state[model.weight]["exp_avg"].dtype == torch.float64
    assert mine.state[model.weight]["step"].item() == 2


@BOTH
def test_a_resized_parameter_is_refused_until_its_state_is_deleted(backend: str) -> None:
    params = make(shapes=[(3,), (2,)])
    mine = Optimizer(params, lr=0.1, backend=backend)
    walk(1, (mine, params))
    params[1].grad = None
    params[1].data = torch.zeros(9, dtype=torch.float64)
    before = params[0].detach().clone()
    with pytest.raises(OptimizerError, match=r"resized since"):
        walk(1, (mine, params))
    assert torch.equal(params[0], before)
    del mine.state[params[1]]
    walk(1, (mine, params))
    assert mine.state[params[1]]["step"].item() == 1
    assert mine.state[params[0]]["step"].item() == 2


@BOTH
def test_a_state_that_was_deleted_or_set_begins_there(backend: str) -> None:
    (mine, ours), (twin, theirs) = twins(backend=backend)
    walk(2, (mine, ours), (twin, theirs))
    for optimizer, params in ((mine, ours), (twin, theirs)):
        del optimizer.state[params[0]]
        optimizer.state[params[1]]["exp_avg"] = torch.ones((), dtype=torch.float64)
        optimizer.state[params[3]]["step"].fill_(100)
    walk(2, (mine, ours), (twin, theirs))
    assert_close([param.detach() for param in ours], theirs, 1e-12)


@BOTH
def test_layouts_that_are_no_plain_runs(backend: str) -> None:
    def models() -> Params:
        torch.manual_seed(1)
        image = torch.randn(2, 3, 4, 4, dtype=torch.float64).to(memory_format=torch.channels_last)
        return [nn.Parameter(image), nn.Parameter(torch.randn(3, 2, dtype=torch.float64).T)]

    ours, theirs = models(), models()
    mine, twin = Optimizer(ours, backend=backend), torch.optim.AdamW(theirs)
    walk(3, (mine, ours), (twin, theirs))
    mine.load_state_dict(copy.deepcopy(twin.state_dict()))
    walk(3, (mine, ours), (twin, theirs))
    mine.load_state_dict(copy.deepcopy(mine.state_dict()))
    walk(3, (mine, ours), (twin, theirs))
    assert_close([param.detach() for param in ours], theirs, 1e-12)


@BOTH
@pytest.mark.parametrize("name", ["adamw", "sgd", "adagrad"])
def test_complex_parameters(name: str, backend: str) -> None:
    settings: dict[str, Any] = {"initial_accumulator_value": 0.5} if name == "adagrad" else {}
    ours, theirs = make(dtype=torch.complex128), make(dtype=torch.complex128)
    mine = Optimizer(ours, name, lr=0.1, backend=backend, **settings)
    twin = CLASSES[name](theirs, lr=0.1, **settings)
    for _ in range(3):
        for param, other in zip(ours, theirs, strict=True):
            param.grad = torch.randn_like(param).conj()
            other.grad = param.grad.resolve_conj()
        mine.step()
        twin.step()
    real = [[torch.view_as_real(param.detach()) for param in params] for params in (ours, theirs)]
    assert_close(real[0], real[1], 1e-12)


@BOTH
def test_a_step_that_raises_writes_nothing(backend: str) -> None:
    params = make(shapes=[(3,), (2, 2)])
    mine = Optimizer(grouped(params), backend=backend)
    before = [param.detach().clone() for param in params]
    feed(params)
    params[1].grad = torch.ones(2, 2, dtype=torch.float64).to_sparse()
    with pytest.raises(OptimizerError, match=r"sparse_coo gradient"):
        mine.step()
    feed(params)
    mine.param_groups[1]["lr"] = math.nan
    with pytest.raises(OptimizerError, match=r"lr=nan in group 1"):
        mine.step()
    assert not mine.state
    assert all(map(torch.equal, params, before))


def test_a_closure_and_hooks() -> None:
    param = nn.Parameter(torch.tensor([3.0]))
    mine = Optimizer([param], "sgd", lr=0.5)
    seen: list[str] = []
    mine.register_step_pre_hook(lambda *_: seen.append("before"))
    mine.register_step_post_hook(lambda *_: seen.append("after"))

    def closure() -> Tensor:
        mine.zero_grad()
        loss = param.square().sum()
        loss.backward()
        return loss

    assert mine.step(closure).item() == 9
    assert param.item() == 0
    assert seen == ["before", "after"]


def pickled(both: Any) -> Any:
    return pickle.loads(pickle.dumps(both))  # noqa: S301  # our own bytes


@BOTH
@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_a_copy_steps_equally_and_alone(copied: Callable[[Any], Any], backend: str) -> None:
    params = make()
    mine = Optimizer(params, lr=0.1, backend=backend)
    walk(2, (mine, params))
    other, others = copied((mine, params))
    walk(2, (mine, params), (other, others))
    assert all(map(torch.equal, params, others))
    walk(1, (other, others))
    assert mine.state[params[0]]["step"].item() == 4


@BOTH
def test_settings_changed_in_mid_run_are_obeyed(backend: str) -> None:
    (mine, ours), (twin, theirs) = twins(backend=backend)
    rate = torch.tensor(0.1, dtype=torch.float64)
    for optimizer in (mine, twin):
        optimizer.param_groups[0]["lr"] = rate
    walk(2, (mine, ours), (twin, theirs))
    rate.fill_(0.3)
    mine.param_groups[1]["betas"] = twin.param_groups[1]["betas"] = (0.5, 0.6)
    mine.param_groups[3]["weight_decay"] = twin.param_groups[3]["weight_decay"] = 0.5
    walk(2, (mine, ours), (twin, theirs))
    assert_close([param.detach() for param in ours], theirs, 1e-7)


@BOTH
def test_another_rule_in_mid_run(backend: str) -> None:
    (mine, ours), (twin, theirs) = twins("sgd", backend)
    walk(2, (mine, ours), (twin, theirs))
    for optimizer in (mine, twin):
        optimizer.param_groups[0]["momentum"] = 0.9
    walk(3, (mine, ours), (twin, theirs))
    assert_close([param.detach() for param in ours], theirs, 1e-12)


@BOTH
def test_backward_through_what_was_stepped_since_raises(backend: str) -> None:
    param = nn.Parameter(torch.ones(2))
    mine = Optimizer([param], lr=0.1, backend=backend)
    loss = param.square().sum()
    loss.backward(retain_graph=True)
    mine.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_no_gradient_is_kept_alive() -> None:
    (param,) = make(shapes=[(3,)])
    mine = Optimizer([param], lr=0.1)
    param.grad = torch.ones(3, dtype=torch.float64)
    grad = param.grad
    before = sys.getrefcount(grad)
    mine.step()
    assert sys.getrefcount(grad) == before


def test_a_plans_schedule_is_obeyed() -> None:
    def trained(kind: Callable[[Any], torch.optim.Optimizer]) -> list[Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        recipe = pg.Recipe(
            optimizer="adamw", lr=0.01, schedule=linear(end=0), rules=[pg.rule("0.*", lr_scale=0.5)]
        )
        plan = pg.plan(model, recipe, steps=8)
        optimizer = kind(plan.param_groups())
        scheduler = pg.Scheduler(optimizer, plan)
        for _ in range(6):
            optimizer.zero_grad()
            model(torch.ones(2, 3)).sum().backward()
            optimizer.step()
            scheduler.step()
        return [param.detach() for param in model.parameters()]

    assert_close(trained(Optimizer), trained(torch.optim.AdamW), 1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "adamx"}, "optimizer='adamx' is not known. Nearest: \"adam"),
        ({"optimizer": ["adam"]}, "is no optimizer. Give the lower-case name"),
        ({"backend": "cpuu"}, "backend='cpuu' is not known. Nearest: \"cpu\""),
        ({"weigth_decay": 1}, 'adamw reads no "weigth_decay". Nearest: "weight_decay"'),
        ({"lr": -1}, "lr=-1 in a group that is added: it must be a number, at least 0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"lr": torch.ones(2)}, "lr=tensor([1., 1.])"),
        ({"betas": (0.9, 1.5)}, "betas=(0.9, 1.5)"),
        ({"betas": 0.9}, "betas=0.9 in a group that is added"),
    ],
    ids=["rule", "list", "backend", "setting", "negative", "nan", "many rates", "beta", "no tuple"],
)
def test_what_cannot_be_made(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        Optimizer(make(), **arguments)
    assert message in str(caught.value)


def test_a_group_that_is_refused_is_not_added() -> None:
    mine = Optimizer(make(), lr=0.1)
    with pytest.raises(OptimizerError, match="eps=-1"):
        mine.add_param_group({"params": make(), "eps": -1})
    assert len(mine.param_groups) == 1


@pytest.fixture
def without_numba(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where only torch is installed."""

    def find(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(choosing, "version", find)
    choosing.is_installed.cache_clear()
    yield
    choosing.is_installed.cache_clear()


@pytest.mark.usefixtures("without_numba")
def test_without_numba_plain_torch_steps() -> None:
    with pytest.raises(OptimizerError, match=r"needs numba.*paramgroups\[cpu\]"):
        Optimizer(make(), backend="cpu")
    params = make(shapes=[(1,)])
    before = params[0].item()
    mine = Optimizer(params, "sgd", lr=1.0)
    params[0].grad = torch.ones(1, dtype=torch.float64)
    mine.step()
    assert params[0].item() == pytest.approx(before - 1)


def test_a_backend_that_does_not_step_a_device() -> None:
    param = nn.Parameter(torch.ones(2, device="meta"))
    param.grad = torch.ones(2, device="meta")
    with pytest.raises(OptimizerError, match=r"shape \(2,\) is on meta"):
        Optimizer([param], backend="cpu").step()
