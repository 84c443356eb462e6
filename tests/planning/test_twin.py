"""The cascade against its slow twin, on random recipes."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import paramgroups as pg
from tests.planning import twin
from tests.planning.models import INDEX
from tests.planning.strategies import STEPS, recipes

HYPERS = ["lr", "weight_decay", "beta1", "beta2", "eps"]


@settings(max_examples=200, deadline=None)
@given(recipe=recipes(), data=st.data())
def test_every_value_at_every_step_is_that_of_the_twin(recipe: pg.Recipe, data: st.DataObject) -> None:
    plan = pg.plan(INDEX, recipe, steps=STEPS)
    name, hyper = data.draw(st.sampled_from(list(plan))), data.draw(st.sampled_from(HYPERS))
    asked = twin.Asked(recipe, INDEX, STEPS, name)
    expected = [twin.value(asked, step, hyper) for step in range(STEPS)]
    assert plan.curve(name, hyper) == pytest.approx(expected, rel=1e-12)
    assert [plan.at(step)[name].values[hyper] for step in range(STEPS)] == plan.curve(name, hyper)
    assert plan.curve(name, "trainable") == [twin.trainable(asked, step) for step in range(STEPS)]


@settings(max_examples=200, deadline=None)
@given(recipe=recipes(), data=st.data())
def test_every_row_of_a_tensor_is_that_of_the_twin(recipe: pg.Recipe, data: st.DataObject) -> None:
    plan = pg.plan(INDEX, recipe, steps=STEPS)
    name, hyper = (
        data.draw(st.sampled_from(["embed.weight", "head.bias"])),
        data.draw(st.sampled_from(HYPERS)),
    )
    row = data.draw(st.integers(0, INDEX[name].shape[0] - 1))
    step = data.draw(st.integers(0, STEPS - 1))
    found = plan.at(step)[name]
    values = next((part.values for part in found.parts if part.start <= row < part.stop), found.values)
    asked = twin.Asked(recipe, INDEX, STEPS, name, row)
    assert values[hyper] == pytest.approx(twin.value(asked, step, hyper), rel=1e-12)
    assert values["trainable"] == twin.trainable(asked, step)


@settings(max_examples=100, deadline=None)
@given(recipe=recipes())
def test_groups_partition_what_is_ever_trained(recipe: pg.Recipe) -> None:
    plan = pg.plan(INDEX, recipe, steps=STEPS)
    grouped = [name for group in plan.groups for name in group.names]
    trained = [
        name
        for name, number in ((row.name, row.shape[0]) for row in INDEX)
        if any(
            twin.trainable(twin.Asked(recipe, INDEX, STEPS, name, row), step)
            for row in range(number)
            for step in range(STEPS)
        )
    ]
    assert sorted(grouped) == sorted(trained)
    assert len(set(grouped)) == len(grouped)
    assert {row.name for row in plan.frozen} == {row.name for row in INDEX} - set(trained)


@settings(max_examples=60, deadline=None)
@given(recipe=recipes())
def test_the_parameters_of_a_group_agree_at_all_steps_and_stand_in_the_order_of_the_model(
    recipe: pg.Recipe,
) -> None:
    plan = pg.plan(INDEX, recipe, steps=STEPS)

    def course(name: str) -> list[tuple[object, ...]]:
        return [tuple(plan.at(step)[name].values.values()) for step in range(STEPS)]

    for group in plan.groups:
        assert all(course(name) == course(group.names[0]) for name in group.names)
    names = [group.name for group in plan.groups]
    assert len(set(names)) == len(names)
    firsts = [INDEX.position(group.names[0]) for group in plan.groups]
    assert firsts == sorted(firsts)
    assert all(list(group.names) == sorted(group.names, key=INDEX.position) for group in plan.groups)


@settings(max_examples=60, deadline=None)
@given(recipe=recipes())
def test_the_same_model_and_recipe_give_equal_plans_and_texts(recipe: pg.Recipe) -> None:
    one, other = pg.plan(INDEX, recipe, steps=STEPS), pg.plan(INDEX, recipe, steps=STEPS)
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == str(other)
    assert not one.diff(other)
    assert one.check() == other.check()
    assert [group.name for group in one.groups] == [group.name for group in other.groups]


@settings(max_examples=60, deadline=None)
@given(recipe=recipes(), data=st.data())
def test_an_idle_rule_is_one_without_which_every_step_is_the_same(
    recipe: pg.Recipe, data: st.DataObject
) -> None:
    if not recipe.rules:
        return
    plan = pg.plan(INDEX, recipe, steps=STEPS)
    place = data.draw(st.integers(0, len(recipe.rules) - 1))
    without = recipe.with_parts([*recipe.rules[:place], *recipe.rules[place + 1 :]], dict(recipe.schedules))
    idle = [finding.message for finding in plan.check() if finding.code == "PG008"]
    told = any(message.startswith(f"Rule {place + 1} ") for message in idle)
    assert told == (not plan.diff(pg.plan(INDEX, without, steps=STEPS)))


@settings(max_examples=40, deadline=None)
@given(recipe=recipes(), data=st.data())
def test_a_whole_explanation_can_be_told_of_any_parameter_at_any_step(
    recipe: pg.Recipe, data: st.DataObject
) -> None:
    plan = pg.plan(INDEX, recipe, steps=STEPS)
    name = data.draw(st.sampled_from(list(plan)))
    step = data.draw(st.none() | st.integers(0, STEPS + 3))
    told = plan.explain(name, step)
    assert set(told.chains) >= {"lr", "weight_decay", "trainable", "defaults"}
    assert str(told).startswith(name)
