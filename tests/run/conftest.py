"""The live model of a test: a plan does not keep its model alive."""

import pytest

from tests.run.models import Net, net


@pytest.fixture
def model() -> Net:
    return net()
