"""Schedules that are not as long as training, and schedules that are over."""

from typing import Any

import pytest
from torch.optim import lr_scheduler as torchs

from paramgroups.auditing.timing.lengths import CHECKS
from paramgroups.errors import Finding
from tests.auditing.setups import codes, found, subject_of
from tests.auditing.timing.schedules import Making, timms, train, transformers, two


def look(make: Making, interval: str | None = None, **horizon: int) -> list[Finding]:
    model, optimizer = two()
    scheduler: Any = make(optimizer)
    handed = scheduler if interval is None else {"scheduler": scheduler, "interval": interval}
    return found(CHECKS, subject_of(model, optimizer, handed, **horizon))


def cosine(length: int) -> Making:
    return lambda o: torchs.CosineAnnealingLR(o, length)


def one_cycle(length: int) -> Making:
    return lambda o: torchs.OneCycleLR(o, [1e-4, 1e-2], total_steps=length)


@pytest.mark.parametrize(
    ("make", "interval", "horizon", "count"),
    [
        (cosine(10), None, {"steps": 1000}, 1),
        (cosine(1000), None, {"steps": 1000}, 0),
        (cosine(991), None, {"steps": 1000}, 0),
        (cosine(980), None, {"steps": 1000}, 1),
        (cosine(30), None, {"epochs": 30, "steps_per_epoch": 100}, 0),
        (cosine(3000), None, {"epochs": 30, "steps_per_epoch": 100}, 0),
        (cosine(30), "step", {"epochs": 30, "steps_per_epoch": 100}, 1),
        (cosine(3000), "epoch", {"epochs": 30, "steps_per_epoch": 100}, 1),
        (cosine(20), None, {"epochs": 30}, 1),
        (cosine(3000), None, {"epochs": 30}, 0),
        (cosine(3000), "step", {"epochs": 30}, 0),
        (cosine(10), None, {}, 0),
        (one_cycle(1000), None, {"steps": 1000}, 0),
        (one_cycle(999), None, {"steps": 1000}, 1),
        (lambda o: transformers.get_cosine_schedule_with_warmup(o, 10, 4000), None, {"steps": 1000}, 1),
        (lambda o: timms.CosineLRScheduler(o, 30), None, {"epochs": 33, "steps_per_epoch": 10}, 0),
        (lambda o: timms.CosineLRScheduler(o, 30), None, {"epochs": 20, "steps_per_epoch": 10}, 1),
        (lambda o: timms.CosineLRScheduler(o, 30), None, {"epochs": 60, "steps_per_epoch": 10}, 1),
        (lambda o: timms.CosineLRScheduler(o, 30, t_in_epochs=False), None, {"epochs": 30}, 0),
    ],
)
def test_the_length_against_training(
    make: Making, interval: str | None, horizon: dict[str, int], count: int
) -> None:
    assert codes(look(make, interval, **horizon)) == ["PG149"] * count


def test_a_length_in_the_other_count_is_told_as_such() -> None:
    by_step = look(cosine(30), "step", epochs=30, steps_per_epoch=100)[0]
    assert by_step.message == (
        "CosineAnnealingLR has T_max=30, and training takes 3,000 updates, 30 epochs; its length is in "
        "epochs, and it is stepped after each update."
    )
    assert by_step.fix == (
        "T_max=3000 where it is stepped after each update, or T_max=30 where it is stepped after each epoch."
    )
    by_epoch = look(cosine(3000), "epoch", epochs=30, steps_per_epoch=100)[0]
    assert "its length is in updates, and it is stepped after each epoch" in by_epoch.message


def test_a_warmup_before_a_cosine_counts() -> None:
    def make(o: Any) -> Any:
        parts = [torchs.LinearLR(o), torchs.CosineAnnealingLR(o, 1000)]
        return torchs.SequentialLR(o, parts, [100])

    finding = look(make, steps=1000)[0]
    assert "T_max=1,000 after 100 ticks" in finding.message
    assert finding.fix == "T_max=900 where it is stepped after each update."


@pytest.mark.parametrize(
    ("ticks", "horizon", "count"), [(19, {}, 0), (20, {}, 1), (26, {}, 1), (20, {"steps": 20}, 0)]
)
def test_a_cosine_past_its_end_rises(ticks: int, horizon: dict[str, int], count: int) -> None:
    model, optimizer = two()
    scheduler = torchs.CosineAnnealingLR(optimizer, 20)
    train(model, optimizer, ticks, scheduler.step)
    findings = found(CHECKS, subject_of(model, optimizer, scheduler, **horizon))
    assert codes(findings) == ["PG155"] * count
    assert all("the rate rises again" in one.message for one in findings)


def test_one_cycle_past_its_end_raises() -> None:
    model, optimizer = two()
    scheduler = torchs.OneCycleLR(optimizer, [1e-4, 1e-2], total_steps=15)
    train(model, optimizer, 15, scheduler.step)
    finding = found(CHECKS, subject_of(model, optimizer, scheduler))[0]
    assert finding.message == "OneCycleLR with total_steps=15 is at tick 15: tick 16 raises ValueError."
    with pytest.raises(ValueError, match="Tried to step 16 times"):
        scheduler.step()


def test_a_polynomial_or_a_first_part_that_has_ended_stays_where_it_is() -> None:
    model, optimizer = two()
    polynomial = torchs.PolynomialLR(optimizer, 5)
    train(model, optimizer, 8, polynomial.step)
    assert not found(CHECKS, subject_of(model, optimizer, polynomial))
    model, optimizer = two()
    parts = [torchs.CosineAnnealingLR(optimizer, 5), torchs.StepLR(optimizer, 30)]
    scheduler = torchs.SequentialLR(optimizer, parts, [5])
    train(model, optimizer, 8, scheduler.step)
    assert not found(CHECKS, subject_of(model, optimizer, scheduler))


def test_a_warm_up_before_timms_length_is_told_apart() -> None:
    (finding,) = look(lambda o: timms.CosineLRScheduler(o, 30, warmup_t=5, warmup_prefix=True), epochs=30)
    assert (
        finding.message == "CosineLRScheduler has t_initial=30 after 5 ticks, and training takes 30 epochs."
    )
    assert finding.fix == "t_initial=25 where it is stepped after each epoch."
    assert not look(lambda o: timms.CosineLRScheduler(o, 25, warmup_t=5, warmup_prefix=True), epochs=30)
