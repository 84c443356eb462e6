"""Accelerate in two processes: a tick for each update in each of them, and all do the same."""

from typing import Any

import pytest
import torch

from tests.integrations.accelerated_by_two import SCENARIOS
from tests.run.distributed.processes import found_by
from tests.run.distributed.training import same


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each scenario has returned, or the text of what it has raised, by its name and the rank."""
    return found_by(SCENARIOS, tmp_path_factory.mktemp("accelerated"))


@pytest.mark.parametrize(
    ("how", "updates", "batches"),
    [("default", 8, 1), ("accumulated", 4, 2), ("split", 16, 1), ("dispatched", 8, 1)],
)
def test_a_tick_is_an_update_in_each(
    found: dict[str, list[Any]], how: str, updates: int, batches: int
) -> None:
    """Eight batches are four in each process, or eight halves; they are gone through twice."""
    here, there = found[how]
    for one in (here, there):
        assert one["wrapped"]
        assert one["ticks"] == one["planned"] == updates
        moved = one["still"].index(False)
        assert moved // batches == 3  # the window of the stem
        assert not any(one["still"][moved::batches])
    assert same(here["whole"], there["whole"])


def test_names_are_those_of_the_model_that_was_planned(found: dict[str, list[Any]]) -> None:
    for one in found["default"]:
        assert one["groups"][0] == ["stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias"]
        assert list(one["rates"]) == ["stem", "default", "head"]
        assert one["errors"] == []


def test_a_resume_within_a_window_is_exact(found: dict[str, list[Any]]) -> None:
    for one in found["resumed"]:
        assert one["ticks"] == 2
        assert same(one["whole"], one["unbroken"])


def test_accelerates_own_prepare_is_an_error_that_names_ours(found: dict[str, list[Any]]) -> None:
    for one in found["plain"]:
        assert one.startswith("PlanError: The scheduler has ticked 11 times more than the optimizer")
        assert "prepare of paramgroups.integrations.accelerate" in one


def test_accelerates_own_prepare_is_right_where_batches_are_split(found: dict[str, list[Any]]) -> None:
    assert found["plain, split"] == [24, 24]


def test_parameters_that_are_replaced_by_shards(found: dict[str, list[Any]]) -> None:
    here, there = found["sharded"]
    for one in (here, there):
        assert (one["kind"], one["ticks"]) == ("DTensor", 4)
        assert one["still"] == [["stem"]] * 3 + [[]]
    assert same(here["whole"], there["whole"])
    assert all(torch.isfinite(tensor).all() for tensor in here["whole"].values())
