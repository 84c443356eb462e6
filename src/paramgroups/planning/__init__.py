"""DECIDE: index × rules × horizon -> plan; the only place with precedence."""

from paramgroups.planning.course import Course
from paramgroups.planning.explain import Explanation
from paramgroups.planning.files import load_recipe
from paramgroups.planning.groups import Group, RowSegment
from paramgroups.planning.making import plan
from paramgroups.planning.plan import Plan
from paramgroups.planning.rows import PlanRow

__all__ = ["Course", "Explanation", "Group", "Plan", "PlanRow", "RowSegment", "load_recipe", "plan"]
