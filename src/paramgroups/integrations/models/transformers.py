"""Models of transformers, by a folder's configuration or by class, without their weights."""

from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from paramgroups.errors import ModelError
from paramgroups.integrations.hosts import cause, fitting, import_host, near
from paramgroups.integrations.models.building import built_on_meta, offline

CONFIG = "config.json"
WANTED = f"Give a folder that holds a {CONFIG}, or a model class such as transformers:BertModel."


def build(what: str) -> nn.Module:
    """Build a model of transformers on the `meta` device.

    Nothing is fetched from a hub, and no code of the folder is run.

    Args:
        what: A folder with a `config.json`, whose first architecture is built (`AutoModel` where it
            names none); or a model class, built with its default configuration.

    Raises:
        ModelError: transformers is not installed, or there is no such folder, configuration or class.
    """
    host = import_host("transformers")
    folder = Path(what)
    with offline():
        return _from_folder(host, folder) if what and folder.is_dir() else _from_class(host, what)


def _from_folder(host: ModuleType, folder: Path) -> nn.Module:
    asked = f"transformers:{folder}"
    if not (folder / CONFIG).is_file():
        raise ModelError(f'"{asked}": the folder holds no {CONFIG}.\n  {WANTED}')
    config = _config(host, folder, asked)
    if not config.architectures:
        return built_on_meta(asked, lambda: host.AutoModel.from_config(config, trust_remote_code=False))
    made = _model_class(host, config.architectures[0], f"{asked}, architectures in its {CONFIG}")
    return built_on_meta(asked, lambda: made(config))


def _config(host: ModuleType, folder: Path, asked: str) -> Any:
    try:
        return host.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # it raises what its many configurations raise
        raise ModelError(f'"{asked}": its {CONFIG} cannot be used. {cause(error)}') from error


def _from_class(host: ModuleType, name: str) -> nn.Module:
    asked = f"transformers:{name}"
    if not name.isidentifier():
        raise ModelError(f'"{asked}" is no folder here, and nothing is fetched from a hub.\n  {WANTED}')
    made = _model_class(host, name, asked)
    return built_on_meta(asked, lambda: made(made.config_class()))


def _model_class(host: ModuleType, name: str, asked: str) -> Any:
    try:
        found = getattr(host, name)
    except AttributeError as error:
        fix = near(name, dir(host), WANTED)
        raise ModelError(
            f'"{asked}": transformers {host.__version__} has no class "{name}".\n  {fix}'
        ) from error
    except Exception as error:  # a class is imported when it is asked for
        raise ModelError(
            f'"{asked}": transformers cannot load it. {cause(error)}\n  {fitting(host.__name__)}'
        ) from error
    is_model = isinstance(found, type) and issubclass(found, host.PreTrainedModel)
    if not (is_model and getattr(found, "config_class", None)):
        raise ModelError(f'"{asked}" is no model class with a configuration.\n  {WANTED}')
    return found
