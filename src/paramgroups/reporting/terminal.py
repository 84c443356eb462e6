"""A plan and an explanation in a terminal: rich where a person looks, plain text where a pipe reads."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from paramgroups.errors import Finding, listing
from paramgroups.planning import Plan
from paramgroups.planning.explain import Explanation
from paramgroups.planning.groups import Group
from paramgroups.planning.numbers import decimal
from paramgroups.planning.table import aligned

STYLES = {"error": "bold red", "warning": "yellow", "advice": "cyan"}
SHARED = ("schedule", "trained")
WORDS = ("group", "schedule", "trained")
NEVER = "(frozen)"
FOLDED = 16
ALWAYS_SHOWN = ("lr", "weight_decay")
Rows = Sequence[Sequence[str]]


def plan_text(plan: Plan, findings: Sequence[Finding], step: int | None = None) -> str:
    """A plan as plain text: its title, the table of groups, what is never trained, the findings.

    Args:
        plan: The plan.
        findings: What its check found.
        step: The step whose values are shown; without one those of each clock's start, schedule left out.
    """
    told = [title(plan, step), aligned(rows(plan, step)), *_frozen(plan)]
    return "\n".join([*told, *(f"\n{finding}" for finding in findings)])


def plan_view(plan: Plan, findings: Sequence[Finding], step: int | None, width: int) -> RenderableType:
    """A plan for a terminal of so many columns; what `plan_text` says."""
    cells, shared = _without_shared(rows(plan, step))
    notes = [Text(note, style="dim") for note in [*shared, *_frozen(plan)]]
    heading = Text(title(plan, step), style="bold")
    body = _table(cells) if _least_width(cells) <= width else _blocks(cells)
    return Lines(heading, body, *notes, *(part for finding in findings for part in ("", _finding(finding))))


def explanation_view(explanation: Explanation) -> RenderableType:
    """An explanation for a terminal; what its `str` says, in its width."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, chain in explanation.chains.items():
        for number, line in enumerate(chain):
            grid.add_row("" if number else name, Text(line))
    heading = Text.assemble((explanation.name, "bold"), f"   {explanation.title}")
    return Lines(heading, Padding(grid, (0, 0, 0, 2)))


def title(plan: Plan, step: int | None) -> str:
    """The plan in a line, and the step that is shown."""
    if step is None:
        return plan.title
    share = "" if plan.horizon.ticks is None else f" ({plan.horizon.progress_text(step)})"
    return f"{plan.title}, at {plan.horizon.unit} {step:,}{share}"


def rows(plan: Plan, step: int | None) -> list[list[str]]:
    """The groups as rows of text under a row of headings: over all of training, or at a step.

    Raises:
        PlanError: The step is negative.
    """
    if step is None:
        return plan.table()
    plan.at(step)
    settings = [_settings(group, step) for group in plan.groups]
    columns = _columns(settings)
    shown = [[_cell(found, name) for name in columns] for found in settings]
    trained = [decimal(group.profile.trainable.at(step)) for group in plan.groups]
    if plan.frozen:
        shown.append([""] * len(columns))
        trained.append("never")
    body = zip(plan.table()[1:], shown, trained, strict=True)
    headings = ["group", "tensors", "numbers", *columns, "schedule", "trained"]
    return [headings, *([*row[:3], *cells, row[-2], word] for row, cells, word in body)]


def _settings(group: Group, step: int) -> dict[str, Any]:
    return {name: value for name, value in group.settings(step).items() if name != "rows"}


def _columns(settings: Sequence[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for values in settings for name in values)
    differ = {name for name in names if len({repr(values.get(name)) for values in settings}) > 1}
    return [name for name in names if name in ALWAYS_SHOWN or name in differ]


def _cell(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    return f"({', '.join(map(decimal, value))})" if isinstance(value, tuple) else decimal(value)


def _frozen(plan: Plan) -> list[str]:
    return [f"Never trained: {listing(row.name for row in plan.frozen)}."] if plan.frozen else []


def _without_shared(rows: Rows) -> tuple[Rows, list[str]]:
    """The rows without the columns of words that say the same of all, and those in a sentence each."""
    headings, *body = rows
    live = [row for row in body if row[0] != NEVER] or body
    shared = [i for i, name in enumerate(headings) if name in SHARED and len({row[i] for row in live}) == 1]
    kept = [[cell for i, cell in enumerate(row) if i not in shared] for row in rows]
    return kept, [f"{headings[i].capitalize()} of all: {live[0][i]}." for i in shared]


def _least_width(rows: Rows) -> int:
    """How many columns of a terminal the table needs: words may be folded, numbers may not."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return sum(
        2 + (min(width, FOLDED) if name in WORDS else width)
        for name, width in zip(rows[0], widths, strict=True)
    )


def _table(rows: Rows) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
    for name in rows[0]:
        words = name in WORDS
        table.add_column(name, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for row in rows[1:]:
        table.add_row(*map(Text, row), style="dim" if row[0] == NEVER else None)
    return table


def _blocks(rows: Rows) -> Text:
    """A block for each group: lossless where a table is too wide."""
    headings, *body = rows
    blocks = [
        "\n".join(
            [row[0], *(f"  {name} {cell}" for name, cell in zip(headings[1:], row[1:], strict=True) if cell)]
        )
        for row in body
    ]
    return Text("\n".join(blocks))


def _finding(finding: Finding) -> Text:
    severity = (finding.severity, STYLES[finding.severity])
    return Text.assemble(severity, f" {finding.code}: {finding.message}\n  {finding.fix}")
