"""Parameters spread over two and four processes learn as in one: weights, states, statistics, clipping."""

from functools import cache
from typing import Any

import pytest

from tests.optim.distributed.conftest import Found
from tests.optim.distributed.models import close
from tests.optim.distributed.runs import RUNS, STEPS, same_numbers, told_of
from tests.optim.distributed.scenarios import FOUR, TWO


@cache
def alone(run: str) -> dict[str, Any]:
    """What one process makes of the whole batches."""
    return told_of(RUNS[run])


def runs_in(scenarios: Any) -> list[str]:
    return [name for name in scenarios if name.partition(", ")[2] in RUNS]


def check(found: list[Any], run: str) -> None:
    wanted, rtol = alone(run), RUNS[run].rtol
    for one in found:
        assert not isinstance(one, str), one
        assert close(one["whole"], wanted["whole"], rtol)
        assert same_numbers(one["statistics"], wanted["statistics"], rtol)
        assert one["skipped"] == wanted["skipped"]
        assert one["state"].keys() == wanted["state"].keys()
        for name, state in one["state"].items():
            assert close(state, wanted["state"][name], rtol), name
    assert all(one["statistics"] == found[0]["statistics"] or run == "broken" for one in found)


@pytest.mark.parametrize("name", runs_in(TWO))
def test_two_processes_learn_as_one_does(two: Found, name: str) -> None:
    check(two[name], name.partition(", ")[2])


@pytest.mark.parametrize("name", runs_in(FOUR))
def test_four_processes_learn_as_one_does(four: Found, name: str) -> None:
    check(four[name], name.partition(", ")[2])


def test_the_runs_do_what_they_are_named_for() -> None:
    """Else the others could not fail."""
    rates = alone("rates")["statistics"][0]
    assert len({round(one[2] / one[0], 12) for one in rates.values()}) == len(rates)
    assert alone("broken")["skipped"] == 1
    assert not close(alone("clipped")["whole"], alone("rates")["whole"])
    assert alone("rows")["state"]["embed.weight"]["row_step"].tolist() == [0.0] * 2 + [float(STEPS)] * 8


def test_layers_that_compute_in_half_precision(two: Found) -> None:
    """Their gradients are rounded, to three digits or so; processes agree exactly."""
    here, there = two["half precision"]
    assert here["statistics"] == there["statistics"]
    assert close(here["whole"], there["whole"], 0.0)
    wanted = {name: one.float() for name, one in alone("rates")["whole"].items()}
    assert close(here["whole"], wanted, 0.2)


@pytest.mark.parametrize("count", [2, 4])
def test_processes_that_hold_nothing_take_part(two: Found, four: Found, count: int) -> None:
    """One number of gradient 1, clipped to 0.1, at rate 0.5."""
    for one in (two, four)[count // 4]["held by one"]:
        assert one["whole"] == [[pytest.approx(0.95, abs=1e-5)]]
        assert one["told"] == pytest.approx((1.0, 1.0, 0.05, 0), abs=1e-5)


def test_rows_are_cut_by_their_place_in_the_whole(four: Found) -> None:
    """Three processes hold three rows each, the last one: all count alike, and name the same rows."""
    for one in four["rows of shards"]:
        assert one["counts"] == [[0.0] * 9 + [1.0], [1.0] * 9 + [2.0]]
        assert one["forgotten"] == [1.0] * 2 + [0.0] * 5 + [1.0] * 2 + [2.0]
        assert one["moments"] == 5
        assert one["whole"][8] == [pytest.approx(16.9), pytest.approx(17.9)]
        assert one["whole"][9] == [pytest.approx(18.8), pytest.approx(19.8)]
        assert "table[9:10]" in one["segments"]


@pytest.mark.parametrize("case", ["dealt out", "cut through", "repeated"])
def test_rows_of_their_own_wherever_they_lie(four: Found, case: str) -> None:
    assert four[f"rows, {case}"] == [True] * 4


@pytest.mark.parametrize("count", [2, 4])
def test_summands_of_a_gradient_are_summed_first(two: Found, four: Found, count: int) -> None:
    total = count * (count + 1) / 2
    for one in (two, four)[count // 4]["partial sums"]:
        assert one["here"] == [1 - total, 2 - total, 3 - total]
        assert one["norm"] == pytest.approx(total * 3**0.5)


def test_a_state_lies_where_its_parameter_does(two: Found) -> None:
    assert two["placed state"] == [{"same": True, "plain": True, "moments": True}] * 2


def test_rules_that_need_whole_norms_are_refused(two: Found) -> None:
    for one in two["needs norms"]:
        assert one.startswith("OptimizerError: A parameter is spread over several processes")
        assert "the norms that lamb needs" in one
