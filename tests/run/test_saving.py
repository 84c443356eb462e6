"""What is no state of ours is told, and changes nothing."""

import copy
import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.control import plateau
from paramgroups.errors import CheckpointError, ParamGroupsError
from paramgroups.journal import Event
from paramgroups.schedules import linear
from tests.journal.strategies import JUNK
from tests.run.histories import standing
from tests.run.models import Net, net, train


def built(model: nn.Module) -> Any:
    rules = [pg.rule("head", lr_scale=10, group="head")]
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=1.0,
        schedule=linear(),
        rules=rules,
        controllers=[plateau("head", "loss", factor=0.5, patience=0)],
    )
    return pg.build(pg.plan(model, recipe, steps=10))


def lived() -> tuple[Any, Any]:
    """A run in which something of each kind was decided."""
    model = net()
    optimizer, scheduler = built(model)
    for _ in range(2):
        scheduler.observe(loss=1.0)
    train(model, optimizer, scheduler, range(2))
    optimizer.param_groups[0]["lr"] *= 0.5
    scheduler.set("head", weight_decay=0.1, steps=3)
    optimizer.add_param_group({"params": [("new", nn.Parameter(torch.ones(1)))], "lr": 0.5})
    scheduler.extend(steps=20)
    return optimizer, scheduler


LIVED = lived()
STATE: dict[str, Any] = LIVED[1].state_dict()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that stands in plain data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in inner for found in places(part, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    made = copy.copy(value)
    made[path[0]] = changed(made[path[0]], path[1:], junk)
    return made


def test_its_own_state_loads_through_a_file() -> None:
    file = io.BytesIO()
    torch.save(STATE, file)
    file.seek(0)
    model = net()
    optimizer, scheduler = built(model)
    scheduler.load_state_dict(torch.load(file, weights_only=True))
    assert {event.action for event in scheduler.journal} == {"scale", "set", "write", "join", "horizon"}
    assert standing(optimizer) == standing(LIVED[0])[:2]
    assert scheduler.state_dict() | {"_last_lr": None} == STATE | {"_last_lr": None}


MODEL = net()
OPTIMIZER, SCHEDULER = built(MODEL)
BEGUN = SCHEDULER.state_dict()
KINDS = st.sampled_from([None, True, -1, 0, 3, 1.5, 1e308, 10**300, "", "lr", "x", [], {}, [1], {"a": 1}])


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(places(STATE)), junk=KINDS | JUNK)
def test_junk_anywhere_in_a_state_is_told_or_loads(path: tuple[Any, ...], junk: Any) -> None:
    before = standing(OPTIMIZER), SCHEDULER.state_dict()
    try:
        SCHEDULER.load_state_dict(changed(STATE, path, junk))
    except ParamGroupsError:
        assert (standing(OPTIMIZER), SCHEDULER.state_dict()) == before
    else:
        SCHEDULER.get_lr()
        SCHEDULER.load_state_dict(BEGUN)


@settings(max_examples=200, deadline=None)
@given(junk=JUNK | st.just(torch.ones(2)) | st.builds(dict, last_epoch=JUNK, journal=JUNK))
def test_what_is_no_state_at_all(junk: Any) -> None:
    with pytest.raises(CheckpointError, match=r"no state of pg\.Scheduler"):
        SCHEDULER.load_state_dict(junk)


HEAD = ("head.weight", "head.bias")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Event(3, "extend", "horizon", "horizon", {}, 10, 20), "training has no known|no length|unit"),
        (Event(3, "extend", "horizon", "horizon", {"ticks": "x"}, 10, 20), "tells no length of training"),
        (Event(3, "extend", "horizon", "horizon", {"days": 3}, 10, 20), "tells no length of training.*days"),
        (
            Event(
                3, "extend", "horizon", "horizon", {"ticks": 9, "ticks_per_epoch": 1, "unit": "epoch"}, 10, 20
            ),
            "A tick is one epoch in .*, and one step in the plan",
        ),
        (Event(3, "add", "join", "group", {}, None, "new", ("new",)), "describes no group"),
        (
            Event(
                3, "add", "join", "group", {"name": "head", "numel": 1, "settings": {}}, None, "x", ("new",)
            ),
            'there is a group "head" already',
        ),
        (
            Event(3, "add", "join", "group", {"name": "new", "numel": 1, "settings": {}}, None, "x", HEAD),
            "names head.bias, head.weight, which other groups hold",
        ),
        (
            Event(
                3,
                "a",
                "join",
                "group",
                {"name": "n", "numel": 1, "settings": {"lr": "x"}},
                None,
                "x",
                ("new",),
            ),
            "lr='x' is no number",
        ),
        (Event(3, "written", "write", "lr", 0.5, 1.0, "x", HEAD), "lr cannot be 'x'"),
        (
            Event(3, "written", "write", "lr", 0.5, 1.0, -1.0, HEAD),
            "lr cannot be -1.0: it must be at least 0",
        ),
        (Event(3, "set", "set", "lr", None, 1.0, 2.0, HEAD), "lr=None is no number"),
        (Event(3, "set", "set", "trainable", False, 1.0, 2.0, HEAD), "trainable is no setting"),
    ],
    ids=lambda given: given if isinstance(given, str) else given.action,
)
def test_an_event_that_means_nothing_here(model: Net, event: Event, why: str) -> None:
    optimizer, scheduler = built(model)
    before = standing(optimizer), scheduler.state_dict()
    if event.value == {}:
        event = Event(3, "extend", event.action, event.hyper, {"unit": "week"}, 1, 2, event.names)
        why = "no length|describes no group"
    with pytest.raises(CheckpointError, match=why):
        scheduler.plan.replay([event])
    with pytest.raises(CheckpointError, match=why):
        scheduler.load_state_dict(before[1] | {"journal": [event.data]})
    assert (standing(optimizer), scheduler.state_dict()) == before
