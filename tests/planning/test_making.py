"""From models to plans: odd ones, declared depths, examples, pins; and how long it takes."""

from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.recipes import by_magnitude, layer_decay, no_decay
from paramgroups.schedules import cosine, warmup
from tests.planning.models import Reader
from tests.support import calls_of

PLAIN = pg.Recipe(optimizer="adamw", lr=1.0)


def test_whole_numbers_cannot_be_thawed() -> None:
    model = nn.Module()
    model.register_parameter("codes", nn.Parameter(torch.ones(4, dtype=torch.int8), requires_grad=False))
    model.register_parameter("scale", nn.Parameter(torch.ones(4)))
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, rules=[pg.rule("**", trainable=False, until=2)]))
    assert [group.names for group in plan.groups] == [("scale",)]
    message = r'"codes" holds int8, of which torch takes no gradients.*\n  rule 1 "\*\*"'
    with pytest.raises(PlanError, match=message):
        pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, rules=[pg.rule("**", trainable=True, start=2)]))


@pytest.mark.parametrize("value", ["x", None, [1.0]])
def test_a_pinned_value_that_is_no_number(value: Any) -> None:
    with pytest.raises(PlanError, match=r"pins=.*give what another plan read"):
        pg.plan(Reader(), PLAIN, pins={"rms": {"stem.weight": value}})


def test_one_scalar() -> None:
    model = nn.ParameterList([nn.Parameter(torch.tensor(1.0))])
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, rules=[pg.rule("**[ndim==0]", lr=0.5)]), steps=3)
    assert [row.lr for row in plan.rows] == [0.5]
    assert plan.groups[0].numel == 1


def test_a_module_that_stands_in_two_places_is_ruled_by_both() -> None:
    shared = nn.Linear(2, 2)
    model = nn.ModuleDict({"one": shared, "two": shared})
    recipe = pg.Recipe(
        optimizer="adamw", lr=1.0, rules=[pg.rule("two", lr_scale=0.5), pg.rule("one", weight_decay=0.0)]
    )
    plan = pg.plan(model, recipe)
    assert len(plan) == 2
    assert (plan["two.weight"].lr, plan["one.weight"].weight_decay) == (0.5, 0.0)
    assert sum(len(group["params"]) for group in plan.param_groups()) == 2


def test_odd_names() -> None:
    odd = 'a-b | c[0]:~ *"\\'
    model = nn.ModuleDict(
        {"gpt-2": nn.Linear(1, 1), "p": nn.ParameterDict({odd: nn.Parameter(torch.zeros(2))})}
    )
    choose = pg.rule(pg.select.where("all", lambda _: True), lr_scale=0.5)
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1.0, rules=[choose]))
    assert plan[f"p.{odd}"].lr == 0.5
    assert f"p.{odd}" in str(plan.explain(f"p.{odd}"))
    again = pg.plan(model, plan.recipe)
    assert {row.lr for row in again.rows} == {0.5}


def test_element_types_do_not_matter() -> None:
    model = nn.Module()
    model.low = nn.Parameter(torch.zeros(2, 2, dtype=torch.bfloat16))
    model.packed = nn.Parameter(torch.zeros(4, dtype=torch.int8), requires_grad=False)
    plan = pg.plan(model, PLAIN)
    assert [group.names for group in plan.groups] == [("low",)]
    assert [row.name for row in plan.frozen] == ["packed"]


def test_depth_can_be_declared_and_traced() -> None:
    recipe = pg.Recipe(optimizer="adamw", lr=1.0, rules=[layer_decay(0.5)])
    declared = pg.plan(Reader(), recipe, depth=lambda name: int(name.startswith("head")))
    assert (declared["stem.weight"].lr, declared["head.weight"].lr) == (0.5, 1.0)
    traced = pg.plan(Reader(), recipe, example=torch.zeros(1, 3, dtype=torch.long))
    assert traced["embed.weight"].lr < traced["blocks.1.fc1.weight"].lr < traced["head.weight"].lr == 1.0


def test_statistics_are_measured_once_and_can_be_given_on() -> None:
    model = Reader()
    with torch.no_grad():
        model.head.weight.fill_(9.0)
    recipe = pg.Recipe(optimizer="adamw", lr=1.0, rules=by_magnitude([5.0], [1.0, 0.5]))
    plan = pg.plan(model, recipe)
    with torch.no_grad():
        model.head.weight.zero_()
    again = pg.plan(model, recipe, pins=plan.pins)
    assert plan["head.weight"].lr == again["head.weight"].lr == 0.5
    assert pg.plan(model, recipe)["head.weight"].lr == 1.0
    assert plan == again


@pytest.mark.parametrize("pins", ["rms", {"rms": 3.0}, [1]])
def test_pins_that_are_none(pins: Any) -> None:
    with pytest.raises(PlanError, match=r"give what another plan read, `other\.pins`"):
        pg.plan(Reader(), PLAIN, pins=pins)


class Expert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.gate, self.down = (nn.Linear(8, 8, bias=False) for _ in range(3))


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert() for _ in range(256))


class Mixture(nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(layers))


RULES = [
    layer_decay(0.9),
    no_decay(),
    *(
        pg.rule(text, lr_scale=1.1, missing="ignore")
        for text in (
            "layers.{10..20}.experts.*.up", "**.down", ":bias", "[fan_in>=8]", "@Linear", "layers.0",
            "layers.*.experts.{0..3}", ":norm", "**.gate[depth>=6]", "~layers.3", "layers.60", "[ndim==2]",
            ":linear", "layers.*.experts.255.up", "layers.{1,3,5}", ":matrix - **.up", "[numel>10]",
            "layers.7 | layers.8",
        )
    ),
]  # fmt: skip


def large(layers: int) -> pg.Index:
    with torch.device("meta"):
        return pg.index(Mixture(layers))


def test_the_cost_of_a_plan_grows_with_the_tensors_and_not_faster() -> None:
    few, many = large(8), large(16)
    rules = [rule for rule in RULES if getattr(rule, "missing", "") == "ignore"]
    recipe = pg.Recipe(optimizer="adamw", lr=1e-3, rules=rules, schedule=warmup("5%").then(cosine()))

    def planned(index: pg.Index) -> pg.Plan:
        plan = pg.plan(index, recipe, steps=10_000)
        assert sum(len(group.names) for group in plan.groups) == len(index)
        return plan

    assert planned(few).groups
    plan = planned(many)
    assert calls_of(lambda: planned(many)) < 2.5 * calls_of(lambda: planned(few))
    assert calls_of(lambda: plan.explain("layers.0.experts.7.up.weight")) < len(many)


def test_a_long_run_is_checked_without_asking_every_tick() -> None:
    recipe = pg.Recipe(optimizer="adamw", lr=1e-3, schedule=warmup("5%").then(cosine()))
    index = large(1)
    pg.plan(index, recipe, steps=100)
    short = calls_of(lambda: pg.plan(index, recipe, steps=100))
    assert calls_of(lambda: pg.plan(index, recipe, steps=10**9)) < 2 * short


def test_a_rate_for_each_of_many_tensors_costs_in_proportion_to_them() -> None:
    few, many = large(1), large(5)
    own = pg.per_parameter("own", lambda row: 1.0 + many.position(row.name) / 1e6)
    recipe = pg.Recipe(optimizer="adamw", lr=1.0, rules=[pg.rule("**", lr_scale=own)])

    def planned(index: pg.Index) -> None:
        assert len(pg.plan(index, recipe, steps=100).groups) == len(index)

    planned(few)
    assert calls_of(lambda: planned(many)) < 6 * calls_of(lambda: planned(few))
