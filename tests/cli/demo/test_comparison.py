"""The comparison: fair between recipes, and the same each time."""

from statistics import fmean

import pytest

from paramgroups.cli.demo.comparison import Asked, Outcome, best, compare, spread
from paramgroups.cli.demo.data import Digits
from paramgroups.cli.demo.methods import METHODS, RATES
from paramgroups.cli.demo.training import marks
from tests.cli.demo.conftest import untold


def test_every_recipe_is_trained_with_every_seed(outcomes: list[Outcome], asked: Asked) -> None:
    assert [outcome.method for outcome in outcomes] == list(METHODS)
    for outcome in outcomes:
        assert len(outcome.runs) == asked.seeds
        assert {len(run.accuracies) for run in outcome.runs} == {len(marks(asked.steps))}


def test_a_second_comparison_gives_equal_numbers_and_more_seeds_change_none(
    outcomes: list[Outcome], digits: Digits, asked: Asked
) -> None:
    again = compare(digits, asked._replace(seeds=1), untold)
    for first, second in zip(outcomes, again, strict=True):
        assert second.tried == first.tried
        assert second.recipe == first.recipe
        assert second.runs[0].accuracies == first.runs[0].accuracies


def test_each_recipe_has_the_best_of_the_same_rates(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert tuple(outcome.tried) == RATES
        assert outcome.tried[outcome.recipe.lr] == max(outcome.tried.values())
        assert outcome.plan.recipe == outcome.recipe


def test_of_equally_good_rates_the_smallest_is_taken() -> None:
    assert best({0.1: 0.9, 0.01: 0.9, 0.001: 0.8}) == 0.01


def test_mean_spread_and_difference_are_those_of_the_last_step(outcomes: list[Outcome]) -> None:
    first, second = outcomes[:2]
    finals = [run.accuracies[-1] for run in first.runs]
    assert first.mean == pytest.approx(sum(finals) / 2)
    assert first.spread == pytest.approx(abs(finals[0] - finals[1]) / 2**0.5)
    assert fmean(first.less(second)) == pytest.approx(first.mean - second.mean)
    assert first.less(first) == [0.0, 0.0]


def test_a_single_value_has_no_spread() -> None:
    assert spread([0.5]) == 0.0


def test_the_share_that_is_trained_follows_from_groups_and_windows(outcomes: list[Outcome]) -> None:
    one, frozen, differential, gradual = (outcome.trained for outcome in outcomes)
    assert one == differential == pytest.approx(1.0)
    head = 32 * 5 + 5
    assert frozen == pytest.approx(head / 8445)
    assert head / 8445 < gradual < 1
