"""Optimizers that do not suit what they step."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import LBFGS, SGD, Adagrad, Adam, AdamW, Muon, RMSprop, SparseAdam

import paramgroups as pg
from paramgroups.auditing.looks.choice import CHECKS
from paramgroups.errors import Finding, ParamGroupsError
from tests.auditing.setups import codes, found, subject_of


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def table(*, sparse: bool) -> Any:
    return nn.Sequential(nn.Embedding(9, 4, sparse=sparse), nn.Linear(4, 4), nn.Linear(4, 3))


CHOICES: list[Any] = [
    (SGD, {}), (SGD, {"momentum": 0.9}), (SGD, {"weight_decay": 0.1}), (Adagrad, {}),
    (Adagrad, {"weight_decay": 0.1}), (Adam, {}), (AdamW, {}), (RMSprop, {}), (SparseAdam, {}),
    (pg.Optimizer, {"optimizer": "sgd"}), (pg.Optimizer, {"optimizer": "sparseadam"}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize(("cls", "settings"), CHOICES, ids=[f"{c.__name__}-{s}" for c, s in CHOICES])
def test_what_is_told_of_sparse_gradients_is_what_happens(cls: Any, settings: dict[str, Any]) -> None:
    model = table(sparse=True)
    optimizer = cls(list(model[0].parameters()), lr=0.1, **settings)
    findings = look(model, optimizer)
    model[0](torch.tensor([1, 2])).sum().backward()
    if findings:
        assert [(one.code, one.names) for one in findings] == [("PG132", ("0.weight",))]
        with pytest.raises((RuntimeError, ParamGroupsError)):
            optimizer.step()
    else:
        optimizer.step()


def test_dense_gradients_in_sparse_adam_are_told() -> None:
    model = table(sparse=True)
    findings = look(model, SparseAdam(list(model.parameters()), lr=0.1))
    assert codes(findings) == ["PG132"]
    assert findings[0].names == ("1.weight", "1.bias", "2.weight", "2.bias")


def test_two_optimizers_each_with_its_own_are_sound() -> None:
    model = table(sparse=True)
    assert not look(model, [SparseAdam(list(model[0].parameters())), Adam(model[1:].parameters())])
    assert not look(model, LBFGS(model.parameters()))


def test_dense_tables_are_sound_and_so_are_frozen_ones() -> None:
    model = table(sparse=False)
    assert not look(model, Adam(model.parameters()))
    model = table(sparse=True)
    model[0].requires_grad_(requires_grad=False)
    assert not look(model, Adam(model.parameters()))


class Lookup(nn.Module):
    """A table of one's own, whose gradient is sparse."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(9, 4))

    def forward(self, at: torch.Tensor) -> torch.Tensor:
        return functional.embedding(at, self.weight, sparse=True)


def test_what_a_module_of_ones_own_gives_is_told_by_its_gradient_alone() -> None:
    model = Lookup()
    assert not look(model, SparseAdam(list(model.parameters())))
    model(torch.tensor([1])).sum().backward()
    assert not look(model, SparseAdam(list(model.parameters())))


class Lazy(Adam):
    """Takes sparse gradients by means of its own."""


def test_classes_of_others_may_take_sparse_gradients() -> None:
    model = table(sparse=True)
    assert not look(model, Lazy(model.parameters()))


def test_muon_on_an_embedding_or_a_head_is_told() -> None:
    model = table(sparse=False)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    findings = look(model, Muon(matrices, lr=0.02))
    assert codes(findings) == ["PG133"]
    assert findings[0].names == ("0.weight", "2.weight")


def test_muon_on_hidden_matrices_is_sound() -> None:
    model = table(sparse=False)
    assert not look(model, Muon([model[1].weight], lr=0.02))


def test_ours_with_muon_for_all_matrices_is_told() -> None:
    model = table(sparse=False)
    matrices, vectors = ([p for p in model.parameters() if p.ndim == ndim] for ndim in (2, 1))
    optimizer = pg.Optimizer(
        [{"params": matrices, "optimizer": "muon"}, {"params": vectors}], "adamw", lr=1e-3
    )
    assert codes(look(model, optimizer)) == ["PG133"]


def test_groups_that_a_mixed_muon_steps_otherwise_are_sound() -> None:
    model = table(sparse=False)
    optimizer = Muon([model[0].weight], lr=0.02)
    optimizer.param_groups[0]["use_muon"] = False
    assert not look(model, optimizer)
    optimizer.param_groups[0].update(use_muon=True, use_fallback=True)
    assert not look(model, optimizer)


class FallingBack(torch.optim.SGD):
    """A class that steps vectors by another rule in the same group, as timm's does."""


FallingBack.__name__ = "Muon"


def test_vectors_in_a_group_of_muon_are_not_stepped_by_it() -> None:
    model = table(sparse=False)
    findings = look(model, FallingBack(model.parameters(), lr=0.02))
    assert [one.names for one in findings] == [("0.weight", "2.weight")]
