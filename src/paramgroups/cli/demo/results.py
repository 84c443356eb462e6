"""The results as tables, sentences and plain data. Every word that ranks is computed."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from paramgroups.cli.demo.comparison import CHOOSING_SEEDS, Asked, Outcome, spread
from paramgroups.cli.demo.methods import RATES
from paramgroups.cli.demo.training import marks

HEADINGS = ("recipe", "accuracy, %", "against the first", "trained", "ms/step", "rate")


def winner(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of the highest mean accuracy."""
    return max(outcomes, key=lambda outcome: outcome.mean)


def rows(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """A row of text for each recipe, under `HEADINGS`."""
    return [_row(outcome, outcomes[0]) for outcome in outcomes]


def _row(outcome: Outcome, first: Outcome) -> list[str]:
    return [
        outcome.method.title,
        percent(outcome),
        "–" if outcome is first else _points(outcome.less(first)),
        f"{100 * outcome.trained:.0f} %",
        f"{outcome.milliseconds:.1f}",
        f"{outcome.recipe.lr:g}",
    ]


def percent(outcome: Outcome) -> str:
    """Mean and spread of the accuracy, in percent."""
    return f"{100 * outcome.mean:.1f} ± {100 * outcome.spread:.1f}"


def rich_table(outcomes: Sequence[Outcome], asked: Asked) -> Table:
    """The table for a terminal; the best row is bold."""
    table = Table(*HEADINGS, box=SIMPLE_HEAD, title=title(asked), title_justify="left", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for outcome, row in zip(outcomes, rows(outcomes), strict=True):
        table.add_row(*row, style="bold" if outcome is winner(outcomes) else None)
    return table


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table for a README."""
    marks_ = ["---", *["---:"] * (len(HEADINGS) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [HEADINGS, marks_, *rows(outcomes)])


def title(asked: Asked) -> str:
    """What was measured, in a line."""
    return (
        f"Digits 5 to 9 from {asked.labels} labels of each, after {asked.steps} steps: "
        f"mean ± standard deviation over {asked.seeds} seeds"
    )


def notes(outcomes: Sequence[Outcome]) -> str:
    """How the rates were chosen, who is ahead and by how much."""
    rates = ", ".join(f"{rate:g}" for rate in RATES)
    first, second = sorted(outcomes, key=lambda outcome: -outcome.mean)[:2]
    return (
        f"Rate: the head's, for each recipe the best of {rates} with {len(CHOOSING_SEEDS)} other seeds on "
        "images that no result is measured on. Trained: share of the network's numbers, mean over steps. For "
        "one seed all recipes have the same weights, labels and order of images, and are compared seed by "
        "seed.\n"
        f'Highest mean: "{first.method.title}", {_points(first.less(second))} points above the next, '
        f'"{second.method.title}".'
    )


def _points(differences: Sequence[float]) -> str:
    return f"{100 * fmean(differences):+.1f} ± {100 * spread(differences):.1f}".replace("-", "−")


def as_data(outcomes: Sequence[Outcome], asked: Asked) -> dict[str, Any]:
    """All numbers, as plain data."""
    return {
        **asked._asdict(),
        "marks": marks(asked.steps),
        "best": winner(outcomes).method.name,
        "recipes": {outcome.method.name: _numbers(outcome) for outcome in outcomes},
    }


def _numbers(outcome: Outcome) -> dict[str, Any]:
    return {
        "lr": outcome.recipe.lr,
        "tried": {f"{rate:g}": accuracy for rate, accuracy in outcome.tried.items()},
        "mean": outcome.mean,
        "spread": outcome.spread,
        "accuracies": [list(run.accuracies) for run in outcome.runs],
        "trained": outcome.trained,
        "milliseconds": outcome.milliseconds,
    }
