"""An audit in a terminal."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from paramgroups.auditing import Audit
from paramgroups.auditing.result import FEW
from paramgroups.errors import Finding, listing
from paramgroups.reporting.terminal import STYLES


def audit_view(audit: Audit) -> RenderableType:
    """An audit for a terminal; what its `str` says, each finding with what it is about."""
    return Lines(*_parts(audit))


def _parts(audit: Audit) -> Iterator[RenderableType]:
    yield Text.assemble((audit.title, "bold"), ": ", (audit.summary, _worst(audit)))
    for finding in audit:
        yield Text("")
        yield Text.assemble((f"{finding.severity} {finding.code}", STYLES[finding.severity]))
        yield Padding(_rows(finding), (0, 0, 0, 2))
    for one in audit.silenced:
        yield Text(f"\nsilenced {one.silence}", style="dim")
    if audit.figured:
        yield Text("")
        yield _figures(audit)


def _worst(audit: Audit) -> str:
    return STYLES[audit.findings[0].severity] if audit.findings else "green"


def _rows(finding: Finding) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("found", Text(finding.message))
    if finding.names:
        grid.add_row("where", Text(f"{len(finding.names):,}: {listing(finding.names, 4)}", style="dim"))
    if finding.why:
        grid.add_row("why", Text(finding.why))
    grid.add_row("fix", Text(finding.fix, style="green"))
    if finding.link:
        grid.add_row("more", Text(finding.link, style="dim"))
    return grid


def _figures(audit: Audit) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
    for heading in ("group", "rate now", "rate later", "after ticks", "update ÷ weights"):
        table.add_column(heading, justify="left" if heading == "group" else "right")
    for name in audit.figured[:FEW]:
        rates, ratio = audit.rates.get(name), audit.ratios.get(name)
        cells = ["", "", ""] if rates is None else [*map("{:.4g}".format, rates[:2]), f"{rates.ticks:,}"]
        table.add_row(Text(name), *cells, "" if ratio is None else f"{ratio:.2g}")
    if len(audit.figured) > FEW:
        table.add_row(f"and {len(audit.figured) - FEW} more")
    return table
