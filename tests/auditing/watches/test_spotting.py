"""Looks at a few tensors at a time: each has its turn, also in a large model, within the time there is."""

import pytest
import torch
from torch import nn

from paramgroups.auditing.watches.allowing import Allowance
from paramgroups.auditing.watches.spotting import AT_ONCE, SAMPLE, Turns, _sample
from tests.auditing.setups import small
from tests.auditing.watches.watched import loss_of, told, update, updates, watching


def test_each_has_its_turn() -> None:
    turns = Turns(list("abcde"))
    assert ["".join(turns.some(2)) for _ in range(4)] == ["ab", "cd", "e", "ab"]
    assert "".join(turns.some(None)) == "".join(turns.some(9)) == "abcde"


@pytest.mark.parametrize("shape", [(), (0,), (3,), (10_000,), (2, 5_000), (5_000, 2), (1, 1, 9_000)], ids=str)
def test_a_sample_is_small_and_a_copy(shape: tuple[int, ...]) -> None:
    tensor = torch.ones(shape)
    found = _sample(tensor)
    assert found.numel() == min(tensor.numel(), found.numel()) <= SAMPLE
    assert found.numel() > 0 or tensor.numel() == 0
    found.zero_()
    assert tensor.eq(1).all()


class Many(nn.Module):
    """More parameters than are looked at at once, of which one is no longer asked after a while."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ParameterList([torch.ones(4) for _ in range(2 * AT_ONCE)])
        self.late = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.stack(list(self.scales)).mean(0)


def test_in_a_large_model_the_one_without_a_gradient_is_found() -> None:
    model = Many()
    watch = watching(model, torch.optim.SGD(model.parameters(), lr=0.01))
    optimizer = watch._subject.optimizers[0]
    assert told(watch, lambda: updates(model, optimizer, 20)) == ["PG405"]
    assert watch.findings[0].names == ("late",)


def test_one_of_many_frozen_ones_that_moves_later_is_found() -> None:
    model = Many().requires_grad_(requires_grad=False)
    model.late.requires_grad = True
    model.forward = lambda x: x * model.late  # type: ignore[method-assign]  # only that one is asked
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watch = watching(model, optimizer)
    with watch:
        updates(model, optimizer, 3)
        for _ in range(200):
            model.scales[200].grad = torch.ones(4)
            update(model, optimizer)
    assert [one.code for one in watch] == ["PG404"]
    assert watch.findings[0].names == ("scales.200",)


def test_looks_wait_until_what_they_took_is_paid_back() -> None:
    times = iter([0.0, 1.0, 1.1, 1.4, 100.0, 101.0])
    allowance = Allowance(0.01, lambda: next(times))
    assert allowance.open()
    allowance.spend(0.005)  # of the 0.002 that were saved
    assert not allowance.open()
    assert allowance.open()
    allowance.spend(0.002)
    assert allowance.open()
    allowance.spend(0.001)
    assert allowance.open()


def test_one_that_is_frozen_on_the_way_and_moved_by_its_momentum_is_found() -> None:
    for to_none in (False, True):
        model = small()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        watch = watching(model, optimizer)
        with watch:
            for step in range(12):
                model[0].requires_grad_(requires_grad=step < 6)
                loss_of(model).backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=to_none)
        assert [one.code for one in watch] == ([] if to_none else ["PG404"])
        assert all(one.names == ("0.weight", "0.bias") for one in watch)
