"""Rows named by events, and cut out of their tensor."""

import pytest

import paramgroups as pg
from paramgroups.errors import CheckpointError
from paramgroups.journal import Event
from paramgroups.planning.cutting import Rows, cut_out, rows_of, within
from tests.planning.models import planned

KNOWN = {"embed.weight": 0, "odd[0:2]": 0}


@pytest.mark.parametrize(
    ("title", "rows"),
    [
        ("embed.weight[10:20]", Rows("embed.weight", 10, 20)),
        ("odd[0:2][1:2]", Rows("odd[0:2]", 1, 2)),
        ("odd[0:2]", None),
        ("embed.weight", None),
        ("embed.weight[20:10]", None),
        ("embed.weight[5:5]", None),
        ("embed.weight[-1:5]", None),
        ("other[0:5]", None),
        ("embed.weight[0:" + "9" * 5000 + "]", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_title_is_read_where_its_tensor_is_known(title: str, rows: Rows | None) -> None:
    assert rows_of(title, KNOWN) == rows
    if rows is not None:
        assert rows.title == title


def test_rows_are_cut_at_both_ends_and_keep_their_values() -> None:
    group = planned(pg.rule("embed.weight[5:15]", lr_scale=2)).groups[0]
    parted = cut_out(group, Rows("embed.weight", 10, 18))
    assert [(one.start, one.stop, one.profile.values()["lr"]) for one in parted.segments] == [
        (5, 10, 2.0),
        (10, 15, 2.0),
        (15, 18, 1.0),
    ]
    assert [one.title for one in within(parted, Rows("embed.weight", 10, 18))] == [
        "embed.weight[10:15]",
        "embed.weight[15:18]",
    ]


def test_what_is_cut_already_stays_as_it_is() -> None:
    group = planned(pg.rule("embed.weight[5:15]", lr_scale=2)).groups[0]
    assert cut_out(group, Rows("embed.weight", 5, 15)) == group


def test_an_event_of_rows_is_replayed() -> None:
    plan = planned()
    event = Event(3, "scale", "scale", "lr", 0.5, 1.0, 0.5, ("embed.weight[10:20]",))
    (part,) = plan.replay([event]).at(3)["embed.weight"].parts
    assert (part.start, part.stop, part.values["lr"]) == (10, 20, 0.5)
    assert plan.replay([event]).at(2)["embed.weight"].lr == 1.0
    assert plan.at(3)["embed.weight"].parts == ()


@pytest.mark.parametrize("name", ["embed.weight[20:10]", "embed.wieght[1:2]"])
def test_an_event_of_rows_that_are_none_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError, match="which no group trains"):
        planned().replay([Event(3, "scale", "scale", "lr", 0.5, 1.0, 0.5, (name,))])
