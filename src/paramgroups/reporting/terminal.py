"""A plan and an explanation in a terminal: rich where a person looks, plain aligned text where a pipe reads."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.console import Group as Lines
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
WORDS = ("group", "schedule", "trained")
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


def plan_view(plan: Plan, findings: Sequence[Finding], step: int | None = None) -> RenderableType:
    """A plan for a terminal; what `plan_text` says, in its width."""
    table, shared = _table(rows(plan, step))
    notes = [Text(note, style="dim") for note in [*shared, *_frozen(plan)]]
    told = [Text(title(plan, step), style="bold"), table, *notes]
    return Lines(*told, *(part for finding in findings for part in ("", _finding(finding))))


def explanation_view(explanation: Explanation) -> RenderableType:
    """An explanation for a terminal; what its `str` says, in its width."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, chain in explanation.chains.items():
        for number, line in enumerate(chain):
            grid.add_row("" if number else name, Padding(Text(line), (0, 0, 0, 0)))
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
    headings = ["group", "tensors", "numbers", *columns, "trained"]
    found = [
        [*_size(group), *(_cell(values, name) for name in columns), decimal(group.profile.trainable.at(step))]
        for group, values in zip(plan.groups, settings, strict=True)
    ]
    never = [[*row[:3], *[""] * len(columns), "never"] for row in plan.table()[1 + len(plan.groups) :]]
    return [headings, *found, *never]


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


def _size(group: Group) -> list[str]:
    return [group.name, f"{len(group.names):,}", f"{group.numel:,}"]


def _frozen(plan: Plan) -> list[str]:
    return [f"Never trained: {listing(row.name for row in plan.frozen)}."] if plan.frozen else []
