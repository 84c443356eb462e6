"""Flags or masks: chosen by who trains together, or asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.run.masking import FLAGS, MASKS, Choice, choose, hiding, processes, wrapper_of
from tests.run.models import loss_at, net, same, update, values


@pytest.fixture
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def fsdp1(model: nn.Module) -> nn.Module:
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


def sharded(model: nn.Module) -> nn.Module:
    made: Any = fully_shard(model, mesh=dist.device_mesh.init_device_mesh("cpu", (1,)))
    return made  # type: ignore[no-any-return]  # torch's type is no module


WRAPPERS: dict[str, Any] = {
    "DistributedDataParallel": DistributedDataParallel,
    "FullyShardedDataParallel": fsdp1,
    "fully_shard": sharded,
}


def test_one_process_has_flags() -> None:
    assert choose(None, net().parameters()) == Choice(FLAGS, "One process trains", None)
    assert processes() == 1


@pytest.mark.parametrize("how", [FLAGS, MASKS])
def test_either_can_be_asked_for(how: str) -> None:
    found = choose(how, ())
    assert found == Choice(how, f'freezing="{how}" was asked for', None)
    assert not found.keeps_flags


@pytest.mark.parametrize(("how", "near"), [("flag", 'Nearest: "flags"'), (3, "Known"), (["masks"], "masks")])
def test_what_is_no_way_is_refused(how: Any, near: str) -> None:
    with pytest.raises(PlanError, match=r"freezing=.* is no way to freeze\.") as raised:
        choose(how, ())
    assert near in str(raised.value)
    assert "chosen by the number of processes" in str(raised.value)


def test_reasons_are_sentences() -> None:
    assert choose(None, ()).reason(0) == "One process trains: what is frozen requires no gradient."
    late = Choice(MASKS, "2 processes train, and exchange gradients", "fully_shard").reason(1)
    assert late == (
        "2 processes train, and exchange gradients: what is frozen has gradients, which no step uses, and so "
        "has 1 parameter that the plan never trains; to save that work, call plan.freeze(model) before the "
        "model is wrapped."
    )


@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore")  # torch's wrappers warn of what is their own
class TestWrappers:
    @pytest.mark.parametrize("name", WRAPPERS)
    def test_each_is_found_from_its_tensors(self, name: str) -> None:
        wrapped, other = WRAPPERS[name](net()), net()
        assert wrapper_of(wrapped.parameters()) == name
        assert wrapper_of(other.parameters()) is None
        assert choose(None, wrapped.parameters()) == Choice(
            MASKS, f"{name} has fixed whose gradients it handles", name
        )

    def test_one_around_a_part_is_found(self) -> None:
        model = net()
        wrapped = DistributedDataParallel(model.blocks)
        assert wrapper_of(model.parameters()) == "DistributedDataParallel"
        assert wrapper_of(model.stem.parameters()) is None
        assert wrapped.module is model.blocks

    def test_one_process_alone_is_no_wrapper(self) -> None:
        assert choose(None, net().parameters()).how == FLAGS

    def test_torch_raises_at_a_flag_that_changes_after_wrapping_in_one_process_too(self) -> None:
        model = net()
        wrapped = DistributedDataParallel(model)
        loss_at(wrapped, 0).backward()
        model.stem.requires_grad_(False)
        loss_at(wrapped, 1).backward()
        with pytest.raises(RuntimeError, match="Expected to have finished reduction"):
            loss_at(wrapped, 2)

    def test_windows_in_a_wrapped_model_of_one_process_are_masks(self) -> None:
        model = net()
        recipe = pg.Recipe(
            optimizer="adamw", lr=0.1, rules=[pg.rule("stem", trainable=False, start=2, until=4)]
        )
        wrapped = DistributedDataParallel(model)
        optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=8), model=wrapped)
        still = []
        for step in range(6):
            before = values(model)
            update(wrapped.train(), optimizer, step)
            still.append(same(before, values(model), "stem."))
            scheduler.step()
        assert still == [False, False, True, True, False, False]
        assert all(tensor.requires_grad for tensor in model.parameters())


class TestHiding:
    def test_a_closure_is_followed(self) -> None:
        said: list[str] = []

        def closure() -> float:
            said.append("closure")
            return 0.5

        (first, given), named = hiding(
            lambda: said.append("hide"), ("optimizer", closure), {"closure": closure}
        )
        assert first == "optimizer"
        assert (given(), named["closure"]()) == (0.5, 0.5)
        assert said == ["closure", "hide", "closure", "hide"]

    def test_what_is_no_closure_stays(self) -> None:
        assert hiding(lambda: None, ("optimizer", None), {"closure": None, "n": 3}) == (
            ("optimizer", None),
            {"closure": None, "n": 3},
        )
