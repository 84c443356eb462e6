"""`ZeroRedundancyOptimizer`, and stages of a pipeline, each with a part of a plan of the whole."""

from typing import Any

import pytest

import paramgroups as pg
from tests.run.distributed import parts
from tests.run.distributed.processes import found_by
from tests.run.distributed.training import STEPS, close, network, same


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What two processes have found."""
    return found_by(parts.SCENARIOS, tmp_path_factory.mktemp("parts"))


@pytest.mark.parametrize("which", ["zero", "zero of ours"])
def test_zero_makes_what_the_unsharded_optimizer_makes(found: dict[str, list[Any]], which: str) -> None:
    """Rates, a schedule, freezing by masks, an edit and a plateau's cuts included."""
    here, there = found[which]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], here["unsharded"])


def test_zero_spreads_the_memory_and_has_the_planned_rates(found: dict[str, list[Any]]) -> None:
    here, there = found["zero"]
    assert here["journal"] == there["journal"]
    assert here["rates"] == there["rates"]
    assert 0 < here["kept"] < 10
    assert here["kept"] + there["kept"] == 10
    plan = pg.plan(network(), parts.recipe(), steps=STEPS)
    assert here["rates"][0] == [group.courses["lr"].at(1) for group in plan.groups]


def test_zero_is_resumed_through_its_gathered_state(found: dict[str, list[Any]]) -> None:
    for one in found["zero, resumed"]:
        assert same(one["whole"], one["unbroken"])
        assert one["held"] == one["before"]


def test_zero_refuses_the_state_of_other_groups(found: dict[str, list[Any]]) -> None:
    for one in found["zero, regrouped"]:
        assert one.startswith("CheckpointError: The saved optimizer has ")
        assert "and ZeroRedundancyOptimizer goes by places. Plan with the recipe of the saved run" in one


@pytest.mark.parametrize("which", ["rows", "clipping", "guards"])
def test_zero_refuses_what_it_cannot_do(found: dict[str, list[Any]], which: str) -> None:
    told = {"rows": "Rows 0 to 1 of", "clipping": "does not clip", "guards": "fed by the updates themselves"}
    for one in found[f"zero, {which}"]:
        assert one.startswith("PlanError: ")
        assert told[which] in one


@pytest.mark.parametrize("which", ["pipeline", "pipeline of meta"])
def test_stages_make_what_one_process_makes(found: dict[str, list[Any]], which: str) -> None:
    """Rules, edits and a controller name what stands on one stage or the other."""
    front, back = found[which]
    assert close({**front["whole"], **back["whole"]}, found["lonely"][0])
    assert front["journal"] == back["journal"]
    assert back["groups"] == ["head", "head, head, :bias"]
    assert not set(front["groups"]) & set(back["groups"])


def test_every_process_may_name_what_stands_on_another_stage(found: dict[str, list[Any]]) -> None:
    (told, held, rates), (theirs, others, other_rates) = found["edited"]
    assert told == theirs
    assert held == rates
    assert others == other_rates
    assert {"default", ":bias"} <= set(held)
    assert not set(held) & set(others)


def test_a_stage_is_resumed_from_its_own_states(found: dict[str, list[Any]]) -> None:
    assert found["stage, resumed"] == [(True, True)] * 2
