"""A pass over tensors whose rows have settings of their own."""

from typing import Any

import pytest
import torch
from torch import nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.backends.chunks import SIZE
from paramgroups.optim.finding import Groups
from paramgroups.optim.statistics import total
from tests.optim.backends.steppers import assert_close
from tests.optim.passers import Params, Walker, feed, grown

BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])


def members(groups: Groups) -> Params:
    return [param for group in groups for param in group["params"]]


def rowed(*rows: dict[str, Any], shape: tuple[int, ...] = (4, 3), **own: Any) -> dict[str, Any]:
    return {"params": grown(shape), "param_names": ["table"], "rows": list(rows), **own}


def row(start: int, stop: int, **own: Any) -> dict[str, Any]:
    return {"name": "table", "start": start, "stop": stop, **own}


@BOTH
@pytest.mark.parametrize("size", [3, SIZE // 2 + 1], ids=["small", "many chunks"])
def test_rows_are_stepped_as_tensors_of_their_own(size: int, backend: str) -> None:
    settings: list[dict[str, Any]] = [
        {"lr": 0.1},
        {"lr": 0.5},
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.5, "betas": (0.5, 0.6)},
    ]
    walker = Walker(
        "adam",
        rowed(row(1, 3, lr=0.5), row(5, 7, weight_decay=0.5, beta1=0.5, beta2=0.6), shape=(7, size), lr=0.1),
        backend=backend,
    )
    (table,) = members(walker.groups)
    pieces = [nn.Parameter(piece.clone()) for piece in table.detach().split([1, 2, 2, 2])]
    twin = torch.optim.Adam([{"params": [piece], **own} for piece, own in zip(pieces, settings, strict=True)])
    for _ in range(3):
        feed([table])
        assert table.grad is not None
        for piece, grad in zip(pieces, table.grad.split([1, 2, 2, 2]), strict=True):
            piece.grad = grad
        walker.step()
        twin.step()
    assert_close([table.detach()], [torch.cat([piece.detach() for piece in pieces])], 1e-12)


@BOTH
def test_rows_at_rate_0_are_not_written(backend: str) -> None:
    walker = Walker("adam", rowed(row(1, 3, lr=0)), backend=backend)
    (table,) = members(walker.groups)
    before = table.detach().clone()
    walker.step()
    moved = (table != before).any(1)
    assert moved.tolist() == [True, False, False, True]
    assert walker.states[table]["exp_avg"].any(1).tolist() == [True, False, False, True]


@BOTH
def test_rows_alone_have_a_rate(backend: str) -> None:
    walker = Walker("sgd", rowed(row(1, 3, lr=1.0), lr=0.0), backend=backend)
    (table,) = members(walker.groups)
    before = table.detach().clone()
    walker.step()
    assert (table != before).any(1).tolist() == [False, True, True, False]


def test_rows_that_are_cut_otherwise() -> None:
    """Each step cuts as it is told then; equal cuts with other rates lay nothing out anew."""
    walker = Walker("sgd", rowed(row(0, 1, lr=1.0), lr=0.5))
    (table,) = members(walker.groups)
    table.data.zero_()
    table.grad = torch.ones_like(table)
    walker.step()
    parts = walker.layout.parts
    walker.groups[0]["rows"] = [row(0, 1, lr=2.0)]
    walker.step()
    assert walker.layout.parts is parts
    walker.groups[0]["rows"] = [row(1, 4, lr=2.0)]
    walker.step()
    assert walker.layout.parts is not parts
    walker.groups[0]["rows"] = []
    walker.step()
    assert table[:, 0].tolist() == [-1 - 2 - 0.5 - 0.5, -0.5 - 0.5 - 2 - 0.5, -3.5, -3.5]


def test_rows_that_go_to_another_group_are_of_that() -> None:
    """With the same settings at the same place, only their group tells."""
    first, second = rowed(row(0, 1, lr=0.5)), rowed()
    walker = Walker("sgd", first, second)
    walker.groups[1]["params"][0].grad = torch.ones(4, 3, dtype=torch.float64)
    walker.step()
    walker.groups[1]["rows"], walker.groups[0]["rows"] = walker.groups[0]["rows"], []
    told = walker.step()
    assert total(told, 2)[1, 0] == pytest.approx(12)
    (table,) = walker.groups[1]["params"]
    before = table.detach().clone()
    walker.step([1.0, 0.0])
    assert torch.equal(table, before)


def test_rows_cannot_decide_what_is_remembered() -> None:
    walker = Walker("adam", rowed(row(0, 1, amsgrad=True)))
    for _ in range(2):
        with pytest.raises(OptimizerError) as caught:
            walker.step()
        assert str(caught.value) == (
            "There is amsgrad=True in rows 0 to 0 of group 0, and amsgrad=False in the rest of the tensor: "
            "it decides what is remembered, so it is the same for all rows. Set it in the group."
        )
    assert not walker.states


def test_a_momentum_of_rows_of_a_group_that_has_one() -> None:
    """Momentum 0 asks for another rule, but what it reads is in the one that the group has."""
    walker = Walker("sgd", rowed(row(0, 1, momentum=0.0), momentum=0.9, lr=1.0))
    (table,) = members(walker.groups)
    table.data.zero_()
    table.grad = torch.ones_like(table)
    walker.step()
    walker.step()
    assert table[:, 0].tolist() == pytest.approx([-2, -2.9, -2.9, -2.9])
