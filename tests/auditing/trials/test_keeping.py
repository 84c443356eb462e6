"""What a loss may change of a model and a process, and what is put back."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from paramgroups.auditing.trials.keeping import undisturbed
from paramgroups.auditing.trials.trying import try_steps
from tests.auditing.setups import small, subject_of

BACKENDS: Any = torch.backends
OPERATIONS = (BACKENDS.cudnn.conv, BACKENDS.cudnn.rnn, BACKENDS.cuda.matmul, BACKENDS.mkldnn.matmul)


def precisions() -> list[Any]:
    return [torch.get_float32_matmul_precision(), *(one.fp32_precision for one in OPERATIONS)]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = precisions()
    yield
    torch.set_float32_matmul_precision(before[0])
    BACKENDS.cudnn.allow_tf32 = True
    for one, was in zip(OPERATIONS, before[1:], strict=True):
        if one.fp32_precision != was:
            one.fp32_precision = was


def with_buffer(buffer: torch.Tensor) -> nn.Module:
    model = small()
    model.register_buffer("table", buffer)
    return model


def test_a_sparse_buffer_is_put_back_where_it_changed() -> None:
    model: Any = with_buffer(torch.eye(3).to_sparse())
    version = model.table._version
    with undisturbed(model):
        pass
    assert model.table._version == version
    with undisturbed(model), torch.no_grad():
        model.table.mul_(2)
    assert torch.equal(model.table.to_dense(), torch.eye(3))


@pytest.mark.parametrize("frozen", [False, True], ids=["live", "frozen"])
def test_a_model_with_a_sparse_buffer_is_tried(frozen: bool) -> None:  # noqa: FBT001  # a case
    model = with_buffer(torch.eye(3).to_sparse())
    model.get_submodule("0").register_buffer("table", torch.eye(2).to_sparse())
    model.get_submodule("0").requires_grad_(requires_grad=not frozen)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    trial = try_steps(subject_of(model, optimizer), lambda net, x: net(x).square().mean(), torch.ones(2, 4))
    assert (trial.steps, trial.untaken) == (3, ())


def test_one_thing_that_cannot_be_put_back_holds_up_no_other() -> None:
    class Stubborn(nn.Linear):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "training" and "weight" in self._parameters:
                raise RuntimeError("as it is")
            super().__setattr__(name, value)

    model: Any = nn.Sequential(nn.BatchNorm1d(4), Stubborn(4, 2), nn.Dropout())
    state = torch.get_rng_state()

    def loss(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        model[0].training = model[2].training = False
        model[0].running_mean.add_(1)
        torch.rand(3)
        found: torch.Tensor = net(x).square().mean()
        return found

    trial = try_steps(subject_of(model, torch.optim.SGD(model.parameters(), lr=0.1)), loss, torch.ones(2, 4))
    assert trial.untaken == ("The loss after all steps ended with RuntimeError: as it is",)
    assert model[0].training
    assert model[2].training
    assert torch.equal(model[0].running_mean, torch.zeros(4))
    assert torch.equal(torch.get_rng_state(), state)


def test_precisions_that_differ_by_operation_stay_so() -> None:
    BACKENDS.cudnn.conv.fp32_precision = "ieee"
    before = precisions()
    with undisturbed(small()):
        BACKENDS.cudnn.conv.fp32_precision = "tf32"
        BACKENDS.cudnn.rnn.fp32_precision = "ieee"
    assert precisions() == before
    with pytest.raises(RuntimeError, match="allow_tf32"):
        _ = BACKENDS.cudnn.allow_tf32


def test_precisions_under_their_old_names_are_put_back() -> None:
    before = precisions()
    with undisturbed(small()):
        torch.set_float32_matmul_precision("high")
        BACKENDS.cudnn.allow_tf32 = False
    assert precisions() == before
    assert BACKENDS.cudnn.allow_tf32
    with undisturbed(small()):
        BACKENDS.cudnn.conv.fp32_precision = "ieee"
        BACKENDS.cuda.matmul.fp32_precision = "tf32"
    assert precisions() == before
    assert BACKENDS.cudnn.allow_tf32


@pytest.mark.parametrize("check_nan", [False, True], ids=["without nan", "with nan"])
def test_how_anomalies_are_looked_for_is_put_back(check_nan: bool) -> None:  # noqa: FBT001  # a case
    with torch.autograd.set_detect_anomaly(mode=False, check_nan=check_nan):
        with undisturbed(small()):
            torch.set_anomaly_enabled(True, not check_nan)
        assert (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()) == (False, check_nan)
