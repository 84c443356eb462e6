"""`paramgroups demo`: runs the comparison, prints its table, and leaves table, picture and recipes in a folder."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from paramgroups.cli.demo.comparison import Asked, compare
from paramgroups.cli.demo.data import load_digits
from paramgroups.cli.demo.files import save
from paramgroups.cli.demo.packages import DemoError, needed
from paramgroups.cli.demo.results import notes, rich_table
from paramgroups.cli.demo.training import one_thread

FEWEST_STEPS = 10


def run_demo(*, out: Path, seeds: int, steps: int, labels: int, quiet: bool) -> None:
    """Compare four recipes on real images, print the table, and leave all that was found in a folder.

    Args:
        out: The folder; it is made if it is not there.
        seeds: How often each recipe is trained.
        steps: Updates in a training.
        labels: Labelled images of each new digit.
        quiet: Whether to show no progress.

    Raises:
        DemoError: scikit-learn or matplotlib is not installed, a number is out of its range, or the
            folder cannot be written.
    """
    _check(seeds, steps)
    needed("matplotlib.figure")
    digits, asked, console = load_digits(), Asked(seeds, steps, labels), Console()
    with one_thread(), _progress(console, quiet=quiet) as progress:
        outcomes = compare(digits, asked, progress.track)
    console.print(rich_table(outcomes, asked))
    console.print(notes(outcomes), highlight=False)
    written = save(out, outcomes, asked)
    console.print(f"\nIn {out}: {', '.join(written)}", highlight=False)


def _check(seeds: int, steps: int) -> None:
    if seeds < 1:
        raise DemoError(f"seeds={seeds}: each recipe is trained at least once.")
    if steps < FEWEST_STEPS:
        raise DemoError(
            f"steps={steps}: unfreezing by tenths of the training takes {FEWEST_STEPS} steps at least."
        )


def _progress(console: Console, *, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=quiet)
