"""SHOW: functions of a plan, a journal, a sweep."""

from paramgroups.reporting.plotting import plot

__all__ = ["plot"]
