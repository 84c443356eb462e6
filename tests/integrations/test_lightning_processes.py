"""Lightning in two processes: a tick for each update in each of them, and all do the same."""

import pytest

from tests.integrations.lightning_by_two import SCENARIOS
from tests.integrations.lightning_modules import same
from tests.run.distributed.processes import found_by


@pytest.mark.slow  # each process imports Lightning
def test_two_processes_tick_freeze_decide_and_resume_alike(tmp_path_factory: pytest.TempPathFactory) -> None:
    here, there = found_by(SCENARIOS, tmp_path_factory.mktemp("lightning"))["trained"]
    for one in (here, there):
        assert not isinstance(one, str), one
        assert one["ticks"] == one["planned"] == 12
        assert {name.split(".")[0] for name in one["still"]} == {"backbone"}
        assert len(one["still"]) == 9
        assert one["cuts"] == [6, 9, 12]
        assert same(one["again"], one["whole"])
    assert same(here["whole"], there["whole"])
