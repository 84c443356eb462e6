"""`paramgroups demo`: compares, prints the table, and leaves table, picture and recipes in a folder."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from paramgroups.cli.demo.comparison import Asked, compare
from paramgroups.cli.demo.data import APART, load_digits
from paramgroups.cli.demo.files import make_folder, save
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
    asked, console = Asked(seeds, steps, labels), Console()
    _check(asked)
    needed("matplotlib.figure")
    digits = load_digits()
    make_folder(out)
    with one_thread(), _progress(console, quiet=quiet) as progress:
        outcomes = compare(digits, asked, progress.track)
    console.print(rich_table(outcomes, asked))
    console.print(notes(outcomes), highlight=False)
    written = save(out, outcomes, asked)
    console.print(f"\nIn {out}: {', '.join(written)}", highlight=False)


def _check(asked: Asked) -> None:
    if asked.seeds < 1:
        raise DemoError(f"seeds={asked.seeds}: each recipe is trained at least once.")
    if asked.steps < FEWEST_STEPS:
        raise DemoError(
            f"steps={asked.steps}: layers thaw at tenths of the training. Take {FEWEST_STEPS} at least."
        )
    if not 0 < asked.labels < APART:
        raise DemoError(
            f"labels={asked.labels}: {APART} images of each new digit serve to choose rates, some of them "
            f"unlabelled. Take 1 to {APART - 1}."
        )


def _progress(console: Console, *, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=quiet)
