"""State that does not go with its parameter: other shapes, names and devices, and what no group holds."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW

import paramgroups as pg
from paramgroups.auditing.looks.states import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.support import import_transformers


def look(model: nn.Module, optimizer: object) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer))


def stepped(model: nn.Module, optimizer: Any) -> Any:
    """The optimizer after a step on the sum of all parameters' squares."""
    sum((p**2).sum() for p in model.parameters() if p.requires_grad).backward()  # type: ignore[union-attr]  # not 0
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


CLASSES: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda params: SGD(params, lr=0.1, momentum=0.9),
    "sgd-plain": lambda params: SGD(params, lr=0.1),
    "adamw-amsgrad": lambda params: AdamW(params, amsgrad=True),
    "adafactor": torch.optim.Adafactor,
    "adagrad": Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adamax": torch.optim.Adamax,
    "asgd": torch.optim.ASGD,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rprop": torch.optim.Rprop,
    "rmsprop": lambda params: torch.optim.RMSprop(params, momentum=0.9, centered=True),
}


@pytest.mark.parametrize("name", CLASSES)
def test_what_torch_s_classes_remember_is_sound(name: str) -> None:
    model = small()
    assert not look(model, stepped(model, CLASSES[name](model.parameters())))


def test_the_flat_history_of_lbfgs_is_sound() -> None:
    model = small()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1)

    def closure() -> float:
        optimizer.zero_grad()
        sum((p**2).sum() for p in model.parameters()).backward()  # type: ignore[union-attr]  # not 0
        return 0.0

    optimizer.step(closure)
    assert not look(model, optimizer)


def test_what_ours_remembers_is_sound_by_rows_too() -> None:
    model = nn.ModuleDict({"embed": nn.Embedding(6, 4), "head": nn.Linear(4, 2)})
    rules = [pg.rule("embed.weight[3:]", lr_scale=10)]
    optimizer, _ = pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=rules), steps=5))
    assert not look(model, stepped(model, optimizer))


def test_the_rows_and_columns_of_transformers_adafactor_are_sound() -> None:
    import_transformers()
    from transformers.optimization import Adafactor  # noqa: PLC0415  # it may need a stand-in first

    model = small()
    assert not look(model, stepped(model, Adafactor(model.parameters(), lr=0.1, relative_step=False)))


class Foreign(torch.optim.Optimizer):
    """An optimizer of somebody's own, whose state is what the test says."""

    def __init__(self, params: Any, make: Callable[[nn.Parameter], dict[str, Any]]) -> None:
        super().__init__(params, {"lr": 0.1})
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param] = make(param)


FOREIGN: dict[str, Callable[[nn.Parameter], dict[str, Any]]] = {
    "shampoo": lambda p: {f"precond_{n}": torch.eye(size) for n, size in enumerate(p.shape)},
    "galore": lambda p: {"exp_avg": torch.zeros(3, *p.shape[1:]), "projector": object()},
    "per-row": lambda p: {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros(p.shape[0])},
    "kept-dims": lambda p: {"exp_avg_sq": torch.zeros(p.shape[0], *(1 for _ in p.shape[1:]))},
    "one-number": lambda _: {"exp_avg_sq": torch.tensor(0.0), "step": 3},
    "8-bit": lambda p: {"state1": torch.zeros(p.numel(), dtype=torch.uint8), "qmap1": torch.zeros(256)},
    "blocks": lambda _: {"absmax1": torch.zeros(1), "exp_avg": None, "blocks": [torch.zeros(2)]},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_keep_in_other_shapes_is_sound(name: str) -> None:
    model = small()
    assert not look(model, Foreign(model.parameters(), FOREIGN[name]))


def test_a_moment_of_another_parameter_is_told_of_anybody_s_class() -> None:
    model = small()
    optimizer = Foreign(model.parameters(), lambda p: {"exp_avg": torch.zeros_like(p)})
    optimizer.state[model.get_parameter("0.weight")]["exp_avg"] = torch.zeros(2, 8)
    findings = look(model, optimizer)
    assert codes(findings) == ["PG170"]
    assert findings[0].names == ("0.weight",)


def test_three_numbers_of_state_on_a_parameter_of_five() -> None:
    five, three = nn.Linear(1, 5, bias=False), nn.Linear(1, 3, bias=False)
    optimizer = AdamW(five.parameters())
    optimizer.load_state_dict(stepped(three, AdamW(three.parameters())).state_dict())
    findings = look(five, optimizer)
    assert codes(findings) == ["PG170"]
    assert findings[0].names == ("weight",)
    assert "weight (5, 1) has exp_avg (3, 1)" in findings[0].message


def swapped(model: nn.Sequential) -> Adam:
    """The state of two named groups, loaded into them in the other order."""
    one, other = nn.Linear(3, 3), nn.Linear(3, 3)
    model.extend([one, other])
    named = dict(model.named_parameters())
    first, second = ([(n, p) for n, p in named.items() if n.startswith(part)] for part in "01")
    saved = stepped(model, Adam([{"params": first, "lr": 0.1}, {"params": second, "lr": 0.01}]))
    optimizer = Adam([{"params": second, "lr": 0.01}, {"params": first, "lr": 0.1}])
    optimizer.load_state_dict(saved.state_dict())
    return optimizer


def test_groups_that_were_loaded_in_another_order_name_other_parameters() -> None:
    model = nn.Sequential()
    findings = look(model, swapped(model))
    assert codes(findings) == ["PG171"]
    assert findings[0].names == ("1.weight", "1.bias", "0.weight", "0.bias")
    assert '"0.weight" stands for 1.weight' in findings[0].message


def test_names_as_seen_from_a_part_a_wrapper_or_an_alias_are_right() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)))
    assert not look(model, Adam(model[1].named_parameters()))
    wrapped = nn.DataParallel(small())
    assert not look(wrapped, Adam(wrapped.named_parameters()))
    assert not look(wrapped.module, Adam(wrapped.named_parameters()))
    tied = nn.ModuleDict({"embed": nn.Embedding(5, 4), "lm_head": nn.Linear(4, 5, bias=False)})
    tied["lm_head"].weight = tied["embed"].weight
    assert not look(tied, Adam([("lm_head.weight", tied.get_parameter("embed.weight"))]))


def test_names_of_a_part_that_are_names_of_the_whole_too_are_right() -> None:
    class Nested(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))
            self.head = nn.Linear(2, 2)

    model = Nested()
    assert not look(model, Adam(model.head.named_parameters()))


def test_state_on_another_device_is_told_and_counts_may_stay() -> None:
    model = small()
    optimizer = stepped(model, Adam(model.parameters()))
    optimizer.state[model[0].weight]["step"] = torch.zeros((), device="meta")
    assert not look(model, optimizer)
    optimizer.state[model[0].weight]["exp_avg"] = torch.zeros(8, 4, device="meta")
    findings = look(model, optimizer)
    assert codes(findings) == ["PG172"]
    assert findings[0].message.endswith("0.weight on cpu, its exp_avg on meta.")


def test_state_of_what_no_group_holds_is_told() -> None:
    model = small()
    optimizer = stepped(model, Adam(model.parameters()))
    optimizer.param_groups[0]["params"] = optimizer.param_groups[0]["params"][:4]
    findings = look(model, optimizer)
    assert codes(findings) == ["PG173"]
    assert findings[0].names == ("3.weight", "3.bias")


def test_what_is_no_tensor_among_states_and_what_is_empty_is_passed_over() -> None:
    model = small()
    optimizer: Any = stepped(model, Adam(model.parameters()))
    optimizer.state["rounds"] = {"count": 3}
    _ = optimizer.state[torch.zeros(2)]
    assert not look(model, optimizer)


def test_a_look_leaves_no_entry_in_the_state() -> None:
    model = small()
    optimizer = Adam(model.parameters())
    stepped(model[3], optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = copy.deepcopy(optimizer.state_dict()["state"])
    look(model, optimizer)
    assert before.keys() == optimizer.state_dict()["state"].keys() == {4, 5}
