"""What the demo leaves in its folder."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from rich.console import Console

from paramgroups.cli.demo.comparison import Asked, Outcome
from paramgroups.cli.demo.figure import draw
from paramgroups.cli.demo.packages import DemoError
from paramgroups.cli.demo.results import as_data, markdown, notes, rich_table, title, winner

WIDTH = 110


def make_folder(out: Path) -> None:
    """Make the folder, before anything is computed for it.

    Raises:
        DemoError: It cannot be made.
    """
    with _writing(out):
        (out / "recipes").mkdir(parents=True, exist_ok=True)


def save(out: Path, outcomes: Sequence[Outcome], asked: Asked) -> list[str]:
    """Write tables, picture, recipes, plans and raw numbers.

    Returns:
        The names of the files.

    Raises:
        DemoError: The folder cannot be written.
    """
    texts = _texts(outcomes, asked)
    make_folder(out)
    with _writing(out):
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
        draw(outcomes, asked, out / "demo.png")
    return ["demo.png", *texts]


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DemoError(f"{out} cannot be written: {error}. Name another folder: --out FOLDER.") from error


def _texts(outcomes: Sequence[Outcome], asked: Asked) -> dict[str, str]:
    best = winner(outcomes)
    recipes = {f"recipes/{outcome.method.name}.toml": outcome.recipe.to_toml() for outcome in outcomes}
    return {
        "table.txt": _plain(outcomes, asked),
        "table.md": f"{title(asked)}\n\n{markdown(outcomes)}\n{notes(outcomes)}\n",
        "recipe.toml": f"# The highest mean accuracy of four: {best.method.title}\n{best.recipe.to_toml()}",
        **recipes,
        "plan.txt": "\n\n".join(str(outcome.plan) for outcome in outcomes) + "\n",
        "results.json": json.dumps(as_data(outcomes, asked), indent=1) + "\n",
    }


def _plain(outcomes: Sequence[Outcome], asked: Asked) -> str:
    page = Console(file=StringIO(), width=WIDTH, color_system=None)
    with page.capture() as taken:
        page.print(rich_table(outcomes, asked))
        page.print(notes(outcomes))
    return "\n".join(line.rstrip() for line in taken.get().splitlines()) + "\n"
