"""Weights of a Trainer's checkpoint that the Trainer passes over, since they are saved under other names.

`save_pretrained` writes the weights of many architectures (ViT, LLaVA, mixtures of experts …) under the names
of the Hub, which `from_pretrained` reads back. The Trainer loads a state dict under the names of the model,
keeps what the model had where it finds none, and says so in its log alone: huggingface/transformers issue
43701.
"""

from collections.abc import Collection
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from paramgroups.errors import HostError, listing


def lacking(model: nn.Module, missing: Collection[str]) -> list[str]:
    """Which of the names that a checkpoint did not have stand for values that were not loaded.

    Args:
        model: The model.
        missing: The names; a tied tensor is saved under one of its names alone.
    """
    state = model.state_dict(keep_vars=True)
    loaded = {id(tensor) for name, tensor in state.items() if name not in missing}
    ignored = getattr(model, "_keys_to_ignore_on_save", None) or ()
    return [name for name in missing if name not in ignored and id(state[name]) not in loaded]


def load_converted(model: nn.Module, folder: str, names: Collection[str]) -> None:
    """Load a checkpoint as `from_pretrained` does.

    Args:
        model: The model.
        folder: Where the checkpoint is.
        names: What the Trainer did not find in it.

    Raises:
        HostError: It is not there by any name.
    """
    left: Collection[str] = names
    if isinstance(model, PreTrainedModel):
        found: Any
        found, told = type(model).from_pretrained(folder, output_loading_info=True)
        left = told["missing_keys"]
    if left:
        raise HostError(
            f"{folder} holds no {listing(sorted(left))}, which the model has: the Trainer would go on with "
            "the values that are there now. Resume with the model that was saved."
        )
    model.load_state_dict(found.state_dict())
