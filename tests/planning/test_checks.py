"""Each piece of advice, where it is due and where it is not."""

from collections.abc import Callable

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.recipes import no_decay
from paramgroups.schedules import constant, linear
from tests.planning.models import planned

SPARED = pg.rule(":norm | :bias | :embedding", weight_decay=0.0)


def conv(*rules: pg.Rule) -> pg.Plan:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(4, 2)
    )
    return pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=rules))


def codes(plan: pg.Plan) -> set[str]:
    return {finding.code for finding in plan.check()}


Make = Callable[[], pg.Plan]
PAIRS: dict[str, tuple[str, Make, Make]] = {
    "everything is frozen": (
        "PG001",
        lambda: planned(pg.rule("**", trainable=False)),
        lambda: planned(pg.rule("**", trainable=False, until=9)),
    ),
    "no schedule": (
        "PG002",
        lambda: planned(schedules={"weight_decay": linear()}),
        lambda: planned(pg.rule("head", schedule=constant(0.5))),
    ),
    "rates over a hundred times apart": (
        "PG003",
        lambda: planned(pg.rule("head", lr_scale=101)),
        lambda: planned(pg.rule("head", lr_scale=100), pg.rule("stem", lr=0.0)),
    ),
    "decay on what is usually spared": (
        "PG004",
        lambda: planned(no_decay()),
        lambda: planned(SPARED),
    ),
    "a fast batch norm": (
        "PG005",
        lambda: conv(pg.rule("@_BatchNorm", lr_scale=2)),
        lambda: conv(pg.rule("@_BatchNorm", lr_scale=1.0)),
    ),
    "a slow head": (
        "PG006",
        lambda: planned(pg.rule("head", lr_scale=0.5)),
        lambda: planned(pg.rule("stem", lr_scale=0.5)),
    ),
    "decay that follows the rate": (
        "PG007",
        lambda: planned(SPARED, pg.rule("stem", lr_scale=0.05)),
        lambda: planned(SPARED, pg.rule("stem", lr_scale=0.05, weight_decay_scale=20)),
    ),
    "an idle rule": (
        "PG008",
        lambda: planned(pg.rule("head", lr_scale=1.0)),
        lambda: planned(pg.rule("head", lr_scale=2.0), pg.rule("stem", group="stem")),
    ),
    "values for what is never trained": (
        "PG009",
        lambda: planned(pg.rule("stem", lr_scale=0.5), pg.rule("stem", trainable=False)),
        lambda: planned(pg.rule("stem", lr_scale=0.5), pg.rule("stem", trainable=False, until=9)),
    ),
    "decay that takes much of a weight": (
        "PG017",
        lambda: planned(decay="independent", weight_decay=0.002, schedule=linear()),
        lambda: planned(decay="independent", weight_decay=0.002, schedule=linear(start=0.4)),
    ),
    "a window that does not end within the run": (
        "PG010",
        lambda: planned(pg.rule("stem", trainable=False, until=500)),
        lambda: planned(pg.rule("stem", trainable=False, until=10)),
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_advice_is_given_where_it_is_due_and_nowhere_else(pair: tuple[str, Make, Make]) -> None:
    code, due, fine = pair
    assert code in codes(due())
    assert code not in codes(fine())


def test_a_careful_plan_has_no_findings() -> None:
    assert planned(SPARED, pg.rule("head", lr_scale=10), schedule=linear()).check() == []


def test_a_finding_names_the_parameters_and_the_fix() -> None:
    (found,) = [one for one in planned(no_decay()).check() if one.code == "PG004"]
    assert found.names == ("embed.weight",)
    assert found.message == "Weight decay acts on 1 parameter of role embedding: embed.weight."
    assert found.fix == 'Spare them: pg.rule(":embedding", weight_decay=0.0).'


def test_everything_frozen_is_an_error() -> None:
    (found, *others) = planned(pg.rule("**", trainable=False)).check()
    assert (found.code, found.severity, len(found.names)) == ("PG001", "error", 12)
    assert not [one for one in others if one.severity == "error"]


IDLE: dict[str, tuple[pg.Rule, ...]] = {
    "a factor of one": (pg.rule("head", lr_scale=1.0),),
    "the value that stands": (pg.rule("head", lr=1.0),),
    "what a later rule drops": (pg.rule("head", lr=0.5), pg.rule("**", lr=0.1)),
    "a window past the end": (pg.rule("head", lr=0.5, start="100%"),),
    "a freeze of what came frozen": (pg.rule("old", trainable=False),),
    "a clock where nothing thaws": (pg.rule("head", clock="thaw"),),
    "rows like the rest": (pg.rule("embed.weight[3:]", lr_scale=1.0),),
}


@pytest.mark.parametrize("rules", IDLE.values(), ids=IDLE)
def test_idle_are(rules: tuple[pg.Rule, ...]) -> None:
    (found,) = [one for one in planned(*rules).check() if one.code == "PG008"]
    assert found.message.startswith("Rule 1 ")
    assert found.names


def test_a_rule_without_which_another_would_be_refused_is_not_idle() -> None:
    """Without rule 1 there is no number that rule 2 could scale."""
    plan = planned(pg.rule("**", max_eval=10), pg.rule("head", max_eval_scale=2.0), optimizer="lbfgs")
    assert "PG008" not in codes(plan)
    assert plan["head.weight"].max_eval == 20.0


def test_decay_that_follows_the_rate_may_be_told_not_to() -> None:
    plan = planned(SPARED, pg.rule("stem", lr_scale=0.05), weight_decay=0.1)
    (finding,) = [finding for finding in plan.check() if finding.code == "PG007"]
    assert 'decay="independent" in the recipe, with what a step is to take, weight_decay=0.1' in finding.fix
    plan = planned(SPARED, pg.rule("stem", lr_scale=0.05), weight_decay=0.0005, decay="independent")
    assert not {"PG007", "PG017"} & codes(plan)


def test_rows_that_decay_much_are_found() -> None:
    plan = planned(pg.rule("embed.weight[:5]", weight_decay=0.5), weight_decay=1e-3, decay="independent")
    (finding,) = [finding for finding in plan.check() if finding.code == "PG017"]
    assert finding.names == ("embed.weight[0:5]",)
    assert "up to 50.00% of embed.weight[0:5]" in finding.message
