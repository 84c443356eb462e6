"""SAY: rules and recipes, and their form as data."""

from paramgroups.rules.controller import Controller, Observation, State
from paramgroups.rules.making import Makers
from paramgroups.rules.reading import read_recipe
from paramgroups.rules.recipe import Recipe, Rules
from paramgroups.rules.rule import Assignment, Rule, rule
from paramgroups.rules.values import PerParameter, RowValue, Table, per_parameter

__all__ = [
    "Assignment",
    "Controller",
    "Makers",
    "Observation",
    "PerParameter",
    "Recipe",
    "RowValue",
    "Rule",
    "Rules",
    "State",
    "Table",
    "per_parameter",
    "read_recipe",
    "rule",
]
