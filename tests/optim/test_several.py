"""Several optimizers behind one: ours, torch's and a user's class; one step, one state dict."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from paramgroups.errors import OptimizerError
from paramgroups.optim.optimizer import Optimizer


class Signed(torch.optim.Optimizer):
    """A user's class: it descends along signs, and counts in its state."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> Any:
        assert closure is None
        with torch.no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        count = self.state[param].get("count", 0) + 1
                        self.state[param]["count"] = count
                        param.sub_(param.grad.sign(), alpha=group["lr"] / count)


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()


def params_of(module: Any) -> dict[str, list[nn.Parameter]]:
    return {
        "muon": [module[0].weight, module[2].weight],
        "adamw": [module[1].weight, module[1].bias],
        "signed": [module[0].bias, module[2].bias],
    }


def together(module: nn.Module, **settings: Any) -> Optimizer:
    parts = params_of(module)
    groups = [
        {"params": parts["muon"], "optimizer": "muon", "lr": 0.02, "name": "matrices"},
        {"params": parts["adamw"], "name": "norms"},
        {"params": parts["signed"], "optimizer": Signed, "lr": 0.03, "name": "biases"},
    ]
    return Optimizer(groups, "adamw", lr=0.01, **settings)


def apart(module: nn.Module) -> list[torch.optim.Optimizer]:
    parts = params_of(module)
    return [
        torch.optim.Muon(parts["muon"], lr=0.02),
        torch.optim.AdamW(parts["adamw"], lr=0.01),
        Signed(parts["signed"], lr=0.03),
    ]


def backward(module: nn.Module, seed: int) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    module.zero_grad()
    found: Tensor = module(torch.randn(5, 3, generator=draws, dtype=torch.float64)).square().sum()
    found.backward()
    return found


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(map(torch.equal, one.parameters(), other.parameters()))


def test_one_step_is_that_of_each_alone() -> None:
    ours, theirs = model(), model()
    mine, others = together(ours), apart(theirs)
    for seed in range(5):
        backward(ours, seed)
        backward(theirs, seed)
        mine.step()
        for other in others:
            other.step()
    for param, other_param in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(param, other_param, rtol=1e-12, atol=1e-12)
    assert set(mine.statistics()) == {"matrices", "norms", "biases"}
    assert all(one.update_norm > 0 for one in mine.statistics().values())


def test_one_state_dict_resumes_bit_equal() -> None:
    first = model()
    mine = together(first)
    for seed in range(3):
        backward(first, seed)
        mine.step()
    second = copy.deepcopy(first)
    anew = together(second)
    anew.load_state_dict(copy.deepcopy(mine.state_dict()))
    for seed in range(3, 6):
        for module, optimizer in ((first, mine), (second, anew)):
            backward(module, seed)
            optimizer.step()
    assert same(first, second)
    assert mine.state_dict()["param_groups"] == anew.state_dict()["param_groups"]
    saved = mine.state_dict()
    assert [group.get("optimizer") for group in saved["param_groups"]][:2] == ["muon", None]
    assert sorted(saved["state"]) == list(range(6))


def test_a_copy_steps_equally() -> None:
    first = model()
    mine = together(first)
    backward(first, 0)
    mine.step()
    second, other = copy.deepcopy((first, mine))
    for module, optimizer in ((first, mine), (second, other)):
        backward(module, 1)
        optimizer.step()
    assert same(first, second)


def test_hooks_are_called_once_and_gradients_zeroed() -> None:
    module = model()
    mine = together(module)
    seen: list[str] = []
    mine.register_step_pre_hook(lambda *_: seen.append("before"))
    mine.register_step_post_hook(lambda *_: seen.append("after"))
    handle = register_optimizer_step_post_hook(lambda *_: seen.append("all"))
    try:
        backward(module, 0)
        mine.step()
    finally:
        handle.remove()
    assert sorted(seen) == ["after", "all", "before"]
    assert seen[0] == "before"
    mine.zero_grad()
    assert all(param.grad is None for param in module.parameters())


def test_a_closure_is_evaluated_once() -> None:
    module = model()
    mine = together(module)
    calls: list[float] = []

    def closure() -> Tensor:
        calls.append(backward(module, 0).item())
        return torch.tensor(calls[-1], dtype=torch.float64)

    assert mine.step(closure).item() == calls[0]
    assert len(calls) == 1


def test_rows_are_refused_where_another_class_steps() -> None:
    module = model()
    mine = together(module)
    mine.param_groups[0]["param_names"] = ["a", "b"]
    mine.param_groups[0]["rows"] = [{"name": "a", "start": 0, "stop": 1, "lr": 1.0}]
    backward(module, 0)
    before = copy.deepcopy(module)
    with pytest.raises(OptimizerError, match=r"Rows of group 'matrices'.*Muon steps whole tensors"):
        mine.step()
    assert same(module, before)


def test_lbfgs_alone_is_torchs() -> None:
    def trained(make: Callable[[Any], Any]) -> Tensor:
        param = nn.Parameter(torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64))
        optimizer = make([param])

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = (param.pow(4) + param.sum().square()).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        return param.detach()

    given: dict[str, Any] = {"lr": 0.5, "max_iter": 4, "history_size": 3, "line_search_fn": "strong_wolfe"}
    ours = trained(lambda params: Optimizer(params, "lbfgs", **given))
    assert torch.equal(ours, trained(lambda params: torch.optim.LBFGS(params, **given)))


def test_lbfgs_without_a_closure() -> None:
    param = nn.Parameter(torch.ones(2))
    param.grad = torch.ones(2)
    with pytest.raises(OptimizerError, match=r"call optimizer.step\(closure\)"):
        Optimizer([param], "lbfgs", lr=1.0).step()


@pytest.mark.parametrize("name", ["muon", "adafactor", "adamax", "adadelta", "asgd", "rprop", "sparseadam"])
def test_torchs_other_classes_are_torchs(name: str) -> None:
    classes = {cls.__name__.lower(): cls for cls in vars(torch.optim).values() if isinstance(cls, type)}
    ours, theirs = (nn.Parameter(torch.eye(3, 2, dtype=torch.float64)) for _ in range(2))
    mine, twin = Optimizer([ours], name, lr=0.01), classes[name]([theirs], lr=0.01)
    for step in range(3):
        grad = torch.full((3, 2), step - 0.7, dtype=torch.float64)
        ours.grad, theirs.grad = (grad.to_sparse() if name == "sparseadam" else grad for _ in range(2))
        mine.step()
        twin.step()
    assert torch.equal(ours, theirs)


def test_an_optimizer_that_a_group_is_given_in_mid_run() -> None:
    """What its rule reads and the group lacks has its default."""
    module = model()
    mine = together(module)
    backward(module, 0)
    mine.step()
    mine.param_groups[1]["optimizer"] = "sgd"
    mine.param_groups[2]["optimizer"] = torch.optim.Adamax
    for param in mine.param_groups[2]["params"]:
        del mine.state[param]
    backward(module, 1)
    mine.step()
    assert mine.param_groups[1]["momentum"] == 0
    assert mine.param_groups[2]["optimizer"] == "adamax"
    assert "exp_inf" in mine.state[module.get_parameter("0.bias")]


def test_an_optimizer_in_mid_run_that_there_is_none_of() -> None:
    module = model()
    mine = together(module)
    mine.param_groups[1]["optimizer"] = "adamm"
    backward(module, 0)
    with pytest.raises(OptimizerError, match=r"'adamm' is not known. Nearest: \"adam"):
        mine.step()


def test_a_state_dict_of_other_optimizers_keeps_ours() -> None:
    """Who steps a group stays as it is, whether or not this optimizer has heard of the saved one."""
    module = model()
    mine = together(module)
    backward(module, 0)
    mine.step()
    plain = Optimizer([{"params": params} for params in params_of(module).values()])
    plain.load_state_dict(copy.deepcopy(mine.state_dict()))
    assert not any("optimizer" in group for group in plain.param_groups)
    backward(module, 1)
    plain.step()


def test_a_group_that_is_refused_leaves_no_state_in_those_before_it() -> None:
    first, second = (nn.Parameter(torch.ones(2)) for _ in range(2))
    mine = Optimizer([{"params": [first]}, {"params": [second], "optimizer": "sgd"}], lr=0.1)
    first.grad = second.grad = torch.ones(2)
    mine.param_groups[1]["lr"] = float("nan")
    with pytest.raises(OptimizerError, match="lr=nan in group"):
        mine.step()
    assert not mine.state
    assert first.tolist() == [1.0, 1.0]
    mine.param_groups[1]["lr"] = 0.5
    mine.step()
    assert second.tolist() == [0.5, 0.5]
    assert mine.state[first]["step"].item() == 1
