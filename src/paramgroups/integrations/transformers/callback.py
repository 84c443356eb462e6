"""The callback that connects transformers' Trainer with our scheduler: rates into its logs, metrics out."""

import warnings
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from paramgroups.errors import HostError, shown
from paramgroups.integrations.logs import numbers
from paramgroups.integrations.metrics import tell
from paramgroups.run import Scheduler

LOSS, RATE = "loss", "learning_rate"
"""What the Trainer calls the loss of updates, and the rate that stands in every log of training alone."""


class RecipeCallback(TrainerCallback):
    """What a Trainer is told of a run whose optimizer and scheduler are `optimizers=pg.build(plan)`.

    Every log of training gets the rate of each group, as the last update was made with, under the names of
    `integrations.logs.numbers`; controllers are told what is logged. `RecipeMixin` has one of its own.

    Args:
        statistics: Whether to log also what the last update was: norms of gradients and weights, and how far
            the weights moved for their size.

    Raises:
        HostError: When training begins: the scheduler is not ours, has been through another training, or
            ticks in epochs.

    Example:
        >>> import paramgroups as pg, torch
        >>> from contextlib import redirect_stdout
        >>> from tempfile import TemporaryDirectory
        >>> from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
        >>> small = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
        >>> model = BertForSequenceClassification(BertConfig(vocab_size=9, intermediate_size=4, **small))
        >>> rows = [{"input_ids": torch.tensor([1, 2, 3]), "labels": 1}] * 4
        >>> recipe = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.rule("classifier", lr_scale=10)])
        >>> said = {"max_steps": 2, "logging_steps": 1, "save_strategy": "no", "use_cpu": True}
        >>> with TemporaryDirectory() as folder, redirect_stdout(None):
        ...     args = TrainingArguments(folder, disable_tqdm=True, **said)
        ...     made = pg.build(pg.plan(model, recipe, steps=2))
        ...     trainer = Trainer(model, args, train_dataset=rows, optimizers=made)
        ...     trainer.callback_handler.callbacks.insert(0, RecipeCallback())  # before those that report
        ...     out = trainer.train()
        >>> {name: rate for name, rate in trainer.state.log_history[0].items() if name.startswith("lr/")}
        {'lr/default': 0.001, 'lr/classifier': 0.01}
    """

    _fix = "Give the Trainer optimizers=pg.build(plan), or take RecipeTrainer."

    def __init__(self, *, statistics: bool = False) -> None:
        self.statistics = statistics
        self._rates: dict[str, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:  # noqa: ARG002  # the host's signature
        """Look whether the scheduler fits the training."""
        scheduler = known.get("lr_scheduler")
        if not isinstance(scheduler, Scheduler):
            raise HostError(
                f"RecipeCallback: the Trainer's scheduler is {shown(scheduler)}, and no pg.Scheduler. "
                f"{self._fix}"
            )
        _check_fit(scheduler, state)
        self._rates = numbers(scheduler)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **known: Any) -> None:  # noqa: ARG002  # the host's signature
        """Note the rates of this update: the scheduler goes on before it is logged."""
        self._rates = numbers(known["lr_scheduler"])

    def on_log(self, args: Any, state: Any, control: Any, **known: Any) -> None:  # noqa: ARG002  # the host's signature
        """Tell controllers what was measured, and the log the rates."""
        scheduler, logs = known["lr_scheduler"], known["logs"]
        if not self._rates:  # an evaluation before any training
            return
        if RATE in logs:
            found = numbers(scheduler, statistics=self.statistics) | self._rates
            logs.update(found)
            state.log_history[-1].update(found)
        tell(scheduler, self.heard(logs))

    def on_train_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:  # noqa: ARG002  # the host's signature
        """What is evaluated from now on is of no training."""
        self._rates = {}

    def heard(self, logs: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of a log controllers are told."""
        return logs


class OwnCallback(RecipeCallback, ExportableState):
    """The callback of `RecipeMixin`, which tells the loss itself; what the plan measured is in its state."""

    _fix = (
        "A class overrides create_optimizer or create_scheduler of RecipeMixin: take that away, and write "
        "what it says into the recipe; or take a plain Trainer with optimizers=pg.build(plan), and "
        "RecipeCallback."
    )

    def __init__(self, *, statistics: bool = False) -> None:
        super().__init__(statistics=statistics)
        self.pins: Mapping[str, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Look whether the scheduler fits the training, and keep what the plan measured for a resume."""
        super().on_train_begin(args, state, control, **known)
        self.pins = known["lr_scheduler"].plan.pins

    def heard(self, logs: Mapping[str, Any]) -> Mapping[str, Any]:
        """All but the loss, which controllers have heard before each update."""
        return {name: value for name, value in logs.items() if name != LOSS}

    def state(self) -> dict[str, Any]:
        """What `TrainerState` saves."""
        pins = {statistic: dict(found) for statistic, found in self.pins.items()}
        return {"args": {"statistics": self.statistics}, "attributes": {"pins": pins}}


def _check_fit(scheduler: Scheduler, state: Any) -> None:
    horizon, tick = scheduler.plan.replay(scheduler.journal).horizon, scheduler.last_epoch
    if horizon.unit == "epoch":
        raise HostError(
            f"The plan is of {horizon}, and the Trainer ticks once per update. Plan with steps=, or "
            "epochs= and steps_per_epoch=, or take RecipeTrainer, which knows both."
        )
    if tick > state.global_step:
        raise HostError(
            f"The scheduler is at step {tick:,} of a training before this one, which begins at step "
            f"{state.global_step:,}. Build a plan anew, or take RecipeTrainer, which does."
        )
    if horizon.ticks not in (None, max(state.max_steps, 1)):
        warnings.warn(
            f"The plan is of {horizon}, and the Trainer makes {state.max_steps:,} updates: lengths such as "
            '"10%" are of the plan. Plan with as many, or take RecipeTrainer.',
            UserWarning,
            stacklevel=3,
        )
    if tick == 0 < state.global_step:
        warnings.warn(
            f"Training goes on from step {state.global_step:,}, and the checkpoint has no state of the "
            "scheduler (save_only_model=True): schedules and windows begin anew.",
            UserWarning,
            stacklevel=3,
        )
