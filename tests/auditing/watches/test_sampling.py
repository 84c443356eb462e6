"""Weights that are followed: of any dtype, and by the rates that their groups have now."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from tests.auditing.setups import small
from tests.auditing.watches.watched import told, updates, watching


def test_weights_in_double_precision_are_sound() -> None:
    model = small().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def loop() -> None:
        for _ in range(5):
            model(torch.randn(6, 4, dtype=torch.float64)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    assert not told(watching(model, optimizer), loop)


def test_a_warmup_after_a_load_is_no_run_away() -> None:
    model = nn.Linear(4, 2, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    scheduler = LambdaLR(optimizer, lambda step: 1.0 if step >= 15 else 0.01)

    def loop() -> None:
        optimizer.load_state_dict(optimizer.state_dict())
        for _ in range(30):
            model(torch.eye(4)).square().sum().mul(-4.5).backward()  # by 0.09 a step, after the warm-up
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()

    assert not told(watching(model, optimizer, scheduler), loop)


@pytest.mark.parametrize(
    "odd",
    [torch.ones(4, 4).to(torch.float8_e4m3fn), torch.eye(4).to_sparse(), torch.eye(4, dtype=torch.complex64)],
    ids=["float8", "sparse", "complex"],
)
def test_tensors_without_a_plain_norm_are_passed_over(odd: torch.Tensor) -> None:
    model = small()
    model.odd = nn.Parameter(odd)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    assert not told(watching(model, optimizer), lambda: updates(model, optimizer, 3))


def test_large_steps_after_many_of_nothing_are_told_without_their_ratio() -> None:
    model = nn.Linear(4, 2, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def loop() -> None:
        for number in range(34):
            held = model.weight.detach()
            model.weight.grad = -0.2 * held if number >= 20 else torch.zeros_like(held)
            optimizer.step()

    watch = watching(model, optimizer)
    assert told(watch, loop) == ["PG409"]
    assert watch.findings[0].message.endswith("by 0.2 of its norm.")
