"""SHOW: functions of a plan, a journal, a sweep."""
