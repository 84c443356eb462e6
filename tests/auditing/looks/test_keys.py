"""Keys that nobody reads: misspelt ones, multipliers of other frameworks, and labels, which are fine."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.optim.swa_utils import SWALR

import paramgroups as pg
from paramgroups.auditing.looks.keys import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.support import import_timm


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def groups_of(model: nn.Sequential, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"params": model[0].parameters(), **first}, {"params": model[1:].parameters(), **second}]


def having(first: dict[str, Any], second: dict[str, Any], cls: Any = AdamW) -> list[Finding]:
    model = small()
    return look(model, cls(groups_of(model, first, second), lr=1e-3))


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("weigth_decay", "weight_decay"), ("weight_decay_rate", "weight_decay"), ("beta", "betas"),
        ("learning_rate", "lr"), ("wd", "weight_decay"), ("beta1", "betas"), ("amsgard", "amsgrad"),
    ],
)  # fmt: skip
def test_a_key_that_is_near_a_real_one_is_an_error_that_names_it(key: str, meant: str) -> None:
    findings = having({key: 0.05}, {})
    assert codes(findings) == ["PG110"]
    assert f'Group 0 has "{key}" (0.05), which AdamW never reads. Nearest: "{meant}".' in str(findings[0])
    assert findings[0].names == ("0.weight", "0.bias")


@pytest.mark.parametrize("key", ["lr_mult", "lr_scale", "lr_mul", "decay_mult", "wd_multiplier", "fraction"])
def test_a_number_that_differs_under_a_key_that_nobody_reads_is_told(key: str) -> None:
    findings = having({key: 0.1}, {key: 0.5})
    assert codes(findings) == ["PG111"]
    assert (
        f'Group 0, group 1 have "{key}" (0.1, 0.5), and nothing in the code of AdamW' in findings[0].message
    )


def test_the_fix_of_a_multiplier_applies_it() -> None:
    model = small()
    optimizer = Adam(groups_of(model, {"lr_mult": 0.1}, {}), lr=1e-3)
    assert 'group["lr"] *= group.pop("lr_mult", 1.0)' in look(model, optimizer)[0].fix
    for group in optimizer.param_groups:
        group["lr"] *= group.pop("lr_mult", 1.0)
    assert not look(model, optimizer)
    assert 'group["weight_decay"] *= group.pop("decay_mult", 1.0)' in having({"decay_mult": 0}, {})[0].fix


@pytest.mark.parametrize(
    "label",
    [
        {"tag": "stem"}, {"layer": 3}, {"layer_id": 0}, {"names": ["a"]}, {"note": None}, {"name": "stem"},
        {"scheduler": "cosine"}, {"type": "backbone"}, {"is_last_layer": True}, {"fused": None}, {7: 0.5},
    ],
    ids=lambda label: str(next(iter(label))),
)  # fmt: skip
def test_labels_are_fine(label: dict[Any, Any]) -> None:
    assert not having(label, {})


def test_a_tuple_under_a_key_near_a_real_one_is_told_and_any_other_is_a_label() -> None:
    assert codes(having({"beta": (0.9, 0.95)}, {})) == ["PG110"]
    assert not having({"lr_bounds": (0.1, 0.2)}, {"lr_bounds": (0.2, 0.3)})


def test_a_setting_of_another_optimizer_is_told_though_all_groups_have_it_alike() -> None:
    assert codes(having({"max_grad_norm": 1.0, "clip_value": 0.5}, {"clip_value": 0.5})) == ["PG111", "PG111"]


def test_whole_numbers_under_words_of_rates_are_settings() -> None:
    assert codes(having({"lr_mult": 2}, {"lr_mult": 3})) == ["PG111"]


def test_multipliers_of_one_say_nothing() -> None:
    assert not having({"lr_scale": 1.0}, {"lr_scale": 1.0})


def test_what_torch_and_its_schedulers_leave_in_groups_is_known() -> None:
    model = small()
    optimizer = SGD(groups_of(model, {}, {"lr": 0.2}), lr=0.1, momentum=0.9)
    OneCycleLR(optimizer, max_lr=[0.5, 0.6], total_steps=10)
    SWALR(optimizer, swa_lr=0.05)
    fresh = SGD(groups_of(model, {}, {}), lr=0.1)
    fresh.load_state_dict(optimizer.state_dict())
    assert {"max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr"} <= fresh.param_groups[0].keys()
    assert not look(model, fresh)


def test_lr_scale_is_read_by_timms_scheduler_and_by_nobody_without_it() -> None:
    import_timm()
    from timm.scheduler import CosineLRScheduler  # noqa: PLC0415  # loads only after `import_timm`

    model = small()
    optimizer = AdamW(groups_of(model, {"lr_scale": 0.5}, {"lr_scale": 1.0}), lr=1e-3)
    assert codes(look(model, optimizer)) == ["PG111"]
    assert not look(model, optimizer, CosineLRScheduler(optimizer, t_initial=10))


def test_another_scheduler_does_not_read_it() -> None:
    model = small()
    optimizer = AdamW(groups_of(model, {"lr_scale": 0.5}, {}), lr=1e-3)
    finding = look(model, optimizer, LambdaLR(optimizer, lambda epoch: 0.9**epoch))[0]
    assert "nothing in the code of AdamW and LambdaLR reads that key" in finding.message


def test_multipliers_that_have_been_applied_are_notes() -> None:
    assert not having({"lr": 1e-4, "lr_scale": 0.1}, {"lr": 1e-3, "lr_scale": 1.0})
    assert not having({"lr": 1e-4, "base_lr": 1e-4}, {"lr": 1e-3, "base_lr": 1e-3})
    assert codes(having({"lr": 1e-3, "lr_scale": 0.1}, {"lr": 1e-3, "lr_scale": 1.0})) == ["PG111"]
    assert not having({"weight_decay": 0.0, "wd_mult": 0.0}, {"weight_decay": 0.1, "wd_mult": 1.0})


class Scaling(Optimizer):
    """Reads a multiplier, and no decay."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        del closure
        for group in self.param_groups:
            for p in group["params"]:
                p.data.sub_(group["lr"] * group.get("lr_mult", 1.0) * p.grad)


def test_what_ones_own_optimizer_reads_is_read_and_its_lack_of_decay_is_told() -> None:
    assert not having({"lr_mult": 0.1}, {"lr_mult": 0.5}, Scaling)
    assert codes(having({"weight_decay": 0.1}, {"weight_decay": 0.0}, Scaling)) == ["PG111"]


class Sharp(Optimizer):
    """A wrapper that puts defaults of its own into the groups of what it wraps, as SAM does."""

    def __init__(self, params: Any, base: Any, **settings: Any) -> None:
        super().__init__(params, {"rho": 0.05, "adaptive": False, **settings})
        self.base_optimizer = base(self.param_groups, **settings)
        self.param_groups = self.base_optimizer.param_groups


def test_defaults_of_a_wrapper_that_all_groups_have_alike_are_fine() -> None:
    model = small()
    assert not look(model, Sharp(groups_of(model, {}, {}), SGD, lr=0.1))


def test_a_hook_of_the_step_may_read_a_key() -> None:
    model = small()
    optimizer = SGD(groups_of(model, {"lr_mult": 0.1}, {}), lr=0.1)
    assert codes(look(model, optimizer)) == ["PG111"]

    def apply(optimizer: Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * group.get("lr_mult", 1.0)

    optimizer.register_step_pre_hook(apply)
    assert not look(model, optimizer)


def test_our_own_keys_are_known_and_a_later_slip_is_told() -> None:
    model = small()
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.rule("3", lr_scale=2)]), steps=9)
    optimizer, scheduler = pg.build(plan)
    assert not look(model, optimizer, scheduler)
    optimizer.param_groups[0]["weigth_decay"] = 0.1
    assert codes(look(model, optimizer, scheduler)) == ["PG110"]


def test_groups_that_another_class_steps_for_us_are_left_to_it() -> None:
    model = small()
    weights = [{"params": [model[0].weight], "optimizer": "rmsprop", "alpha": 0.9}]
    assert not look(model, pg.Optimizer(weights, "adamw", lr=1e-3))


def test_tensors_count_as_numbers() -> None:
    assert codes(having({"lr_mult": torch.tensor(0.5)}, {})) == ["PG111"]
