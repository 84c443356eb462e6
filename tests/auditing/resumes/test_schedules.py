"""Saved schedulers that do not fit: another class, other groups, other lengths, or none."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)

import paramgroups as pg
from tests.auditing.resumes.resumes import Maker, look, saved, train
from tests.auditing.setups import codes, small
from tests.support import import_timm, import_transformers


def sgd(model: nn.Module) -> SGD:
    return SGD(model.parameters(), lr=0.1, momentum=0.9)


def resumed(then: Maker, now: Maker) -> list[Any]:
    model = small()
    optimizer = sgd(model)
    return look(model, optimizer, saved(small(), sgd, then), now(optimizer))


CHANGES: dict[str, tuple[Maker, Maker, str]] = {
    "class": (
        lambda o: StepLR(o, 10),
        lambda o: CosineAnnealingLR(o, 10),
        "it is another class's, with gamma, step_size where CosineAnnealingLR has T_max, eta_min",
    ),
    "fewer-entries": (
        lambda o: ExponentialLR(o, 0.9), lambda o: StepLR(o, 10), "another class's, with gamma where",
    ),
    "length": (
        lambda o: CosineAnnealingLR(o, 50), lambda o: CosineAnnealingLR(o, 100),
        "T_max 100 here would become 50",
    ),
    "gamma": (lambda o: StepLR(o, 10), lambda o: StepLR(o, 10, gamma=0.5), "gamma 0.5 here would become 0.1"),
    "warmup": (
        lambda o: SequentialLR(o, [LinearLR(o), CosineAnnealingLR(o, 45)], [5]),
        lambda o: SequentialLR(o, [LinearLR(o), CosineAnnealingLR(o, 90)], [10]),
        "_milestones [10] here would become [5], scheduler 1: T_max 90 here would become 45",
    ),
    "fewer-links": (
        lambda o: ChainedScheduler([StepLR(o, 10)], o),
        lambda o: ChainedScheduler([StepLR(o, 10), LinearLR(o)], o),
        "it is of 1 scheduler, and here are 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_differs_is_told_and_the_same_is_sound(name: str) -> None:
    then, now, told = CHANGES[name]
    findings = resumed(then, now)
    assert codes(findings) == ["PG306"]
    assert told in findings[0].message
    assert not resumed(then, then)
    assert not resumed(now, now)


def test_the_total_of_one_cycle_comes_back_from_the_old_run() -> None:
    findings = resumed(
        lambda o: OneCycleLR(o, 0.1, total_steps=50), lambda o: OneCycleLR(o, 0.1, total_steps=100)
    )
    assert codes(findings) == ["PG306"]
    assert "scheduler.total_steps = 100" in findings[0].fix


class Factor:
    """A factor that falls over a length, as an object, which is saved where a function is not."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, tick: int) -> float:
        return max(0.0, 1 - tick / self.length)


def test_what_objects_hold_in_the_place_of_lambdas_is_compared() -> None:
    findings = resumed(lambda o: LambdaLR(o, Factor(50)), lambda o: LambdaLR(o, Factor(100)))
    assert codes(findings) == ["PG306"]
    assert "length 100 of lambda 0 would become 50" in findings[0].message
    assert not resumed(lambda o: LambdaLR(o, Factor(50)), lambda o: LambdaLR(o, Factor(50)))


def test_what_functions_hold_is_not_saved_and_today_s_length_counts() -> None:
    def falling(tick: int, length: int) -> float:
        return 1 - tick / length

    def of(length: int) -> Callable[[Any], LambdaLR]:
        return lambda o: LambdaLR(o, partial(falling, length=length))

    assert not resumed(of(50), of(100))


def test_another_number_of_groups_is_told() -> None:
    def groups(model: Any) -> SGD:
        params = [*model.parameters()]
        return SGD([{"params": params[:2]}, {"params": params[2:]}], lr=0.1)

    model = small()
    optimizer = groups(model)
    checkpoint = saved(small(), sgd, lambda o: StepLR(o, 10))
    findings = look(model, optimizer, checkpoint, StepLR(optimizer, 10))
    assert codes(findings) == ["PG303", "PG306"]
    assert "it has the rates of 1 group, and here are 2" in findings[1].message


def test_a_scheduler_of_another_optimizer_is_no_matter_of_the_checkpoint() -> None:
    model = small()
    checkpoint = saved(small(), sgd, lambda o: StepLR(o, 10))
    assert not look(model, sgd(model), checkpoint, StepLR(sgd(small()), 10))


def test_an_older_version_s_entries_are_no_other_class() -> None:
    model = small()
    optimizer = sgd(model)
    checkpoint = saved(small(), sgd, lambda o: StepLR(o, 10))
    checkpoint["scheduler"].pop("_is_initial", None)
    checkpoint["scheduler"]["verbose"] = False
    assert not look(model, optimizer, checkpoint, StepLR(optimizer, 10))


def test_a_checkpoint_without_the_scheduler_that_drove_it_is_told() -> None:
    model = small()
    optimizer = sgd(model)
    checkpoint = saved(small(), sgd, lambda o: StepLR(o, 10))
    del checkpoint["scheduler"]
    scheduler = StepLR(optimizer, 10)
    findings = look(model, optimizer, checkpoint, scheduler)
    assert codes(findings) == ["PG306"]
    assert "StepLR would begin again at its first step" in findings[0].message
    assert not look(model, optimizer, checkpoint["optimizer"], scheduler)
    train(model, optimizer, scheduler)
    assert not look(model, optimizer, checkpoint, scheduler)


def test_a_new_scheduler_where_none_was_is_sound() -> None:
    model = small()
    optimizer = sgd(model)
    assert not look(model, optimizer, saved(small(), sgd), StepLR(optimizer, 10))


def test_schedulers_of_transformers_and_timm_are_sound() -> None:
    transformers = import_transformers()
    assert not resumed(*(2 * [lambda o: transformers.get_cosine_schedule_with_warmup(o, 5, 50)]))
    import_timm()
    from timm.scheduler import CosineLRScheduler  # noqa: PLC0415  # it may need a stand-in first

    model, old = small(), small()
    first, second = sgd(old), sgd(model)
    then, now = (CosineLRScheduler(one, t_initial=50) for one in (first, second))
    train(old, first)
    then.step(3)
    checkpoint = {"optimizer": first.state_dict(), "lr_scheduler": then.state_dict()}
    assert not look(model, second, checkpoint, now)
    longer = CosineLRScheduler(second, t_initial=100)
    findings = look(model, second, checkpoint, longer)
    assert codes(findings) == ["PG306"]
    assert "t_initial 100 here would become 50" in findings[0].message


def planned(model: nn.Module, **horizon: Any) -> Any:
    return pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), **horizon))


def test_a_plan_goes_by_its_own_length_and_takes_no_other_state() -> None:
    old, model = small(), small()
    first, then = planned(old, steps=50)
    train(old, first, then)
    checkpoint = {"optimizer": first.state_dict(), "scheduler": then.state_dict()}
    optimizer, scheduler = planned(model, steps=100)
    assert not look(model, optimizer, checkpoint, scheduler)
    by_epochs = planned(model, epochs=5)
    findings = look(model, by_epochs[0], checkpoint, by_epochs[1])
    assert codes(findings) == ["PG306"]
    assert "a tick was one step then, and is one epoch in this plan" in findings[0].message
    plain = sgd(model)
    findings = look(model, plain, {**checkpoint, "optimizer": plain.state_dict()}, StepLR(plain, 10))
    assert codes(findings) == ["PG306"]
    assert "it is of pg.Scheduler, and is loaded into StepLR" in findings[0].message
