"""The plan as users hold it: rows, steps, names, copies."""

import copy
import dataclasses
import gc
import pickle
import re
import weakref
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

import paramgroups as pg
from paramgroups.errors import ModelError, PlanError
from paramgroups.planning.rows import UnknownNameError
from paramgroups.recipes import no_decay
from paramgroups.schedules import cosine, function, linear, warmup
from tests.planning.models import INDEX, Reader, Tied, planned

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=1e-3,
    schedule=warmup("10%").then(cosine(end=0.01)),
    rules=[pg.rule("head", lr_scale=10), no_decay(), pg.rule("stem", trainable=False, until="20%")],
)


def test_a_row_is_the_parameter_and_its_values() -> None:
    row = planned(pg.rule("head", lr_scale=3), schedule=linear())["head.weight"]
    assert (row.name, row.role, row.depth, row.shape, row.ndim) == ("head.weight", "head", 11, (3, 4), 2)
    assert (row.lr, row.betas, row.trainable, row.optimizer) == (3.0, (0.9, 0.999), True, "adamw")
    assert row.origin("lr") == 'recipe × rule 1 "head"'
    assert row.origin("betas") == row.origin("beta2") == row.origin("eps") == "default of AdamW"
    assert (row.origin("trainable"), row.origin("depth")) == ("model", "model")
    assert repr(row).startswith("<head.weight: lr 3, eps 0.00000001, weight_decay 0.01")
    assert "None" not in repr(row)


def test_the_origin_is_of_the_step_that_the_row_is_of() -> None:
    plan = planned(pg.rule("head", lr_scale=3, start=5))
    assert plan["head.weight"].origin("lr") == "recipe"
    assert plan.at(5)["head.weight"].origin("lr") == 'recipe × rule 1 "head"'


def test_an_unknown_value_is_told_with_the_nearest() -> None:
    row = planned()["head.weight"]
    with pytest.raises(
        UnknownNameError, match=re.escape('"head.weight" has no "weigth_decay". Nearest: "weight_decay".')
    ):
        _ = row.weigth_decay
    with pytest.raises(UnknownNameError, match='Nearest: "betas"'):
        row.origin("beta3")
    assert not hasattr(row, "lr_scale")


def test_an_unknown_parameter_is_told_with_the_nearest() -> None:
    plan = planned()
    asks: tuple[Any, ...] = (plan.__getitem__, plan.explain, plan.curve, plan.at(3).__getitem__)
    for ask in asks:
        with pytest.raises(ModelError, match=r'"haed.weight" is no parameter(?s:.)*Nearest: "head.weight"'):
            ask("haed.weight")
        for wrong in (0, None, ["head.weight"]):
            with pytest.raises(PlanError, match=r"is no name. Parameters are found by name"):
                ask(wrong)


def test_a_plan_is_like_a_mapping() -> None:
    plan = planned()
    assert len(plan) == 12
    assert list(plan) == [row.name for row in INDEX] == [row.name for row in plan.rows]
    assert "head.weight" in plan
    assert "lm_head.weight" in plan
    assert "head" not in plan
    assert 0 not in plan
    now = plan.at(0)
    assert (list(now), len(now), "lm_head.weight" in now) == (list(plan), 12, True)
    assert now.get("head.weight") == plan["head.weight"]
    assert now.get("nothing") is None
    assert dict(now) == now


def test_a_tied_tensor_is_found_by_each_name_and_ruled_by_each() -> None:
    rules = [pg.rule("lm_head", lr_scale=0.5), pg.rule("embed", weight_decay=0.0)]
    model = Tied()
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1.0, rules=rules), steps=5)
    assert plan["lm_head.weight"] == plan["embed.weight"]
    assert (plan["lm_head.weight"].lr, plan["lm_head.weight"].weight_decay) == (0.5, 0.0)
    assert plan.at(2)["lm_head.weight"].lr == plan.curve("lm_head.weight")[2] == 0.5
    assert sum(len(group["params"]) for group in plan.param_groups()) == 3
    assert "also lm_head.weight" in str(plan.explain("lm_head.weight"))


@pytest.mark.parametrize("step", [-1, float("nan"), float("inf"), 10**400, "3", None, True])
def test_a_step_is_a_number_from_0(step: object) -> None:
    with pytest.raises(PlanError, match=r"plan.at: step .* is none. Steps are numbers, and count from 0."):
        planned().at(step)  # type: ignore[arg-type]  # wrong on purpose


def test_a_step_may_lie_between_ticks_and_past_the_end() -> None:
    plan = planned(schedule=linear())
    assert plan.at(2.5)["head.weight"].lr == 0.75
    assert plan.at(10)["head.weight"].lr == plan.at(999)["head.weight"].lr == 0.0


def test_a_step_may_be_any_real_number() -> None:
    plan = planned(schedule=linear())
    for step in (np.int64(5), np.float32(5)):
        found = plan.at(cast("float", step))["head.weight"].lr
        assert (found, type(found)) == (0.5, float)


def test_explain_refuses_a_step_that_is_none() -> None:
    with pytest.raises(PlanError, match=r"plan.explain: step -1 is none"):
        planned().explain("head.weight", -1)


def test_the_curve_is_the_preview_of_every_step() -> None:
    plan = planned(schedule=warmup(2).then(linear(end=0.5)))
    assert plan.curve("head.weight") == [plan.at(step)["head.weight"].lr for step in range(10)]
    assert plan.curve("head.weight")[:3] == [0.5, 1.0, 1.0]


@pytest.mark.parametrize("hyper", ["name", "optimizer", "lr_scale", "params"])
def test_a_curve_is_of_a_hyperparameter(hyper: str) -> None:
    with pytest.raises(PlanError, match=f'AdamW reads no "{hyper}"'):
        planned().curve("head.weight", hyper)


@pytest.mark.parametrize("hyper", [None, 3, ["lr"]])
def test_a_hyperparameter_is_asked_for_by_name(hyper: Any) -> None:
    asks: tuple[Any, ...] = (partial(planned().curve, "head.weight"), planned()["head.weight"].origin)
    for ask in asks:
        with pytest.raises(PlanError, match=r"is no name\. Hyperparameters are asked for by name"):
            ask(hyper)


def test_a_curve_needs_an_end() -> None:
    with pytest.raises(PlanError, match=r"no known end. Plan with steps= or epochs="):
        planned(steps=None).curve("head.weight")


def test_nothing_of_a_plan_can_be_changed() -> None:
    plan = planned()
    for name in ("index", "horizon", "given", "recipe", "anything"):
        with pytest.raises(AttributeError):
            setattr(plan, name, None)
    with pytest.raises(AttributeError):
        setattr(plan["head.weight"], "lr", 3.0)  # noqa: B010  # what a user might try
    plan["head.weight"].values["lr"] = 3.0
    plan.groups[0].settings()["lr"] = 3.0
    assert plan["head.weight"].lr == plan["stem.weight"].lr == 1.0


def test_rows_of_a_tensor_have_values_of_their_own() -> None:
    plan = planned(pg.rule("embed.weight[15:]", lr_scale=10), schedule=linear())
    (part,) = plan["embed.weight"].parts
    assert (part.start, part.stop, part.values["lr"]) == (15, 20, 10.0)
    assert plan.at(5)["lm_head.weight"].parts[0].values["lr"] == 5.0
    assert plan["embed.weight"].lr == 1.0


def test_a_plan_is_pickled_and_copied_without_its_model() -> None:
    model = Reader()
    plan = pg.plan(model, RECIPE, steps=50)
    assert plan.groups
    for made in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):  # noqa: S301  # our own
        assert made == plan
        assert made.curve("head.weight") == plan.curve("head.weight")
        assert str(made) == str(plan)
        assert made.planned_model() is None
        with pytest.raises(PlanError, match="no live model"):
            made.param_groups()
        assert len(made.param_groups(model)) == len(plan.groups)
    assert pickle.loads(pickle.dumps(plan["head.weight"])) == plan["head.weight"]  # noqa: S301  # our own


def test_a_plan_keeps_no_model_alive() -> None:
    model = Reader()
    known = weakref.ref(model)
    plan = pg.plan(model, RECIPE, steps=50)
    plan.param_groups()
    del model
    gc.collect()
    assert known() is None
    assert plan["head.weight"].lr == pytest.approx(1e-2)
    with pytest.raises(PlanError, match="The plan has no live model"):
        plan.param_groups()


def test_nothing_outlives_the_plan_that_a_schedule_of_the_users_holds() -> None:
    def known() -> weakref.ref[nn.Module]:
        model = Reader()
        schedule = function("half", lambda _: len(model.blocks) / 6)
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1.0, schedule=schedule), steps=5)
        assert plan.curve("head.weight") == [0.5] * 5
        return weakref.ref(model)

    gone = known()
    gc.collect()
    assert gone() is None


def test_plans_are_equal_when_recipe_index_and_horizon_are() -> None:
    model = Reader()
    assert pg.plan(model, RECIPE, steps=50) == pg.plan(Reader(), RECIPE, steps=50)
    assert pg.plan(model, RECIPE, steps=50) != pg.plan(model, RECIPE, steps=60)
    assert pg.plan(model, RECIPE, steps=50) != pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-3), steps=50)
    assert len({pg.plan(model, RECIPE, steps=50), pg.plan(model, RECIPE, steps=50)}) == 1


def compiled(model: nn.Module) -> nn.Module:
    made: nn.Module = torch.compile(model, backend="eager")  # type: ignore[assignment]  # a module stays one
    return made


@pytest.mark.parametrize(
    "wrap",
    [
        compiled,
        nn.DataParallel,
        checkpoint_wrapper,
        lambda model: nn.DataParallel(compiled(model)),
    ],
)
def test_a_wrapped_model_has_the_same_plan(wrap: object) -> None:
    model = Reader()
    plain = pg.plan(model, RECIPE, steps=50)
    wrapped = wrap(model)  # type: ignore[operator]  # any of them
    plan = pg.plan(wrapped, RECIPE, steps=50)
    assert plan == plain
    assert str(plan) == str(plain)
    assert [group["params"] for group in plan.param_groups()] == [
        g["params"] for g in plain.param_groups(wrapped)
    ]


def test_the_title_and_the_repr_are_one_line() -> None:
    assert repr(planned(name="tune")) == '<Plan "tune", 12 parameters in 1 group, 10 steps>'
    assert repr(planned(steps=None)) == "<Plan of 12 parameters in 1 group, no known end>"


def test_the_recipe_of_a_plan_without_functions_is_the_one_given() -> None:
    assert pg.plan(Reader(), RECIPE, steps=50).recipe is RECIPE


def test_rows_are_frozen_data() -> None:
    row = planned()["head.weight"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.parts = ()  # type: ignore[misc]  # what a user might try
    assert hash(row) == hash(planned()["head.weight"])
