"""Schedulers of other optimizers, rates out of hand, groups that came later, and ticks out of order."""

import copy
import warnings

import pytest
import torch
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.timing.order import CHECKS, updates
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, small, subject_of
from tests.auditing.timing.schedules import timms, train, two


def look(model: torch.nn.Module, optimizer: object, scheduler: object, **horizon: int) -> list[Finding]:
    return found(CHECKS, subject_of(model, optimizer, scheduler, **horizon))


def test_a_scheduler_of_the_optimizer_before() -> None:
    model = small()
    scheduler = torchs.StepLR(SGD(model.parameters(), lr=0.1), 30)
    findings = look(model, Adam(model.parameters()), scheduler)
    assert codes(findings) == ["PG140"]
    assert findings[0].message.startswith("StepLR drives another SGD than the Adam that was handed in")


def test_a_scheduler_of_timm_for_another_optimizer() -> None:
    model, optimizer = two()
    scheduler = timms.CosineLRScheduler(SGD(model.parameters(), lr=0.1), t_initial=30)
    assert codes(look(model, optimizer, scheduler)) == ["PG140"]


def test_an_optimizer_in_a_wrapper_is_the_same() -> None:
    class Wrapper:
        def __init__(self, optimizer: SGD) -> None:
            self.optimizer = optimizer
            self.param_groups = optimizer.param_groups

    model, optimizer = two()
    scheduler = torchs.StepLR(optimizer, 30)
    scheduler.optimizer = Wrapper(optimizer)  # type: ignore[assignment]  # as hosts do
    assert not look(model, Wrapper(optimizer), scheduler)


@pytest.mark.parametrize(
    "edit", [lambda g: g.update(lr=5e-4), lambda g: g.update(lr=g["lr"] * 0.5)], ids=["set", "halved"]
)
def test_a_rate_that_was_edited_under_a_cosine_stays(edit: object) -> None:
    model, optimizer = two()
    scheduler = torchs.CosineAnnealingLR(optimizer, 50)
    train(model, optimizer, 5, scheduler.step)
    edit(optimizer.param_groups[1])  # type: ignore[operator]  # one of the two above
    findings = look(model, optimizer, scheduler)
    assert codes(findings) == ["PG147"]
    assert "group 1: " in findings[0].message
    assert "goes on from the present rate" in findings[0].message
    assert findings[0].names == ("1.weight", "1.bias", "3.weight", "3.bias")


def test_a_rate_that_was_edited_under_a_lambda_is_undone() -> None:
    model, optimizer = two()
    scheduler = torchs.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    train(model, optimizer, 2, scheduler.step)
    optimizer.param_groups[0]["lr"] = 1.0
    assert "The next tick undoes it" in look(model, optimizer, scheduler)[0].message


def test_a_scheduler_built_between_two_loads() -> None:
    model, optimizer = two()
    scheduler = torchs.LinearLR(optimizer, 0.1, total_iters=20)
    train(model, optimizer, 20, scheduler.step)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    model, optimizer = two()
    optimizer.load_state_dict(saved[0])
    scheduler = torchs.LinearLR(optimizer, 0.1, total_iters=20)
    scheduler.load_state_dict(saved[1])
    findings = look(model, optimizer, scheduler)
    assert codes(findings) == ["PG147"]
    assert "group 0: 1e-06 instead of 1e-05" in findings[0].message
    assert "between two loads" in findings[0].message


def test_an_edit_under_a_plateau_is_kept_and_sound() -> None:
    model, optimizer = two()
    scheduler = torchs.ReduceLROnPlateau(optimizer)
    train(model, optimizer, 2, lambda: scheduler.step(1.0))
    optimizer.param_groups[0]["lr"] *= 0.5
    assert not look(model, optimizer, scheduler)


@pytest.mark.parametrize("name", ["StepLR", "LambdaLR", "SequentialLR"])
def test_a_group_that_came_later(name: str) -> None:
    model = small()
    optimizer = SGD(model[3].parameters(), lr=0.1)
    step, factor = torchs.StepLR(optimizer, 30), torchs.LambdaLR(optimizer, lambda _: 1.0)
    made = {"StepLR": step, "LambdaLR": factor}.get(name) or torchs.SequentialLR(
        optimizer, [step, factor], [3]
    )
    optimizer.add_param_group({"params": model[0].parameters(), "lr": 0.01})
    findings = look(model, optimizer, made)
    assert codes(findings) == ["PG148"]
    assert (
        f"{name} was built over 1 group, and the optimizer has 2: group 1 came later." in findings[0].message
    )
    assert findings[0].names == ("0.weight", "0.bias")


def test_a_group_that_came_after_a_plateau_is_taken_in_unless_floors_are_listed() -> None:
    model = small()
    optimizer = SGD(model[3].parameters(), lr=0.1)
    free = torchs.ReduceLROnPlateau(optimizer)
    listed = torchs.ReduceLROnPlateau(optimizer, min_lr=[1e-4])
    optimizer.add_param_group({"params": model[0].parameters(), "lr": 0.01})
    assert not look(model, optimizer, free)
    assert codes(look(model, optimizer, listed)) == ["PG148"]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_scheduler_before_the_optimizer(momentum: float) -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=momentum)
    scheduler = torchs.StepLR(optimizer, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step()
    assert codes(look(model, optimizer, scheduler)) == ["PG150"]
    train(model, optimizer, 1)
    assert not look(model, optimizer, scheduler)


def test_a_resume_that_forgets_the_optimizer() -> None:
    model, optimizer = two(kind=Adam)
    scheduler = torchs.StepLR(optimizer, 30)
    train(model, optimizer, 6, scheduler.step)
    model, later = two(kind=Adam)
    again = torchs.StepLR(later, 30)
    again.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    findings = look(model, later, again)
    assert codes(findings) == ["PG150"]
    assert "StepLR has made 6 ticks, and its optimizer no step." in findings[0].message


def test_a_state_that_is_there_from_the_start_is_no_step() -> None:
    model = small()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    scheduler = torchs.StepLR(optimizer, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step()
    assert codes(look(model, optimizer, scheduler)) == ["PG150"]


@pytest.mark.parametrize(
    ("length", "steps", "horizon", "told"),
    [
        (400, 200, {"steps": 400}, True),
        (400, 10, {"steps": 400}, False),
        (30, 11, {"epochs": 30, "steps_per_epoch": 10}, True),
        (30, 10, {"epochs": 30, "steps_per_epoch": 10}, False),
        (30, 200, {}, False),
    ],
)
def test_a_schedule_that_nobody_steps(length: int, steps: int, horizon: dict[str, int], told: bool) -> None:  # noqa: FBT001  # a column of the table
    model = small()
    optimizer = Adam(model.parameters())
    scheduler = torchs.CosineAnnealingLR(optimizer, length)
    train(model, optimizer, steps)
    assert codes(look(model, optimizer, scheduler, **horizon)) == ["PG151"] * told


def test_a_schedule_of_steps_for_lightning_that_nobody_steps() -> None:
    model = small()
    optimizer = Adam(model.parameters())
    scheduler = torchs.ExponentialLR(optimizer, 0.999)
    train(model, optimizer, 12)
    assert codes(look(model, optimizer, {"scheduler": scheduler, "interval": "step"})) == ["PG151"]
    assert not look(model, optimizer, {"scheduler": scheduler, "interval": "epoch"})


def test_a_tick_with_every_micro_batch() -> None:
    model = small()
    optimizer = Adam(model.parameters())
    scheduler = torchs.StepLR(optimizer, 30)
    for _ in range(5):
        train(model, optimizer, 1, scheduler.step)
        scheduler.step()
    findings = look(model, optimizer, scheduler)
    assert codes(findings) == ["PG152"]
    assert "10 ticks in 5 updates: 2 an update" in findings[0].message


def test_the_updates_of_an_optimizer() -> None:
    model = small()
    optimizer = Adam(model.parameters())
    assert updates(optimizer) is None
    train(model, optimizer, 3)
    assert updates(optimizer) == 3
    assert updates(None) is None


def test_ticks_that_are_no_numbers_are_passed_over() -> None:
    model, optimizer = two()
    scheduler = torchs.StepLR(optimizer, 30)
    for odd in (None, "x", float("nan"), 10**400):
        scheduler.last_epoch = odd  # type: ignore[assignment]  # a state that was loaded may hold anything
        assert not look(model, optimizer, scheduler, steps=20)


@pytest.mark.parametrize("rate", ["1e-4", None, float("nan"), float("inf"), torch.ones(2), 10**400])
def test_rates_that_are_no_numbers_are_passed_over(rate: object) -> None:
    model, optimizer = two()
    scheduler = torchs.StepLR(optimizer, 30)
    optimizer.param_groups[0]["lr"] = rate
    assert not look(model, optimizer, scheduler, steps=20)


def test_schedulers_and_optimizers_of_accelerate() -> None:
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    model, optimizer = two(kind=Adam)
    scheduler = torchs.StepLR(optimizer, 30)
    live, stepped, ticked = accelerator.prepare(model, optimizer, scheduler)
    train(live, stepped, 6, ticked.step)
    assert not look(live, stepped, ticked, steps=100)
    other = torchs.StepLR(SGD(model.parameters(), lr=0.1), 30)
    assert codes(look(live, stepped, other)) == ["PG140"]


def test_a_plateau_over_an_optimizer_that_keeps_nothing_is_sound() -> None:
    model = small()
    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = torchs.ReduceLROnPlateau(optimizer)
    train(model, optimizer, 3, lambda: scheduler.step(1.0))
    assert not look(model, optimizer, scheduler)
