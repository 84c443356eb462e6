"""Saved weights that are not the model's, through wrappers, ties and parts."""

from typing import Any, cast

import pytest
import torch
from torch import nn
from torch.optim import SGD

from tests.auditing.resumes.resumes import look
from tests.auditing.setups import codes, small


def weights_of(model: nn.Module, weights: dict[str, Any]) -> list[Any]:
    optimizer = SGD(model.parameters(), lr=0.1)
    return look(model, optimizer, {"model": weights, "optimizer": optimizer.state_dict()})


def test_what_is_missing_too_much_or_of_another_shape_is_told() -> None:
    weights = small().state_dict()
    weights["old.bias"] = weights.pop("3.bias")
    weights["3.weight"] = torch.zeros(5, 8)
    findings = weights_of(small(), weights)
    assert codes(findings) == ["PG308"]
    assert findings[0].message == (
        "The weights differ: 1 here, and not saved: 3.bias; 1 saved, and not here: old.bias; "
        "1 of another shape: 3.weight (5, 8) there, (2, 8) here."
    )
    assert findings[0].names == ("3.bias", "3.weight")


def test_buffers_count_and_those_that_are_not_saved_do_not() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    model.register_buffer("positions", torch.arange(3), persistent=False)
    weights = model.state_dict()
    del weights["1.num_batches_tracked"]
    assert not weights_of(model, weights)
    del weights["1.running_mean"]
    findings = weights_of(model, weights)
    assert findings[0].message == "The weights differ: 1 here, and not saved: 1.running_mean."
    assert findings[0].names == ()


WRAPPERS: dict[str, Any] = {
    "DataParallel": nn.DataParallel,
    "compile": lambda model: torch.compile(model, backend="eager"),
    "both": lambda model: nn.DataParallel(cast("nn.Module", torch.compile(model, backend="eager"))),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_on_either_side_are_seen_through(name: str) -> None:
    wrap: Any = WRAPPERS[name]
    assert not weights_of(small(), wrap(small()).state_dict())
    assert not weights_of(wrap(small()), small().state_dict())
    assert not weights_of(wrap(small()), wrap(small()).state_dict())


def test_a_tie_is_saved_once_or_under_each_name() -> None:
    def tied() -> nn.ModuleDict:
        model = nn.ModuleDict({"embed": nn.Embedding(5, 4), "lm_head": nn.Linear(4, 5, bias=False)})
        model["lm_head"].weight = model["embed"].weight
        return model

    weights = tied().state_dict()
    assert not weights_of(tied(), weights)
    assert not weights_of(tied(), {"lm_head.weight": weights["lm_head.weight"]})


def test_a_part_of_the_saved_model_and_a_model_around_it_are_sound() -> None:
    task = nn.ModuleDict({"network": small(), "metric": nn.Linear(2, 2)})
    assert not weights_of(task.get_submodule("network"), task.state_dict())
    assert not weights_of(nn.ModuleDict({"network": small()}), small().state_dict())


def test_parametrized_weights_are_known_by_torch_s_names() -> None:
    def spectral() -> nn.Module:
        return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)))

    assert not weights_of(spectral(), spectral().state_dict())


def test_what_modules_save_beside_their_tensors_is_passed_over() -> None:
    class Counted(nn.Linear):
        def get_extra_state(self) -> Any:
            return {"count": 3}

        def set_extra_state(self, state: Any) -> None:
            pass

    assert not weights_of(Counted(3, 3), Counted(3, 3).state_dict())


def test_adapters_alone_and_models_without_values_are_passed_over() -> None:
    assert not weights_of(small(), {"base_model.model.0.lora_A.weight": torch.zeros(2, 4)})
    with torch.device("meta"):
        assert not weights_of(small(), {"other.weight": torch.zeros(2, 4)})
