"""A schedule stepped ahead as a copy: the rates it will give, and that nothing moves by that."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as torchs

import paramgroups as pg
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.timing.simulating import Course, course_of, rates, refusals
from tests.auditing.setups import small, subject_of
from tests.auditing.timing.schedules import SOUND, timms, train, two


def looked(model: Any, optimizer: Any, scheduler: Any, **horizon: int) -> tuple[Subject, Course]:
    subject = subject_of(model, optimizer, scheduler, **horizon)
    course = course_of(subject, subject.drivers[0])
    assert course is not None
    return subject, course


@pytest.mark.parametrize("name", [name for name in SOUND if name != "plateau"])
def test_what_is_foretold_comes(name: str) -> None:
    model, optimizer = two()
    scheduler = SOUND[name](optimizer)
    train(model, optimizer, 3, scheduler.step)
    _, course = looked(model, optimizer, scheduler)
    assert course.ticks[:3] == (3, 4, 5)
    for at in range(40):
        assert tuple(float(g["lr"]) for g in optimizer.param_groups) == tuple(one[at] for one in course.rates)
        train(model, optimizer, 1, scheduler.step)


def test_the_present_rate_is_that_of_the_group_however_it_came() -> None:
    model, optimizer = two()
    scheduler = torchs.StepLR(optimizer, 30)
    optimizer.param_groups[0]["lr"] = 0.5
    _, course = looked(model, optimizer, scheduler)
    assert course.rates[0][:31] == (0.5,) * 30 + (0.05,)


def test_a_thousand_ticks_or_as_many_as_training_has() -> None:
    model, optimizer = two()
    scheduler = torchs.StepLR(optimizer, 30)
    assert len(looked(model, optimizer, scheduler)[1].ticks) == 1000
    assert looked(model, optimizer, scheduler, steps=40)[1].ticks == tuple(range(40))
    assert looked(model, optimizer, scheduler, steps=1)[1].ticks == (0, 1)
    assert looked(model, optimizer, scheduler, steps=9000)[1].ticks == tuple(range(1000))


def test_a_function_of_the_tick_is_asked_all_over_training() -> None:
    model, optimizer = two()
    course = looked(model, optimizer, torchs.LambdaLR(optimizer, lambda t: 1 - t / 90_000), steps=90_000)[1]
    assert (len(course.ticks), course.ticks[0], course.ticks[-1]) == (1000, 0, 89_999)
    assert course.rates[1][-1] == pytest.approx(1e-3 / 90_000)


def test_many_groups_have_fewer_ticks() -> None:
    model = torch.nn.ParameterList([torch.zeros(1) for _ in range(1000)])
    optimizer = SGD([{"params": [one]} for one in model], lr=0.1)
    course = looked(model, optimizer, torchs.StepLR(optimizer, 30))[1]
    assert (len(course.ticks), len(course.rates)) == (200, 1000)


def test_one_tensor_in_two_groups_is_one_tensor_there() -> None:
    model = small()
    rate = torch.tensor(1.0)
    groups = [{"params": model[0].parameters()}, {"params": model[3].parameters()}]
    optimizer = SGD(groups, lr=rate)
    _, course = looked(model, optimizer, torchs.LambdaLR(optimizer, [lambda _: 0.5, lambda _: 0.25]))
    assert [line[1] for line in course.rates] == [0.25, 0.25]


def test_a_schedule_that_raises_ends_there() -> None:
    model, optimizer = two()
    scheduler = torchs.OneCycleLR(optimizer, [1e-4, 1e-2], total_steps=20)
    course = looked(model, optimizer, scheduler)[1]
    assert course.ticks[-1] == 20
    assert str(course.ended).startswith("ValueError: Tried to step 21 times")


def test_timms_schedules_are_asked_by_their_own_count() -> None:
    model, optimizer = two()
    course = looked(model, optimizer, timms.CosineLRScheduler(optimizer, 20, t_in_epochs=False))[1]
    assert course.rates[1][0] == 1e-3
    assert course.rates[1][10] == pytest.approx(5e-4)
    assert course.rates[1][20] == 0.0


def with_a_count(counts: list[int]) -> Callable[[int], float]:
    def factor(epoch: int) -> float:
        counts.append(epoch)
        return 0.9**epoch

    return factor


def test_a_function_that_changes_something_is_not_called() -> None:
    counts: list[int] = []
    model, optimizer = two()
    scheduler = torchs.LambdaLR(optimizer, with_a_count(counts))
    before = list(counts)
    subject = subject_of(model, optimizer, scheduler)
    assert course_of(subject, subject.drivers[0]) is None
    assert [reason for _, reason in refusals(subject)] == [
        "its function with_a_count.<locals>.factor may change something whenever it is called"
    ]
    assert counts == before


class Counting:
    """A function with a state of its own."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, epoch: int) -> float:
        self.calls += 1
        return 0.9**epoch


def test_an_object_that_counts_its_calls_is_copied() -> None:
    model, optimizer = two()
    factor = Counting()
    scheduler = torchs.LambdaLR(optimizer, factor)
    assert factor.calls == 2
    assert looked(model, optimizer, scheduler)[1].rates[1][2] == pytest.approx(8.1e-4)
    assert factor.calls == 2


class Loop:
    """What holds model and scheduler, as trainers do, and gives the factor."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model

    def factor(self, epoch: int) -> float:
        return 0.9**epoch

    def __deepcopy__(self, memo: Any) -> "Loop":
        raise AssertionError("a trainer is not copied")


def test_the_owner_of_a_method_is_not_copied() -> None:
    model, optimizer = two()
    scheduler = torchs.LambdaLR(optimizer, Loop(model).factor)
    assert looked(model, optimizer, scheduler)[1].rates[1][1] == pytest.approx(9e-4)


class Own(torchs.LambdaLR):
    """A schedule whose function is its own method, and counts."""

    def __init__(self, optimizer: Any) -> None:
        self.calls = 0
        super().__init__(optimizer, self.factor)

    def factor(self, epoch: int) -> float:
        self.calls += 1
        return 0.9**epoch


def test_a_schedule_that_is_its_own_function_is_copied() -> None:
    model, optimizer = two()
    scheduler = Own(optimizer)
    calls = scheduler.calls
    assert looked(model, optimizer, scheduler)[1].rates[1][1] == pytest.approx(9e-4)
    assert scheduler.calls == calls


class Uncopied(torchs.StepLR):
    """A schedule that cannot be copied."""

    def __deepcopy__(self, memo: Any) -> "Uncopied":
        raise TypeError("cannot pickle a lock")


def test_what_cannot_be_copied_is_told() -> None:
    model, optimizer = two()
    subject = subject_of(model, optimizer, Uncopied(optimizer, 30))
    assert [reason for _, reason in refusals(subject)] == [
        "a copy of it ends with TypeError: cannot pickle a lock"
    ]


def test_words_warnings_and_random_numbers_of_functions_stay_inside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def factor(epoch: int) -> float:
        print("epoch", epoch)  # noqa: T201  # users do
        return float(torch.rand(()))

    model, optimizer = two()
    scheduler = torchs.LambdaLR(optimizer, factor)
    capsys.readouterr()
    torch.manual_seed(3)
    first = looked(model, optimizer, scheduler)[1].rates[0][1]
    assert capsys.readouterr().out == ""
    assert first == 1e-5 * torch.rand(()).item()


def test_weights_and_state_are_not_copied() -> None:
    model, optimizer = two(kind=Adam)
    scheduler = torchs.StepLR(optimizer, 30)
    train(model, optimizer, 2, scheduler.step)
    before = copy.deepcopy(optimizer.state_dict())
    course = looked(model, optimizer, scheduler)[1]
    assert course.groups[0].params[0] is next(model.parameters())
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    assert all(
        torch.equal(after["state"][number][key], value)
        for number, state in before["state"].items()
        for key, value in state.items()
    )


def test_rates_now_and_later() -> None:
    model, optimizer = two()
    found = rates(subject_of(model, optimizer, torchs.StepLR(optimizer, 30), steps=61))
    assert list(found) == ["group 0", "group 1"]
    assert [one.now for one in found.values()] == [1e-5, 1e-3]
    assert [one.later for one in found.values()] == pytest.approx([1e-7, 1e-5])
    assert [one.ticks for one in found.values()] == [60, 60]
    assert rates(subject_of(model, optimizer))["group 1"] == (1e-3, 1e-3, 0)
    plateau = torchs.ReduceLROnPlateau(optimizer)
    assert rates(subject_of(model, optimizer, plateau))["group 1"] == (1e-3, 1e-3, 0)


def test_rates_of_a_plan() -> None:
    model = small()
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, schedule=pg.schedules.linear())
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=4))
    found = rates(subject_of(model, optimizer, scheduler))
    assert list(found.values()) == [(1.0, 0.25, 3)]


def test_a_scheduler_of_another_optimizer_has_no_course() -> None:
    model, optimizer = two()
    subject = subject_of(model, optimizer, torchs.StepLR(SGD(model.parameters(), lr=0.1), 30))
    assert course_of(subject, subject.drivers[0]) is None
