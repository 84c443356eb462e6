"""Windows where parameters are sharded over two processes, by FSDP1 and fully_shard."""

from typing import Any

import pytest

from tests.run.distributed.fsdp import GUARDED, ROWS, WRAPPINGS, guarded
from tests.run.distributed.training import ALWAYS, FROZEN, STEPS, alone, close, same


@pytest.mark.parametrize("name", WRAPPINGS)
def test_windows_go_through_freeze_thaw_and_refreeze(found: dict[str, list[Any]], name: str) -> None:
    here, there = found[f"{name}, windows"]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone())
    for step in FROZEN:
        assert here["still"][step]
        assert there["still"][step]
    moves = [step for step in range(STEPS) if not (here["still"][step] and there["still"][step])]
    assert moves == [step for step in range(STEPS) if step not in FROZEN]
    assert (here["how"], here["flags"]) == ("masks", {True})


@pytest.mark.parametrize("name", WRAPPINGS)
def test_what_was_frozen_before_sharding_has_no_gradients(found: dict[str, list[Any]], name: str) -> None:
    here, there = found[f"{name}, before"]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone(ALWAYS))
    assert (here["still"], here["flags"]) == ([True] * STEPS, {False})
    assert "never trains" not in here["reason"]


@pytest.mark.parametrize("name", WRAPPINGS)
def test_what_was_not_is_masked_and_told(found: dict[str, list[Any]], name: str) -> None:
    here, there = found[f"{name}, late"]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone(ALWAYS))
    assert (here["still"], here["flags"]) == ([True] * STEPS, {True})
    assert "4 parameters that the plan never trains" in here["reason"]


@pytest.mark.parametrize("wrapping", GUARDED)
def test_guards_judge_the_whole_of_each_update(found: dict[str, list[Any]], wrapping: str) -> None:
    """A gradient that is no number in one process holds back all, and all go back."""
    wanted = guarded()
    assert {"skip", "scale", "clip", "rollback"} <= {action for action, _, _ in wanted["told"]}
    for one in found[f"{wrapping}, guarded"]:
        assert not isinstance(one, str), one
        assert one["told"] == wanted["told"]
        assert close(one["whole"], wanted["whole"])
        for here, there in zip(one["statistics"], wanted["statistics"], strict=True):
            assert {name: pytest.approx(numbers, nan_ok=True) for name, numbers in there.items()} == here


def test_rows_are_frozen_by_their_place_in_the_whole(found: dict[str, list[Any]]) -> None:
    here, there = found["fully_shard, rows"]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone(ROWS))
    assert not close(here["whole"], alone(()))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("joined", "PlanError: FullyShardedDataParallel has joined parameters of the model to a flat one"),
        ("rows", 'PlanError: Rows of "stem.0.weight" have values of their own'),
        ("norms", "PlanError: lamb needs the norms of whole tensors"),
    ],
)
def test_what_fsdp1_cannot_do_is_refused(found: dict[str, list[Any]], case: str, message: str) -> None:
    for one in found[f"fsdp1, {case}"]:
        assert one.startswith(message)
