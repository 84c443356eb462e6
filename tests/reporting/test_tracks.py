"""Values over training, thinned: what is kept is what the plan gives, and nothing that tells is lost."""

from itertools import pairwise
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import PlanError
from paramgroups.planning import Plan
from paramgroups.reporting.tracks import NEVER, Track, never_trained, tracks_of
from paramgroups.rules import rule
from paramgroups.schedules import constant, cosine, warmup
from tests.reporting.models import GRADUAL, planned

SPAN = st.tuples(st.integers(0, 4_000), st.integers(1, 2_000))


def by_name(plan: Plan, hyper: str = "lr") -> dict[str, Track]:
    return {track.name: track for track in tracks_of(plan, hyper)}


def test_a_short_training_has_every_tick() -> None:
    found = planned(*GRADUAL, schedule=warmup("10%").then(cosine(end=0.1)))
    tracks = by_name(found)
    assert list(tracks) == [group.name for group in found.groups] == ["bottom", "middle", "head"]
    for group in found.groups:
        values, trainable = (found.curve(group.names[0], name) for name in ("lr", "trainable"))
        assert tracks[group.name].ticks == tuple(range(20))
        for shown, value, live in zip(tracks[group.name].values, values, trainable, strict=True):
            assert shown == value if live else isnan(shown)


def test_a_line_begins_where_its_group_thaws() -> None:
    tracks = by_name(planned(*GRADUAL))
    assert tracks["bottom"].frozen == ((0, 10),)
    assert tracks["middle"].frozen == ((0, 5),)
    assert tracks["head"].frozen == ()
    assert [isnan(rate) for rate in tracks["middle"].values] == [True] * 5 + [False] * 15
    assert tracks["middle"].values[5] == 0.1
    assert [track.tensors for track in tracks.values()] == [2, 2, 2]


def test_a_freeze_in_the_middle_and_at_the_end_is_seen() -> None:
    (track,) = tracks_of(
        planned(rule("**", trainable=False, start=3, until=5), rule("**", trainable=False, start=18))
    )
    assert track.frozen == ((3, 5), (18, 20))


def test_what_is_never_trained_is_frozen_for_the_whole_run() -> None:
    found = planned(rule("0 | 1", trainable=False))
    (never,) = never_trained(found)
    assert (never.name, never.tensors, never.frozen) == (NEVER, 4, ((0, 20),))
    assert [track.frozen for track in tracks_of(found)] == [()]
    assert never_trained(planned()) == []


@given(st.lists(SPAN, max_size=4), st.integers(8, 5_000), st.sampled_from(["lr", "weight_decay", "momentum"]))
def test_what_is_kept_is_what_the_plan_gives_and_its_extremes_are_kept(
    windows: list[tuple[int, int]], steps: int, hyper: str
) -> None:
    scales = [
        rule("1", **{f"{hyper}_scale": 0.5 + n / 10}, start=at, until=at + length)  # type: ignore[arg-type]
        for n, (at, length) in enumerate(windows)
    ]
    found = planned(
        *scales, steps=steps, weight_decay=0.1, momentum=0.5, schedules={hyper: warmup(7).then(cosine())}
    )
    for group in found.groups:
        track, curve = by_name(found, hyper)[group.name], found.curve(group.names[0], hyper)
        assert track.values == tuple(curve[tick] for tick in track.ticks)
        assert (min(track.values), max(track.values)) == (min(curve), max(curve))
        assert track.ticks[0] == 0
        assert track.ticks[-1] == steps - 1


@pytest.mark.parametrize("edge", [12_345, 99_999])
def test_a_single_tick_of_a_long_training_is_kept(edge: int) -> None:
    found = planned(rule("1", lr_scale=3, start=edge, until=edge + 1), steps=100_000)
    track = by_name(found)["1"]
    values = dict(zip(track.ticks, track.values, strict=True))
    assert values[edge] == pytest.approx(0.3)
    assert [values[tick] for tick in (edge - 1, edge + 1) if tick < 100_000] == [0.1] * (1 + (edge < 99_999))
    assert len(values) < 1100


@given(st.lists(st.tuples(st.integers(0, 28), st.integers(1, 10)), max_size=4))
def test_frozen_spans_are_the_ticks_that_are_not_trained(windows: list[tuple[int, int]]) -> None:
    found = planned(
        *(rule("**", trainable=False, start=at, until=at + length) for at, length in windows), steps=40
    )
    (track,) = tracks_of(found)
    frozen = {tick for start, end in track.frozen for tick in range(start, end)}
    trainable = found.curve("0.weight", "trainable")
    assert frozen == {tick for tick, live in enumerate(trainable) if not live}
    assert all(first[1] < second[0] for first, second in pairwise(track.frozen))


def test_rows_with_a_rate_of_their_own_are_a_track() -> None:
    tracks = by_name(planned(rule("2.weight[1:]", lr_scale=10)))
    assert tracks["2.weight[1:2]"].values == (1.0,) * 20
    assert tracks["2.weight[1:2]"].tensors == 1


def test_a_training_without_end_cannot_be_drawn() -> None:
    with pytest.raises(PlanError, match=r"no known end\. Plan with steps="):
        tracks_of(planned(steps=None))


def test_where_nothing_is_trained_there_is_nothing_to_draw() -> None:
    with pytest.raises(PlanError, match="nothing is trained at any step"):
        tracks_of(planned(rule("**", trainable=False)))


@pytest.mark.parametrize(
    ("hyper", "told"),
    [
        ("momentun", 'SGD reads no number "momentun". Nearest: "momentum"'),
        ("beta1", 'SGD reads no number "beta1". Known: '),
        ("nesterov", '"nesterov" is False, and only numbers can be drawn'),
        (7, "7 is no name"),
    ],
    ids=["misspelled", "unknown", "switch", "int"],
)
def test_what_is_no_number_of_the_plan_is_refused(hyper: str, told: str) -> None:
    with pytest.raises(PlanError) as raised:
        tracks_of(planned(), hyper)
    assert told in str(raised.value)


def test_a_constant_schedule_is_one_value() -> None:
    (track,) = tracks_of(planned(schedule=constant(0.5), steps=10_000))
    assert set(track.values) == {0.05}
