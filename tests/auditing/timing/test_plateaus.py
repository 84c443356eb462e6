"""Groups that ReduceLROnPlateau passes over."""

import warnings

import pytest
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramgroups.auditing.timing.plateaus import CHECKS
from tests.auditing.setups import codes, found, small, subject_of
from tests.auditing.timing.schedules import timms, train, transformers, two


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"min_lr": 1e-4}, "Group 0 has the rate 1e-05, below min_lr=0.0001."),
        ({"min_lr": 1e-5}, "Group 0 has the rate 1e-05, which is min_lr."),
        ({"min_lr": [1e-4, 1e-6]}, "Group 0 has the rate 1e-05, below min_lr=0.0001."),
        ({"eps": 1e-5}, "A cut of group 0 from 1e-05 to 1e-06 is not above eps=1e-05"),
    ],
    ids=["below", "at", "list", "eps"],
)
def test_a_group_that_is_never_cut(settings: dict[str, object], words: str) -> None:
    model, optimizer = two()
    findings = found(CHECKS, subject_of(model, optimizer, ReduceLROnPlateau(optimizer, **settings)))  # type: ignore[arg-type]  # the table's
    assert codes(findings) == ["PG143"]
    assert words in findings[0].message
    assert findings[0].names == ("0.weight", "0.bias")


def test_a_rate_that_has_been_cut_to_its_floor_is_at_its_end() -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = ReduceLROnPlateau(optimizer, patience=1, min_lr=0.02)
    train(model, optimizer, 8, lambda: scheduler.step(1.0))
    assert optimizer.param_groups[0]["lr"] == 0.02
    assert not found(CHECKS, subject_of(model, optimizer, scheduler))


def test_a_floor_that_came_with_a_group_of_later() -> None:
    model = small()
    optimizer = SGD(model[3].parameters(), lr=0.1)
    scheduler = ReduceLROnPlateau(optimizer, min_lr=1e-3)
    optimizer.add_param_group({"params": model[0].parameters(), "lr": 1e-4})
    assert codes(found(CHECKS, subject_of(model, optimizer, scheduler))) == ["PG143"]


def test_the_plateau_within_timms() -> None:
    model, optimizer = two()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm is about to give it up
        scheduler = timms.PlateauLRScheduler(optimizer, lr_min=1e-4)
    assert codes(found(CHECKS, subject_of(model, optimizer, scheduler))) == ["PG143"]


def test_the_greedy_schedule_of_transformers_has_a_floor_of_its_own() -> None:
    model, optimizer = two()
    greedy = transformers.get_scheduler("greedy", optimizer)
    assert codes(found(CHECKS, subject_of(model, optimizer, greedy))) == ["PG143"]
    free = transformers.optimization.GreedyLR(optimizer, min_lr=0.0)
    assert not found(CHECKS, subject_of(model, optimizer, free))


def test_groups_of_one_cause_are_one_finding() -> None:
    model = small()
    optimizer = SGD([{"params": [p]} for p in model.parameters()], lr=1e-4)
    (finding,) = found(CHECKS, subject_of(model, optimizer, ReduceLROnPlateau(optimizer, min_lr=1e-3)))
    assert finding.message == (
        "Group 0 has the rate 0.0001, below min_lr=0.001. So it is with group 1, group 2, group 3, group 4, "
        "group 5."
    )
    assert len(finding.names) == 6
