"""An audit in a terminal."""

from rich.console import Console

from paramgroups.auditing import Audit
from paramgroups.auditing.result import Rates
from paramgroups.errors import Finding
from paramgroups.reporting.findings import audit_view

ERROR = Finding("PG101", "error", "two are in no group", "hand them over", ("a", "b"), "no step", "docs#x")
ADVICE = Finding("PG102", "advice", "frozen", "leave out")


def shown(audit: Audit, width: int = 80) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(audit_view(audit))
    return captured.get()


def test_each_finding_tells_what_where_why_and_the_fix() -> None:
    lines = [line.strip() for line in shown(Audit("Net", (ERROR, ADVICE))).splitlines()]
    assert lines[0] == "Net: 1 error, 1 advice"
    assert lines[2:8] == [
        "error PG101",
        "found  two are in no group",
        "where  2: a, b",
        "why    no step",
        "fix    hand them over",
        "more   docs#x",
    ]
    assert lines[9:12] == ["advice PG102", "found  frozen", "fix    leave out"]


def test_nothing_found_is_one_line() -> None:
    assert shown(Audit("Net", ())).splitlines() == ["Net: nothing found"]


def test_figures_are_a_table() -> None:
    audit = Audit("Net", (), rates={"group 0": Rates(0.1, 0.001, 1000)}, ratios={"group 1": 0.25})
    last = shown(audit, 100).splitlines()[-2:]
    assert last[0].split() == ["group", "0", "0.1", "0.001", "1,000"]
    assert last[1].split() == ["group", "1", "0.25"]


def test_long_words_fold_into_a_narrow_terminal() -> None:
    finding = Finding("PG101", "error", "x" * 100, "y")
    assert all(len(line) <= 40 for line in shown(Audit("Net", (finding,)), 40).splitlines())
