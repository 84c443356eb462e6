"""How many messages a step sends, to whom, and who waits for them."""

import pytest

from tests.optim.distributed.conftest import Found

GROUPS, SUMS = 15, 5


@pytest.mark.parametrize(
    ("case", "wanted"),
    [("sharded", 1), ("clipping", 2), ("skipping", 2), ("untold", 0), ("replicas", 0), ("alone", 0)],
)
def test_one_message_a_step_and_one_before_what_decides(two: Found, case: str, wanted: int) -> None:
    """Replicas have equal gradients, so that they need none."""
    assert two[f"sent, {case}"] == [[GROUPS * SUMS] * wanted] * 2


def test_statistics_may_be_read_by_one_alone(two: Found) -> None:
    here, there = two["read by one"]
    assert len(here["read"]) == 2
    assert there["read"] == []
    assert here["last"] == there["last"] == here["read"][-1]


def test_stages_of_a_pipeline_tell_nobody_else(four: Found) -> None:
    """They step at different times, and would wait for each other."""
    assert [one["ranks"] for one in four["stage"]] == [(0, 1), (0, 1), (2, 3), (2, 3)]
    first, second = four["stage"][:2], four["stage"][2:]
    assert first[0]["norm"] == first[1]["norm"]
    assert second[0]["norm"] == second[1]["norm"] != first[0]["norm"]
