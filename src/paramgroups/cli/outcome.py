"""How a command ends: errors as one message and an exit code; output that a closed pipe does not break."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from paramgroups.errors import ParamGroupsError

OPTIONS = {
    "steps": "--steps N",
    "epochs": "--epochs N",
    "steps_per_epoch": "--steps-per-epoch N",
}
FOUND, BAD_INPUT, INTERRUPTED = 1, 2, 130


@contextmanager
def reported() -> Iterator[None]:
    """Turn a user's mistake into one message on stderr and exit code 2; our own bugs keep their traceback."""
    try:
        yield
    except ParamGroupsError as error:
        typer.echo(f"Error: {error}{_options(str(error))}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error


def _options(message: str) -> str:
    """The options that say what a message asks for in Python's words."""
    named = [option for word, option in OPTIONS.items() if f" {word}=" in message]
    return f"\n  Here: {', '.join(named)}." if named else ""


def write(text: str) -> None:
    """Print to stdout; what its reader no longer wants is dropped, and the exit code stays."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        typer.echo(text.encode(encoding, "replace").decode(encoding), color=True)
    except BrokenPipeError:
        # Python flushes stdout again when it ends, and would complain of the pipe then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
