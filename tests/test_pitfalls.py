"""What goes wrong in plain torch, shown in numbers, and that it cannot go wrong so here."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim import lr_scheduler as torchs

import paramgroups as pg
from paramgroups.errors import NoMatchError, PlanError, RuleError
from paramgroups.schedules import exponential
from tests.pitfall_models import Net, backward, net, planned, rates, train


@pytest.fixture
def model() -> Net:
    return net()


@pytest.mark.parametrize("key", ["lr_mult", "lr_mul", "weigth_decay"])
def test_01_a_key_that_nobody_reads(model: Net, key: str) -> None:
    said: dict[str, Any] = {key: 0.5}
    plain = AdamW([{"params": model.parameters(), **said}], lr=1e-3, weight_decay=0.01)
    assert (plain.param_groups[0]["lr"], plain.param_groups[0]["weight_decay"]) == (1e-3, 0.01)

    with pytest.raises(PlanError, match=f'"{key}" is .*read by.*(Nearest|Known)'):
        planned(model, pg.rule("head", **said), optimizer="adamw")
    plan = planned(model, pg.rule("head", lr_scale=0.5))
    assert plan["head.weight"].lr == 0.05
    assert all("lr_scale" not in group for group in plan.param_groups())


def test_06_a_part_of_the_model_is_in_no_group(model: Net) -> None:
    named = dict(model.named_parameters())
    plain = SGD([p for name, p in named.items() if name.startswith(("backbone", "head.b"))], lr=0.1)
    assert sum(len(group["params"]) for group in plain.param_groups) == 1  # of 6, and no word

    with pytest.raises(NoMatchError, match='"backbone" matches none of 6 parameters'):
        planned(model, pg.rule("backbone", lr_scale=0.1))
    groups = planned(model, pg.rule("body", lr_scale=0.1)).param_groups()
    assert {id(p) for group in groups for p in group["params"]} == {id(p) for p in model.parameters()}


@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate parameters")
def test_07_a_generator_used_twice_and_a_parameter_that_is_there_twice(model: Net) -> None:
    biases = (p for p in model.parameters() if p.ndim == 1)
    plain = SGD([{"params": biases, "lr": 0.1}, {"params": biases, "lr": 0.2}])
    assert [len(group["params"]) for group in plain.param_groups] == [4, 0]
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.ones(1)
    SGD([weight, weight], lr=0.1).step()
    assert float(weight.detach()) == pytest.approx(-0.2)  # two steps in one

    recipe = [pg.rule(":bias", lr_scale=0.1), pg.rule(":bias", weight_decay=0.0), pg.rule("head", lr_scale=2)]
    held = [id(p) for group in planned(model, *recipe).param_groups() for p in group["params"]]
    assert len(held) == len(set(held)) == 6


def test_08_an_empty_group() -> None:
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": rest, "weight_decay": 0.0}]
    plain = AdamW(groups)
    assert [len(group["params"]) for group in plain.param_groups] == [1, 0]

    with pytest.raises(NoMatchError, match='missing="ignore"'):
        planned(model, pg.rule(":norm | :bias", weight_decay=0.0))
    plan = planned(model, pg.rule(":norm | :bias", weight_decay=0.0, missing="ignore"), weight_decay=0.1)
    assert [len(group["params"]) for group in plan.param_groups()] == [1]


@pytest.mark.parametrize("how", ["zeroed gradients", "a gradient left over"])
def test_09_frozen_weights_move(model: Net, how: str) -> None:
    plain = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    backward(model)
    plain.step()
    before = model.body.weight.detach().clone()
    if how == "zeroed gradients":
        plain.zero_grad(set_to_none=False)
    model.body.requires_grad_(False)
    plain.step()
    assert not torch.equal(model.body.weight, before)

    model.requires_grad_(True)
    rule = pg.rule("body", trainable=False, start=1)
    optimizer, scheduler = pg.build(planned(model, rule, momentum=0.9, weight_decay=0.1))
    optimizer.zero_grad()
    backward(model)
    optimizer.step()
    before = model.body.weight.detach().clone()
    scheduler.step()
    for _ in range(5):
        optimizer.step()
    assert torch.equal(model.body.weight, before)


def test_10_what_a_rate_of_zero_stores_up() -> None:
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.ones(1)
    plain = SGD([weight], lr=0.0, momentum=0.9)
    for _ in range(50):
        plain.step()
    plain.param_groups[0]["lr"] = 0.1
    plain.step()
    assert float(weight.detach()) == pytest.approx(-1.0, rel=0.01)  # ten times 0.1 × 1

    model = nn.Module()
    model.register_parameter("late", nn.Parameter(torch.zeros(1)))
    model.register_parameter("other", nn.Parameter(torch.zeros(1)))
    rule = pg.rule("late", trainable=False, until=5)
    optimizer, scheduler = pg.build(planned(model, rule, momentum=0.9))
    for _ in range(6):
        for parameter in model.parameters():
            parameter.grad = torch.ones(1) if parameter.requires_grad else None
        optimizer.step()
        scheduler.step()
    assert float(model.get_parameter("late").detach()) == pytest.approx(-0.1)


def test_10_a_rate_that_is_set_to_0_stands_in_the_journal_and_ends(model: Net) -> None:
    """A freeze is a rule; but who asks for a rate of 0 for a while gets the planned one back."""
    optimizer, scheduler = pg.build(planned(model, pg.rule("head", lr_scale=10), schedule=exponential(0.5)))
    scheduler.set("head", lr=0.0, steps=3)
    train(model, optimizer, scheduler, 2)
    assert rates(optimizer) == [pytest.approx(0.025), 0.0]
    train(model, optimizer, scheduler, 1)
    assert rates(optimizer) == [pytest.approx(0.0125), pytest.approx(0.125)]


def test_11_batch_norm_drifts_in_a_frozen_layer(model: Net) -> None:
    other = copy.deepcopy(model)
    other.norm.requires_grad_(False).eval()
    backward(other.train())
    assert other.norm.num_batches_tracked == 1  # the parent's train() has undone eval()

    optimizer, scheduler = pg.build(planned(model, pg.rule("norm", trainable=False, until=3)))
    train(model, optimizer, scheduler, 3)
    assert model.norm.num_batches_tracked == 0
    assert not model.state_dict()["norm.running_mean"].any()
    train(model, optimizer, scheduler, 2)
    assert model.norm.num_batches_tracked == 2


def test_12_unfrozen_and_never_trained(model: Net) -> None:
    other = copy.deepcopy(model)
    other.body.requires_grad_(False)
    plain = SGD([p for p in other.parameters() if p.requires_grad], lr=0.1)
    other.body.requires_grad_(True)
    train(other, plain, torchs.LambdaLR(plain, lambda _: 1.0), 5)
    assert torch.equal(other.body.weight, model.body.weight)

    before = model.body.weight.detach().clone()
    optimizer, scheduler = pg.build(planned(model, pg.rule("body", trainable=False, until=2)))
    train(model, optimizer, scheduler, 2)
    assert torch.equal(model.body.weight, before)
    train(model, optimizer, scheduler, 1)
    assert not torch.equal(model.body.weight, before)


def test_13_a_resume_in_the_middle_of_gradual_unfreezing_freezes_again(model: Net) -> None:
    model.body.requires_grad_(False)
    plain = SGD(model.parameters(), lr=0.1)
    clock = torchs.ConstantLR(plain, 1.0)
    train(model, plain, clock, 5)
    model.body.requires_grad_(True)
    saved = copy.deepcopy((model.state_dict(), plain.state_dict(), clock.state_dict()))
    again = net()
    again.body.requires_grad_(False)  # as the script begins
    later = SGD(again.parameters(), lr=0.1)
    again.load_state_dict(saved[0])
    later.load_state_dict(saved[1])
    train(again, later, torchs.ConstantLR(later, 1.0), 5)
    assert torch.equal(again.body.weight, net().body.weight)  # it was to be trained for five steps

    ours, theirs = net(), net()
    optimizer, scheduler = pg.build(planned(ours, pg.rule("body", trainable=False, until=4)))
    train(ours, optimizer, scheduler, 5)
    state = copy.deepcopy((ours.state_dict(), optimizer.state_dict(), scheduler.state_dict()))
    other, time = pg.build(planned(theirs, pg.rule("body", trainable=False, until=4)))
    theirs.load_state_dict(state[0])
    other.load_state_dict(state[1])
    time.load_state_dict(state[2])
    assert theirs.body.weight.requires_grad
    for run in ((ours, optimizer, scheduler), (theirs, other, time)):
        train(*run, 3)
    assert torch.equal(theirs.body.weight, ours.body.weight)
    assert not torch.equal(theirs.body.weight, net().body.weight)


def test_18_a_tied_weight_has_one_name() -> None:
    model = nn.ModuleDict({"embed": nn.Embedding(5, 3), "lm_head": nn.Linear(3, 5, bias=False)})
    model["lm_head"].weight = model["embed"].weight
    assert [name for name, _ in model.named_parameters() if "lm_head" in name] == []

    plan = planned(model, pg.rule("lm_head", lr_scale=10))
    assert plan["embed.weight"].lr == plan["lm_head.weight"].lr == 1.0
    assert plan["embed.weight"].aliases == ("lm_head.weight",)


def test_19_a_rate_that_is_text_or_negative_and_a_zero_that_is_meant(model: Net) -> None:
    AdamW([{"params": model.parameters(), "lr": "1e-4"}])
    plain = SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": -0.1}])
    plain.param_groups[0]["params"][0].grad = torch.ones(1)
    plain.step()
    assert float(plain.param_groups[0]["params"][0].detach()) == pytest.approx(0.1)  # it climbs

    with pytest.raises(RuleError, match=r"without quotes: 0\.0001"):
        pg.rule("head", lr="1e-4")
    with pytest.raises(RuleError, match="at least 0"):
        pg.rule("head", lr=-0.1)
    plan = planned(model, pg.rule("head", lr=0.0), pg.rule(":bias", weight_decay=0.0), weight_decay=0.1)
    assert plan["head.weight"].lr == 0.0
    assert plan["head.weight"].weight_decay == 0.1
    assert plan["head.bias"].weight_decay == 0.0


def test_20_a_small_rate_weakens_weight_decay() -> None:
    def shrunk(groups: Any) -> list[float]:
        optimizer = AdamW(groups, lr=0.1, weight_decay=0.1)
        for parameter in [p for group in optimizer.param_groups for p in group["params"]]:
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        return [1 - float(p.detach().mean()) for group in optimizer.param_groups for p in group["params"]]

    def ones() -> nn.ParameterDict:
        return nn.ParameterDict(
            {"low": nn.Parameter(torch.ones(2, 2)), "high": nn.Parameter(torch.ones(2, 2))}
        )

    model = ones()
    plain = [{"params": [model["low"]], "lr": 0.001}, {"params": [model["high"]]}]
    assert shrunk(plain) == [pytest.approx(0.0001, rel=1e-2), pytest.approx(0.01)]

    said: dict[str, Any] = {"optimizer": "adamw", "lr": 0.1, "weight_decay": 0.1}
    model = ones()
    told = planned(model, pg.rule("low", lr_scale=0.01), **said).check()
    assert any("multiply weight decay by the rate" in finding.message for finding in told)
    plan = planned(model, pg.rule("low", lr_scale=0.01, weight_decay_scale=100), **said)
    assert not any("multiply weight decay by the rate" in finding.message for finding in plan.check())
    assert shrunk(plan.param_groups()) == [pytest.approx(0.01), pytest.approx(0.01)]

    said |= {"decay": "independent", "weight_decay": 0.0005}
    plan = planned(model := ones(), pg.rule("low", lr_scale=0.01), **said)
    assert not {"PG007", "PG017"} & {finding.code for finding in plan.check()}
    assert shrunk(plan.param_groups()) == [pytest.approx(0.0005, rel=1e-3), pytest.approx(0.0005, rel=1e-3)]
    assert "decay independent of the rate" in str(plan.explain("low"))
    optimizer, scheduler = pg.build(plan)
    scheduler.scale("low", 0.5)
    optimizer.param_groups[1]["lr"] *= 0.5
    optimizer.zero_grad()
    optimizer.step()
    scheduler.step()
    strengths = [group["lr"] * group["weight_decay"] for group in optimizer.param_groups]
    assert strengths == [pytest.approx(0.0005), pytest.approx(0.0005)]


def test_21_weight_decay_falls_on_norms_and_biases(model: Net) -> None:
    plain = AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    plain.step()
    assert torch.equal(model.norm.weight, torch.full((4,), 0.99))
    listed = [name for name, _ in model.named_parameters() if "bias" in name or "LayerNorm" in name]
    assert "norm.weight" not in listed

    said: dict[str, Any] = {"optimizer": "adamw", "weight_decay": 0.1}
    told = planned(model, **said).check()
    assert any({"norm.weight", "norm.bias"} & set(finding.names) for finding in told)
    plan = planned(model, pg.rule(":norm | :bias", weight_decay=0.0), **said)
    spared = {row.name for row in plan.rows if row.weight_decay == 0}
    assert spared == {"body.bias", "norm.weight", "norm.bias", "head.bias"}


def test_23_hundreds_of_groups_for_few_settings() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(50)))
    plain = SGD([{"params": [p], "lr": 0.1 if p.ndim > 1 else 0.2} for p in model.parameters()])
    assert len(plain.param_groups) == 100

    optimizer, _ = pg.build(planned(model, pg.rule(":bias", lr_scale=2)))
    assert [(group["lr"], len(group["params"])) for group in optimizer.param_groups] == [(0.1, 50), (0.2, 50)]


def test_25_names_within_wrappers() -> None:
    model = nn.ModuleDict(
        {"submodule": nn.ModuleDict({"my_module": nn.Linear(2, 2)}), "head": nn.Linear(2, 2)}
    )
    names = [name for name, _ in model.named_parameters()]
    wrapped: Any = torch.compile(nn.DataParallel(model), backend="eager")
    theirs = [name for name, _ in wrapped.named_parameters()]
    assert theirs[0] == "_orig_mod.module.submodule.my_module.weight"
    assert [name for name in theirs if name.startswith("head")] == []
    assert theirs[0].replace("_orig_mod.", "").replace("module.", "") == "submy_weight"

    assert [row.name for row in pg.index(wrapped)] == names
    plan = planned(wrapped, pg.rule("head", lr_scale=10), pg.rule("submodule.my_module", lr_scale=0.1))
    assert (plan["head.weight"].lr, plan["submodule.my_module.bias"].lr) == (1.0, 0.1 * 0.1)
