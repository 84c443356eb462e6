"""Packages that are hosts, imported when one is asked for; and what is said of them in errors."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

from paramgroups.errors import ModelError

LONGEST = 600


def import_host(name: str) -> ModuleType:
    """Import a package that is an extra of the same name.

    Raises:
        ModelError: It is not installed, or does not load; the cause is told.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise _broken(name, error) from error
        fix = f'Install it: pip install "paramgroups[{name}]"'
        raise ModelError(f"{name} is not installed.\n  {fix}") from error
    except Exception as error:  # what a package does when it is imported is its own
        raise _broken(name, error) from error


def _broken(name: str, error: Exception) -> ModelError:
    return ModelError(f"{name} is installed, but does not load. {cause(error)}\n  {fitting(name)}")


def fitting(name: str) -> str:
    """What to do about a package that does not load."""
    command = f'pip install --upgrade "paramgroups[{name}]" torch torchvision'
    return f"Install versions that fit together, torch and torchvision from one index: {command}"


def cause(error: BaseException) -> str:
    """The type and message of an error's first cause, short enough for one screen."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def near(asked: str, known: Iterable[str], otherwise: str) -> str:
    """A sentence with the nearest of many words; another sentence where none is near.

    >>> near("resnt18", ["resnet18", "vgg11"], "See timm.list_models().")
    'Nearest: "resnet18".'
    """
    close = get_close_matches(asked, list(known), n=3, cutoff=0.6)
    return "Nearest: " + ", ".join(f'"{word}"' for word in close) + "." if close else otherwise
