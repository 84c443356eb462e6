"""What a plan's optimizer takes over of a saved one, whatever its recipe was."""

import logging
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import BertConfig, BertModel

import paramgroups as pg
from paramgroups.errors import CheckpointError
from paramgroups.schedules import linear
from tests.run.models import Net, net, train, update

MAKES = {"ours": pg.Optimizer, "torch's": torch.optim.AdamW}


def built(model: nn.Module, make: Any, *rules: pg.Rule, **settings: Any) -> tuple[Any, pg.Scheduler]:
    recipe = pg.Recipe(optimizer="adamw", lr=0.1, schedule=linear(), rules=rules, **settings)
    plan = pg.plan(model, recipe, steps=10)
    optimizer = make(plan.param_groups())
    return optimizer, pg.Scheduler(optimizer, plan)


def moments(model: nn.Module, optimizer: Any) -> dict[str, torch.Tensor]:
    named = model.named_parameters()
    return {name: optimizer.state[one]["exp_avg"] for name, one in named if optimizer.state.get(one)}


@pytest.fixture(params=[*MAKES.values()], ids=[*MAKES])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_another_grouping_keeps_the_memory_and_has_the_plans_rates(model: Net, make: Any, first: str) -> None:
    old, clock = built(model, make, pg.rule("head", lr_scale=10), pg.rule("stem", lr_scale=0.1))
    train(model, old, clock, range(4))
    other = net()
    anew, time = built(other, make, pg.rule(":bias", weight_decay=0.0), pg.rule("blocks.0", lr_scale=2))
    parts = [(anew, old), (time, clock)]
    for part, saved in parts if first == "optimizer" else parts[::-1]:
        part.load_state_dict(saved.state_dict())
    before, after = moments(model, old), moments(other, anew)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    rates = {name: row.lr for name, row in time.plan.at(4).items()}
    assert {name: one["lr"] for one in anew.param_groups for name in one["param_names"]} == rates
    assert time.carried is not None
    assert time.carried.whole
    place = next(one["name"] for one in anew.param_groups if "head.weight" in one["param_names"])
    told = [(one.then, one.now) for one in time.carried.values if (one.group, one.hyper) == (place, "lr")]
    assert pytest.approx((10 * 0.1 * 0.6, 0.1 * 0.6)) in told
    update(other, anew, 4)


def test_the_values_of_an_unchanged_recipe_do_not_differ(model: Net, make: Any) -> None:
    old, clock = built(model, make)
    train(model, old, clock, range(3))
    other = net()
    anew, time = built(other, make)
    assert time.carried is None
    anew.load_state_dict(old.state_dict())
    time.load_state_dict(clock.state_dict())
    assert time.carried is not None
    assert (time.carried.whole, time.carried.values, time.carried.moved) == (True, (), {})


def test_a_plan_with_another_rate_tells_it(model: Net, make: Any, caplog: pytest.LogCaptureFixture) -> None:
    old, clock = built(model, make)
    train(model, old, clock, range(5))
    anew, time = built(net(), make, weight_decay=0.5)
    with caplog.at_level(logging.INFO, "paramgroups"):
        anew.load_state_dict(old.state_dict())
        time.load_state_dict(clock.state_dict())
    assert time.carried is not None
    assert [one[1:] for one in time.carried.values] == [("weight_decay", 0.01, 0.5)]
    assert caplog.messages == [
        "Optimizer loaded. 14 parameters go on with their saved state.",
        "The plan has other values than the checkpoint: default: weight_decay 0.01 -> 0.5",
    ]


def test_a_new_head_is_told_once(model: Net, make: Any, caplog: pytest.LogCaptureFixture) -> None:
    old, clock = built(model, make)
    train(model, old, clock, range(2))
    other = net()
    other.head = nn.Linear(6, 7)
    anew, time = built(other, make)
    anew.load_state_dict(old.state_dict())
    assert time.carried is not None
    assert time.carried.reshaped == {"head.weight": ((3, 6), (7, 6)), "head.bias": ((3,), (7,))}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "head.weight" not in moments(other, anew)
    update(other, anew, 3)
    assert anew.state[other.head.bias]["step"].item() == 1


def test_a_state_of_torch_without_names_is_refused_whole(model: Net, make: Any) -> None:
    theirs = torch.optim.AdamW(model.parameters())
    update(model, theirs, 0)
    other = net()
    anew, time = built(other, make)
    with pytest.raises(CheckpointError, match=r"pg\.name_state\(state, names\)"):
        anew.load_state_dict(theirs.state_dict())
    assert not anew.state
    assert time.carried is None
    anew.load_state_dict(pg.name_state(theirs.state_dict(), [name for name, _ in model.named_parameters()]))
    assert moments(other, anew).keys() == moments(model, theirs).keys()


def test_frozen_parameters_without_state_are_not_missed(model: Net, make: Any) -> None:
    frozen = pg.rule("stem", trainable=False, until="50%")
    old, clock = built(model, make, frozen)
    train(model, old, clock, range(2))
    other = net()
    anew, time = built(other, make, frozen)
    anew.load_state_dict(old.state_dict())
    assert not any(name.startswith("stem") for name in moments(other, anew))
    assert time.carried is not None
    assert time.carried.whole


class Words(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(8, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(ids).last_hidden_state[:, 0])  # type: ignore[no-any-return]  # untyped


def words() -> Words:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=11, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
        )
        return Words(BertModel(config, add_pooling_layer=False))


def go(model: nn.Module, optimizer: Any) -> None:
    optimizer.zero_grad()
    model(torch.tensor([[1, 2, 3]])).square().sum().backward()
    optimizer.step()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_lora_that_is_added_begins_anew_and_the_rest_goes_on(make: Any) -> None:
    model = words()
    old, _ = built(model, make)
    go(model, old)
    other = words()
    other.body = get_peft_model(other.body, LoraConfig(r=2, target_modules=["query", "value"]))
    for param in other.parameters():
        param.requires_grad_(True)
    anew, time = built(other, make, pg.rule(":lora_A | :lora_B", lr_scale=2))
    anew.load_state_dict(old.state_dict())
    carried = time.carried
    assert carried is not None
    assert carried.missing == tuple(
        f"body.encoder.layer.0.attention.self.{part}.lora_{side}.default.weight"
        for part in ("query", "value")
        for side in "AB"
    )
    assert not carried.unexpected
    assert not carried.reshaped
    names = set(dict(model.named_parameters()))
    assert set(carried.kept) == names
    path = "encoder.layer.0.attention.self.query"
    query = other.get_parameter(f"body.base_model.model.{path}.base_layer.weight")
    old_query = model.get_parameter(f"body.{path}.weight")
    assert torch.equal(anew.state[query]["exp_avg"], old.state[old_query]["exp_avg"])
    go(other, anew)
