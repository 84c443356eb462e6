"""Rows of a tensor that have settings of their own."""

from typing import Any

import pytest
import torch

from paramgroups.errors import OptimizerError
from paramgroups.optim.rows import Cut, cuts_of, rowed, settings_of

KNOWN = ("lr", "betas")


def group(*rows: Any, **own: Any) -> dict[str, Any]:
    tensors = [torch.ones(4, 2), torch.ones(6)]
    return {"params": tensors, "param_names": ["table", "line"], "lr": 0.1, "betas": (0.9, 0.99), **own,
            "rows": list(rows)}  # fmt: skip


def row(name: str = "table", start: Any = 0, stop: Any = 2, **own: Any) -> dict[str, Any]:
    return {"name": name, "start": start, "stop": stop, **own}


def test_rows_of_all_groups_in_their_order() -> None:
    groups = [group(), group(row(lr=1.0), row("line", 3, 6)), {"params": []}, group(row("table", 1, 4))]
    assert cuts_of(groups) == [Cut(1, 0, 0, 2), Cut(1, 1, 3, 6), Cut(3, 0, 1, 4)]
    assert [number for number, _ in rowed(groups)] == [1, 3]


@pytest.mark.parametrize("groups", [[], [{"params": []}], [{"rows": []}], [{"rows": None}]], ids=str)
def test_there_are_none(groups: list[Any]) -> None:
    assert cuts_of(groups) == []


def test_own_settings_stand_in_place_of_the_groups() -> None:
    """Also a part of a tuple; what nobody reads of the group is left out."""
    own = settings_of([group(row(lr=1.0), row("line", beta2=0.5), clip_norm=1.0)], KNOWN)
    assert own == [{"lr": 1.0, "betas": (0.9, 0.99)}, {"lr": 0.1, "betas": (0.9, 0.5)}]


def test_a_whole_tuple() -> None:
    assert settings_of([group(row(betas=(0.1, 0.2)))], KNOWN)[0]["betas"] == (0.1, 0.2)


def test_rows_side_by_side_do_not_overlap() -> None:
    assert len(cuts_of([group(row(start=2, stop=4), row(start=0, stop=2), row("line", 0, 2))])) == 3


def test_a_cut_is_told() -> None:
    assert str(Cut(2, 0, 3, 7)) == "rows 3 to 6 of group 2"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(), row(start=1, stop=4)], 'Rows 1 to 1 of "table" have settings of their own twice.'),
        ([row(stop=4), row(start=1, stop=2)], 'Rows 1 to 1 of "table" have settings of their own twice.'),
        (
            [{"name": "table", "stop": 2}],
            (
                "An entry of group['rows'] lacks 'start': {'name': 'table', 'stop': 2}. "
                'It is a list of {"name": …, "start": …, "stop": …, "lr": …}.'
            ),
        ),
        (
            [row("tabel")],
            (
                'Rows of "tabel" have settings of their own, and group 0 has no such parameter. '
                'Nearest: "table". The group names its parameters in param_names; '
                "to give model.named_parameters() does that."
            ),
        ),
        ([{"name": 3, "start": 0, "stop": 1}], 'Rows of "3" have settings of their own, and group 0 has no'),
        (
            [row(stop=5)],
            'Rows 0 to before 5 of "table": it has 4 rows, and a range is two ints, the first below',
        ),
        ([row(start=-1)], 'Rows -1 to before 2 of "table"'),
        ([row(start=2, stop=2)], 'Rows 2 to before 2 of "table"'),
        ([row(start=0.5)], 'Rows 0.5 to before 2 of "table"'),
        ([row(stop="2")], "Rows 0 to before '2' of \"table\""),
        ([row(stop=None)], 'Rows 0 to before None of "table"'),
        ([row(stop=10**400)], 'of "table": it has 4 rows'),
        ([5], "group['rows'] is [5] in group 0. It is a list of"),
        (["table"], "group['rows'] is ['table'] in group 0. It is a list of"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_rows_that_cannot_be(rows: list[Any], message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        cuts_of([group(*rows)])
    assert message in str(caught.value)


@pytest.mark.parametrize("rows", [5, True, {"name": "table"}, "table"], ids=str)
def test_rows_that_are_no_list(rows: Any) -> None:
    with pytest.raises(OptimizerError, match=r"group\['rows'\] is .* in group 0. It is a list of"):
        cuts_of([{**group(), "rows": rows}])


def test_a_number_has_no_rows() -> None:
    one = {"params": [torch.tensor(1.0)], "param_names": ["scale"], "rows": [row("scale", 0, 1)]}
    with pytest.raises(OptimizerError, match=r'Rows 0 to before 1 of "scale": it has 0 rows'):
        cuts_of([one])


def test_a_group_without_names() -> None:
    with pytest.raises(OptimizerError, match=r"group 0 has no such parameter.*param_names"):
        cuts_of([{"params": [torch.ones(3)], "rows": [row()]}])


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"lrr": 1.0}, 'Rows of "table" have lrr=1.0, which nobody reads. Nearest: "lr".'),
        ({"beta3": 0.1}, 'Rows of "table" have beta3=0.1, which nobody reads. Nearest: "beta'),
        ({"clip_norm": 1.0}, 'Rows of "table" have clip_norm=1.0, which nobody reads.'),
    ],
    ids=["near", "part", "of the group"],
)
def test_a_setting_that_nobody_reads(own: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        settings_of([group(row(**own))], KNOWN)
    assert message in str(caught.value)
