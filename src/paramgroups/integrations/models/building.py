"""Models built without their weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from paramgroups.errors import ModelError
from paramgroups.integrations.hosts import cause, import_host


@contextmanager
def offline() -> Iterator[None]:
    """Nothing is fetched from a model hub within it."""
    constants: Any = import_host("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def built_on_meta(asked: str, make: Callable[[], object]) -> nn.Module:
    """The model that a function makes, on the `meta` device: nothing is allocated, no weights are needed.

    Args:
        asked: What the user asked for, as an error names it.
        make: Makes the model.

    Raises:
        ModelError: It fails, or returns no model.
    """
    try:
        with torch.device("meta"):
            found = make()
    except (Exception, SystemExit) as error:  # a user's function may do anything
        fix = "It is built on the meta device, where tensors have shapes and no values."
        raise ModelError(f'"{asked}" cannot be built. {cause(error)}\n  {fix}') from error
    if not isinstance(found, nn.Module):
        fix = "Name a function that returns a torch.nn.Module."
        raise ModelError(f'"{asked}" returned no model: {type(found).__name__}.\n  {fix}')
    return found
