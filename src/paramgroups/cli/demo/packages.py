"""What the demo needs beyond the library, and how it says that something is missing."""

from importlib import import_module
from types import ModuleType

from paramgroups.errors import ParamGroupsError


class DemoError(ParamGroupsError):
    """The demo cannot run as it is asked to."""


def needed(module: str) -> ModuleType:
    """A module of an optional package.

    Raises:
        DemoError: The package is not installed.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        raise DemoError(
            f"The demo needs {package}, which cannot be imported: {error}.\n"
            '  Install what it needs: pip install "paramgroups[demo]"'
        ) from error
