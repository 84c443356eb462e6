"""The plan as a table in plain text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from paramgroups.errors import listing
from paramgroups.indexing import Row
from paramgroups.optim import OptimizerClass, pack
from paramgroups.planning.groups import Group, RowSegment
from paramgroups.planning.numbers import decimal
from paramgroups.planning.profile import Profile
from paramgroups.schedules import Horizon

FIRST = ("lr", "weight_decay")
WORDS = ("group", "optimizer", "schedule", "trained")
FROZEN = "(frozen)"
SHARED = {"schedule": "Schedule of all: {}.", "trained": "Trained: {}."}
UNTOLD = ("", "–", "always", "never")
LONGEST, SHORT = 40, 16
DIGITS = (4, 6)
Rows = list[list[str]]


def table(
    groups: Sequence[Group], frozen: Sequence[Row], horizon: Horizon, tick: float | None = None
) -> Rows:
    """The groups as rows of text, under a row of headings: over all of training, or at a tick.

    A hyperparameter has a column if it is the rate or the decay, or differs between groups.
    """
    settings = [_settings(group, tick) for group in groups]
    names = _columns(settings, [group.profile.optimizer for group in groups])
    cells = [_cells([values.get(name) for values in settings]) for name in names]
    rows = [
        [*_size(group), *shown, _schedule(group), trained(group.profile, horizon, tick)]
        for group, *shown in zip(groups, *cells, strict=True)
    ]
    if frozen:
        numbers = sum(row.numel for row in frozen)
        rows.append([FROZEN, f"{len(frozen):,}", f"{numbers:,}", *[""] * len(names), "", "never"])
    return [["group", "tensors", "numbers", *names, "schedule", "trained"], *rows]


def text(rows: Rows, groups: Sequence[Group], frozen: Sequence[Row]) -> str:
    """The table for a page: what all groups share, and what is long, is said below it once."""
    kept, notes = without_shared(rows)
    kept, legend = _with_legend(kept)
    if parts := [_part(segment, group) for group in groups for segment in group.segments]:
        notes.append(f"Rows of their own: {listing(parts)}.")
    return "\n".join([aligned(kept), *legend, *notes, *never_trained(frozen)])


def never_trained(frozen: Sequence[Row]) -> list[str]:
    """Which parameters are never trained, in words: by a rule, or because the model came so."""
    ruled = [row.name for row in frozen if row.trainable]
    came = [row.name for row in frozen if not row.trainable]
    return [f"Never trained: {listing(ruled)}."] * bool(ruled) + [
        f"Never trained, since the model has requires_grad=False: {listing(came)}."
    ] * bool(came)


def _part(segment: RowSegment, group: Group) -> str:
    """Rows of a tensor, and the values in which they differ at the start."""
    whole, own = group.profile.values(), segment.profile.values()
    told = [f"{name} {decimal(value, DIGITS[0])}" for name, value in own.items() if value != whole.get(name)]
    return f"{segment.name}[{segment.start}:{segment.stop}] ({', '.join(told) or 'over time'})"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if name in WORDS else cell.rjust(width)
            for name, cell, width in zip(rows[0], row, widths, strict=True)
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _columns(settings: Sequence[dict[str, Any]], optimizers: Sequence[OptimizerClass]) -> list[str]:
    names = dict.fromkeys(name for values in settings for name in values)
    return [name for name in names if name in FIRST or _tells(name, settings, optimizers)]


def _tells(name: str, settings: Sequence[dict[str, Any]], optimizers: Sequence[OptimizerClass]) -> bool:
    """Whether groups that read it differ in it, or only some read it and are given what is no default."""
    held = [
        (values[name], pack(optimizer.defaults).get(name))
        for values, optimizer in zip(settings, optimizers, strict=True)
        if name in values
    ]
    differs = len({value for value, _ in held}) > 1
    given = any(value != default for value, default in held)
    return differs or (len(held) < len(settings) and given)


def _settings(group: Group, tick: float | None) -> dict[str, Any]:
    settings = {name: value for name, value in group.settings(tick).items() if name != "rows"}
    rate = group.courses["lr"]  # torch's group may hold 0 instead, as a mask over rows that are frozen
    settings["lr"] = rate.base if tick is None else rate.at(tick)
    return {"optimizer": group.profile.optimizer.name} | settings


def _cells(values: Sequence[Any]) -> list[str]:
    """A column's values, with as few digits as keep apart what differs."""
    few, many = ([decimal(value, digits) for value in values] for digits in DIGITS)
    shown = few if len(set(few)) == len(set(many)) else many
    return ["" if value is None else cell for value, cell in zip(values, shown, strict=True)]


def _size(group: Group) -> list[str]:
    rows = f" (+{len(group.segments)} of rows)" if group.segments else ""
    name = group.name if len(group.name) <= LONGEST else group.name[: LONGEST - 1] + "…"
    return [name, f"{len(group.names):,}{rows}", f"{group.numel:,}"]


def _schedule(group: Group) -> str:
    words = {
        name: " | ".join(dict.fromkeys(timing.words for _, timing in course.timings if timing))
        for name, course in group.courses.items()
    }
    shown = [found if name == "lr" else f"{name}: {found}" for name, found in words.items() if found]
    return "; ".join(shown) or "–"


def without_shared(rows: Rows) -> tuple[Rows, list[str]]:
    """The rows without the columns of words that say the same of all groups, and those in a sentence each."""
    headings, *body = rows
    live = [row for row in body if row[0] != FROZEN] or body
    shared = [i for i, name in enumerate(headings) if name in SHARED and len({row[i] for row in live}) <= 1]
    kept = [[cell for i, cell in enumerate(row) if i not in shared] for row in rows]
    return kept, [SHARED[headings[i]].format(live[0][i]) for i in shared if live and live[0][i] not in UNTOLD]


def _with_legend(rows: Rows) -> tuple[Rows, list[str]]:
    """Long schedules by a letter, which is explained below."""
    if "schedule" not in rows[0]:
        return rows, []
    place = rows[0].index("schedule")
    texts = dict.fromkeys(row[place] for row in rows[1:] if len(row[place]) > SHORT)
    letters = {words: f"({number})" for number, words in enumerate(texts, 1)}
    shown = [
        [letters.get(cell, cell) if at == place else cell for at, cell in enumerate(row)] for row in rows
    ]
    return shown, [f"{letter} {words}" for words, letter in letters.items()]


def trained(profile: Profile, horizon: Horizon, tick: float | None = None) -> str:
    """When a profile's parameters are trained, in words; or whether they are at a tick."""
    if tick is not None:
        return decimal(profile.trainable.at(tick))
    spans = list(_spans(profile))
    if spans == [(0, None)] or not spans:
        return "always" if spans else "never"
    return times(spans, horizon)


def times(spans: Iterable[tuple[float, float | None]], horizon: Horizon) -> str:
    """Spans of ticks in words, each from its first to before its end, or with None to the end."""
    return f"{horizon.unit} " + ", ".join(_span(start, end) for start, end in spans)


def _spans(profile: Profile) -> Iterator[tuple[float, float | None]]:
    pieces = profile.trainable.pieces
    ends = [*(start for start, _ in pieces[1:]), None]
    return ((start, end) for (start, now), end in zip(pieces, ends, strict=True) if now)


def _span(start: float, end: float | None) -> str:
    if end is None:
        return f"{start:,.0f} on"
    return f"{start:,.0f}" + (f" to {end - 1:,.0f}" if end - start > 1 else "")
