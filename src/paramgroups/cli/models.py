"""The MODEL of a command: where it comes from."""

import sys
from contextlib import redirect_stdout

from torch import nn

from paramgroups.cli.factories import from_code
from paramgroups.errors import ModelError
from paramgroups.integrations.models import timm, transformers

HOSTS = {"timm": timm.build, "transformers": transformers.build}


def load_model(text: str) -> nn.Module:
    """The model that a command names.

    Args:
        text: `package.module:factory`, `timm:NAME`, or `transformers:CONFIG_DIR_OR_CLASS`.

    Raises:
        ModelError: There is no such model, or it cannot be built.
    """
    place, colon, what = text.partition(":")
    if not (place and colon and what):
        fix = "Write package.module:factory, timm:NAME, or transformers:CONFIG_DIR_OR_CLASS."
        raise ModelError(f'"{text}" names no model.\n  {fix}')
    # Models print as they please, and stdout may be read by a program.
    with redirect_stdout(sys.stderr):
        return HOSTS[place](what) if place in HOSTS else from_code(place, what)
