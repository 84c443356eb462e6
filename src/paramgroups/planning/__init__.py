"""DECIDE: index × rules × horizon -> plan; the only place with precedence."""

from paramgroups.planning.course import Course
from paramgroups.planning.groups import Group, RowSegment
from paramgroups.planning.making import plan
from paramgroups.planning.plan import Plan
from paramgroups.planning.rows import PlanRow

__all__ = ["Course", "Group", "Plan", "PlanRow", "RowSegment", "plan"]
