"""A plan holds names, and meets live tensors late."""

import copy

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore
from torch.distributed.fsdp import FullyShardedDataParallel

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.planning.binding import bind, on_meta
from tests.planning.models import WIDTH, Reader, Tied

RECIPE = pg.Recipe(optimizer="adamw", lr=1.0, rules=[pg.rule("head", lr_scale=2)])


def bound_names(groups: list[dict[str, object]]) -> set[str]:
    return {name for group in groups for name in group["param_names"]}  # type: ignore[attr-defined]  # a list


def test_a_plan_made_on_meta_is_bound_to_the_real_model() -> None:
    with torch.device("meta"):
        empty = Reader()
    plan = pg.plan(empty, RECIPE, steps=5)
    assert on_meta(plan.param_groups()[0]["params"])
    real = Reader()
    groups = plan.param_groups(real)
    assert not on_meta(groups[0]["params"])
    assert bound_names(groups) == {name for name, _ in real.named_parameters()}


def test_what_was_tied_since_is_refused() -> None:
    model = nn.ModuleDict({"embed": nn.Embedding(3, 2), "head": nn.Linear(2, 3, bias=False)})
    plan = pg.plan(model, RECIPE)
    model["head"].weight = model["embed"].weight
    with pytest.raises(
        PlanError, match=r'"embed.weight" and "head.weight" were two tensors.* Plan this model'
    ):
        plan.param_groups(model)


def test_a_replaced_tensor_is_found_by_its_name() -> None:
    model = Reader()
    plan = pg.plan(model, RECIPE, steps=5)
    model.load_state_dict(copy.deepcopy(model.state_dict()), assign=True)
    assert plan.param_groups(model)[-1]["params"][0] is model.head.weight


def test_a_part_of_the_model_has_the_groups_of_its_part() -> None:
    model = Reader()
    rows = pg.rule("embed.weight[10:]", lr_scale=3)
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1.0, rules=[*RECIPE.rules, rows]), steps=5)
    stage = nn.ModuleDict({"stem": model.stem})
    (group,) = plan.param_groups(stage)
    assert group["param_names"] == ["stem.weight", "stem.bias"]
    assert "rows" not in group
    assert plan.param_groups(model)[0]["rows"] == [
        {"name": "embed.weight", "start": 10, "stop": 20, "lr": 3.0}
    ]


def test_a_new_trainable_parameter_is_refused_and_a_frozen_one_is_not() -> None:
    model = Reader()
    plan = pg.plan(model, RECIPE, steps=5)
    model.extra = nn.Linear(2, 2)
    with pytest.raises(
        PlanError, match=r"not the planned one: it has extra.weight, extra.bias, and the plan 23"
    ):
        plan.param_groups(model)
    model.extra.requires_grad_(requires_grad=False)
    assert bound_names(plan.param_groups(model)) == set(plan)


def test_a_model_that_shares_no_name_is_refused() -> None:
    with pytest.raises(PlanError, match="The model is not the planned one"):
        pg.plan(Reader(), RECIPE).param_groups(nn.Linear(2, 2))


def test_another_shape_is_refused() -> None:
    model = Reader()
    plan = pg.plan(model, RECIPE)
    model.head = nn.Linear(WIDTH, 7)
    with pytest.raises(
        PlanError, match=r'"head.weight" was planned with shape \(3, 4\) and has \(7, 4\) now'
    ):
        plan.param_groups(model)


def test_a_flattened_tensor_of_no_shard_is_refused() -> None:
    model = Reader()
    plan = pg.plan(model, RECIPE)
    model.head.weight = nn.Parameter(torch.zeros(12))
    with pytest.raises(PlanError, match="has \\(12,\\) now"):
        plan.param_groups(model)


def test_a_broken_tie_is_refused() -> None:
    model = Tied()
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1.0))
    model.lm_head.weight = nn.Parameter(model.embed.weight.detach().clone())
    with pytest.raises(PlanError, match=r'"lm_head.weight" and "embed.weight" were one tensor when planned'):
        plan.param_groups(model)


@pytest.mark.filterwarnings("ignore:FSDP is switching to use `NO_SHARD`:UserWarning")  # of one process
def test_a_wrapper_of_flat_shards_is_bound_by_name() -> None:
    model = Reader()
    plan = pg.plan(model, RECIPE)
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        sharded = FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))
        assert set(bind(plan.index, sharded)) == set(plan)
    finally:
        dist.destroy_process_group()
