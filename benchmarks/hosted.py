"""Trainings of one model in hosts, by a recipe and in the host's own plain style, which take turns."""

from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import paramgroups as pg
from benchmarks.clocks import Own, Steps, under_the_clock
from benchmarks.measure import Times
from benchmarks.models import encoder
from tests.support import import_transformers

SENTENCES, TOKENS, WORDS, CLASSES = 32, 32, 1000, 10
STEPS = 5
"""Updates of a turn, of which the first, with what comes before it, is left out."""
RATE = 1e-5

PLAIN, AGAIN, OURS = "the host's own", "the host's own, again", "by a recipe"
WITH = "the host's own, and our time"
TRAINER, LIGHTNING = "Trainer", "Lightning"

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=RATE,
    weight_decay=0.01,
    schedule=pg.schedules.warmup("20%").then(pg.schedules.linear()),
    rules=[pg.recipes.no_decay(), pg.rule(":head", lr_scale=10)],
)


class Turns:
    """Trainings in a host that take turns: one by a recipe, and two alike in the host's own style.

    Args:
        ours: A turn of so many updates by a recipe; it tells when each step begins.
        plain: A turn in the host's own style.
        again: Another like it: how far the two are apart is the noise of the machine.
    """

    def __init__(
        self,
        ours: Callable[[Steps], None],
        plain: Callable[[Steps], None],
        again: Callable[[Steps], None],
    ) -> None:
        self._turns = {OURS: ours, PLAIN: plain, AGAIN: again}
        self._steps = {name: Steps() for name in self._turns}
        self._own = Own()

    def times(self, rounds: int, *callbacks: type) -> Times:
        """The seconds of a step in each round, after one that is left out."""
        for _ in range(rounds + 1):
            for name, turn in self._turns.items():
                with under_the_clock(self._own, *callbacks):
                    turn(self._steps[name])
                self._steps[name].end()
                if name == OURS:
                    self._own.end(STEPS)
        times = {name: steps.seconds[1:] for name, steps in self._steps.items()}
        both = zip(times[PLAIN], self._own.turns[1:], strict=True)
        return {**times, WITH: [step + own for step, own in both]}


def trainer_turns(folder: Path, rounds: int) -> Times:
    """Those of transformers' Trainer."""
    transformers: Any = import_transformers()
    from paramgroups.integrations import transformers as ours  # noqa: PLC0415  # a host loads when it is used

    words = torch.randint(0, WORDS, (SENTENCES * STEPS, TOKENS))
    data = [{"input_ids": one, "labels": place % CLASSES} for place, one in enumerate(words)]

    class Clock(transformers.TrainerCallback):
        """Tells when each step begins."""

        def __init__(self, steps: Steps) -> None:
            self.steps = steps

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            """A step begins."""
            self.steps.begin()

    said = {
        "max_steps": STEPS,
        "per_device_train_batch_size": SENTENCES,
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
    }
    args = transformers.TrainingArguments(str(folder), **said)
    theirs = transformers.TrainingArguments(str(folder), learning_rate=RATE, warmup_steps=1, **said)
    recipe = ours.RecipeTrainer(encoder(1, 2).model, args, train_dataset=data, recipe=RECIPE)
    plain, again = (transformers.Trainer(encoder(1, 2).model, theirs, train_dataset=data) for _ in range(2))

    def turn(trainer: Any) -> Callable[[Steps], None]:
        def train(steps: Steps) -> None:
            trainer.add_callback(clock := Clock(steps))
            with redirect_stdout(None):
                trainer.train()
            trainer.remove_callback(clock)

        return train

    return Turns(turn(recipe), turn(plain), turn(again)).times(rounds, ours.RecipeCallback)


def lightning_turns(folder: Path, rounds: int) -> Times:
    """Those of Lightning."""
    import_transformers()
    import lightning.pytorch as host  # noqa: PLC0415  # a host loads when it is used
    from lightning.pytorch.loggers import CSVLogger  # noqa: PLC0415  # likewise

    from paramgroups.integrations import lightning as ours  # noqa: PLC0415  # likewise

    words = torch.randint(0, WORDS, (SENTENCES * STEPS, TOKENS))
    data = TensorDataset(words, torch.arange(len(words)) % CLASSES)
    loader = DataLoader(data, batch_size=SENTENCES)

    class Plain(host.LightningModule):
        """The encoder, in Lightning's own style."""

        def __init__(self) -> None:
            super().__init__()
            self.model: nn.Module = encoder(1, 2).model

        def training_step(self, batch: Any, _: int) -> Any:
            """The loss of a batch."""
            return self.model(input_ids=batch[0], labels=batch[1]).loss

        def configure_optimizers(self) -> Any:
            """AdamW, and a schedule that ticks at each update."""
            optimizer = torch.optim.AdamW(self.model.parameters(), lr=RATE, fused=True)
            scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, STEPS)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    class Ours(Plain):
        """The same by a recipe."""

        def configure_optimizers(self) -> Any:
            """By a recipe."""
            return ours.configure(self, RECIPE)

    class Clock(host.Callback):
        """Tells when each step begins."""

        def __init__(self, steps: Steps) -> None:
            self.steps = steps

        def on_train_batch_start(self, *_: Any) -> None:
            """A step begins."""
            self.steps.begin()

    def turn(module: Any, *callbacks: Any) -> Callable[[Steps], None]:
        def train(steps: Steps) -> None:
            trainer = host.Trainer(
                max_steps=STEPS, logger=CSVLogger(folder), log_every_n_steps=1, accelerator="cpu",
                callbacks=[Clock(steps), *callbacks], enable_progress_bar=False, enable_checkpointing=False,
                enable_model_summary=False,
            )  # fmt: skip
            trainer.fit(module, loader)

        return train

    watched = host.callbacks.LearningRateMonitor()
    turns = Turns(turn(Ours(), ours.RecipeCallback()), turn(Plain(), watched), turn(Plain(), watched))
    return turns.times(rounds, ours.RecipeCallback)


HOSTS: Mapping[str, Callable[[Path, int], Times]] = {TRAINER: trainer_turns, LIGHTNING: lightning_turns}
