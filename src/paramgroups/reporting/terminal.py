"""A plan and an explanation in a terminal: rich where a person looks, plain text where a pipe reads."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from paramgroups.errors import Finding
from paramgroups.planning import Plan
from paramgroups.planning.explain import Explanation
from paramgroups.planning.table import FROZEN, WORDS, Rows, aligned, never_trained, without_shared

STYLES = {"error": "bold red", "warning": "yellow", "advice": "cyan"}
FOLDED = 16


def plan_text(plan: Plan, findings: Sequence[Finding], step: int | None = None) -> str:
    """A plan as plain text: its title, the table of groups, what is never trained, the findings.

    Args:
        plan: The plan.
        findings: What its check found.
        step: The step whose values are shown; without one those of each clock's start, schedule left out.
    """
    cells, notes = without_shared(plan.table(step))
    told = [title(plan, step), aligned(cells), *notes, *never_trained(plan.frozen), *plan.feedback]
    return "\n".join([*told, *(f"\n{finding}" for finding in findings)])


def plan_view(plan: Plan, findings: Sequence[Finding], step: int | None, width: int) -> RenderableType:
    """A plan for a terminal of so many columns; what `plan_text` says."""
    cells, notes = without_shared(plan.table(step))
    heading = Text(title(plan, step), style="bold")
    body = _table(cells) if _least_width(cells) <= width else _blocks(cells)
    quiet = [Text(note, style="dim") for note in [*notes, *never_trained(plan.frozen), *plan.feedback]]
    return Lines(heading, body, *quiet, *(part for finding in findings for part in ("", _finding(finding))))


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
        table.add_row(*map(Text, row), style="dim" if row[0] == FROZEN else None)
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
