"""Events heard by groups: each from its step on, all or nothing."""

from typing import Any

import pytest

import paramgroups as pg
from paramgroups.errors import CheckpointError, ParamGroupsError, PlanError, ScheduleError
from paramgroups.journal import Event
from paramgroups.planning import Group
from paramgroups.planning.events import heard, horizon_of, replayed
from paramgroups.schedules import Horizon, function, linear, warmup
from tests.planning.models import planned

HEAD = ("head.weight", "head.bias")
PLAN = planned(pg.rule("head", lr_scale=10), schedule=linear())
RECIPE = PLAN.given


def event(action: Any = "scale", value: Any = 0.5, **said: Any) -> Event:
    found = {"step": 4, "cause": action, "action": action, "hyper": "lr", "value": value, "names": HEAD}
    return Event(**(found | {"old": None, "new": None} | said))


def horizon(ticks: int | None, step: float = 4, **said: Any) -> Event:
    value = {"ticks": ticks, "ticks_per_epoch": None, "unit": "step"} | said
    return Event(step, "extend", "horizon", "horizon", value, 10, ticks)


def join(step: float = 4, names: tuple[str, ...] = ("new",), **said: Any) -> Event:
    value = {"name": "new", "numel": 3, "settings": {"lr": 0.5}} | said
    return Event(step, "add_param_group", "join", "group", value, None, "new", names)


def named(groups: Any, name: str = "head") -> Group:
    found: Group = next(group for group in groups if group.name == name)
    return found


def rates(groups: Any, ticks: Any, name: str = "head", hyper: str = "lr") -> list[Any]:
    return [named(groups, name).courses[hyper].at(tick) for tick in ticks]


def test_it_acts_from_its_step_on_and_leaves_the_groups_as_they_were() -> None:
    after = heard(PLAN.groups, [event()], RECIPE)
    assert rates(after, (3, 4, 8)) == [*rates(PLAN.groups, (3,)), 10 * 0.5 * 0.6, 10 * 0.5 * (1 - 0.8)]
    assert rates(PLAN.groups, (4,)) == [6.0]
    assert [one for one in after if one.name != "head"] == [one for one in PLAN.groups if one.name != "head"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"action": "set", "value": 2.0}, [10.0, 1.2, 0.4]),
        ({"until": 8}, [10.0, 3.0, 2.0]),
        ({"action": "write", "value": 0.5, "new": 3.1}, [10.0, 3.1, 1.0]),
        ({"value": 0}, [10.0, 0.0, 0.0]),
    ],
    ids=["set", "for a while", "written", "by 0"],
)
def test_what_each_does(said: dict[str, Any], found: list[float]) -> None:
    assert rates(heard(PLAN.groups, [event(**said)], RECIPE), (0, 4, 8)) == pytest.approx(found)


def test_the_order_counts() -> None:
    scale, put = event(), event("set", 2.0)
    assert rates(replayed(PLAN.groups, [scale, put], RECIPE), (4,)) == [1.2]
    assert rates(replayed(PLAN.groups, [put, scale], RECIPE), (4,)) == [0.6]


def test_another_length_is_heard_by_all_groups() -> None:
    after = heard(PLAN.groups, [horizon(20)], RECIPE)
    assert rates(after, (3, 4, 10)) == [7.0, 8.0, 5.0]
    assert {group.courses["lr"].horizon for group in after} == {Horizon(20)}
    timings = {id(group.courses["lr"].timings[-1][1]) for group in after}
    assert len(timings) == 1


def test_a_group_that_joins_follows_the_recipes_schedules() -> None:
    after = heard(PLAN.groups, [join()], RECIPE)
    assert (after[-1].name, after[-1].names, after[-1].numel) == ("new", ("new",), 3)
    assert rates(after, (0, 5), "new") == [0.5, 0.25]
    assert after[-1].courses["beta1"].at(5) == 0.9
    later = replayed(after, [horizon(20, 5), event(names=("new",), step=6)], RECIPE)
    assert rates(later, (5, 10), "new") == [0.375, 0.125]


@pytest.mark.parametrize(
    ("one", "error", "why"),
    [
        (event(names=HEAD[:1]), CheckpointError, r'would cut the group "head": it does not name head\.bias'),
        (
            event(names=("haed.bias",)),
            CheckpointError,
            r'names haed\.bias, which no group trains. Nearest: "head',
        ),
        (event(hyper="momentum"), PlanError, '"momentum" is not read by AdamW'),
        (event(hyper="optimizer"), PlanError, "optimizer is no setting that an edit can change"),
        (event("set", "fast"), PlanError, "lr='fast' is no number"),
        (event("set", -1.0), PlanError, "leave its domain"),
        (event("set", True, hyper="weight_decay"), PlanError, "weight_decay=True is no number"),
        (event("set", 0.1, hyper="maximize"), PlanError, "maximize=0.1 is no switch"),
        (event(hyper="maximize"), PlanError, "maximize=False is no number, so it cannot be scaled"),
        (event("write", 0.5, new="x"), PlanError, "lr cannot be 'x'"),
        (
            event("write", 0.5, new=1.0, hyper="beta1"),
            PlanError,
            "beta1 cannot be 1.0: it must be from 0 to below 1",
        ),
        (horizon(20, unit="epoch", ticks_per_epoch=1), CheckpointError, "A tick is one epoch in"),
        (horizon(-3), CheckpointError, "tells no length of training"),
        (join(names=HEAD), CheckpointError, "which other groups hold"),
        (join(name="head"), CheckpointError, 'there is a group "head" already'),
        (join(settings=3), CheckpointError, "describes no group"),
        (join(numel="3"), CheckpointError, "describes no group"),
        (join(settings={"lr": None}), PlanError, "lr=None is no number"),
        (join(settings={"beta1": 2.0}), PlanError, 'beta1 of "new" would leave its domain: 2.0'),
    ],
    ids=lambda given: given if isinstance(given, str) else getattr(given, "__name__", ""),
)
def test_what_does_not_fit(one: Event, error: type[ParamGroupsError], why: str) -> None:
    with pytest.raises(error, match=why):
        heard(PLAN.groups, [one], RECIPE)
    with pytest.raises(CheckpointError, match=why):
        replayed(PLAN.groups, [one], RECIPE)
    with pytest.raises(CheckpointError, match=why):
        PLAN.replay([event(), one])


def test_a_schedule_that_does_not_fit_another_length() -> None:
    plan = planned(schedule=warmup(6).then(linear(length=4)))
    with pytest.raises(ScheduleError):
        heard(plan.groups, [horizon(5)], plan.given)


def test_a_value_that_another_length_drives_out_of_its_domain() -> None:
    plan = planned(schedules={"beta1": function("up", lambda t: 1 + t / 100, of="tick")}, beta1=0.84)
    with pytest.raises(
        PlanError, match=r"Over 100 steps beta1 of .* would leave its domain: 1\.68 at step 100"
    ):
        heard(plan.groups, [horizon(100)], plan.given)
    with pytest.raises(PlanError, match="would leave its domain"):
        heard(plan.groups, [event("set", 0.95, hyper="beta1", names=plan.groups[0].names)], plan.given)


def test_a_horizon_is_read() -> None:
    assert horizon_of(horizon(20)) == Horizon(20)
    assert horizon_of(horizon(None)) == Horizon(None)


class TestReplayed:
    def test_a_plan_with_its_journal_is_a_plan(self) -> None:
        run = PLAN.replay([event(), horizon(20, 6)])
        assert run.curve("head.bias")[:7] == [10.0, 9.0, 8.0, 7.0, 3.0, 2.5, 3.5]
        assert (len(run.curve("head.bias")), len(PLAN.curve("head.bias"))) == (20, 10)
        assert run.at(4)["head.bias"].lr == 3.0
        assert run["head.bias"].lr == 10.0
        assert "0.5 (scale, step 4)" in str(run.explain("head.bias", step=5))
        assert "20 steps" in str(run)

    def test_it_replays_again_from_the_plan(self) -> None:
        run = PLAN.replay([horizon(20)])
        assert run.replay([]).horizon == Horizon(10)
        assert run.replay([]).curve("head.bias") == PLAN.curve("head.bias")

    def test_a_parameter_that_joined_has_its_values(self) -> None:
        plan = planned(pg.rule("head", trainable=False), schedule=linear())
        run = plan.replay([join(names=HEAD)])
        assert run.at(5)["head.bias"].lr == 0.25
        assert run.group_of["head.bias"].name == "new"
