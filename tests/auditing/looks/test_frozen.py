"""What is frozen and moves all the same."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Adam, AdamW

import paramgroups as pg
from paramgroups.auditing.looks.frozen import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


class Net(nn.Module):
    """A backbone with batch norm, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body: Any = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.BatchNorm1d(8)
        )
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.body(x))


class Holding(Net):
    """Keeps its body in evaluation."""

    def train(self, mode: bool = True) -> "Holding":  # noqa: FBT001, FBT002  # torch's signature
        super().train(mode)
        self.body.eval()
        return self


def headed(model: Net) -> SGD:
    """The body frozen, the head in an optimizer."""
    model.body.requires_grad_(requires_grad=False)
    return SGD(model.head.parameters(), lr=0.1)


def test_live_batch_norm_of_a_frozen_body_is_told() -> None:
    model = Net()
    findings = look(model, headed(model))
    assert codes(findings) == ["PG160"]
    assert findings[0].names == ("body.1.weight", "body.1.bias", "body.4.weight", "body.4.bias")
    assert "body.1, body.4" in findings[0].message


def test_it_drifts_as_told() -> None:
    model = Net()
    optimizer = headed(model)
    before = model.body[1].running_mean.clone()
    model(torch.randn(8, 4)).sum().backward()
    optimizer.step()
    assert not torch.equal(before, model.body[1].running_mean)


def test_a_model_that_trains_altogether_is_sound() -> None:
    model = Net()
    assert not look(model, SGD(model.parameters(), lr=0.1))


def test_part_of_a_body_may_be_frozen() -> None:
    model = Net()
    model.body[:2].requires_grad_(requires_grad=False)
    findings = look(model, SGD([p for p in model.parameters() if p.requires_grad], lr=0.1))
    assert [one.names for one in findings] == [("body.1.weight", "body.1.bias")]


def test_batch_norm_frozen_alone_follows_what_is_trained_before_it() -> None:
    model = Net()
    for norm in (model.body[1], model.body[4]):
        norm.requires_grad_(requires_grad=False)
    assert not look(model, SGD(model.parameters(), lr=0.1))


def test_nothing_drifts_that_counts_nothing() -> None:
    model = Net()
    model.body[1] = nn.BatchNorm1d(8, track_running_stats=False)
    model.body[4].momentum = 0.0
    assert not look(model, headed(model))


def test_norms_without_parameters_are_of_the_part_that_holds_them() -> None:
    model = Net()
    model.body[1] = nn.BatchNorm1d(8, affine=False)
    findings = look(model, headed(model))
    assert "body.1, body.4" in findings[0].message
    model = Net()
    optimizer = headed(model)
    model.body.eval()
    probe = nn.Sequential(Holding(), nn.Sequential(nn.BatchNorm1d(2, affine=False), nn.Linear(2, 2)))
    probe[0].requires_grad_(requires_grad=False)
    probe.train()
    optimizer = SGD(probe[1].parameters(), lr=0.1)
    assert not look(probe, optimizer)


def test_a_key_encoder_follows_its_query_and_a_discriminator_waits_for_its_turn() -> None:
    pair = nn.ModuleDict({"encoder_q": Net(), "encoder_k": Net()})
    pair["encoder_k"].requires_grad_(requires_grad=False)
    assert not look(pair, SGD(pair["encoder_q"].parameters(), lr=0.1))
    gan = nn.ModuleDict({"generator": Net(), "discriminator": Net()})
    optimizers = [Adam(one.parameters()) for one in gan.values()]
    gan["discriminator"].requires_grad_(requires_grad=False)
    assert not look(gan, optimizers)


def test_a_teacher_that_is_no_shadow_is_told() -> None:
    pair = nn.ModuleDict({"big": Net(), "little": nn.Linear(4, 2)})
    pair["big"].requires_grad_(requires_grad=False)
    assert codes(look(pair, SGD(pair["little"].parameters(), lr=0.1))) == ["PG160"]


def test_eval_alone_is_undone_by_the_next_train() -> None:
    model = Net()
    optimizer = headed(model)
    model.body.eval()
    findings = look(model, optimizer)
    assert codes(findings) == ["PG161"]
    assert findings[0].names[0] == "body.1.weight"
    model.train()
    assert codes(look(model, optimizer)) == ["PG160"]


def test_a_train_of_ones_own_holds_them() -> None:
    model = Holding().train()
    assert not look(model, headed(model))
    model = Holding()
    optimizer = headed(model)
    whole = nn.Sequential(model).train()
    assert not look(whole, optimizer)


def test_a_train_put_on_a_module_holds_it() -> None:
    model = Net()
    optimizer = headed(model)
    model.body.eval()
    model.body.train = lambda _mode=True: model.body
    assert not look(model, optimizer)


def test_a_model_in_evaluation_says_nothing_of_training() -> None:
    model = Net().eval()
    assert not look(model, headed(model))


def test_a_plan_that_freezes_holds_them() -> None:
    model = Net()
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("body", trainable=False)])
    assert not look(model, *pg.build(pg.plan(model, recipe, steps=5)))


def left_over() -> tuple[Any, Any]:
    model: Any = small()
    optimizer = AdamW(model.parameters(), lr=0.1)
    model(torch.ones(2, 4)).sum().backward()
    model[0].requires_grad_(requires_grad=False)
    return model, optimizer


def test_a_gradient_left_over_on_a_frozen_parameter_is_an_error_and_moves_it() -> None:
    model, optimizer = left_over()
    findings = look(model, optimizer)
    assert codes(findings) == ["PG162"]
    assert findings[0].names == ("0.weight", "0.bias")
    before = model[0].weight.clone()
    optimizer.step()
    assert not torch.equal(before, model[0].weight)
    optimizer.zero_grad()
    assert not look(model, optimizer)


def test_ours_passes_over_what_is_frozen() -> None:
    model, _ = left_over()
    optimizer = pg.Optimizer(model.parameters(), "adamw", lr=0.1)
    assert not look(model, optimizer)
    before = model[0].weight.clone()
    optimizer.step()
    assert torch.equal(before, model[0].weight)


@pytest.fixture
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_what_is_thawed_or_frozen_after_the_wrapper_is_told() -> None:
    inner = small()
    inner[0].requires_grad_(requires_grad=False)
    model = DistributedDataParallel(inner)
    optimizer = SGD(inner.parameters(), lr=0.1)
    assert not look(model, optimizer)
    inner[0].requires_grad_(requires_grad=True)
    findings = look(model, optimizer)
    assert codes(findings) == ["PG163"]
    assert findings[0].message == "DistributedDataParallel was told of 4 trainable parameters; now 6 are."
    assert not look(DistributedDataParallel(inner), optimizer)
    inner[3].requires_grad_(requires_grad=False)
    assert codes(look(model, optimizer)) == []  # as many as then: which they were, it does not tell
    inner[1].requires_grad_(requires_grad=False)
    assert codes(look(nn.ModuleDict({"wrapped": model}), optimizer)) == ["PG163"]


@pytest.mark.usefixtures("one_process")
def test_the_wrappers_own_train_holds_nothing() -> None:
    inner = Net()
    optimizer = headed(inner)
    model = DistributedDataParallel(inner)
    inner.body.eval()
    assert codes(look(model, optimizer)) == ["PG161"]
