"""A model's names are the same in every wrapper, told by the wrapper's type."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper, offload_wrapper
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import register_parametrization
from torch.optim.swa_utils import AveragedModel

from paramgroups.errors import ModelError
from paramgroups.indexing import index, measure, named_parameters
from tests.support import import_peft, import_transformers


class Net(nn.Module):
    """A small model with an attribute that has the name of a wrapper's."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(4, 4)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(2))
        self.head = nn.Linear(4, 2)


@pytest.fixture(scope="module")
def _processes() -> Iterator[None]:
    dist.init_process_group("gloo", rank=0, world_size=1, store=HashStore())
    yield
    dist.destroy_process_group()


def names(model: nn.Module) -> list[str]:
    return [name for name, _ in named_parameters(model)]


def told(model: nn.Module) -> list[tuple[Any, ...]]:
    return [
        (row.name, row.role, row.roles, row.module_type, row.module_bases, row.shape, row.depth, row.levels)
        for row in index(model)
    ]


def compiled(model: nn.Module) -> nn.Module:
    module = torch.compile(model, backend="eager")
    assert isinstance(module, nn.Module)
    return module


def checkpointed(model: Net) -> Net:
    for at, block in enumerate(model.blocks):
        model.blocks[at] = checkpoint_wrapper(block)
    return model


def sharded(model: Net) -> nn.Module:
    for block in model.blocks:
        fully_shard(block)
    fully_shard(model)
    return model


WRAPPED: dict[str, Callable[[Net], nn.Module]] = {
    "ddp": DistributedDataParallel,
    "data_parallel": nn.DataParallel,
    "fsdp2": sharded,
    "compile": compiled,
    "checkpoint": lambda model: checkpoint_wrapper(checkpointed(model)),
    "offload": offload_wrapper,
    "averaged": AveragedModel,
    "ddp of compile": lambda model: DistributedDataParallel(compiled(model)),
    "compile of fsdp2 of checkpoint": lambda model: compiled(sharded(checkpointed(model))),
}


@pytest.mark.usefixtures("_processes")
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_all_that_is_told_is_the_same_before_and_after(wrap: Callable[[Net], nn.Module]) -> None:
    assert told(wrap(Net())) == told(Net())


@pytest.mark.usefixtures("_processes")
@pytest.mark.filterwarnings("ignore:FSDP will not all-gather:UserWarning")
@pytest.mark.filterwarnings("ignore:.*NO_SHARD:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*NO_SHARD:UserWarning")
@pytest.mark.filterwarnings("ignore:.*FullyShardedDataParallel:FutureWarning")
def test_fsdp1_keeps_the_names() -> None:
    cpu = torch.device("cpu")
    inner = Net()
    for at, block in enumerate(inner.blocks):
        inner.blocks[at] = FullyShardedDataParallel(block, use_orig_params=True, device_id=cpu)
    model = FullyShardedDataParallel(inner, use_orig_params=True, device_id=cpu)
    assert sorted(names(model)) == sorted(names(Net()))
    with pytest.raises(ModelError, match="Plan it before it is wrapped"):
        measure(model, ["rms"])


@pytest.mark.usefixtures("_processes")
def test_a_sharded_tensor_is_measured_whole() -> None:
    model = Net()
    before = measure(model, ["rms", "absmax"])
    assert measure(sharded(model), ["rms", "absmax"]) == before


def test_a_users_attribute_called_as_a_wrappers_keeps_its_segment() -> None:
    model = nn.Module()
    for name in ("module", "_orig_mod", "base_layer", "base_model", "original_module", "parametrizations"):
        setattr(model, name, nn.Linear(1, 1, bias=False))
    model.submodule = nn.Module()
    model.submodule.my_module = nn.Linear(1, 1, bias=False)
    expected = [name for name, _ in model.named_parameters()]
    assert names(model) == expected
    assert names(nn.DataParallel(model)) == expected


def test_one_parametrized_tensor_keeps_its_name_and_its_role() -> None:
    model = Net()
    before = {row[0]: row for row in told(model)}
    parametrizations.spectral_norm(model.head)
    parametrizations.orthogonal(model.module)
    after = {row[0]: row for row in told(model)}
    assert after == before


def test_a_weight_norm_makes_two_tensors_of_one_name() -> None:
    model = Net()
    parametrizations.weight_norm(model.head)
    rows = {row.name: row for row in index(model)}
    magnitude, direction = rows["head.weight.original0"], rows["head.weight.original1"]
    assert "head.weight" not in rows
    assert (magnitude.role, magnitude.module_type) == ("scale", "Linear")
    assert (direction.role, direction.module_type, direction.fan_in) == ("head", "Linear", 4)
    assert "matrix" not in magnitude.roles
    assert "matrix" in direction.roles


class Low(nn.Module):
    """A parametrization with parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.lora_A = nn.Parameter(torch.ones(1, 4))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.lora_A


def test_a_parametrizations_own_tensors_stand_under_the_name_they_change() -> None:
    model = Net()
    register_parametrization(model.head, "weight", Low())
    assert names(model)[-3:] == ["head.bias", "head.weight", "head.weight.0.lora_A"]
    assert index(model)["head.weight.0.lora_A"].role == "lora_A"


class Own(nn.DataParallel[nn.Module]):
    """A wrapper with tensors of its own, which have the names of some within."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.head = nn.Linear(3, 3, bias=False)
        self.scale = nn.Parameter(torch.ones(1))


def test_a_wrappers_own_tensor_is_set_apart_from_one_of_its_name_within() -> None:
    inner = nn.Module()
    inner.head = nn.Linear(2, 2, bias=False)
    inner.scale = nn.Parameter(torch.ones(2))
    shapes = {name: tuple(tensor.shape) for name, tensor in named_parameters(Own(inner))}
    assert shapes == {"head.weight": (2, 2), "Own.head.weight": (3, 3), "scale": (2,), "Own.scale": (1,)}
    alone = {name: tuple(tensor.shape) for name, tensor in named_parameters(inner)}
    assert alone.items() <= shapes.items()


def tiny_bert() -> nn.Module:
    transformers = import_transformers()
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=8,
    )  # fmt: skip
    with torch.device("meta"):
        model: nn.Module = transformers.BertForSequenceClassification(config)
    return model


# peft asks transformers by a name that transformers is about to drop.
from_peft = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def adapted(**settings: Any) -> nn.Module:
    peft = import_peft()
    config = peft.LoraConfig(r=2, target_modules=["query", "value"], **settings)
    model: nn.Module = peft.get_peft_model(tiny_bert(), config)
    return model


@from_peft
def test_peft_keeps_the_names_and_adds_its_own() -> None:
    plain, rows = index(tiny_bert()), index(adapted())
    added = {row.name for row in rows} - {row.name for row in plain}
    layer = "bert.encoder.layer.0.attention.self.query"
    assert {row.name for row in plain} <= {row.name for row in rows}
    assert len(added) == 8
    assert f"{layer}.lora_A.default.weight" in added
    assert (rows[f"{layer}.lora_A.default.weight"].role, rows[f"{layer}.lora_B.default.weight"].role) == (
        "lora_A",
        "lora_B",
    )
    assert (rows[f"{layer}.weight"].role, rows[f"{layer}.weight"].trainable) == ("attention", False)
    assert [row.depth for row in plain] == [rows[row.name].depth for row in plain]
    assert rows[f"{layer}.lora_A.default.weight"].depth == plain[f"{layer}.weight"].depth


@from_peft
def test_dora_adds_a_scale() -> None:
    rows = index(adapted(use_dora=True))
    name = "bert.encoder.layer.1.attention.self.value.lora_magnitude_vector.default.weight"
    assert rows[name].role == "scale"


@from_peft
def test_the_active_copy_of_a_saved_module_has_the_plain_name() -> None:
    model = adapted(modules_to_save=["classifier"])
    rows = {row.name: row for row in index(model)}
    assert rows["classifier.weight"].trainable
    assert not rows["classifier.original_module.weight"].trainable
    assert rows["classifier.weight"].role == "head"
    assert "head" not in rows["classifier.original_module.weight"].roles  # it puts nothing out any more
    add_adapter, set_adapter = model.add_adapter, model.set_adapter
    assert callable(add_adapter)
    assert callable(set_adapter)
    add_adapter(
        "second", import_peft().LoraConfig(r=2, target_modules=["query"], modules_to_save=["classifier"])
    )
    assert "classifier.modules_to_save.second.weight" in names(model)
    first = dict(named_parameters(model))["classifier.weight"]
    set_adapter("second")
    assert "classifier.modules_to_save.default.weight" in names(model)
    assert dict(named_parameters(model))["classifier.weight"] is not first
