"""What of a plan a dialect cannot say is named in one list, and let go by its words."""

from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import HostError, PlanError
from paramgroups.integrations.dialects import beit, detectron2, mae, megatron, mmengine, timm
from paramgroups.integrations.dialects.losing import LOSSES
from paramgroups.schedules import cosine, linear
from tests.integrations.dialects.cases import Net

DIALECTS = [timm, mae, beit, mmengine, detectron2, megatron]


def rich(model: nn.Module) -> pg.Plan:
    rules = [
        pg.rule("head", schedule=linear(), clip_norm=1.0),
        pg.rule("embed", trainable=False, until=3),
        pg.rule("decode_head.weight[0:1]", lr_scale=2),
        pg.rule("layer1", optimizer="sgd"),
    ]
    controllers = [pg.control.plateau("layer10", "loss")]
    recipe = pg.Recipe(
        optimizer="adamw", lr=0.1, rules=rules, schedule=cosine(), controllers=controllers, weight_decay=0.0
    )
    return pg.plan(model, recipe, steps=10)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda found: found.HOST)
def test_all_that_would_be_lost_is_one_list(dialect: Any) -> None:
    model = Net()
    with pytest.raises(HostError) as error:
        dialect.write(rich(model))
    lines = [line.strip().partition(":")[0] for line in str(error.value).splitlines()[1:-1]]
    assert [line for line in lines if line in LOSSES] == list(LOSSES)
    assert f"lose={tuple(lines)!r}" in str(error.value)


@pytest.mark.parametrize("dialect", [timm, mae, beit, megatron], ids=lambda found: found.HOST)
def test_the_rest_is_written_when_they_are_named(dialect: Any) -> None:
    model = Net()
    written = dialect.write(rich(model), lose=tuple(LOSSES))
    assert sum(len(group["params"]) for group in written) == len(list(model.parameters()))
    assert not {"rows", "optimizer", "clip_norm"} & set().union(*written)
    assert isinstance(torch.optim.SGD(written), torch.optim.SGD)


def test_the_recipes_schedule_and_those_of_groups_are_two_words() -> None:
    model = Net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, schedule=cosine()), steps=10)
    with pytest.raises(HostError, match=r"schedule: cosine\(\) of all(.|\n)*lose=\('schedule',\)") as error:
        timm.write(plan)
    assert "schedules:" not in str(error.value)
    assert len(timm.write(plan, lose=["schedule"])) == 1


def test_an_unknown_word_is_refused_with_the_nearest() -> None:
    model = Net()
    words: Any = ["scedule"]
    with pytest.raises(HostError, match=r"lose has 'scedule'\. Nearest"):
        timm.write(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1)), lose=words)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda found: found.HOST)
def test_what_is_no_plan_is_refused(dialect: Any) -> None:
    with pytest.raises(HostError, match="is no plan"):
        dialect.write(pg.Recipe(optimizer="sgd", lr=0.1))


def test_a_plan_without_a_model_asks_for_it() -> None:
    plan = pg.plan(pg.index(Net()), pg.Recipe(optimizer="sgd", lr=0.1))
    with pytest.raises(PlanError, match="no live model"):
        timm.write(plan)
    assert mmengine.write(plan)["paramwise_cfg"] == {}


@pytest.mark.parametrize("dialect", [timm, mmengine, detectron2], ids=lambda found: found.HOST)
def test_a_rate_is_no_multiple_of_none(dialect: Any) -> None:
    model = Net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.0, rules=[pg.rule("head", lr=0.1)]))
    with pytest.raises(HostError, match=r"a rate of 0\.1 is no multiple of the recipe's, lr=0"):
        dialect.write(plan)


def test_what_is_frozen_is_in_no_group_that_is_written() -> None:
    model = Net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("head", trainable=False)]))
    held = [tensor for group in timm.write(plan) for tensor in group["params"]]
    assert not any(tensor is model.head.weight for tensor in held)
