"""What a callback of ours may add to a plan before it is made."""

from typing import TYPE_CHECKING

from paramgroups.integrations.lightning.host import Callback, LightningModule, Trainer
from paramgroups.rules import Recipe
from paramgroups.schedules import Horizon

if TYPE_CHECKING:
    from paramgroups.planning.matching import Pins


class Attendant(Callback):
    """A callback that `configure` asks.

    Attributes:
        pins: By the part of the module that a plan is of, the statistics of weights that it has read.
    """

    def __init__(self) -> None:
        self.pins: dict[str, Pins] = {}

    def extended(self, module: LightningModule, recipe: Recipe, horizon: Horizon) -> Recipe:  # noqa: ARG002  # for those that add something
        """The recipe, with what the callback adds to it."""
        return recipe


def attendants_of(trainer: Trainer) -> list[Attendant]:
    """The callbacks of ours."""
    return [one for one in trainer.callbacks if isinstance(one, Attendant)]
