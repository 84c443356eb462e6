"""Controllers at work in a scheduler."""

import copy
import math
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.control import function, greedy, plateau
from paramgroups.errors import CheckpointError, NoMatchError, ParamGroupsError, PlanError, RuleError
from paramgroups.schedules import linear
from tests.run.histories import standing
from tests.run.models import Net, train

CUT = plateau("head", "loss", factor=0.5, patience=0)


def built(model: nn.Module, *controllers: Any, rules: Any = (), **horizon: Any) -> Any:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=rules, controllers=controllers)
    return pg.build(pg.plan(model, recipe, **(horizon or {"steps": 100})))


class TestMetrics:
    @pytest.mark.parametrize(
        "value",
        [
            1,
            1.0,
            np.float32(1),
            np.int64(1),
            np.array(1.0),
            np.array([1.0]),
            torch.tensor(1),
            torch.tensor([1.0]),
        ],
        ids=repr,
    )
    def test_any_number(self, model: Net, value: Any) -> None:
        _, scheduler = built(model, CUT)
        assert scheduler.observe(loss=value) == ()
        (event,) = scheduler.observe(loss=value)
        assert (event.value, event.new, scheduler.rates["head"]) == (0.5, 0.5, 0.5)

    @pytest.mark.parametrize(
        "value",
        [
            True,
            np.bool_(0),
            "1.0",
            None,
            [1.0],
            {},
            1j,
            torch.ones(2),
            np.ones(2),
            torch.ones(0),
            10**400,
            Decimal(1),
        ],
        ids=repr,
    )
    def test_what_is_no_number(self, model: Net, value: Any) -> None:
        _, scheduler = built(model, CUT)
        with pytest.raises(PlanError, match=r"observe\(loss=.*a metric is one number, such as loss=0\.25"):
            scheduler.observe(loss=value)

    @pytest.mark.parametrize("value", [math.nan, -math.inf, torch.tensor(math.nan)], ids=str)
    def test_nan_is_as_if_unseen(self, model: Net, value: Any) -> None:
        _, scheduler = built(model, CUT)
        scheduler.observe(loss=1.0)
        assert scheduler.observe(loss=value) == ()
        assert len(scheduler.observe(loss=1.0)) == 1

    def test_nan_may_be_an_error_that_changes_nothing(self, model: Net) -> None:
        optimizer, scheduler = built(model, CUT, plateau("stem", "loss", nan="error"))
        scheduler.observe(loss=1.0)
        before = standing(optimizer), copy.deepcopy(scheduler.state_dict())
        with pytest.raises(ParamGroupsError, match=r'plateau\("stem", "loss"\) at step 0: loss is nan'):
            scheduler.observe(loss=math.nan)
        assert (standing(optimizer), scheduler.state_dict()) == before

    @pytest.mark.parametrize(
        ("metrics", "why"),
        [
            ({"los": 1.0}, r'No controller reads los: they read acc, loss. Nearest: "loss"'),
            ({}, "No controller reads nothing: they read acc, loss"),
        ],
        ids=str,
    )
    def test_a_name_that_nobody_reads(self, model: Net, metrics: dict[str, float], why: str) -> None:
        _, scheduler = built(model, CUT, greedy("stem", "acc", mode="max"))
        with pytest.raises(PlanError, match=why):
            scheduler.observe(**metrics)

    def test_without_controllers(self, model: Net) -> None:
        _, scheduler = built(model)
        with pytest.raises(PlanError, match=r"the recipe has none. pg.Recipe\(…, controllers="):
            scheduler.observe(loss=1.0)

    def test_others_may_be_told_beside(self, model: Net) -> None:
        _, scheduler = built(model, CUT)
        assert scheduler.observe(loss=1.0, epoch=3) == ()


class TestSeveral:
    def test_of_one_metric_in_their_order(self, model: Net) -> None:
        half, tenth = CUT, plateau("head", "loss", factor=0.1, patience=1)
        _, scheduler = built(model, half, tenth)
        for _ in range(3):
            scheduler.observe(loss=1.0)
        assert [event.value for event in scheduler.journal] == [0.5, 0.5, 0.1]
        assert scheduler.rates["head"] == 0.5 * 0.5 * 0.1

    def test_each_is_asked_for_its_own_metric(self, model: Net) -> None:
        _, scheduler = built(model, CUT, plateau("stem", "acc", mode="max", factor=0.5, patience=0))
        for _ in range(2):
            scheduler.observe(loss=1.0)
        assert scheduler.rates == {"default": 1.0, "stem": 1.0, "head": 0.5}
        for _ in range(2):
            scheduler.observe(acc=0.5)
        assert scheduler.rates == {"default": 1.0, "stem": 0.5, "head": 0.5}

    def test_one_of_two_metrics_waits_for_both(self, model: Net) -> None:
        seen_pairs = []

        def both(_: Any, seen: Any) -> Any:
            seen_pairs.append((seen["a"], seen["b"]))
            return None, []

        _, scheduler = built(model, function("both", both, selector="head", metric=["a", "b"]))
        scheduler.observe(a=1.0)
        scheduler.observe(a=2.0, b=3.0)
        assert seen_pairs == [(2.0, 3.0)]

    def test_when_one_fails_nothing_changes(self, model: Net) -> None:
        def fails(count: int | None, _: Any) -> Any:
            if count:
                raise KeyError("gone")
            return 1, []

        optimizer, scheduler = built(model, CUT, function("mine", fails, selector="stem", metric="loss"))
        scheduler.observe(loss=1.0)
        before = standing(optimizer), copy.deepcopy(scheduler.state_dict())
        with pytest.raises(RuleError, match=r"mine at step 0 raised KeyError: 'gone'. Mend the controller"):
            scheduler.observe(loss=1.0)
        assert (standing(optimizer), scheduler.state_dict()) == before

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"momentun": 0.5}, '"momentun" is not read by SGD'),
            ({"momentum": 1.5}, "out of its domain"),
            ({"lr_scale": 1e308}, "would leave its domain: inf"),
        ],
        ids=str,
    )
    def test_what_it_decides_is_checked(self, model: Net, said: dict[str, Any], why: str) -> None:
        def decides(_: Any, __: Any) -> Any:
            return 1, [pg.rule("stem", **said), pg.rule("stem", **said)]

        optimizer, scheduler = built(model, function("mine", decides, selector="stem", metric="loss"))
        before = standing(optimizer), copy.deepcopy(scheduler.state_dict())
        with pytest.raises(ParamGroupsError, match=why):
            scheduler.observe(loss=1.0)
        assert (standing(optimizer), scheduler.state_dict()) == before


class TestWhere:
    def test_groups_are_whole_from_the_start_and_have_readable_names(self, model: Net) -> None:
        optimizer, scheduler = built(model, plateau("blocks.1", "loss"), plateau(":bias", "loss"))
        assert list(scheduler.rates) == [group["name"] for group in optimizer.param_groups]
        assert set(scheduler.rates) == {"default", ":bias", "blocks.1", "blocks.1, :bias"}

    def test_what_waits_for_its_thaw(self, model: Net) -> None:
        rules = [pg.rule("stem", trainable=False, until=4)]
        _, scheduler = built(model, plateau("stem", "loss", factor=0.5, patience=0), rules=rules)
        for _ in range(2):
            scheduler.observe(loss=1.0)
        assert scheduler.rates["stem"] == 0.5

    def test_a_group_with_a_name_of_its_own(self, model: Net) -> None:
        rules = [pg.rule("blocks.1 | head", group="top")]
        _, scheduler = built(model, plateau("blocks.1 | head", "loss", factor=0.5, patience=0), rules=rules)
        for _ in range(2):
            scheduler.observe(loss=1.0)
        assert scheduler.rates == {"default": 1.0, "top": 0.5}

    @pytest.mark.parametrize(
        ("selector", "error", "why"),
        [
            ("haed", NoMatchError, r'"haed" matches none of 14 parameters\.\s+Nearest: "head"'),
            ("head.weight[0:1]", PlanError, "selects rows, and a controller changes whole groups"),
        ],
        ids=["nothing", "rows"],
    )
    def test_what_it_cannot_change_is_found_when_planned(
        self, model: Net, selector: str, error: type[Exception], why: str
    ) -> None:
        with pytest.raises(error, match=why):
            built(model, plateau(selector, "loss"))

    def test_what_is_never_trained(self, model: Net) -> None:
        rules = [pg.rule("stem", trainable=False)]
        with pytest.raises(ParamGroupsError, match=r"stem.*never trained"):
            built(model, plateau("stem", "loss"), rules=rules)

    def test_a_rule_for_a_while(self, model: Net) -> None:
        def rests(_: Any, seen: Any) -> Any:
            return None, pg.rule("head", lr_scale=0.5, until=int(seen.step) + 3)

        optimizer, scheduler = built(model, function("rests", rests, selector="head", metric="loss"))
        train(model, optimizer, scheduler, range(2))
        (event,) = scheduler.observe(loss=1.0)
        assert (event.step, event.until, event.cause) == (2, 5, "rests")
        found = []
        for step in range(2, 6):
            found.append(scheduler.rates["head"])
            train(model, optimizer, scheduler, range(step, step + 1))
        assert found == [0.5, 0.5, 0.5, 1.0]

    def test_a_rule_that_is_over_before_it_begins(self, model: Net) -> None:
        over = function(
            "over",
            lambda _, __: (None, pg.rule("head", lr_scale=0.5, until="1%")),
            selector="head",
            metric="loss",
        )
        optimizer, scheduler = built(model, over)
        train(model, optimizer, scheduler, range(2))
        with pytest.raises(PlanError, match="over: until=1 is not after the tick from which it acts, 2"):
            scheduler.observe(loss=1.0)


class TestRemembered:
    def test_it_is_saved_and_loaded(self, model: Net) -> None:
        controllers = [plateau("head", "loss", factor=0.5, patience=2), greedy("stem", "loss", window=2)]
        _, scheduler = built(model, *controllers)
        for loss in (1.0, 1.0, 1.0):
            scheduler.observe(loss=loss)
        _, other = built(model, *controllers)
        other.load_state_dict(copy.deepcopy(scheduler.state_dict()))
        for one in (scheduler, other):
            one.observe(loss=1.0)
        assert other.journal == scheduler.journal
        assert other.state_dict() == scheduler.state_dict()
        assert other.rates["head"] == 0.5

    @pytest.mark.parametrize(
        ("ours", "why"),
        [
            ([], r'has the controllers plateau\("head", "loss"\), and the recipe none'),
            ([plateau("stem", "loss")], r'recipe plateau\("stem", "loss"\)'),
            ([CUT, greedy("head", "loss")], "what they remember would go to others"),
        ],
        ids=["none", "another", "two"],
    )
    def test_other_controllers_are_refused(self, model: Net, ours: list[Any], why: str) -> None:
        _, scheduler = built(model, CUT)
        state = scheduler.state_dict()
        optimizer, other = built(model, *ours)
        before = standing(optimizer), other.state_dict()
        with pytest.raises(CheckpointError, match=why):
            other.load_state_dict(state)
        assert (standing(optimizer), other.state_dict()) == before

    def test_two_of_one_title_are_told_apart(self, model: Net) -> None:
        fast, slow = CUT, plateau("head", "loss", factor=0.1, patience=9)
        _, scheduler = built(model, fast, slow)
        state = scheduler.state_dict()
        built(model, fast, slow)[1].load_state_dict(state)
        _, other = built(model, slow, fast)
        with pytest.raises(CheckpointError, match=r"patience=9.*would go to others"):
            other.load_state_dict(state)

    def test_other_options_go_on_with_what_is_remembered(self, model: Net) -> None:
        _, scheduler = built(model, CUT)
        scheduler.observe(loss=1.0)
        _, other = built(model, plateau("head", "loss", factor=0.1, patience=0))
        other.load_state_dict(scheduler.state_dict())
        assert other.observe(loss=1.0)[0].value == 0.1

    def test_of_another_kind_under_one_title_is_refused(self, model: Net) -> None:
        _, scheduler = built(model, CUT)
        state = scheduler.state_dict()
        state["feedback"]["controllers"][0]["state"] = {"own": None}
        with pytest.raises(
            CheckpointError, match=r"remembers best, bad, rest, product, and the saved run own"
        ):
            scheduler.load_state_dict(state)


class TestNeverObserved:
    @pytest.mark.parametrize(
        ("horizon", "due"),
        [({"steps": 40}, 10), ({"epochs": 30, "steps_per_epoch": 3}, 6), ({"epochs": 20}, 5)],
        ids=["a quarter", "two epochs", "a quarter of epochs"],
    )
    def test_it_is_told_once(self, model: Net, horizon: dict[str, int], due: int) -> None:
        optimizer, scheduler = built(model, CUT, plateau("stem", "acc"), **horizon)
        scheduler.observe(loss=1.0)
        train(model, optimizer, scheduler, range(due))
        with pytest.warns(UserWarning, match=rf'By \w+ {due} nothing.*acc \(plateau\("stem", "acc"\)\)'):
            train(model, optimizer, scheduler, range(due, due + 1))
        train(model, optimizer, scheduler, range(due + 1, due + 4))

    def test_what_was_seen_before_a_resume_was_seen(self, model: Net) -> None:
        optimizer, scheduler = built(model, CUT, steps=40)
        scheduler.observe(loss=1.0)
        train(model, optimizer, scheduler, range(5))
        other, clock = built(model, CUT, steps=40)
        clock.load_state_dict(scheduler.state_dict())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            train(model, other, clock, range(5, 20))

    def test_before_the_first_step_it_may_be_told(self, model: Net) -> None:
        recipe = pg.Recipe(optimizer="sgd", lr=1.0, schedule=linear(), controllers=[CUT])
        plan = pg.plan(model, recipe, steps=10)
        optimizer, scheduler = pg.build(plan)
        for _ in range(2):
            scheduler.observe(loss=1.0)
        assert scheduler.rates["head"] == 0.5
        assert plan.replay(scheduler.journal).at(0)["head.weight"].lr == 0.5
        train(model, optimizer, scheduler, range(5))
        assert scheduler.rates["head"] == 0.25
