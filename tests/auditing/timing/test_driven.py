"""What a scheduler drives, and where it is."""

import torch
from torch.optim import lr_scheduler

from paramgroups.auditing.timing.driven import groups_of, is_alone, present_tick, processes, trained_groups
from tests.auditing.setups import small, subject_of


def test_a_scheduler_drives_the_groups_of_its_own_optimizer() -> None:
    model = small()
    first = torch.optim.SGD(model[0].parameters(), lr=0.1)
    second = torch.optim.SGD([*model[1].parameters(), *model[3].parameters()], lr=0.1)
    subject = subject_of(model, [first, second], lr_scheduler.StepLR(second, 3))
    (driver,) = subject.drivers
    assert groups_of(subject, driver) == (subject.groups[1],)
    assert is_alone(subject, driver)
    assert processes() == 1


def test_groups_without_anything_to_train_are_left_out() -> None:
    model = small()
    model[0].requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(
        [{"params": model[0].parameters()}, {"params": model[3].parameters()}], lr=0.1
    )
    subject = subject_of(model, optimizer, lr_scheduler.StepLR(optimizer, 3))
    assert [group.number for group in trained_groups(subject, subject.drivers[0])] == [1]


def test_two_schedulers_on_one_optimizer_are_not_alone() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    both = [lr_scheduler.StepLR(optimizer, 3), lr_scheduler.ExponentialLR(optimizer, 0.9)]
    subject = subject_of(model, optimizer, both)
    assert not any(is_alone(subject, driver) for driver in subject.drivers)


def test_the_tick_of_a_scheduler_and_of_a_chain() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    chain = lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(optimizer, 3)])
    optimizer.step()
    chain.step()
    assert [present_tick(one) for one in subject_of(model, optimizer, chain).drivers] == [1]
