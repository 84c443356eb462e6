"""SAY: rules and recipes, and their form as data."""

from paramgroups.rules.making import Makers
from paramgroups.rules.reading import read_recipe
from paramgroups.rules.recipe import Recipe, Rules
from paramgroups.rules.rule import Assignment, Rule, rule
from paramgroups.rules.values import PerParameter, RowValue, Table, per_parameter

__all__ = [
    "Assignment",
    "Makers",
    "PerParameter",
    "Recipe",
    "RowValue",
    "Rule",
    "Rules",
    "Table",
    "per_parameter",
    "read_recipe",
    "rule",
]
