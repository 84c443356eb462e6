"""What two processes have found, started once for all tests here: that takes most of the time."""

from typing import Any

import pytest

from tests.run.distributed import ddp, fsdp
from tests.run.distributed.processes import found_by


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each scenario has returned, or the text of what it has raised, by its name and the rank."""
    return found_by(fsdp.SCENARIOS | ddp.SCENARIOS, tmp_path_factory.mktemp("two"))
