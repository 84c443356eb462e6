"""Windows under DistributedDataParallel, in two processes; what goes wrong on plain torch first."""

from typing import Any

import pytest
import torch

from tests.run.distributed.ddp import WRAPPINGS
from tests.run.distributed.training import ALWAYS, FROZEN, STEPS, alone, close, same


def test_torch_does_not_exchange_what_is_thawed_after_wrapping(found: dict[str, list[Any]]) -> None:
    here, there = found["torch, thawed"]
    assert not any(torch.equal(one, other) for one, other in zip(here, there, strict=True))


def test_torch_raises_at_what_is_frozen_after_wrapping(found: dict[str, list[Any]]) -> None:
    for one in found["torch, frozen"]:
        assert one.startswith("RuntimeError: Expected to have finished reduction in the prior iteration")


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_windows_go_through_freeze_thaw_and_refreeze(found: dict[str, list[Any]], wrapping: str) -> None:
    here, there = found[wrapping]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone())
    for one in (here, there):
        assert [step for step, still in enumerate(one["still"]) if still] == FROZEN
        assert (one["how"], one["flags"]) == ("masks", {True})


def test_the_reason_is_told(found: dict[str, list[Any]]) -> None:
    assert found["plain"][0]["reason"] == (
        "2 processes train, and exchange gradients: what is frozen has gradients, which no step uses."
    )


def test_an_optimizer_of_torchs_and_batch_norm(found: dict[str, list[Any]]) -> None:
    """DDP gives all ranks the statistics of rank 0 before each forward: the last of theirs are replaced."""
    here, there = ([step for step, still in enumerate(one["still"]) if still] for one in found["torchs"])
    assert here == FROZEN
    assert there == [step for step in FROZEN if step != 6]
    for one in found["torchs"]:
        assert one["statistics"]["module.stem.1.num_batches_tracked"] == STEPS - len(FROZEN)
    assert same(found["torchs"][0]["whole"], found["torchs"][1]["whole"])


def test_the_other_way_can_be_asked_for(found: dict[str, list[Any]]) -> None:
    here, there = found["flags"]
    assert (here["how"], here["reason"].split(":")[0]) == ("flags", 'freezing="flags" was asked for')
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone())


def test_a_wrapper_that_the_plan_does_not_know_is_found(found: dict[str, list[Any]]) -> None:
    here, there = found["inner, windows"]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone())
    for one in found["inner, always"]:
        assert one["still"] == [True] * STEPS
        assert (one["flags"], one["cleared"]) == ({True}, True)
        assert one["reason"] == (
            "2 processes train, and exchange gradients: what is frozen has gradients, which no step uses, "
            "and so has 4 parameters that the plan never trains; to save that work, call "
            "plan.freeze(model) before the model is wrapped."
        )


@pytest.mark.parametrize("when", ["before wrapping", "wrapped later"])
def test_what_is_never_trained_has_no_gradients_where_nothing_was_wrapped(
    found: dict[str, list[Any]], when: str
) -> None:
    here, there = found[when]
    assert same(here["whole"], there["whole"])
    assert close(here["whole"], alone(ALWAYS))
    assert (here["still"], here["flags"]) == ([True] * STEPS, {False})
    assert "never trains" not in here["reason"]


def test_plan_freeze_names_what_it_froze(found: dict[str, list[Any]]) -> None:
    assert found["before wrapping"][0]["names"] == (
        "stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias"
    )  # fmt: skip


def test_a_thaw_that_would_not_be_exchanged_is_refused(found: dict[str, list[Any]]) -> None:
    for one in found["thawed late"]:
        assert one.startswith(
            "PlanError: Rules thaw stem.0.weight, stem.0.bias, stem.1.weight, stem.1.bias, which the model "
            "has frozen, and DistributedDataParallel has wrapped it"
        )


def test_plan_freeze_lets_flow_what_rules_thaw(found: dict[str, list[Any]]) -> None:
    here, there = found["thawed in time"]
    assert same(here["whole"], there["whole"])
    assert here["still"] == [True, True, False, False, False, False]
    assert here["count"] == 6


def test_what_the_user_froze_is_thawed_by_no_mask(found: dict[str, list[Any]]) -> None:
    assert found["by hand"] == [(True, False)] * 2


def test_a_closure_makes_no_gradient_that_moves_what_is_frozen(found: dict[str, list[Any]]) -> None:
    for one in found["closure"]:
        assert [step for step, still in enumerate(one["still"]) if still] == FROZEN
    assert close(found["closure"][0]["whole"], found["plain"][0]["whole"])


def test_what_is_to_be_remembered_is(found: dict[str, list[Any]]) -> None:
    assert found["remembered"] == [([1, 2, 2, 2, 2, 3, 4], True)] * 2


def test_a_loss_that_one_process_alone_finds_bad_holds_back_all(found: dict[str, list[Any]]) -> None:
    here, there = found["guarded"]
    assert here["told"] == there["told"]
    assert [step for action, step, _ in here["told"] if action == "skip"] == [5]
    assert any(action == "scale" for action, _, _ in here["told"])
    assert same(here["whole"], there["whole"])
