"""Processes that train one model decide alike, or all of them raise."""

from typing import Any

import pytest

from tests.run.distributed import agreement
from tests.run.distributed.agreement import EDITS, INF_AT, NAN_AT, STEPS
from tests.run.distributed.processes import found_by
from tests.run.distributed.training import same


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What two processes have found."""
    return found_by(agreement.SCENARIOS, tmp_path_factory.mktemp("agreed"))


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What four have found."""
    return found_by(agreement.FOUR, tmp_path_factory.mktemp("four"), ranks=4)


@pytest.fixture(params=["agreed", "four"])
def either(request: pytest.FixtureRequest) -> dict[str, list[Any]]:
    """What two or four have found."""
    found: dict[str, list[Any]] = request.getfixturevalue(request.param)
    return found


def test_a_plan_is_the_same_before_and_after_wrapping(agreed: dict[str, list[Any]]) -> None:
    (here, later), there = agreed["planned"]
    assert here == later == there[0] == there[1]


def test_each_is_told_something_else_and_all_decide_alike(either: dict[str, list[Any]]) -> None:
    first, *others = either["trained"]
    for other in others:
        assert other["told"] == first["told"]
        assert other["groups"] == first["groups"]
        assert same(other["whole"], first["whole"])


def test_everything_has_decided_something(either: dict[str, list[Any]]) -> None:
    told = either["trained"][0]["told"]
    skips = [one["step"] for one in told if one["action"] == "skip"]
    assert skips == [NAN_AT, INF_AT]
    causes = {one["cause"].split("(")[0] for one in told}
    assert causes >= {"nonfinite", "ratio", "plateau", "greedy", "halve", "scale", "set", "written"}


def test_one_message_a_tick(either: dict[str, list[Any]]) -> None:
    """And one more in the first, in which plans are compared."""
    for one in either["trained"]:
        assert one["counts"] == [2] + [1] * (STEPS - 1)


@pytest.mark.parametrize("name", [name for name in EDITS if name != "refused"])
@pytest.mark.parametrize("when", ["alone", "alone, observing"])
def test_an_edit_of_one_process_is_an_error_in_all(
    agreed: dict[str, list[Any]], name: str, when: str
) -> None:
    here, there = agreed[f"{name} {when}"]
    cause = {"write": "written", "add": "add_param_group"}.get(name, name)
    for one in (here, there):
        assert one.startswith(
            "AgreementError: The journals of the processes differ: nothing more on rank 0; "
        )
        told = one.splitlines()[0]
        assert '"step 2  ' in told
        assert f"  {cause}" in told
        assert "on rank 1. Make every edit on all processes" in told
        assert one.rstrip().endswith("step 2")


@pytest.mark.parametrize("when", ["alone", "alone, observing"])
def test_what_is_refused_in_one_process_is_told_to_all(agreed: dict[str, list[Any]], when: str) -> None:
    here, there = agreed[f"refused {when}"]
    refusal = 'PlanError: weight_decay of the group "default" was written as 0.1'
    assert there.startswith(refusal)
    assert here.startswith(f"AgreementError: rank 1 cannot go on, and so the others cannot: {refusal}")


def test_a_process_that_is_the_only_one_to_edit_is_named(four: dict[str, list[Any]]) -> None:
    for one in four["scale alone"]:
        assert "nothing more on ranks 0, 2, 3; " in one


def test_a_process_that_does_not_observe_is_named(either: dict[str, list[Any]]) -> None:
    found = either["one observes"]
    rest = {2: "rank 1", 4: "ranks 1, 2, 3"}[len(found)]
    for one in found:
        assert one.startswith(
            "AgreementError: The processes do not make the same call: scheduler.observe(loss) on rank 0; "
            f"scheduler.step() on {rest}. "
        )


def test_other_names_of_metrics_are_told(agreed: dict[str, list[Any]]) -> None:
    for one in agreed["other names"]:
        assert "scheduler.observe(loss) on rank 0; scheduler.observe(loss, val) on rank 1. Call both" in one


def test_a_metric_that_is_no_number_in_one_is_an_error_in_all(agreed: dict[str, list[Any]]) -> None:
    here, there = agreed["no number"]
    assert there.startswith("PlanError: observe(loss='one'): a metric is one number")
    assert here.startswith(
        "AgreementError: rank 1 cannot go on, and so the others cannot: PlanError: observe"
    )


def test_what_was_not_measured_here_is_heard_from_the_others(agreed: dict[str, list[Any]]) -> None:
    here, there = agreed["none here"]
    assert here == there
    assert here[0]["best"] == 1.0


def test_what_nobody_has_measured_is_an_error(agreed: dict[str, list[Any]]) -> None:
    for one in agreed["none anywhere"]:
        assert one.startswith(
            "PlanError: observe(loss=None) says that it was not measured here, and no process"
        )


def test_infinities_of_both_signs_are_nan_everywhere(agreed: dict[str, list[Any]]) -> None:
    here, there = agreed["infinite"]
    assert here == there
    assert here[0]["best"] is None


def test_a_call_too_many_ends_in_bounded_time(agreed: dict[str, list[Any]]) -> None:
    assert all(isinstance(one, str) for one in agreed["twice in a tick"] + agreed["stepped more"])
    assert agreed["twice in a tick"][1].startswith(
        "AgreementError: At scheduler.observe(loss) of tick 1 the other processes did not answer: one has"
    )
    assert agreed["stepped more"][0].startswith(
        "AgreementError: At scheduler.step() of tick 2 the other processes did not answer: one has ended,"
    )


def test_plans_that_differ_are_told_at_the_first_message(agreed: dict[str, list[Any]]) -> None:
    for one in agreed["other plans"]:
        assert one.startswith(
            "AgreementError: The processes do not have the same plan: "
            'lr 0.02 in group "default" on rank 0; lr 0.03 in group "default" on rank 1. Plan on all'
        )


@pytest.mark.parametrize("how", ["apart", "apart by name"])
def test_processes_that_train_models_of_their_own_send_nothing(
    agreed: dict[str, list[Any]], how: str
) -> None:
    here, there = agreed[how]
    assert here == (0, {"default": pytest.approx(0.02 * 0.1**2)})
    assert there == (0, {"default": pytest.approx(0.04 * 0.1**3)})


def test_processes_can_be_joined_by_name(agreed: dict[str, list[Any]]) -> None:
    here, there = agreed["by name"]
    assert here == there
    count, (state,) = here
    assert count == 5
    assert state["best"] == 0.5


def test_what_names_no_processes_is_refused(agreed: dict[str, list[Any]]) -> None:
    for one in agreed["no processes"]:
        assert one.startswith("PlanError: together='all' names no processes. Give a process group")


def test_processes_of_a_mesh_train_together(agreed: dict[str, list[Any]]) -> None:
    for one in agreed["sharded"]:
        assert "× 0.5  scale" in one
        assert "× 0.6  scale" in one


def test_processes_that_share_through_others_train_together(four: dict[str, list[Any]]) -> None:
    assert four["sharded apart"] == [{"count": 0, "best": 1.5}] * 4


@pytest.mark.parametrize("when", ["late", "later"])
def test_what_is_wrapped_after_the_first_call_agrees_soon(agreed: dict[str, list[Any]], when: str) -> None:
    here, there = agreed[f"wrapped {when}"]
    assert here == there
    assert here[0]["best"] == 0.5


def test_a_wrapper_whose_processes_are_gone_is_passed_over(agreed: dict[str, list[Any]]) -> None:
    here, there = agreed["wrapped anew"]
    assert here == there
    assert here[0][0]["best"] == 0.5


def test_one_process_may_have_groups_that_others_have_not(agreed: dict[str, list[Any]]) -> None:
    here, there = agreed["own groups"]
    assert here == there
    assert here[0]["best"] == 0.5


def test_a_loaded_journal_is_compared_as_a_whole(agreed: dict[str, list[Any]]) -> None:
    for one in agreed["loaded unevenly"]:
        assert "The journals of the processes differ: nothing more on rank 0; " in one
    here, there = agreed["resumed"]
    assert here == there
    assert here[0] == 6
    assert here[1]["head"] == pytest.approx(0.04 * 0.9**6)


def test_a_gradient_spoiled_after_the_exchange_is_found(agreed: dict[str, list[Any]]) -> None:
    for one in agreed["spoiled"]:
        assert 'nothing more on rank 0; "step 1  update skip' in one


def test_losses_told_in_a_closure(agreed: dict[str, list[Any]]) -> None:
    (told, weights), (theirs, others) = agreed["closure"]
    assert told == theirs
    assert [step for action, step in told if action == "skip"] == [3]
    assert same(weights, others)


def test_after_another_scheduler_in_torchs_sequence(agreed: dict[str, list[Any]]) -> None:
    (rates, weights), (theirs, others) = agreed["sequential"]
    assert rates == theirs
    assert same(weights, others)


def test_a_host_that_steps_once_for_each_process(agreed: dict[str, list[Any]]) -> None:
    """8 ticks, of which every second follows an observation, which was the message; and the first."""
    assert agreed["accelerate"] == [(8, 4 + 4 + 1 + 1)] * 2
