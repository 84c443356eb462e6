"""Selectors: which parameters, or which rows of one.

A selector is a set over an index. It is written as text, the same in Python, TOML and on the command line:

- `encoder.layer.3` is a path from the root: the parameter of that name, or all under that module. `*` is any
  text within a segment, `**` any number of segments, `{q,k}` and `{0..5}` (both ends) are alternatives. Other
  signs than letters, digits, `_` and an inner `-` are quoted: `heads."a:b".weight`. `/.../` is a regular
  expression for a whole name. Every name of a tied tensor selects it.
- `:bias` is a role, `@LayerNorm` a module type or a base of it.
- `[depth>=6]` is an attribute, `[rms>0.5]` a statistic of the values, `embed.weight[32000:]` are rows.
- Side by side means both: `encoder:bias[ndim==1]`. Operators are `~a`, `a & b`, `a - b` (with spaces) and
  `a | b`, the tightest first, and parentheses.
"""

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
from paramgroups.select.near import nearest_match, rows_there
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
    "rows_there",
    "stat",
    "type",
    "where",
]
