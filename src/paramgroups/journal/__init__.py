"""REMEMBER: the append-only list of the decisions that were made while training. No torch."""

from paramgroups.journal.diff import JournalDiff
from paramgroups.journal.event import NOTES, Action, Event
from paramgroups.journal.journal import Journal

__all__ = ["NOTES", "Action", "Event", "Journal", "JournalDiff"]
