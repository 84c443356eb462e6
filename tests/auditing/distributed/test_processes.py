"""The audit on two real processes: shards, copies, and a state that is split."""

from typing import Any

import pytest

from tests.auditing.distributed import scenarios
from tests.run.distributed.processes import found_by

EXPECTED = {
    scenarios.split_state: [],
    scenarios.shards: [],
    scenarios.shards_too_late: ["PG103"],
    scenarios.copies: ["PG163"],
    scenarios.tried: ["PG191"],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each process found."""
    asked = {scenario.__name__: scenario for scenario in EXPECTED}
    return found_by(asked, tmp_path_factory.mktemp("processes"), ranks=2)


@pytest.mark.parametrize("scenario", EXPECTED, ids=lambda scenario: scenario.__name__)
def test_each_process_finds_the_same(found: dict[str, list[Any]], scenario: Any) -> None:
    assert found[scenario.__name__] == [EXPECTED[scenario]] * 2
