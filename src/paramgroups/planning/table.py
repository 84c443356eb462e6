"""The plan as a table in plain text."""

from collections.abc import Sequence
from typing import Any

from paramgroups.indexing import Row
from paramgroups.optim import pack
from paramgroups.planning.groups import Group
from paramgroups.planning.numbers import decimal
from paramgroups.planning.profile import Profile
from paramgroups.schedules import Horizon

FIRST = ("lr", "weight_decay")
LONGEST = 48


def table(groups: Sequence[Group], frozen: Sequence[Row], horizon: Horizon) -> list[list[str]]:
    """The groups as rows of text, under a row of headings.

    A hyperparameter has a column if it is the rate or the decay, or differs between groups.
    """
    columns = _columns(groups)
    headings = ["group", "tensors", "numbers", *columns, "schedule", "trained"]
    rows = [_row(group, columns, horizon) for group in groups]
    if frozen:
        numbers = sum(row.numel for row in frozen)
        rows.append(["(frozen)", f"{len(frozen):,}", f"{numbers:,}", *[""] * len(columns), "", "never"])
    return [headings, *rows]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = {0, len(widths) - 1, len(widths) - 2}
    lines = (
        "  ".join(
            cell.ljust(width) if place in words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _columns(groups: Sequence[Group]) -> list[str]:
    settings = [pack(_values(group.profile)) for group in groups]
    names = dict.fromkeys(name for values in settings for name in values)
    differ = [name for name in names if len({str(values.get(name)) for values in settings}) > 1]
    return [name for name in names if name in FIRST or name in differ]


def _values(profile: Profile) -> dict[str, Any]:
    return {name: course.base for name, course in profile.courses.items()}


def _row(group: Group, columns: Sequence[str], horizon: Horizon) -> list[str]:
    values = pack(_values(group.profile))
    shown = [_cell(values[name]) if name in values else "" for name in columns]
    tensors = f"{len(group.names):,}" + (f" (+{len(group.segments)} of rows)" if group.segments else "")
    return [
        _short(group.name),
        tensors,
        f"{group.numel:,}",
        *shown,
        _schedule(group),
        trained(group.profile, horizon),
    ]


def _cell(value: Any) -> str:
    return f"({', '.join(map(decimal, value))})" if isinstance(value, tuple) else decimal(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _schedule(group: Group) -> str:
    found = {name: course.timings for name, course in group.courses.items()}
    words = {
        name: " | ".join(repr(timing.schedule) for _, timing in timings if timing)
        for name, timings in found.items()
    }
    shown = [text if name == "lr" else f"{name}: {text}" for name, text in words.items() if text]
    return _short("; ".join(shown)) or "–"


def trained(profile: Profile, horizon: Horizon) -> str:
    """When a profile's parameters are trained, in words."""
    pieces = profile.trainable.pieces
    if len(pieces) == 1:
        return "always" if pieces[0][1] else "never"
    ends = [*(start for start, _ in pieces[1:]), None]
    spans = [(start, end) for (start, now), end in zip(pieces, ends, strict=True) if now]
    return f"{horizon.unit} " + ", ".join(_span(start, end) for start, end in spans)


def _span(start: float, end: float | None) -> str:
    return f"{start:,.0f} on" if end is None else f"{start:,.0f} to {end - 1:,.0f}"
