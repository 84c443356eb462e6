"""Weight decay on what, and how strong."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

import paramgroups as pg
from paramgroups.auditing.looks.decay import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def spared(model: nn.Module, **settings: Any) -> AdamW:
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) is whole] for whole in (True, False))
    groups: Any = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return AdamW(groups, **settings)


def test_norms_and_biases_that_decay_are_named() -> None:
    model = small()
    findings = look(model, AdamW(model.parameters()))
    assert codes(findings) == ["PG120"]
    assert findings[0].names == ("0.bias", "1.weight", "1.bias", "3.bias")


def test_matrices_alone_may_decay() -> None:
    model = small()
    assert not look(model, spared(model, weight_decay=0.1))
    assert not look(model, Adam(model.parameters()))
    assert not look(model, SGD(model.parameters(), lr=0.0, weight_decay=0.1))


def test_frozen_norms_do_not_decay() -> None:
    model = small()
    for p in model.parameters():
        p.requires_grad_(p.ndim > 1)
    assert not look(model, AdamW(model.parameters()))


def test_embeddings_that_decay_are_named_tied_ones_too() -> None:
    model: Any = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4, bias=False), nn.Linear(4, 9, bias=False))
    findings = look(model, spared(model))
    assert codes(findings) == ["PG121"]
    assert findings[0].names == ("0.weight",)
    model[2].weight = model[0].weight
    assert [one.names for one in look(model, spared(model))] == [("0.weight",)]


def two(first: float, second: float, cls: Any = AdamW, **settings: Any) -> list[Finding]:
    model: Any = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    groups = [{"params": model[0].parameters(), "lr": first}, {"params": model[1].parameters(), "lr": second}]
    return look(model, cls(groups, **settings))


def test_equal_decay_over_rates_far_apart_is_told() -> None:
    findings = two(1e-5, 1e-3, weight_decay=0.1)
    assert codes(findings) == ["PG122"]
    assert findings[0].names == ("0.weight",)
    assert "takes off the slowest is 100 times less" in findings[0].message


def test_decay_that_is_scaled_as_told_is_sound() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    groups = [{"params": [p], "lr": lr} for p, lr in zip(model.parameters(), (1e-5, 1e-3), strict=True)]
    optimizer = AdamW(groups, weight_decay=0.1)
    (finding,) = look(model, optimizer)
    assert finding.fix.endswith(
        'for group in [g for g in optimizer.param_groups if g["lr"] > 0]: '
        'group["weight_decay"] *= 0.001 / group["lr"].'
    )
    for group in optimizer.param_groups:
        group["weight_decay"] *= 0.001 / group["lr"]
    assert not look(model, optimizer)


def test_rates_ten_times_apart_or_decay_in_the_gradient_are_sound() -> None:
    assert not two(1e-4, 1e-3, weight_decay=0.1)
    assert not two(1e-5, 1e-3, SGD, weight_decay=0.1)
    assert not two(1e-5, 1e-3, Adam, weight_decay=0.1)
    assert not two(1e-5, 1e-3, weight_decay=0.0)


def test_decay_that_is_scaled_against_the_rate_is_sound() -> None:
    model: Any = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    groups = [
        {"params": model[0].parameters(), "lr": 1e-5, "weight_decay": 1.0},
        {"params": model[1].parameters(), "lr": 1e-3, "weight_decay": 0.01},
    ]
    assert not look(model, AdamW(groups))


def test_ours_of_a_decoupled_rule_is_told_alike() -> None:
    assert codes(two(1e-5, 1e-3, partial(pg.Optimizer, optimizer="lion"), weight_decay=0.1)) == ["PG122"]
    assert not two(1e-5, 1e-3, partial(pg.Optimizer, optimizer="sgd"), weight_decay=0.1)


def test_a_plan_is_left_to_its_own_checks() -> None:
    model = small()
    recipe = pg.Recipe(optimizer="adamw", lr=1e-3, weight_decay=0.1, rules=[pg.rule("0", lr_scale=0.01)])
    assert not look(model, *pg.build(pg.plan(model, recipe, steps=5)))


KEEP = torch.tensor([[0.0], [1.0]])


def times(grad: torch.Tensor) -> torch.Tensor:
    return grad * KEEP


def rows(grad: torch.Tensor) -> torch.Tensor:
    grad = grad.clone()
    grad[0] = 0
    return grad


def fill(grad: torch.Tensor) -> torch.Tensor:
    return grad.masked_fill(KEEP == 0, 0.0)


def masked_by(keep: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    return grad.mul(keep)


class Mask:
    def __call__(self, grad: torch.Tensor) -> torch.Tensor:
        return KEEP * grad

    def method(self, grad: torch.Tensor) -> torch.Tensor:
        return grad.mul(KEEP)


def clip(grad: torch.Tensor) -> torch.Tensor:
    return grad.clamp(-1.0, 1.0)


def report(grad: torch.Tensor) -> None:
    assert grad.isfinite().all()


def one() -> Any:
    return nn.Sequential(nn.Linear(3, 2, bias=False))


def hooked(hook: Any, optimizer_of: Any) -> list[Finding]:
    model = one()
    model[0].weight.register_hook(hook)
    return look(model, optimizer_of(model.parameters()))


MASKS = [times, rows, fill, partial(masked_by, KEEP), Mask(), Mask().method, KEEP.mul]


@pytest.mark.parametrize(
    "hook", MASKS, ids=["times", "rows", "fill", "partial", "object", "method", "builtin"]
)
def test_a_hook_that_masks_is_told_where_weights_decay(hook: Any) -> None:
    findings = hooked(hook, AdamW)
    assert codes(findings) == ["PG123"]
    assert findings[0].names == ("0.weight",)
    assert not hooked(hook, Adam)


def test_a_gradient_that_is_masked_where_it_is_gathered_is_told() -> None:
    def gathered(tensor: torch.Tensor) -> None:
        assert tensor.grad is not None
        tensor.grad.mul_(KEEP)

    model = one()
    next(model.parameters()).register_post_accumulate_grad_hook(gathered)
    assert codes(look(model, AdamW(model.parameters()))) == ["PG123"]


@pytest.mark.parametrize("hook", [clip, report, print], ids=["clip", "report", "builtin"])
def test_a_hook_that_clips_or_reports_is_no_mask(hook: Any) -> None:
    assert not hooked(hook, AdamW)


def test_what_momentum_remembers_from_before_the_mask_moves_on() -> None:
    model = one()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    model[0].weight.register_hook(times)
    assert codes(look(model, optimizer)) == ["PG123"]


def test_a_mask_from_the_beginning_leaves_no_memory() -> None:
    model = one()
    model[0].weight.register_hook(times)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    before = model[0].weight.detach().clone()
    for _ in range(3):
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
    assert torch.equal(model[0].weight[0], before[0])
    assert not look(model, optimizer)


def test_a_hook_that_scales_by_a_constant_masks_nothing() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False))
    weight = model[0].get_parameter("weight")
    weight.register_hook(lambda grad: grad * 0.1)
    optimizer = AdamW(model.parameters(), weight_decay=0.1)
    assert not look(model, optimizer)
    mask = torch.ones(4, 1)
    weight.register_hook(lambda grad: grad * mask)
    assert codes(look(model, optimizer)) == ["PG123"]
