"""Depth by the order in which modules run, traced on an example."""

import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.errors import ModelError
from paramgroups.indexing import index


class Reversed(nn.Module):
    """Holds its layers in another order than it runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc3 = nn.Linear(4, 2)
        self.fc1 = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout()
        self.fc2 = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, *, noise: bool = False) -> torch.Tensor:
        x = self.drop(self.norm(self.fc1(x)))
        if noise:
            x = x + float(np.random.rand()) + random.random()  # noqa: NPY002, S311 - what the test is about
        out: torch.Tensor = self.fc3(self.fc2(x))
        return out


def order(model: nn.Module, example: object) -> list[str]:
    rows = sorted(index(model, example=example), key=lambda row: row.depth)
    return [row.name.removesuffix(".weight") for row in rows if row.name.endswith("weight")]


@pytest.mark.parametrize(
    "example", [torch.ones(5, 3), (torch.ones(5, 3),), {"x": torch.ones(5, 3)}], ids=type
)
def test_a_traced_model_has_the_depth_of_its_execution(example: object) -> None:
    assert order(Reversed(), example) == ["fc1", "norm", "fc2", "fc3"]
    assert [row.depth for row in index(Reversed()) if row.name == "fc1.weight"] != [0]


def test_a_u_net_held_upside_down() -> None:
    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ups = nn.ModuleList(self.block() for _ in range(2))
            self.downs = nn.ModuleList(self.block() for _ in range(2))
            self.final = nn.Linear(4, 1)

        def block(self) -> nn.Module:
            return nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in [*self.downs, *self.ups]:
                x = block(x)
            out: torch.Tensor = self.final(x)
            return out

    rows = index(UNet(), example=torch.ones(2, 4))
    names = ("downs.0.0", "downs.1.0", "ups.0.0", "ups.1.3", "final")
    assert [rows[f"{name}.weight"].depth for name in names] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("training", [True, False])
def test_a_trace_leaves_no_trace(training: bool) -> None:  # noqa: FBT001 - a parameter of the test
    model = Reversed().train(training)
    nn.utils.parametrizations.spectral_norm(model.fc2)
    buffers = {name: (buffer.data_ptr(), buffer.clone()) for name, buffer in model.named_buffers()}
    states = torch.get_rng_state(), random.getstate(), pickle.dumps(np.random.get_state())  # noqa: NPY002 - the global one
    index(model, example={"x": torch.randn(5, 3, generator=torch.Generator()), "noise": True})
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert pickle.dumps(np.random.get_state()) == states[2]  # noqa: NPY002 - as above
    for name, buffer in model.named_buffers():
        assert buffer.data_ptr() == buffers[name][0]
        assert torch.equal(buffer, buffers[name][1])
    assert model.training is training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_compiled_model_is_traced_uncompiled() -> None:
    model = torch.compile(Reversed(), backend="eager")
    assert isinstance(model, nn.Module)
    assert order(model, torch.ones(5, 3)) == ["fc1", "norm", "fc2", "fc3"]


def test_a_model_on_meta_is_traced_on_meta() -> None:
    assert order(Reversed().to("meta"), torch.ones(5, 3, device="meta")) == ["fc1", "norm", "fc2", "fc3"]


def test_an_example_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(
        ModelError, match=r"does not run on the example: RuntimeError: .*Give a tensor, a tuple"
    ):
        index(Reversed(), example=torch.ones(5, 7))
