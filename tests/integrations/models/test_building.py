"""Models are built without their weights, and nothing is fetched."""

import huggingface_hub.constants
import pytest
import torch
from torch import nn

from paramgroups.errors import ModelError
from paramgroups.integrations.models.building import built_on_meta, offline


def test_offline_ends_where_it_began() -> None:
    before = huggingface_hub.constants.HF_HUB_OFFLINE
    seen = []

    def fail() -> None:
        with offline():
            seen.append(huggingface_hub.constants.HF_HUB_OFFLINE)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [True]
    assert before == huggingface_hub.constants.HF_HUB_OFFLINE


def test_a_huge_model_costs_nothing() -> None:
    model = built_on_meta("huge", lambda: nn.Linear(10**6, 10**6))
    assert next(model.parameters()).device.type == "meta"
    assert torch.zeros(1).device.type == "cpu"


def test_a_model_that_reads_its_values_is_told_of_meta() -> None:
    with pytest.raises(ModelError, match="on the meta device, where tensors have shapes and no values"):
        built_on_meta("reader", lambda: nn.Linear(1, int(torch.ones(1).item())))
