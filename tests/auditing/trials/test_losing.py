"""The loss of a batch, as users hand it in."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.auditing.trials.losing import evaluation

BATCH = torch.ones(2, 3)


class Gives(nn.Module):
    """Returns what it was made with, and keeps how it was called."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output
        self.called: Any = None

    def forward(self, *given: Any, **named: Any) -> Any:
        """What it was made with."""
        self.called = (given, named)
        return self.output


def test_a_function_of_model_and_batch() -> None:
    model = nn.Linear(3, 1)
    assert evaluation(lambda net, x: net(x).sum(), BATCH)(model) == model(BATCH).sum()


def test_a_function_of_the_model_alone() -> None:
    assert evaluation(lambda net: net.weight.sum(), None)(nn.Linear(3, 1)).ndim == 0


@pytest.mark.parametrize(
    "output",
    [
        torch.tensor(2.0),
        torch.tensor([[2.0]]),
        {"loss": torch.tensor(2.0)},
        SimpleNamespace(loss=torch.tensor(2.0)),
    ],
    ids=["number", "of one number", "mapping", "attribute"],
)
def test_the_model_may_give_it(output: Any) -> None:
    assert evaluation(None, BATCH)(Gives(output)) == torch.tensor(2.0)


@pytest.mark.parametrize(
    ("batch", "given", "named"),
    [
        ((1, 2), (1, 2), {}),
        ([1, 2], (1, 2), {}),
        ({"a": 1}, (), {"a": 1}),
        (3, (3,), {}),
    ],
    ids=["tuple", "list", "mapping", "else"],
)
def test_how_the_model_is_called(batch: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    model = Gives(torch.tensor(1.0))
    evaluation(None, batch)(model)
    assert model.called == (given, named)


def test_each_call_has_a_batch_of_its_own() -> None:
    def spoil(_: nn.Module, x: Tensor) -> Tensor:
        return x.zero_().sum()

    batch = torch.ones(2)
    evaluation(spoil, batch)(nn.Linear(1, 1))
    assert torch.equal(batch, torch.ones(2))


@pytest.mark.parametrize(
    "output", [None, torch.ones(2), {"logits": torch.ones(2)}, 3.0], ids=["none", "two", "mapping", "float"]
)
def test_what_is_no_loss_is_refused_with_the_fix(output: Any) -> None:
    with pytest.raises(pg.ParamGroupsError, match="no number to minimise"):
        evaluation(None, BATCH)(Gives(output))


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(pg.ParamGroupsError, match="loss=3 is no function"):
        evaluation(3, BATCH)  # type: ignore[arg-type]  # what users do
