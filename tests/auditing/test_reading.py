"""From what is handed in to the subject; what cannot be seen is told; nothing crashes."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

import paramgroups as pg
from paramgroups.auditing.subject import number
from tests.auditing.setups import small, subject_of


def test_groups_have_labels_names_and_base_rates() -> None:
    model = small()
    groups: list[dict[str, Any]] = [
        {"params": model[0].parameters(), "lr": 0.2},
        {"params": model[3].parameters(), "name": "head"},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.4)
    lr_scheduler.LinearLR(optimizer, 0.5)
    subject = subject_of(model, optimizer)
    assert [group.label for group in subject.groups] == ["group 0", 'group "head"']
    assert [group.base for group in subject.groups] == [0.2, 0.4]
    assert [group.value("lr") for group in subject.groups] == [0.1, 0.2]
    assert subject.groups[1].names == ("3.weight", "3.bias")
    assert [row.name for _, row, _ in subject.trained] == ["0.weight", "0.bias", "3.weight", "3.bias"]


def test_names_are_those_of_the_index_in_any_wrapper() -> None:
    model = small()
    wrapped = nn.DataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert subject_of(wrapped, optimizer).groups[0].names[:2] == ("0.weight", "0.bias")


def test_several_optimizers_are_told_apart_and_one_twice_is_one() -> None:
    model = small()
    first = torch.optim.SGD(model[0].parameters(), lr=0.1)
    second = torch.optim.SGD([*model[1].parameters(), *model[3].parameters()], lr=0.1)
    subject = subject_of(model, [first, second, first])
    assert [group.label for group in subject.groups] == ["optimizer 0, group 0", "optimizer 1, group 0"]


class Opaque:
    """An optimizer that is none of torch's."""

    def step(self) -> None:
        """Do something."""


@pytest.mark.parametrize(
    "odd", [Opaque(), 3, "adam", [Opaque()], lambda: None], ids=["class", "int", "text", "list", "closure"]
)
def test_an_optimizer_that_cannot_be_seen_inside_is_told(odd: object) -> None:
    found = pg.audit(small(), odd)
    assert [finding.code for finding in found] == ["PG190"]
    assert "What was handed in as optimizer" in found.findings[0].message


def test_a_scheduler_that_cannot_be_seen_inside_is_told() -> None:
    model = small()
    found = pg.audit(model, torch.optim.SGD(model.parameters(), lr=0.1), 3)
    assert [finding.code for finding in found] == ["PG190"]


class Stepping:
    """A schedule that drives nothing which could be looked at."""

    def step(self) -> None:
        """Do something."""


def test_a_scheduler_that_drives_nothing_is_told() -> None:
    model = small()
    found = pg.audit(model, torch.optim.SGD(model.parameters(), lr=0.1), Stepping())
    assert [finding.code for finding in found] == ["PG190"]
    assert "has no optimizer that it drives" in found.findings[0].message
    assert "pg.audit(model, optimizer, wrapper.scheduler)" in found.findings[0].fix


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(pg.ParamGroupsError, match="str is no torch"):
        pg.audit("model", torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1))  # type: ignore[arg-type]


def test_a_lazy_model_is_refused_with_the_fix() -> None:
    model = nn.Sequential(nn.LazyLinear(2))
    with pytest.raises(pg.ParamGroupsError, match="Run the model once"):
        pg.audit(model, torch.optim.SGD(model.parameters(), lr=0.1))


def test_lbfgs_and_closures_are_seen() -> None:
    model = small()
    assert not pg.audit(model, torch.optim.LBFGS(model.parameters())).findings


def test_numbers_out_of_what_groups_hold() -> None:
    assert number(torch.tensor([[2.0]])) == 2.0
    assert number(torch.zeros(2)) is None
    assert number(torch.zeros((), device="meta")) is None
    assert number(10**400) is None
    assert number(None) is None


@pytest.mark.parametrize("none", [None, [], [None]], ids=str)
def test_no_optimizer_is_told(none: object) -> None:
    found = pg.audit(small(), none)
    assert [finding.code for finding in found] == ["PG190"]
    assert found.findings[0].message.startswith("No optimizer was handed in")


def test_none_among_several_is_passed_over() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert not pg.audit(model, [optimizer, None], [lr_scheduler.StepLR(optimizer, 5), None]).findings


class Unmade(torch.optim.SGD):
    """Never calls its base's `__init__`."""

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize("groups", [None, 3, [3], [None], {"params": []}], ids=str)
def test_groups_that_are_none_cannot_be_seen(groups: Any) -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.StepLR(optimizer, 5)
    optimizer.param_groups = groups
    assert [finding.code for finding in pg.audit(model, optimizer, scheduler)] == ["PG190", "PG190"]
    assert [finding.code for finding in pg.audit(model, Unmade())] == ["PG190"]


@pytest.mark.parametrize("params", [None, 3, iter([])], ids=["none", "number", "iterator"])
def test_members_that_are_none_are_an_empty_group(params: Any) -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["params"] = params
    assert pg.audit(model, optimizer).codes == {"PG101", "PG106", "PG108"}


def test_a_generator_of_members_is_not_used_up() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    members = model.parameters()
    optimizer.param_groups[0]["params"] = members
    pg.audit(model, optimizer)
    assert len(list(members)) == 6


class Unreadable(torch.Tensor):
    """A rate that nobody can read."""

    def item(self) -> float:
        """Nothing."""
        raise RuntimeError("no number today")


def test_rates_that_cannot_be_read_end_no_audit() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = torch.zeros(()).as_subclass(Unreadable)
    found = pg.audit(model, optimizer)
    assert found.rates == {}
