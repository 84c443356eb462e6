"""The comparison: each recipe gets a rate, chosen on images apart; then all are trained with equal seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import NamedTuple, Protocol, TypeVar

from paramgroups.cli.demo.data import Digits, task
from paramgroups.cli.demo.methods import METHODS, RATES, Method
from paramgroups.cli.demo.network import DigitNetwork
from paramgroups.cli.demo.training import Run, marks, pretrained, transfer
from paramgroups.planning import Plan, plan
from paramgroups.rules import Recipe

CHOOSING_SEEDS = (1000, 1001, 1002)

T = TypeVar("T")


class Track(Protocol):
    """Goes through a sequence, and shows how far it is."""

    def __call__(self, sequence: Sequence[T], *, description: str) -> Iterable[T]:
        """The sequence's items."""


class Asked(NamedTuple):
    """How much is done.

    Attributes:
        seeds: How often each recipe is trained.
        steps: Updates in a training.
        labels: Labelled images of each new digit.
    """

    seeds: int
    steps: int
    labels: int


@dataclass(frozen=True)
class Outcome:
    """What a recipe came to.

    Attributes:
        method: The recipe, its common rate open.
        recipe: The recipe with the rate that was chosen.
        plan: The recipe's plan of the network.
        tried: The mean accuracy of each rate on the images apart.
        runs: A run for each seed.
    """

    method: Method
    recipe: Recipe
    plan: Plan
    tried: dict[float, float]
    runs: tuple[Run, ...]

    @property
    def finals(self) -> list[float]:
        """The accuracy of each seed after the last step."""
        return [run.final for run in self.runs]

    @property
    def mean(self) -> float:
        """The mean final accuracy."""
        return fmean(self.finals)

    @property
    def spread(self) -> float:
        """The standard deviation of the final accuracy over seeds."""
        return spread(self.finals)

    @property
    def milliseconds(self) -> float:
        """What a step took."""
        return fmean(run.milliseconds for run in self.runs)

    @property
    def trained(self) -> float:
        """The share of the network's numbers that a step trains, mean over all steps."""
        total = sum(row.numel for row in self.plan.index)
        shares = (
            group.numel / total * fmean(self.plan.curve(group.names[0], "trainable"))
            for group in self.plan.groups
        )
        return sum(shares)

    def less(self, other: "Outcome") -> list[float]:
        """The difference to another in each seed: both had the same weights, images and order."""
        return [mine - theirs for mine, theirs in zip(self.finals, other.finals, strict=True)]


def spread(values: Sequence[float]) -> float:
    """The standard deviation; 0 of a single value."""
    return stdev(values) if len(values) > 1 else 0.0


def compare(digits: Digits, asked: Asked, track: Track) -> list[Outcome]:
    """Pretrain, choose rates, and train under every recipe."""
    seeds = range(asked.seeds)
    networks = {
        seed: pretrained(digits.old, seed)
        for seed in track([*CHOOSING_SEEDS, *seeds], description="Pretraining on digits 0 to 4")
    }
    tried = _tried(digits, asked, networks, track)
    recipes = {method: method.recipe(best(tried[method])) for method in METHODS}
    trials = [(seed, method) for seed in seeds for method in METHODS]
    runs: dict[Method, list[Run]] = {method: [] for method in METHODS}
    for seed, method in track(trials, description="Transfer to digits 5 to 9"):
        drawn = task(digits.new, asked.labels, seed)
        runs[method].append(transfer(networks[seed], drawn, recipes[method], marks(asked.steps), seed))
    return [
        Outcome(
            method, recipe, plan(networks[0], recipe, steps=asked.steps), tried[method], tuple(runs[method])
        )
        for method, recipe in recipes.items()
    ]


def best(tried: dict[float, float]) -> float:
    """The rate of the highest accuracy; of equals the smallest."""
    return max(sorted(tried), key=lambda rate: tried[rate])


def _tried(
    digits: Digits, asked: Asked, networks: dict[int, DigitNetwork], track: Track
) -> dict[Method, dict[float, float]]:
    """The accuracy of each recipe at each rate, on the images apart."""

    def tried_at(method: Method, rate: float) -> float:
        drawn = {seed: task(digits.apart, asked.labels, seed) for seed in CHOOSING_SEEDS}
        recipe = method.recipe(rate)
        return fmean(transfer(networks[s], drawn[s], recipe, [asked.steps], s).final for s in CHOOSING_SEEDS)

    trials = [(method, rate) for method in METHODS for rate in RATES]
    found: dict[Method, dict[float, float]] = {method: {} for method in METHODS}
    for method, rate in track(trials, description="Choosing a common rate for each"):
        found[method][rate] = tried_at(method, rate)
    return found
