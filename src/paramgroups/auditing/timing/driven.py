"""What a scheduler drives, whether it is alone in that, and at which tick it is."""

import torch.distributed as dist

from paramgroups.auditing.objects import Driver
from paramgroups.auditing.subject import Group, Subject, number


def groups_of(subject: Subject, driver: Driver) -> tuple[Group, ...]:
    """The groups that a scheduler drives."""
    return tuple(group for group in subject.groups if group.optimizer is driver.optimizer)


def trained_groups(subject: Subject, driver: Driver) -> list[Group]:
    """Those of them that hold something to train."""
    return [one for one in groups_of(subject, driver) if any(tensor.requires_grad for tensor in one.params)]


def is_alone(subject: Subject, driver: Driver) -> bool:
    """Whether no other scheduler drives the same optimizer."""
    return sum(one.optimizer is driver.optimizer for one in subject.drivers) == 1


def present_tick(driver: Driver) -> int | None:
    """At which tick a scheduler is, where it tells."""
    found = getattr(driver.scheduler, "last_epoch", None)
    if found is None and driver.parts:
        found = getattr(driver.parts[0], "last_epoch", None)
    tick = number(found)
    return None if tick is None else int(tick)


def processes() -> int:
    """How many processes train together: Accelerate ticks once for each."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
