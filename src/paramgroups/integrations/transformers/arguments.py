"""The arguments of transformers' Trainer beside a recipe: one more, and those that say what it says."""

import warnings
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from os import PathLike, fspath
from types import NoneType
from typing import Any

from transformers import TrainingArguments
from transformers.utils import is_sagemaker_mp_enabled

from paramgroups.control import spike
from paramgroups.errors import HostError, shown
from paramgroups.integrations.conflicts import Passed, clips, warn_of
from paramgroups.rules import Recipe

ARGUMENTS = "TrainingArguments"
SAYS = {
    "learning_rate": "lr",
    "weight_decay": "weight_decay",
    "adam_beta1": "betas",
    "adam_beta2": "betas",
    "adam_epsilon": "eps",
    "optim": "optimizer",
    "optim_args": "settings",
    "optim_target_modules": "rules",
    "lr_scheduler_type": "schedule",
    "lr_scheduler_kwargs": "schedule",
    "warmup_steps": "schedule",
    "warmup_ratio": "schedule",
}
"""The arguments that say what a recipe says, and what of it."""

LOMO = ("lomo", "adalomo")
"""Optimizers for which the Trainer goes backward in another way."""


@dataclass
class RecipeArguments(TrainingArguments):
    """`TrainingArguments` that name a recipe: `--recipe tune.toml`, where `HfArgumentParser` reads them.

    For the arguments of another trainer, inherit from both: `class Mine(RecipeArguments, SFTConfig)`.

    Args:
        recipe: The path of a recipe in TOML. It is read when training begins.

    Raises:
        HostError: It is no path: arguments are written into logs.

    Example:
        >>> from transformers import HfArgumentParser
        >>> (args,) = HfArgumentParser(RecipeArguments).parse_args_into_dataclasses(["--recipe", "tune.toml"])
        >>> args.recipe
        'tune.toml'
    """

    recipe: str | None = field(default=None, metadata={"help": "The path of a recipe in TOML."})

    def __post_init__(self) -> None:
        """As the host does, with the path as text, which can be written into logs."""
        super().__post_init__()
        if not isinstance(self.recipe, (str, PathLike, NoneType)):
            raise HostError(
                f"RecipeArguments: recipe={shown(self.recipe)} is no path. Write the path of a recipe in "
                "TOML, or give the recipe to the trainer: RecipeTrainer(…, recipe=recipe)."
            )
        self.recipe = None if self.recipe is None else fspath(self.recipe)


def warn(args: Any, recipe: Recipe, told: Any = None) -> Any:
    """Name what arguments say that the recipe says too.

    Args:
        args: The arguments.
        recipe: The recipe.
        told: What this returned before; it is not said again as long as it is the same.
    """
    passed, clipping = list(_passed(args)), _clipping(recipe) if args.max_grad_norm else None
    if told != (passed, clipping):
        warn_of(ARGUMENTS, passed, stacklevel=4)
        if clipping is not None:
            warnings.warn(
                f"{ARGUMENTS}: max_grad_norm={args.max_grad_norm} clips all gradients together before the "
                f"optimizer sees them, and the recipe's {clipping} acts on what is left. Both act. Say "
                "max_grad_norm=0 to leave it to the recipe.",
                UserWarning,
                stacklevel=3,
            )
    return passed, clipping


def _passed(args: Any) -> Iterator[Passed]:
    defaults = {one.name: one.default for one in fields(args) if one.default is not MISSING}
    for name, instead in SAYS.items():
        value = getattr(args, name, None)
        if name in defaults and value != defaults[name]:
            yield Passed(name, value.value if isinstance(value, Enum) else value, instead)


def _clipping(recipe: Recipe) -> str | None:
    """What of a recipe clips gradients, or judges how large they are."""
    if clips(recipe):
        return "clip_norm"
    guards = (one for one in recipe.controllers if isinstance(one, spike) and one.metric is None)
    return next((one.title for one in guards), None)


def check_ways(trainer: Any) -> None:
    """Refuse ways to train in which an optimizer does not see the parameters.

    Raises:
        HostError: It is one of them.
    """
    why = None
    if trainer.args.optim in LOMO:
        why = f'optim="{trainer.args.optim.value}" makes updates within the backward pass'
    elif trainer.is_deepspeed_enabled:
        why = "DeepSpeed flattens the parameters of a group into one tensor"
    elif is_sagemaker_mp_enabled():
        why = "SageMaker's model parallelism wraps the optimizer in its own"
    elif trainer.is_fsdp_xla_enabled:
        why = "FSDP on XLA flattens parameters"
    elif trainer.is_fsdp_enabled and trainer.accelerator.state.fsdp_plugin.fsdp_version == 1:
        why = "FSDP1 flattens parameters before the Trainer makes an optimizer"
    if why is not None:
        raise HostError(
            f"{type(trainer).__name__}: {why}, where it cannot go by names. Train on one device, by DDP, "
            'or by FSDP2: fsdp=True and fsdp_config={"version": 2}.'
        )
