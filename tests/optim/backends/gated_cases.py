"""What the device decides of a step, against what the host decides; `test_gpu` runs this as `gpu_cases`.

Under Triton's interpreter the CPU stands for the device: its sums are tensors, which nobody is to wait for.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from paramgroups.optim.backends import choosing
from paramgroups.optim.limits import Limit
from paramgroups.optim.optimizer import Optimizer
from tests.optim.backends.gpu_cases import DEVICE

SIZES = ((3,), (40, 5), (1025,), (2, 2))
Grads = Sequence[Tensor]


@pytest.fixture(autouse=True)
def on_the_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.manual_seed(0)
    source = choosing.BACKENDS["cuda"]
    monkeypatch.setitem(choosing.BACKENDS, "cuda", source._replace(device=DEVICE))
    with torch.device(DEVICE):
        yield


def pair(name: str, groups: Sequence[Mapping[str, Any]], **settings: Any) -> tuple[Optimizer, Optimizer]:
    """An optimizer whose device decides, and one whose host does: it moves its sums there first."""
    start = [torch.randn(size) for size in SIZES]
    made = []
    for backend, device in (("cuda", DEVICE), ("torch", "cpu")):
        params = [nn.Parameter(one.clone().to(device)) for one in start]
        own = [{**group, "params": [params[place] for place in group["params"]]} for group in groups]
        made.append(Optimizer(own, name, backend=backend, **settings))
    return made[0], made[1]


def give(optimizer: Optimizer, grads: Grads) -> None:
    params = [param for group in optimizer.param_groups for param in group["params"]]
    for param, grad in zip(params, grads, strict=True):
        param.grad = grad.to(param.device)


def drawn(bad: int | None = None, scale: float = 1.0) -> Grads:
    grads = [torch.randn(size) * scale for size in SIZES]
    if bad is not None:
        grads[bad].view(-1)[0] = math.nan
    return grads


def everything(optimizer: Optimizer) -> list[tuple[Tensor, dict[str, Any]]]:
    optimizer.settle()
    params = [param for group in optimizer.param_groups for param in group["params"]]
    return [(param.detach().cpu(), dict(optimizer.state.get(param, {}))) for param in params]


def assert_alike(ours: Optimizer, twin: Optimizer) -> None:
    for (param, state), (other, known) in zip(everything(ours), everything(twin), strict=True):
        torch.testing.assert_close(param, other, rtol=1e-5, atol=1e-6)
        assert state.keys() == known.keys()
        for key in known:
            torch.testing.assert_close(state[key].cpu(), known[key].cpu(), rtol=1e-5, atol=1e-6)
    assert ours.skipped == twin.skipped
    assert [(one.shut, one.nonfinite) for one in ours.outcomes] == [
        (one.shut, one.nonfinite) for one in twin.outcomes
    ]
    found, wanted = ours.statistics(), twin.statistics()
    assert found.keys() == wanted.keys()
    for name, one in wanted.items():
        assert tuple(found[name]) == pytest.approx(tuple(one), rel=1e-5, abs=1e-6, nan_ok=True)


def step_both(
    ours: Optimizer, twin: Optimizer, grads: Grads, limits: Sequence[Limit] = (), *, decides: str = "device"
) -> None:
    """A step of each, after which they are alike; and who has decided it."""
    for optimizer in (ours, twin):
        optimizer.limits = limits
        give(optimizer, grads)
        optimizer.step()
    assert (ours._turn.pending is not None) == (decides == "device")
    assert twin._turn.pending is None
    assert_alike(ours, twin)


EACH = [Limit((group,)) for group in range(3)]
APART = [{"params": [0], "lr": 0.1}, {"params": [1, 2], "lr": 0.01}, {"params": [3], "lr": 0.5}]
CASES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "adamw": ("adamw", {}),
    "nadam": ("nadam", {}),
    "sgd, dampened": ("sgd", {"momentum": 0.9, "dampening": 0.5}),
    "sgd": ("sgd", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_steps_what_the_host_would(case: str) -> None:
    """A group with NaN at the first step, one above its bound, all of them, and none."""
    name, settings = CASES[case]
    ours, twin = pair(name, APART, **settings)
    limits = [Limit((0,)), Limit((1,), 20.0), Limit((2,), 1.0, clip=True)]
    for bad, scale in ((3, 1.0), (0, 1.0), (None, 1e3), (None, 0.1), (1, 1e-3), (None, 1.0)):
        step_both(ours, twin, drawn(bad, scale), [*limits, Limit((2,))])


def test_clipping_by_norm() -> None:
    groups = [{**group, "clip_norm": bound} for group, bound in zip(APART, (1.0, 1.0, 0.5), strict=True)]
    groups[2]["clip_alone"] = True
    ours, twin = pair("adamw", groups)
    for _ in range(3):
        step_both(ours, twin, drawn())


def test_a_step_that_is_left_out_altogether() -> None:
    ours, twin = pair("adamw", APART, skip_nonfinite=True)
    for bad in (None, 2, None):
        step_both(ours, twin, drawn(bad))
    assert ours.skipped == 1


def test_rows_with_settings_of_their_own() -> None:
    groups = [dict(group) for group in APART]
    for group, names in zip(groups, (["first"], ["table", "vector"], ["last"]), strict=True):
        group["param_names"] = names
    groups[1]["rows"] = [{"name": "table", "start": 10, "stop": 20, "lr": 0.5}]
    ours, twin = pair("adamw", groups)
    for bad in (None, 1, None):
        step_both(ours, twin, drawn(bad), EACH)


def test_two_rules_side_by_side() -> None:
    groups = [dict(group) for group in APART]
    groups[1]["optimizer"] = "lion"
    ours, twin = pair("adamw", groups)
    for bad in (None, 1, 0):
        step_both(ours, twin, drawn(bad), [Limit((0, 1), 1e9), Limit((2,))])


def test_a_rule_that_needs_norms_of_its_own_is_decided_by_the_host() -> None:
    ours, twin = pair("lamb", APART)
    for bad in (None, 1, None):
        step_both(ours, twin, drawn(bad), EACH, decides="host")


def test_a_copy_and_a_saved_state_have_taken_in_what_was_decided() -> None:
    ours, twin = pair("adamw", APART)
    for bad in (None, 3):
        for optimizer in (ours, twin):
            optimizer.limits = EACH
        grads = drawn(bad)
        give(ours, grads)
        give(twin, grads)
        ours.step()
        twin.step()
    assert_alike(copy.deepcopy(ours), twin)
    steps = [float(state["step"]) for state in ours.state_dict()["state"].values()]
    assert steps == [2.0, 2.0, 2.0, 1.0]


def test_a_load_counts_a_step_that_was_left_out() -> None:
    ours, twin = pair("adamw", APART, skip_nonfinite=True)
    for optimizer in (ours, twin):
        give(optimizer, drawn(1))
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
    assert ours.skipped == twin.skipped == 1


class Waits(TorchDispatchMode):
    """The operations that wait for a device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "local_scalar" in str(func) or "nonzero" in str(func):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


def test_a_step_waits_for_nothing() -> None:
    """Not for the norms that decide it, nor for its statistics."""
    ours, _ = pair("adamw", [{**group, "clip_norm": 1.0} for group in APART])
    give(ours, drawn())
    ours.step()  # laid out now
    for _ in range(2):
        ours.limits = [Limit((0, 1), 1e9), Limit((2,), 1.0, clip=True)]
        give(ours, drawn())
        with Waits() as waits:
            if DEVICE == "cuda":
                torch.cuda.set_sync_debug_mode("error")
            try:
                ours.step()
            finally:
                if DEVICE == "cuda":
                    torch.cuda.set_sync_debug_mode("default")
        assert waits.found == []
    assert len(ours.outcomes) == 2
