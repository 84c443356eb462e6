"""What the last step has done, against numbers that a reader can check."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.backends.chunks import SIZE
from paramgroups.optim.statistics import ByGroup, Statistics, Told, chosen, tell, total
from tests.optim.passers import Walker, given

BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])


def told(
    *sums: tuple[float, float, float, float], groups: list[int], members: list[int] | None = None
) -> Told:
    count = len(sums)
    members = members or [0] * count
    return Told(
        np.array(sums, np.float64), np.array(groups), np.array(members), np.zeros(count, np.int64),
        np.ones(count, np.int64), np.ones(count, np.bool_),
    )  # fmt: skip


def stepped(backend: str) -> tuple[list[Told], list[dict[str, Any]]]:
    """Three tensors in two groups, one with rows of its own; SGD at rate 0.5, and 2 in these rows."""
    table = given(*[0.0] * 8, grad=[3.0, 4.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    table.data, grad = torch.full((4, 2), 2.0, dtype=torch.float64), table.grad
    table.grad = None
    table.grad = grad.view(4, 2) if grad is not None else None
    walker = Walker(
        "sgd",
        {"params": [table], "param_names": ["table"], "name": "embedding", "lr": 0.5,
         "rows": [{"name": "table", "start": 1, "stop": 3, "lr": 2.0}]},
        {"params": [given(3.0, 4.0, grad=2.0), given(0.0, grad=6.0)], "lr": 0.5},
        backend=backend,
    )  # fmt: skip
    return walker.step(), walker.groups


def rounded(found: Mapping[str, Statistics]) -> dict[str, tuple[float, float, float, int]]:
    return {
        name: (
            round(one.grad_norm**2, 9),
            round(one.weight_norm**2, 9),
            round(one.update_norm**2, 9),
            one.nonfinite,
        )
        for name, one in found.items()
    }


@BOTH
def test_by_group(backend: str) -> None:
    assert rounded(tell(*stepped(backend), "group", 1.0)) == {
        "embedding": (29.0, 32.0, 25 / 4 + 4 * 4, 0),
        "1": (44.0, 25.0, 11.0, 0),
    }


@BOTH
def test_by_parameter(backend: str) -> None:
    """Those without a name are told by their place."""
    assert rounded(tell(*stepped(backend), "parameter", 1.0)) == {
        "table": (29.0, 32.0, 22.25, 0),
        "1[0]": (8.0, 25.0, 2.0, 0),
        "1[1]": (36.0, 0.0, 9.0, 0),
    }


@BOTH
def test_by_segment(backend: str) -> None:
    assert rounded(tell(*stepped(backend), "segment", 1.0)) == {
        "table[0:1]": (25.0, 8.0, 6.25, 0),
        "table[1:3]": (4.0, 16.0, 16.0, 0),
        "table[3:4]": (0.0, 8.0, 0.0, 0),
        "1[0]": (8.0, 25.0, 2.0, 0),
        "1[1]": (36.0, 0.0, 9.0, 0),
    }


@BOTH
def test_rows_of_complex_tensors(backend: str) -> None:
    """A complex number is two real ones in memory, and one to its reader."""
    table = nn.Parameter(torch.full((4, 2), 3 + 4j))
    table.grad = torch.ones_like(table)
    rows = [{"name": "table", "start": 0, "stop": 2, "lr": 1.0}]
    walker = Walker("sgd", {"params": [table], "param_names": ["table"], "rows": rows}, backend=backend)
    found = tell(walker.step(), walker.groups, "segment", 1.0)
    assert {name: one.weight_norm**2 for name, one in found.items()} == {
        "table[0:2]": pytest.approx(100),
        "table[2:4]": pytest.approx(100),
    }


@BOTH
def test_tensors_of_many_chunks(backend: str) -> None:
    count = 3 * SIZE + 5
    param = nn.Parameter(torch.ones(count))
    param.grad = torch.full((count,), 2.0)
    walker = Walker("sgd", {"params": [param], "lr": 0.5}, backend=backend)
    (found,) = tell(walker.step(), walker.groups, "group", 1.0).values()
    assert found == Statistics(2 * math.sqrt(count), math.sqrt(count), math.sqrt(count), 0)


@BOTH
def test_what_is_not_finite_is_counted(backend: str) -> None:
    param = given(1.0, 1.0, 1.0, 1.0, grad=[math.nan, math.inf, -math.inf, 1.0])
    walker = Walker("sgd", {"params": [param]}, backend=backend)
    (found,) = tell(walker.step(), walker.groups, "group", 1.0).values()
    assert found.nonfinite == 3
    assert math.isnan(found.grad_norm)
    assert found.weight_norm == 2.0


@BOTH
def test_what_was_not_stepped_is_left_out(backend: str) -> None:
    params = [given(1.0), given(2.0), given(3.0)]
    params[0].grad = None
    walker = Walker("sgd", {"params": params[:2]}, {"params": params[2:], "lr": 0.0}, backend=backend)
    assert list(tell(walker.step(), walker.groups, "parameter", 1.0)) == ["0[1]"]
    assert list(tell(walker.step(), walker.groups, "group", 1.0)) == ["0"]


@BOTH
def test_gradients_are_told_before_they_were_clipped(backend: str) -> None:
    walker = Walker("sgd", {"params": [given(3.0, 4.0, grad=1.0)], "lr": 1.0}, backend=backend)
    (found,) = tell(walker.step([0.5]), walker.groups, "group", 1.0).values()
    assert found.grad_norm == pytest.approx(math.sqrt(2))
    assert found.update_norm == pytest.approx(math.sqrt(0.5))


def test_gradients_are_told_without_the_scale_of_a_scaler() -> None:
    found = tell([told((16.0, 4.0, 1.0, 2.0), groups=[0])], [{}], "group", 0.25)
    assert found == {"0": Statistics(1.0, 2.0, 1.0, 2)}


def test_launches_are_added_up() -> None:
    parts = [
        told((9.0, 1.0, 0.0, 1.0), (1.0, 1.0, 1.0, 0.0), groups=[1, 0]),
        told((16.0, 2.0, 4.0, 2.0), groups=[1]),
    ]
    assert total(parts, 3).tolist() == [[1, 1, 1, 0], [25, 3, 4, 3], [0, 0, 0, 0]]
    assert tell(parts, [{}, {"name": "head"}], "group", 1.0)["head"] == Statistics(5.0, math.sqrt(3), 2.0, 3)
    assert total([], 2).tolist() == [[0.0] * 4] * 2


def test_sums_that_are_still_tensors() -> None:
    one = told((9.0, 4.0, 1.0, 0.0), groups=[0])
    late = Told(torch.tensor(one.sums), one.groups, one.members, one.starts, one.counts, one.stepped)
    assert tell([late], [{}], "group", 1.0) == {"0": Statistics(3.0, 2.0, 1.0, 0)}
    assert total([late], 1).tolist() == [[9, 4, 1, 0]]


@pytest.mark.parametrize(
    ("weight", "update", "ratio"),
    [(4.0, 1.0, 0.25), (0.0, 1.0, math.inf), (0.0, 0.0, 0.0), (4.0, 0.0, 0.0)],
    ids=str,
)
def test_how_far_it_moved_for_its_size(weight: float, update: float, ratio: float) -> None:
    assert Statistics(1.0, weight, update, 0).update_ratio == ratio


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("groups", "statistics(by='groups'): there is no such view. Nearest: \"group\"."),
        ("", "statistics(by=''): there is no such view. Known: group, parameter, segment."),
        (None, "statistics(by=None): there is no such view. Known: group, parameter, segment."),
    ],
    ids=str,
)
def test_a_view_that_is_not_there(by: Any, message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        tell([], [], by, 1.0)
    assert str(caught.value) == message


@pytest.mark.parametrize("by", ["group", "parameter", "segment"])
def test_groups_that_were_taken_away_since(by: str) -> None:
    found, groups = stepped("cpu")
    with pytest.raises(OptimizerError) as caught:
        tell(found, groups[:1], by, 1.0)
    assert str(caught.value) == (
        "Parameters or groups were taken away since the last step, which has no names without them. "
        "Ask for its statistics before, or after the next step."
    )


def test_the_ratios_of_all_groups_at_once_are_those_of_each() -> None:
    norms = np.array(
        [[1.0, 2.0, 0.5, 0.0], [1.0, 0.0, 0.5, 1.0], [1.0, 0.0, 0.0, 0.0], [1.0, 2.0, np.nan, 2.0]]
    )
    found = ByGroup(["moved", "left 0", "rests", "broken"], norms)
    assert found.update_ratios == {
        name: pytest.approx(one.update_ratio, nan_ok=True) for name, one in found.items()
    }
    assert list(found.update_ratios.values())[:3] == [0.25, math.inf, 0.0]
    assert found.grad_norms == [1.0] * 4


def test_some_groups_are_chosen_or_all_as_they_are() -> None:
    found = ByGroup(["stem", "head"], np.array([[1.0, 2.0, 0.5, 0.0], [3.0, 4.0, 0.5, 0.0]]))
    assert chosen(found, ("head", "stem")) is found
    assert chosen(found, ("head", "gone")) == {"head": Statistics(3.0, 4.0, 0.5, 0)}
