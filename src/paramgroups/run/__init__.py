"""DRIVE: the optimizer and the scheduler of a plan, and all that has state over time."""

from paramgroups.run.building import build
from paramgroups.run.checkpoints import load, save
from paramgroups.run.scheduler import Scheduler

__all__ = ["Scheduler", "build", "load", "save"]
