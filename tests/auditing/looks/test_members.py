"""Forgotten, frozen, replaced, foreign, doubled and empty: who is in which group."""

import copy
import warnings
from typing import Any

import torch
from torch import nn

import paramgroups as pg
from paramgroups.auditing.looks.members import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of


def embedding_and_head() -> tuple[nn.ModuleDict, nn.Embedding, nn.Linear]:
    embed, head = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
    return nn.ModuleDict({"embed": embed, "lm_head": head}), embed, head


def look(model: nn.Module, optimizer: object, scheduler: object = None) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler))


def test_a_model_whose_parameters_all_have_one_place_is_sound() -> None:
    model = small()
    assert not look(model, torch.optim.SGD(model.parameters(), lr=0.1))


def test_forgotten_parameters_are_named_and_counted() -> None:
    model = small()
    finding = look(model, torch.optim.SGD(model[3].parameters(), lr=0.1))[0]
    assert finding.code == "PG101"
    assert finding.names == ("0.weight", "0.bias", "1.weight", "1.bias")
    assert finding.message.startswith("4 of 6 trainable parameters are in no group: 0.weight, ")


def test_what_was_filtered_by_requires_grad_and_then_thawed_is_forgotten() -> None:
    model = small()
    model[0].requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    assert not look(model, optimizer)
    model[0].requires_grad_(requires_grad=True)
    assert [one.names for one in look(model, optimizer)] == [("0.weight", "0.bias")]


def test_frozen_parameters_in_groups_are_told_and_left_out_ones_are_not() -> None:
    model = small()
    model[0].requires_grad_(requires_grad=False)
    findings = look(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert codes(findings) == ["PG102"]
    assert findings[0].names == ("0.weight", "0.bias")


def test_a_plan_may_freeze_what_it_thaws_later() -> None:
    model = small()
    rules = [pg.rule("0", trainable=False, until="50%")]
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=rules), steps=10)
    assert not look(model, *pg.build(plan))


def test_a_new_head_after_the_optimizer_is_told_as_replaced_not_as_forgotten() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[3] = nn.Linear(8, 2)
    findings = look(model, optimizer)
    assert codes(findings) == ["PG103"]
    assert findings[0].names == ("3.weight", "3.bias")


def test_another_head_of_another_shape_is_forgotten_and_the_old_one_foreign() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[3] = nn.Linear(8, 5)
    findings = look(model, optimizer)
    assert codes(findings) == ["PG101", "PG104"]
    assert findings[1].names == ("group 0[4]", "group 0[5]")


def test_an_optimizer_of_a_copy_of_the_model_is_told() -> None:
    model = small()
    findings = look(model, torch.optim.SGD(copy.deepcopy(model).parameters(), lr=0.1))
    assert codes(findings) == ["PG103"]
    assert len(findings[0].names) == 6


def test_a_criterion_with_parameters_is_audited_beside_the_model() -> None:
    model, criterion = small(), nn.Linear(3, 3)
    optimizer = torch.optim.SGD([*model.parameters(), *criterion.parameters()], lr=0.1)
    assert codes(look(model, optimizer)) == ["PG104"]
    assert not look(nn.ModuleList([model, criterion]), optimizer)


def test_a_parameter_twice_in_one_group_is_told_with_its_places() -> None:
    model = small()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = torch.optim.SGD([*model.parameters(), *model[0].parameters()], lr=0.1)
    findings = look(model, optimizer)
    assert codes(findings) == ["PG105"]
    assert '"0.weight" is in group 0, 2 times.' in findings[0].message


def test_a_parameter_in_two_optimizers_is_told() -> None:
    model = small()
    first = torch.optim.SGD(model.parameters(), lr=0.1)
    second = torch.optim.SGD([{"params": model[3].parameters(), "name": "head"}], lr=0.1)
    findings = look(model, [first, second])
    assert codes(findings) == ["PG105"]
    assert (
        '"3.weight" is in optimizer 0, group 0 and optimizer 1, group "head", 2 times.' in findings[0].message
    )


def test_an_empty_group_is_told_and_ties_are_named() -> None:
    model, embed, head = embedding_and_head()
    head.weight = embed.weight
    heads = [p for name, p in model.named_parameters() if name.startswith("lm_head")]
    groups = [{"params": list(model.parameters())}, {"params": heads}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    findings = look(model, optimizer)
    assert codes(findings) == ["PG106"]
    assert '"lm_head.weight" is "embed.weight"' in findings[0].message


def test_parameters_over_the_same_memory_are_told_and_tied_ones_are_not() -> None:
    model, embed, head = embedding_and_head()
    head.weight = nn.Parameter(embed.weight.data)
    findings = look(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert codes(findings) == ["PG107"]
    assert findings[0].names == ("embed.weight", "lm_head.weight")
    head.weight = embed.weight
    assert not look(model, torch.optim.SGD(model.parameters(), lr=0.1))


def test_nothing_to_train() -> None:
    model = small().requires_grad_(requires_grad=False)
    assert codes(look(model, torch.optim.SGD(model.parameters(), lr=0.1))) == ["PG102", "PG108"]


def test_float_masters_of_a_half_model_stand_for_its_parameters() -> None:
    model = small().half()
    masters = [nn.Parameter(p.detach().float()) for p in model.parameters()]
    assert not look(model, torch.optim.SGD(masters, lr=0.1))
    with torch.no_grad():
        masters[0].add_(1.0)
    findings = look(model, torch.optim.SGD(masters, lr=0.1))
    assert [(one.code, one.names) for one in findings] == [("PG103", ("0.weight",))]


def test_many_empty_groups_are_one_finding() -> None:
    model = small()
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}, {"params": []}, {"params": []}]
    (finding,) = look(model, torch.optim.SGD(groups, lr=0.1))
    assert finding.message == "Group 1, group 2 hold no parameters."
