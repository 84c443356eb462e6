"""What two and four processes have found, started once for all tests here: that takes most of the time."""

from typing import Any

import pytest

from tests.optim.distributed import scenarios
from tests.run.distributed.processes import found_by

Found = dict[str, list[Any]]


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each scenario has returned, or the text of what it has raised, by its name and the rank."""
    return found_by(scenarios.TWO, tmp_path_factory.mktemp("two"), 2)


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The same of four."""
    return found_by(scenarios.FOUR, tmp_path_factory.mktemp("four"), 4)
