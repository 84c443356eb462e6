"""A frozen tensor and every buffer under it are bit-identical, whatever steps, and however it is frozen."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

import paramgroups as pg

STEPS = 200
EDGE = 100

SETTINGS: dict[str, dict[str, Any]] = {
    "adamw": {},
    "sgd": {"momentum": 0.9},
    "lion": {},
    "muon": {"rules": [pg.rule("[ndim!=2]", optimizer="adamw")]},
}
WINDOWS: dict[str, dict[str, Any]] = {
    "always": {},
    "in a window": {"until": "100%"},
    "in mid-run": {"start": EDGE, "until": STEPS},
}
TORCHS = {
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "nadam": torch.optim.NAdam,
}


class Net(nn.Module):
    """A stem with all that drifts: batch norm, and the vectors of a spectral norm; and one that trains."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(spectral_norm(nn.Linear(4, 6)), nn.BatchNorm1d(6), nn.Dropout(0.5))
        self.body = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Tanh())
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(x)))  # type: ignore[no-any-return]  # torch's are untyped


@pytest.fixture
def model() -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net()


def plan_of(model: nn.Module, name: str, window: str, steps: int = STEPS) -> pg.Plan:
    said = {"rules": [], **SETTINGS.get(name, {})}
    frozen = pg.rule("stem", trainable=False, **WINDOWS[window])
    recipe = pg.Recipe(
        optimizer=name, lr=0.01, weight_decay=0.1, **said | {"rules": [*said["rules"], frozen]}
    )
    return pg.plan(model, recipe, steps=steps)


def under(model: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    return {name: one.clone() for name, one in model.state_dict().items() if name.startswith(prefix)}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def update(called: Any, model: nn.Module, optimizer: Any, step: int) -> None:
    """A step of training as many write it: zeroes left in place, and `train()` each time."""
    model.train()
    draw = torch.Generator().manual_seed(step)
    x, y = torch.randn(8, 4, generator=draw), torch.randint(0, 3, (8,), generator=draw)
    optimizer.zero_grad(set_to_none=False)
    functional.cross_entropy(called(x), y).backward()
    optimizer.step()


def look_at_states(optimizer: Any) -> None:
    """Step with rates 0 and gradients of zeroes, as torch.distributed.checkpoint does to find states."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for tensor in group["params"]:
            tensor.grad = torch.zeros_like(tensor)
    optimizer.step()
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    optimizer.zero_grad()


def states(optimizer: Any, model: Net) -> dict[str, Any]:
    """What an optimizer remembers of the stem."""
    return {
        f"{name} {key}": torch.as_tensor(value).clone()
        for name, tensor in model.stem.named_parameters()
        for key, value in optimizer.state.get(tensor, {}).items()
        if value is not None
    }


def check(called: Any, model: Net, made: Any, window: str) -> None:
    optimizer, scheduler = made
    first = EDGE if window == "in mid-run" else 0
    for step in range(first):
        update(called, model, optimizer, step)
        scheduler.step()
    before, others = under(model, "stem."), under(model, "body.")
    remembered = states(optimizer, model)
    for step in range(first, STEPS):
        update(called, model, optimizer, step)
        if step in {first, EDGE + 50}:
            look_at_states(optimizer)
        if step < STEPS - 1:
            scheduler.step()
    assert same(before, under(model, "stem."))
    assert not any(torch.equal(one, under(model, "body.")[name]) for name, one in others.items())
    now = states(optimizer, model)
    assert now.keys() == remembered.keys()
    assert same(remembered, now)


@pytest.mark.parametrize("how", ["flags", "masks"])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", SETTINGS)
def test_200_steps_leave_it_bit_identical(model: Net, name: str, window: str, how: str) -> None:
    made = pg.build(plan_of(model, name, window), freezing=how)
    check(model, model, made, window)


@pytest.mark.parametrize("how", ["flags", "masks"])
@pytest.mark.parametrize("name", SETTINGS)
def test_in_a_compiled_model_too(model: Net, name: str, how: str) -> None:
    torch.compiler.reset()
    made = pg.build(plan_of(model, name, "in a window"), freezing=how)
    check(torch.compile(model, backend="aot_eager"), model, made, "in a window")


@pytest.mark.parametrize("how", ["flags", "masks"])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", TORCHS)
def test_an_optimizer_of_torchs(model: Net, name: str, window: str, how: str) -> None:
    plan = plan_of(model, name, window)
    optimizer: Any = TORCHS[name](plan.param_groups())
    check(model, model, (optimizer, pg.Scheduler(optimizer, plan, freezing=how)), window)
