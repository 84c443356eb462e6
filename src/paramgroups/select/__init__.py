"""Selectors: which parameters."""

from paramgroups.select.constructors import (
    attribute,
    depth,
    name,
    named,
    ndim,
    regex,
    role,
    rows,
    stat,
    type,  # noqa: A004  # `select.type` is a word of the language
    where,
)
from paramgroups.select.near import nearest_match
from paramgroups.select.selection import Selection
from paramgroups.select.selector import Selector, as_selector, parse

__all__ = [
    "Selection",
    "Selector",
    "as_selector",
    "attribute",
    "depth",
    "name",
    "named",
    "ndim",
    "nearest_match",
    "parse",
    "regex",
    "role",
    "rows",
    "stat",
    "type",
    "where",
]
