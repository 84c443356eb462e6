"""`package.module:factory`: a user's own model."""

import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from torch import nn

from paramgroups.errors import ModelError
from paramgroups.integrations.hosts import cause, near
from paramgroups.integrations.models.building import built_on_meta


def from_code(module_name: str, attribute: str) -> nn.Module:
    """The model that a user's module holds or makes; the current directory is importable.

    A model instance is taken as it is; what is called is called without arguments, on the `meta` device.

    Raises:
        ModelError: There is no such module or attribute, it fails, or it is no model.
    """
    asked = f"{module_name}:{attribute}"
    with _importable_here():
        found = _attribute(_module(module_name, asked), attribute, asked)
        if isinstance(found, nn.Module):
            return found
        if not callable(found):
            fix = "Name a model, or a function that returns one."
            raise ModelError(f'"{asked}" is no model: {type(found).__name__}.\n  {fix}')
        _check_arguments(asked, found)
        return built_on_meta(asked, found)


def called(text: str) -> object:
    """What a user's function makes; the current directory is importable.

    Args:
        text: `package.module:factory`; a callable without arguments.

    Raises:
        ModelError: There is no such module or function, it wants arguments, or it fails.
    """
    module_name, _, attribute = text.partition(":")
    if not (module_name and attribute):
        raise ModelError(f'"{text}" names no function.\n  Write package.module:factory.')
    with _importable_here():
        found = _attribute(_module(module_name, text), attribute, text)
        if not callable(found):
            raise ModelError(f'"{text}" is {type(found).__name__}, no function.\n  Name one that makes it.')
        _check_arguments(text, found)
        try:
            return found()
        except (Exception, SystemExit) as error:  # a user's function may do anything
            raise ModelError(f'"{text}" fails. {cause(error)}') from error


def _check_arguments(asked: str, factory: Callable[..., object]) -> None:
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # some of what is called tells no signature
        return
    try:
        signature.bind()
    except TypeError as error:
        fix = "Name a function that needs no arguments."
        raise ModelError(f'"{asked}" is called without arguments: {error}.\n  {fix}') from error


@contextmanager
def _importable_here() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _module(name: str, asked: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        dotted = name.removesuffix(".py").strip("./\\").replace("/", ".").replace("\\", ".")
        raise ModelError(
            f'"{asked}": "{name}" is no module name. Write it with dots: {dotted or "module"}:factory.'
        )
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _failed(name, asked, error) from error
        fix = near(error.name, _beside(error.name), f"Modules of {Path.cwd()} are found, and installed ones.")
        raise ModelError(f'"{asked}": there is no module "{error.name}".\n  {fix}') from error
    except (Exception, SystemExit) as error:  # a user's module may do anything
        raise _failed(name, asked, error) from error


def _failed(name: str, asked: str, error: BaseException) -> ModelError:
    return ModelError(f'"{asked}": importing "{name}" fails. {cause(error)}')


def _beside(name: str) -> list[str]:
    """The modules among which a missing one was looked for."""
    parent = sys.modules.get(name.rpartition(".")[0])
    prefix = f"{parent.__name__}." if parent else ""
    path = getattr(parent, "__path__", ()) if parent else None
    return [f"{prefix}{found.name}" for found in pkgutil.iter_modules(path)]


def _attribute(found: object, path: str, asked: str) -> object:
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            holder = getattr(found, "__name__", type(found).__name__)
            public = [word for word in dir(found) if not word.startswith("_")]
            fix = near(name, public, "Write package.module:factory.")
            raise ModelError(f'"{asked}": {holder} has no "{name}".\n  {fix}') from error
    return found
