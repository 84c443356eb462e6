"""What a command shows: to a person a view in colour, to a pipe plain text."""

import sys

from rich.console import Console, RenderableType

from paramgroups.cli.outcome import write


def console() -> Console:
    """Where a command prints."""
    return Console(file=sys.stdout, highlight=False)


def show(where: Console, text: str, view: RenderableType) -> None:
    """To a person the view, to a pipe the text."""
    if where.is_terminal:
        with where.capture() as captured:
            where.print(view)
        text = captured.get().rstrip("\n")
    write(text)
