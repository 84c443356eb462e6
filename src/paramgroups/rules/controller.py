"""What a controller is: feedback as a pure function of its state and an observation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramgroups.rules.rule import Rule
from paramgroups.select import Selector

State = Mapping[str, Any]
"""What a controller remembers: plain data that JSON can hold, never changed in place."""


@dataclass(frozen=True)
class Observation:
    """What a controller is told: `seen["val_loss"]` is the metric, `seen.step` when its rules act.

    Attributes:
        step: The tick of the next update, from which its rules act; the first is 0.
        metrics: What was observed, by name; all that the controller reads are there.
    """

    step: float
    metrics: Mapping[str, float]

    def __getitem__(self, metric: str) -> float:
        return self.metrics[metric]


class Controller(ABC):
    """Feedback from metrics to rules: a frozen object, comparable, whose `repr` pastes back.

    A controller never touches an optimizer: it returns rules, which the scheduler makes events of. All that
    it remembers is in the state that it is given and returns, so that a checkpoint can hold it.
    """

    @property
    @abstractmethod
    def selectors(self) -> tuple[Selector, ...]:
        """All that its rules may select: whole groups are made of these when the plan is made."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """What it reads; it is asked when all of them are observed together."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Its name in the journal and in `explain`."""

    @abstractmethod
    def begin(self) -> State:
        """Its state before anything was observed."""

    @abstractmethod
    def observe(self, state: State, seen: Observation) -> tuple[State, Sequence[Rule]]:
        """What it makes of an observation: its next state, and rules that act from now on."""

    def dropped(self, state: State) -> State:
        """Its state after all rates that it may change were set anew, which drops its factors."""
        return state

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """Itself as plain data, for TOML: `{use = "plateau", select = "head", metric = "val_loss"}`.

        Raises:
            RuleError: It holds a function, which is no data.
        """
