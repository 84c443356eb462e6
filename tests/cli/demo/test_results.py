"""Tables and sentences say what was measured, whoever is ahead."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from paramgroups.cli.demo.comparison import Asked, Outcome
from paramgroups.cli.demo.methods import METHODS
from paramgroups.cli.demo.results import HEADINGS, as_data, markdown, notes, rich_table, rows, title, winner
from paramgroups.cli.demo.training import Run


@pytest.fixture
def invented(outcomes: list[Outcome]) -> list[Outcome]:
    """Outcomes with numbers that can be checked by hand: the first recipe is the best."""
    finals = [(0.9, 0.92), (0.7, 0.8), (0.91, 0.89), (0.88, 0.9)]
    runs = [tuple(Run((0.2, final), 2.0) for final in pair) for pair in finals]
    return [replace(outcome, runs=pair) for outcome, pair in zip(outcomes, runs, strict=True)]


def printed(outcomes: list[Outcome], asked: Asked) -> str:
    console = Console(file=StringIO(), width=120)
    with console.capture() as taken:
        console.print(rich_table(outcomes, asked))
    return taken.get()


def test_a_row_holds_mean_spread_and_the_difference_seed_by_seed(invented: list[Outcome]) -> None:
    one, frozen, *_ = rows(invented)
    assert one[:3] == ["one rate for all", "91.0 ± 1.4", "–"]
    assert frozen[:3] == ["frozen backbone", "75.0 ± 7.1", "−16.0 ± 5.7"]
    assert (one[3], frozen[3]) == ("100 %", "2 %")
    assert one[4] == "2.0"


def test_the_best_is_whoever_measured_best(invented: list[Outcome]) -> None:
    assert winner(invented) is invented[0]
    assert (
        'Highest mean: "one rate for all", +1.0 ± 2.8 points above the next, "differential rates".'
        in notes(invented)
    )
    turned = [replace(outcome, runs=invented[3 - n].runs) for n, outcome in enumerate(invented)]
    assert winner(turned) is turned[3]
    assert f'Highest mean: "{METHODS[3].title}"' in notes(turned)


def test_how_the_rates_were_chosen_is_said(invented: list[Outcome]) -> None:
    assert "the best of 0.003, 0.01, 0.03, 0.1 with 3 other seeds" in notes(invented)


def test_the_table_names_every_recipe_and_what_was_measured(invented: list[Outcome], asked: Asked) -> None:
    text = printed(invented, asked)
    assert title(asked) in text
    assert "2 labels" in title(asked)
    assert all(method.title in text for method in METHODS)
    assert all(heading in text for heading in HEADINGS)


def test_markdown_has_a_row_for_each_recipe_of_equal_width(invented: list[Outcome]) -> None:
    lines = markdown(invented).splitlines()
    assert len(lines) == 2 + len(METHODS)
    assert {line.count("|") for line in lines} == {len(HEADINGS) + 1}


def test_the_raw_numbers_survive_json(invented: list[Outcome], asked: Asked) -> None:
    data = as_data(invented, asked)
    assert json.loads(json.dumps(data)) == data
    assert data["best"] == "one-rate"
    assert data["recipes"]["frozen-backbone"]["accuracies"] == [[0.2, 0.7], [0.2, 0.8]]
