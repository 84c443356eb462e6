"""Windows where parameters are sharded over two processes, by FSDP1 and fully_shard."""

from typing import Any

import pytest

from tests.run.distributed.fsdp import WRAPPINGS
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


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_guards_refuse_a_part_of_each_parameter(found: dict[str, list[Any]], wrapping: str) -> None:
    for one in found[f"{wrapping}, guarded"]:
        assert one.startswith('PlanError: nonfinite("**"): parameters are spread over several processes')
