"""The public names, called as the design writes them."""

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

import paramgroups as pg
from paramgroups import errors
from paramgroups.schedules import cosine, warmup
from tests.acceptance.models import Net, planned, small


def first_recipe(*more: pg.Rule) -> pg.Recipe:
    return pg.Recipe(
        optimizer="adamw",
        lr=3e-4,
        weight_decay=0.05,
        schedule=warmup("5%").then(cosine(end=0.01)),
        rules=[
            pg.recipes.layer_decay(0.75),
            pg.rule(":norm | :bias", weight_decay=0.0),
            pg.rule("head", lr_scale=10),
            *more,
            pg.rule("stem", trainable=False, until="20%"),
        ],
    )


def test_the_first_page_of_the_design_trains() -> None:
    torch.manual_seed(0)
    model = Net()
    plan = pg.plan(model, first_recipe(), steps=10_000, steps_per_epoch=500)
    assert "head" in str(plan)
    assert str(plan.explain("blocks.3.mlp.fc1.weight"))
    optimizer, scheduler = pg.build(plan)
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert isinstance(scheduler, LRScheduler)
    for _ in range(3):
        model(torch.randint(0, 50, (2, 5))).square().mean().backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    assert scheduler.last_epoch == 3


def test_rows_of_an_embedding_are_planned() -> None:
    model = Net()
    plan = pg.plan(model, first_recipe(pg.rule("embed.weight[32000:]", lr_scale=10)), steps=10_000)
    assert "32000" in str(plan) or "32,000" in str(plan)
    assert "embed.weight[32000:]" in str(plan.explain("embed.weight"))
    group = next(group for group in plan.param_groups() if "embed.weight" in group["param_names"])
    (rows,) = group["rows"]
    assert round(rows["lr"] / group["lr"], 12) == 10


def test_a_row_of_the_index_has_its_attributes() -> None:
    index = pg.index(Net())
    assert len(index) == len(list(index)) == 29
    row = next(row for row in index if row.name == "blocks.0.mlp.fc1.weight")
    assert (row.aliases, row.role, row.module_type, tuple(row.shape)) == ((), "linear", "Linear", (8, 4))
    assert (row.ndim, row.numel, row.fan_in, row.fan_out) == (2, 32, 4, 8)
    assert (row.depth, row.levels, row.trainable) == (1, 6, True)
    assert not row.tower
    assert {row.name: row.depth for row in index}["head.bias"] == 5


def test_a_row_of_a_plan_has_its_attributes() -> None:
    plan = pg.plan(Net(), first_recipe(), steps=10_000)
    row = plan["head.weight"]
    assert round(row.lr, 12) == 3e-3
    assert (row.weight_decay, row.name, row.aliases, row.role, row.depth) == (
        0.05,
        "head.weight",
        (),
        "head",
        5,
    )
    assert "head" in row.origin("lr")
    assert "recipe" in row.origin("weight_decay")
    assert [one.name for one in plan.rows] == [one.name for one in pg.index(Net())]


def test_every_method_of_a_plan() -> None:
    plan = pg.plan(Net(), first_recipe(), steps=10_000)
    assert plan.at(0)["head.weight"].lr == plan.curve("head.weight", "lr")[0]
    assert set(plan.at(0)) == {row.name for row in plan.rows}
    assert len(plan.curve("head.weight", "lr")) == 10_000
    assert all(isinstance(finding, errors.Finding) for finding in plan.check())
    for finding in plan.check():
        assert finding.severity in ("error", "warning", "advice")
        assert finding.code
        assert finding.message
        assert finding.fix
        assert set(finding.names) <= set(plan.at(0))
    assert not plan.diff(plan)
    assert plan.recipe == first_recipe()
    assert plan.horizon.ticks == 10_000
    for group in plan.groups:
        assert group.lr == plan[group.names[0]].lr
        assert {plan[name].lr for name in group.names} == {group.lr}


def test_param_groups_are_plain_dicts_of_real_numbers_for_any_optimizer() -> None:
    model = Net()
    groups = pg.plan(model, first_recipe(), steps=10_000).param_groups()
    live = dict(model.named_parameters())
    for group in groups:
        assert type(group) is dict
        assert type(group["lr"]) is float
        assert type(group["weight_decay"]) is float
        assert not [key for key in group if key.endswith(("_scale", "_mult", "_mul"))]
        assert all(
            live[name] is tensor for name, tensor in zip(group["param_names"], group["params"], strict=True)
        )
    assert sorted(name for group in groups for name in group["param_names"]) == sorted(live)
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
        optimizer = kind(pg.plan(model, first_recipe(), steps=10_000).param_groups())
        assert [group["lr"] for group in optimizer.param_groups] == [group["lr"] for group in groups]


def test_a_rule_takes_every_word_of_its_signature() -> None:
    rule = pg.rule(
        "2",
        start=10,
        until="50%",
        schedule=cosine(end=0.5),
        schedules={"weight_decay": cosine()},
        missing="ignore",
        lr=0.2,
        weight_decay_scale=0.5,
    )
    named = pg.rule("2", clock="thaw", group="head")
    plan = planned(rule, named, pg.rule("2", trainable=False, until=10))
    assert [group.name for group in plan.groups] == ["default", "head"]
    assert plan.at(9)["2.weight"].lr == 0.1


def test_a_freeze_with_a_window_may_name_its_group() -> None:
    plan = planned(pg.rule("0", trainable=False, until="20%", group="stem"))
    assert {group.name: group.names for group in plan.groups}["stem"] == ("0.weight", "0.bias")
    assert [plan.at(step)["0.weight"].trainable for step in (0, 19, 20)] == [False, False, True]


def test_a_recipe_takes_every_word_that_a_plan_needs() -> None:
    recipe = pg.Recipe(
        optimizer=torch.optim.SGD, lr=0.1, rules=(), schedule=None, schedules=None, momentum=0.9
    )
    assert recipe == pg.Recipe(optimizer="sgd", lr=0.1, momentum=0.9)
    assert 'optimizer = "sgd"' in recipe.to_toml()
    assert pg.plan(small(), recipe, steps=1)["0.weight"].momentum == 0.9


def test_what_is_unset_has_the_default_of_the_class() -> None:
    row = planned()["0.weight"]
    assert (row.weight_decay, row.betas, row.eps) == (0.01, (0.9, 0.999), 1e-8)
    assert planned(optimizer="adam")["0.weight"].weight_decay == 0


def test_a_value_may_be_a_function_of_the_row() -> None:
    inverse = pg.per_parameter("1/fan_in", lambda row: 1 / row.fan_in)
    plan = planned(pg.rule("[ndim==2]", lr=inverse))
    assert (plan["0.weight"].lr, plan["2.weight"].lr, plan["0.bias"].lr) == (1 / 4, 1 / 8, 0.1)
    assert "1/fan_in" in str(plan.explain("0.weight"))
    saved = plan.recipe.to_toml()
    assert "opaque = true" in saved
    assert '"0.weight" = 0.25' in saved


def test_a_value_by_the_function_may_be_a_factor() -> None:
    plan = planned(
        pg.rule("**", lr_scale=pg.per_parameter("half below", lambda row: 0.5 ** (row.depth == 0)))
    )
    assert (plan["0.weight"].lr, plan["2.weight"].lr) == (0.05, 0.1)


def test_every_error_of_ours_has_one_root() -> None:
    ours = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
    assert len(ours) >= 7
    assert all(issubclass(one, pg.ParamGroupsError) for one in ours)


def test_a_scheduler_is_made_for_any_torch_optimizer_of_the_groups() -> None:
    model = small()
    plan = planned(model=model, optimizer="sgd", schedule=cosine())
    optimizer = torch.optim.SGD(plan.param_groups())
    scheduler = pg.Scheduler(optimizer, plan)
    assert scheduler.get_last_lr() == [0.1]
    scheduler.scale("**", 0.5)
    assert scheduler.get_last_lr() == [0.05]
    scheduler.set("**", lr=0.2)
    assert scheduler.get_last_lr() == [0.2]


class Signed(torch.optim.Optimizer):
    """An optimizer that is nobody's subclass, and reads what SGD reads of a rate and a decay."""

    def __init__(self, params: object, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})  # type: ignore[arg-type]  # as torch's own

    @torch.no_grad()
    def step(self, _: object = None) -> None:  # type: ignore[override]  # no closure is called
        for group in self.param_groups:
            for tensor in group["params"]:
                if tensor.grad is not None:
                    tensor.sub_(group["lr"] * (tensor.grad.sign() + group["weight_decay"] * tensor))


def test_an_optimizer_of_the_users_own_may_be_named_by_its_class() -> None:
    model = small()
    plan = planned(pg.rule("2", lr_scale=10), model=model, optimizer=Signed, schedule=cosine())
    optimizer, scheduler = pg.build(plan)
    bias = model.get_parameter("2.bias")
    before = bias.detach().clone()
    bias.grad = torch.full_like(before, 0.5)
    optimizer.step()
    assert torch.equal(bias, before - 1.0)  # by the sign, at its rate
    assert sorted(scheduler.get_last_lr()) == [0.1, 1.0]


def test_an_optimizer_of_another_class_that_reads_all_that_is_said_is_driven() -> None:
    model = small()
    plan = planned(
        pg.rule("2", lr_scale=10), model=model, optimizer="sgd", weight_decay=0.01, schedule=cosine()
    )
    optimizer = Signed(plan.param_groups())
    scheduler = pg.Scheduler(optimizer, plan)
    assert sorted(scheduler.get_last_lr()) == [0.1, 1.0]


def test_a_model_on_meta_is_planned_and_bound_later() -> None:
    with torch.device("meta"):
        model = small()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), steps=10)
    real: nn.Module = small()
    optimizer, _ = pg.build(plan, model=real)
    assert {id(one) for group in optimizer.param_groups for one in group["params"]} == {
        id(one) for one in real.parameters()
    }
    assert len(plan.param_groups(real)) == 1
