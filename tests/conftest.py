"""What every test needs."""

import pytest
import torch

from tests.support import import_transformers

import_transformers()
# The models are small: threads that wait for each other on a busy machine cost more than they bring.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Every test draws the same random numbers, whatever ran before it."""
    torch.manual_seed(0)
