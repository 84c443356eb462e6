"""What a model holds has one name in every wrapper, and fits by name and shape."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.utils import parametrizations

import paramgroups as pg
from paramgroups.errors import CheckpointError, ModelError
from paramgroups.run.modelling import held_by
from tests.run.models import net, values
from tests.support import import_peft


class Tied(nn.Module):
    def __init__(self, *, tied: bool = True) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        if tied:
            self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.ones(2))
        self.register_buffer("passing", torch.ones(2), persistent=False)


def names(model: nn.Module) -> dict[str, tuple[str, ...]]:
    return {one.names[0]: one.names[1:] for one in held_by(model)}


def moved(path: Path, source: nn.Module, target: nn.Module, **said: Any) -> Any:
    pg.save(path, model=source)
    return pg.load(path, model=target, **said).model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.safetensors"


def test_tied_weights_once_and_persistent_buffers() -> None:
    assert names(Tied()) == {"embed.weight": ("head.weight",), "scale": ()}
    assert "stem.1.num_batches_tracked" in names(net())


def test_ties_may_be_made_and_undone(path: Path) -> None:
    source, target = Tied(), Tied(tied=False)
    assert moved(path, source, target).kept == ("embed.weight", "head.weight", "scale")
    assert torch.equal(target.embed.weight, source.embed.weight)
    assert torch.equal(target.head.weight, source.embed.weight)
    source = Tied(tied=False)
    with pytest.raises(CheckpointError, match=r"tied here, and of several tensors there: embed\.weight"):
        moved(path, source, target := Tied())
    assert moved(path, source, target, strict=False).parted == ("embed.weight",)
    assert torch.equal(target.embed.weight, source.embed.weight)


def wrapped(kind: str) -> nn.Module:
    model = net(seed=1)
    if kind == "compile":
        return torch.compile(model, backend="eager")  # type: ignore[return-value]  # it is a module
    if kind == "activation checkpointing":
        model.blocks[0] = checkpoint_wrapper(model.blocks[0])
    if kind == "data parallel":
        return nn.DataParallel(model)
    return model


@pytest.mark.parametrize("kind", ["compile", "activation checkpointing", "data parallel"])
def test_wrappers_change_no_name(kind: str, path: Path) -> None:
    bare, other = net(), wrapped(kind)
    assert names(other) == names(bare)
    moved(path, bare, other)
    for name, one in {one.names[0]: one.tensor for one in held_by(other)}.items():
        assert torch.equal(one, bare.state_dict()[name])
    again = net(seed=2)
    moved(path, other, again)
    assert all(torch.equal(one, values(again)[name]) for name, one in values(bare).items())


def test_adapters_come_beside_what_was_saved(path: Path) -> None:
    peft = import_peft()
    bare = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    base = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    adapted = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["0"]))
    with pytest.raises(CheckpointError, match=r"here, and not in the checkpoint: .*lora_A"):
        moved(path, bare, adapted)
    fitted = moved(path, bare, adapted, strict=False)
    assert fitted.kept == ("0.weight", "0.bias", "1.weight", "1.bias")
    assert len(fitted.missing) == 2
    assert torch.equal(values(base)["1.weight"], values(bare)["1.weight"])
    assert moved(path, adapted, bare, strict=False).unexpected == fitted.missing


def test_parametrized_tensors_keep_theirs(path: Path) -> None:
    source, target = (parametrizations.weight_norm(nn.Linear(3, 2)) for _ in range(2))
    assert set(moved(path, source, target).kept) == {"bias", "weight.original0", "weight.original1"}
    assert torch.equal(source.weight, target.weight)


def test_what_differs_is_named_with_the_nearest(path: Path) -> None:
    source = nn.ModuleDict({"encoder": nn.Linear(2, 3), "head": nn.Linear(3, 2)})
    target = nn.ModuleDict({"encodr": nn.Linear(2, 3), "head": nn.Linear(3, 4)})
    before = values(target)
    with pytest.raises(CheckpointError) as error:
        moved(path, source, target)
    assert str(error.value).splitlines()[1:] == [
        "  2 here, and not in the checkpoint: encodr.weight, encodr.bias",
        "  2 in the checkpoint, and not here: encoder.weight, encoder.bias",
        (
            "  2 of another shape: head.weight (float32 (2, 3) there, float32 (4, 3) here), "
            "head.bias (float32 (2,) there, float32 (4,) here)"
        ),
        'Nearest: "encoder.weight". Nothing was loaded. To take what fits by name and shape: strict=False.',
    ]
    assert all(torch.equal(one, before[name]) for name, one in values(target).items())
    assert moved(path, source, target, strict=False).kept == ()


def test_another_precision_is_taken_and_told(path: Path) -> None:
    source, target = nn.Linear(2, 2), nn.Linear(2, 2).bfloat16()
    fitted = moved(path, source, target)
    assert fitted.cast[0] == ("weight", "float32 (2, 2)", "bfloat16 (2, 2)")
    assert torch.equal(target.weight, source.weight.bfloat16())
    source.register_buffer("count", torch.tensor(1))
    target.register_buffer("count", torch.tensor(1.0))
    with pytest.raises(CheckpointError, match=r"count \(int64 \(\) there, float32 \(\) here\)"):
        moved(path, source, target)


class Counting(nn.Linear):
    seen: Any = None

    def get_extra_state(self) -> Any:
        return {"seen": self.seen}

    def set_extra_state(self, state: Any) -> None:
        self.seen = state["seen"]


def test_what_modules_keep_beside_tensors_goes_along(path: Path) -> None:
    source, target = Counting(2, 2), Counting(2, 2)
    source.seen = (3, torch.ones(2))
    moved(path, nn.Sequential(source), nn.Sequential(target))
    assert target.seen[0] == 3
    assert target.seen[1].tolist() == [1.0, 1.0]
    source.seen = print
    with pytest.raises(CheckpointError, match="_extra_state/0/seen is a builtin"):
        moved(path, nn.Sequential(source), nn.Sequential(target))


class Strange(nn.Linear):
    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: Any) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "packed"] = torch.ones(1)


def test_what_would_be_lost_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match='"0" is a Strange, which saves packed'):
        pg.save(path, model=nn.Sequential(Strange(2, 2)))
    with pytest.raises(ModelError, match="have no shape yet: weight"):
        pg.save(path, model=nn.LazyLinear(2))
    with pytest.raises(ModelError, match="on meta and have no values: weight"):
        pg.save(path, model=nn.Linear(2, 2, device="meta"))
    assert not path.exists()
