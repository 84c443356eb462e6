"""The optimizer among torch's other parts: scalers, schedulers, compilers, files, hooks, swaps."""

import copy
import io
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, ReduceLROnPlateau

from paramgroups.errors import OptimizerError
from paramgroups.optim.optimizer import Optimizer

BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])


def model(dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).to(dtype)


def loss_of(module: nn.Module, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    dtype = next(module.parameters()).dtype
    found: Tensor = module(torch.randn(5, 3, generator=draws).to(dtype)).square().mean()
    return found


def assert_same(one: nn.Module, other: nn.Module, within: float = 1e-12) -> None:
    for param, twin in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(param, twin, rtol=within, atol=within)


def scaled_step(
    module: nn.Module, optimizer: torch.optim.Optimizer, scaler: Any, seed: int, *, unscale: bool = False
) -> None:
    optimizer.zero_grad()
    scaler.scale(loss_of(module, seed)).backward()
    if unscale:
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()


@BOTH
@pytest.mark.parametrize("unscale", [False, True], ids=["in the step", "by hand"])
@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_scaler(name: str, backend: str, *, unscale: bool) -> None:
    """Scaled by 2¹⁶, and a step with an overflow left out: as a run without it."""
    ours, theirs = model(torch.float32), model(torch.float32)
    groups = [{"params": [ours[0].weight, ours[2].weight], "optimizer": name}]  # type: ignore[index]  # Sequential
    groups.append({"params": [ours[0].bias, ours[2].bias]})  # type: ignore[index]  # likewise
    mine, scaler = Optimizer(groups, lr=0.01, backend=backend), torch.amp.GradScaler("cpu")
    twins = copy.deepcopy(mine.state_dict())["param_groups"]
    parts = [[theirs[0].weight, theirs[2].weight], [theirs[0].bias, theirs[2].bias]]  # type: ignore[index]  # likewise
    twin = Optimizer([{**group, "params": part} for group, part in zip(twins, parts, strict=True)], lr=0.01)
    for seed in range(4):
        scaled_step(ours, mine, scaler, seed, unscale=unscale)
        twin.zero_grad()
        loss_of(theirs, seed).backward()
        twin.step()
        if seed == 1:
            overflow(ours, mine, scaler)
    assert_same(ours, theirs, 1e-6)
    found, wanted = mine.statistics()["0"], twin.statistics()["0"]
    assert found.grad_norm == pytest.approx(wanted.grad_norm, rel=1e-5)
    assert not hasattr(mine, "grad_scale") or mine.grad_scale is None


def overflow(module: nn.Module, optimizer: Optimizer, scaler: Any) -> None:
    """A step whose gradients are infinite writes nothing, and halves the scale."""
    before, scale = copy.deepcopy(module.state_dict()), scaler.get_scale()
    optimizer.zero_grad()
    scaler.scale(loss_of(module) * float("inf")).backward()
    scaler.step(optimizer)
    scaler.update()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert scaler.get_scale() == scale / 2


@BOTH
def test_a_scaler_and_clipping(backend: str) -> None:
    """The bound is for the gradients without the scale."""
    ours, theirs = model(torch.float32), model(torch.float32)
    mine = Optimizer(ours.parameters(), lr=0.01, clip_norm=0.01, backend=backend)
    twin = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu")
    for seed in range(3):
        scaled_step(ours, mine, scaler, seed)
        twin.zero_grad()
        loss_of(theirs, seed).backward()
        norm = nn.utils.clip_grad_norm_(theirs.parameters(), 0.01)
        twin.step()
        assert mine.statistics()["0"].grad_norm == pytest.approx(norm.item(), rel=1e-4)
    assert_same(ours, theirs, 1e-5)


def test_a_scaler_of_half_precision_parameters() -> None:
    """Torch's classes refuse to unscale float16; the step does it."""
    module = model(torch.float16)
    mine, scaler = Optimizer(module.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=8.0)
    before = [param.detach().clone() for param in module.parameters()]
    scaled_step(module, mine, scaler, 0)
    assert all(param.isfinite().all() for param in module.parameters())
    assert any(not torch.equal(*pair) for pair in zip(module.parameters(), before, strict=True))


SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "lambda": lambda optimizer: LambdaLR(optimizer, lambda step: 1 / (step + 1)),
    "one cycle": lambda optimizer: OneCycleLR(optimizer, max_lr=[0.1, 0.2], total_steps=8),
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=4),
}


@BOTH
@pytest.mark.parametrize("name", SCHEDULERS)
def test_torchs_schedulers(name: str, backend: str) -> None:
    """One cycle writes betas too; the cosine reaches 0, where torch's moments go on and ours rest."""
    modules = ours, theirs = model(), model()
    both = [
        make([{"params": module[0].parameters()}, {"params": module[2].parameters(), "lr": 0.02}])  # type: ignore[index]  # Sequential
        for module, make in (
            (ours, lambda groups: Optimizer(groups, lr=0.01, backend=backend)),
            (theirs, lambda groups: torch.optim.AdamW(groups, lr=0.01)),
        )
    ]
    schedulers = [SCHEDULERS[name](optimizer) for optimizer in both]
    for seed in range(4 if name == "cosine" else 7):
        for module, optimizer, scheduler in zip(modules, both, schedulers, strict=True):
            optimizer.zero_grad()
            loss_of(module, seed).backward()
            optimizer.step()
            scheduler.step()
    assert_same(ours, theirs)


def test_a_plateau_of_torch() -> None:
    module = model()
    mine = Optimizer(module.parameters(), lr=0.01)
    scheduler = ReduceLROnPlateau(mine, patience=0)
    for _ in range(3):
        loss_of(module).backward()
        mine.step()
        scheduler.step(1.0)
    assert mine.param_groups[0]["lr"] == pytest.approx(1e-4)


@BOTH
def test_a_compiled_model_and_a_compiled_step(backend: str) -> None:
    ours, theirs = model(), model()
    mine = Optimizer(ours.parameters(), lr=0.01, backend=backend)
    twin = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    compiled: Any = torch.compile(ours, backend="eager")

    step = torch.compile(mine.step, backend="eager")
    for seed in range(4):
        mine.zero_grad()
        loss_of(compiled, seed).backward()
        (mine.step if seed < 2 else step)()
        twin.zero_grad()
        loss_of(theirs, seed).backward()
        twin.step()
    assert_same(ours, theirs)
    torch.compiler.reset()


def through_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@BOTH
@pytest.mark.parametrize("way", [through_file, copy.deepcopy], ids=["file", "copy"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["float64", "bfloat16"])
def test_a_resume_is_bit_equal(dtype: torch.dtype, way: Callable[[Any], Any], backend: str) -> None:
    first = model(dtype)
    mine = Optimizer(first.parameters(), lr=0.01, backend=backend, master_weights=True)
    for seed in range(3):
        mine.zero_grad()
        loss_of(first, seed).backward()
        mine.step()
    second = copy.deepcopy(first)
    anew = Optimizer(second.parameters(), lr=1.0, backend=backend, master_weights=True)
    anew.load_state_dict(way(mine.state_dict()))
    for seed in range(3, 6):
        for module, optimizer in ((first, mine), (second, anew)):
            optimizer.zero_grad()
            loss_of(module, seed).backward()
            optimizer.step()
    assert all(map(torch.equal, first.parameters(), second.parameters()))


def test_a_whole_optimizer_in_a_pickle() -> None:
    module = model()
    mine = Optimizer(module.parameters(), lr=0.01, clip_norm=1.0)
    loss_of(module).backward()
    mine.step()
    twin, other = pickle.loads(pickle.dumps((module, mine)))  # noqa: S301  # our own bytes
    for one, optimizer in ((module, mine), (twin, other)):
        optimizer.zero_grad()
        loss_of(one, 1).backward()
        optimizer.step()
    assert_same(module, twin, 0.0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["float64", "bfloat16"])
def test_hooks_of_loading_are_obeyed(dtype: torch.dtype) -> None:
    """A hook may change what is loaded: its answer counts, also for state that keeps its precision."""
    module = model(dtype)
    mine = Optimizer(module.parameters(), lr=0.01)
    loss_of(module).backward()
    mine.step()

    def fill(_: Any, state: dict[str, Any]) -> dict[str, Any]:
        state = copy.deepcopy(state)
        state["state"][0]["exp_avg"].fill_(5.0)
        state["param_groups"][0]["lr"] = 0.5
        return state

    mine.register_load_state_dict_pre_hook(fill)
    seen: list[str] = []
    mine.register_load_state_dict_post_hook(lambda *_: seen.append("loaded"))
    mine.load_state_dict(copy.deepcopy(mine.state_dict()))
    found = mine.state[next(module.parameters())]["exp_avg"]
    assert found.unique().tolist() == [5.0]
    assert mine.param_groups[0]["lr"] == 0.5
    assert seen == ["loaded"]


def test_hooks_that_raise() -> None:
    """Before the step nothing is written; after it all is."""
    param = nn.Parameter(torch.ones(2))
    mine = Optimizer([param], "sgd", lr=0.5)
    param.grad = torch.ones(2)

    def refuse(*_: Any) -> None:
        raise RuntimeError("no")

    handle = mine.register_step_pre_hook(refuse)
    with pytest.raises(RuntimeError, match="no"):
        mine.step()
    assert param.tolist() == [1.0, 1.0]
    handle.remove()
    mine.register_step_post_hook(refuse)
    with pytest.raises(RuntimeError, match="no"):
        mine.step()
    assert param.tolist() == [0.5, 0.5]


def test_a_hook_that_steps_another_and_one_that_edits() -> None:
    first, second = (nn.Parameter(torch.ones(2)) for _ in range(2))
    inner, outer = Optimizer([second], "sgd", lr=0.25), Optimizer([first], "sgd", lr=0.5)
    first.grad = second.grad = torch.ones(2)
    outer.register_step_pre_hook(lambda *_: inner.step())

    def edit(optimizer: Any, *_: Any) -> None:
        optimizer.param_groups[0]["lr"] = 1.0

    outer.register_step_pre_hook(edit)
    outer.step()
    assert (first.tolist(), second.tolist()) == ([0.0, 0.0], [0.75, 0.75])


def test_a_step_for_each_parameter_within_backward() -> None:
    ours, theirs = model(), model()
    each = {param: Optimizer([param], lr=0.01) for param in ours.parameters()}

    def step(param: Tensor) -> None:
        each[param].step()  # type: ignore[index]  # it is a parameter
        param.grad = None

    for param in ours.parameters():
        param.register_post_accumulate_grad_hook(step)
    twin = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    for seed in range(3):
        loss_of(ours, seed).backward()
        twin.zero_grad()
        loss_of(theirs, seed).backward()
        twin.step()
    assert_same(ours, theirs)


@BOTH
def test_swapped_tensors_are_stepped_where_they_are(backend: str) -> None:
    first, second = (nn.Parameter(torch.full((3,), value)) for value in (1.0, 5.0))
    mine = Optimizer([first], "sgd", lr=0.5, momentum=0.5, backend=backend)
    first.grad = torch.ones(3)
    mine.step()
    torch.utils.swap_tensors(first, second)
    first.grad = torch.ones(3)
    mine.step()
    assert first.tolist() == [4.25] * 3
    assert second.tolist() == [0.5] * 3


@pytest.fixture
def swapping() -> Iterator[None]:
    torch.__future__.set_swap_module_params_on_conversion(True)
    yield
    torch.__future__.set_swap_module_params_on_conversion(False)


@pytest.mark.usefixtures("swapping")
@BOTH
def test_a_model_that_is_converted_by_swaps(backend: str) -> None:
    module = model(torch.float32)
    mine = Optimizer(module.parameters(), lr=0.01, backend=backend)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        mine.zero_grad()
        module.to(dtype)
        loss_of(module).backward()
        mine.step()
    weight = next(module.parameters())
    assert mine.state[weight]["step"].item() == 3
    assert mine.state[weight]["exp_avg"].dtype == torch.float32


@BOTH
def test_states_that_were_taken_elsewhere_in_place(backend: str) -> None:
    """As those do who keep state in other memory between steps: the step reads and writes where it is."""
    param = nn.Parameter(torch.zeros(3))
    mine = Optimizer([param], "sgd", lr=1.0, momentum=0.5, backend=backend)
    param.grad = torch.ones(3)
    mine.step()
    state = mine.state[param]["momentum_buffer"]
    before = state.data
    state.data = torch.full((3,), 4.0)
    mine.step()
    assert mine.state[param]["momentum_buffer"].tolist() == [3.0] * 3
    assert before.tolist() == [1.0] * 3


def test_tied_and_shared_modules() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(4, 3), nn.Linear(3, 4, bias=False)
            self.head.weight = self.embed.weight
            self.again = self.head

        def forward(self, places: Tensor) -> Tensor:
            found: Tensor = self.again(self.head(self.embed(places))[..., :3])
            return found

    torch.manual_seed(0)
    ours = Tied()
    theirs = copy.deepcopy(ours)
    mine, twin = Optimizer(ours.parameters(), lr=0.1), torch.optim.AdamW(theirs.parameters(), lr=0.1)
    for _ in range(3):
        for module, optimizer in ((ours, mine), (theirs, twin)):
            optimizer.zero_grad()
            module(torch.tensor([0, 2])).square().sum().backward()
            optimizer.step()
    assert_same(ours, theirs, 1e-5)
    assert mine.state[ours.embed.weight]["step"].item() == 3


def test_names_of_parameters() -> None:
    module = model()
    mine = Optimizer(module.named_parameters(), lr=0.01)
    loss_of(module).backward()
    mine.step()
    assert list(mine.statistics(by="parameter")) == [name for name, _ in module.named_parameters()]


def test_a_lazy_layer_is_stepped_once_it_is_there() -> None:
    module = nn.LazyLinear(2)
    mine = Optimizer(module.parameters(), "sgd", lr=0.5)
    mine.step()
    module(torch.ones(1, 3)).sum().backward()
    before = module.weight.detach().clone()
    mine.step()
    assert torch.equal(module.weight, before - 0.5)


def test_a_lazy_layer_has_no_rows_yet() -> None:
    module = nn.LazyLinear(2)
    row = {"name": "w", "start": 0, "stop": 1, "lr": 0.1}
    mine = Optimizer([{"params": [module.weight], "param_names": ["w"], "rows": [row]}])
    with pytest.raises(OptimizerError, match='of "w": it has 0 rows'):
        mine.step()


def test_quantised_parameters_are_let_be() -> None:
    codes = nn.Parameter(torch.ones(3, dtype=torch.int8), requires_grad=False)
    weight = nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    mine = Optimizer([codes, weight], "sgd", lr=0.5)
    mine.step()
    assert (codes.tolist(), weight.tolist()) == ([1] * 3, [0.5] * 3)


@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_a_model_on_meta_is_refused(clip_norm: float | None) -> None:
    param = nn.Parameter(torch.ones(2, device="meta"))
    param.grad = torch.ones(2, device="meta")
    with pytest.raises(OptimizerError, match=r"on meta"):
        Optimizer([param], clip_norm=clip_norm).step()


def test_sparse_gradients_name_the_fix() -> None:
    table = nn.Embedding(4, 3, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(OptimizerError, match=r'sparse_coo gradient.*optimizer="sparseadam"'):
        Optimizer(table.parameters()).step()
    before = table.weight.detach().clone()
    Optimizer(table.parameters(), "sparseadam", lr=0.1).step()
    kept = [torch.equal(row, old) for row, old in zip(table.weight, before, strict=True)]
    assert kept == [True, False, True, True]


def test_a_parameter_that_overlaps_itself_is_refused_unwritten() -> None:
    param = nn.Parameter(torch.zeros(1).expand(3))
    param.grad = torch.ones(3)
    mine = Optimizer([param], lr=0.1)
    with pytest.raises(OptimizerError, match=r"shape \(3,\).*one place"):
        mine.step()
    assert not mine.state


def test_a_model_without_parameters() -> None:
    mine = Optimizer([{"params": []}], clip_norm=1.0)
    mine.step()
    assert mine.statistics() == {}
    assert mine.state_dict()["state"] == {}


def test_one_scalar() -> None:
    param = nn.Parameter(torch.tensor(2.0))
    mine = Optimizer([param], "sgd", lr=0.5)
    (param * 3).backward()
    mine.step()
    assert param.item() == 0.5


def test_fifty_thousand_tensors() -> None:
    """Linear in tensors: each is stepped by its own group's rate, all in one pass."""
    threads = threading.active_count()
    params = [nn.Parameter(torch.ones(2)) for _ in range(50_000)]
    for param in params:
        param.grad = torch.ones(2)
    mine = Optimizer([{"params": params[:10_000]}, {"params": params[10_000:], "lr": 0.5}], "sgd", lr=0.25)
    mine.step()
    assert {tuple(param.tolist()) for param in params[:10_000]} == {(0.75, 0.75)}
    assert {tuple(param.tolist()) for param in params[10_000:]} == {(0.5, 0.5)}
    assert len(mine.statistics(by="parameter")) == 50_000
    assert threading.active_count() <= threads
