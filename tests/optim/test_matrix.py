"""One matrix: rule × backend × dtype × spread of rates × shapes, against torch's own classes in float64."""

import copy
import itertools
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.optimizer import Optimizer
from tests.optim.backends.steppers import CASES, CLASSES, assert_close
from tests.optim.backends.twins import TWINS

Params = list[nn.Parameter]
SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (7,), (3, 5), (3, 0, 2), (2, 3, 4, 5), (1025,))
LARGE = ((70_001,), (3,))
SPREADS = {
    "one": [1.0],
    "each its own": [0.5 + 0.25 * place for place in range(len(SHAPES))],
    "six orders": [10.0 ** (place % 7 - 5) for place in range(len(SHAPES))],
}
RATES = {"sgd": 0.05, "lars": 0.01, "lion": 1e-3, "rmsprop": 1e-3}
DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
WITHIN = {torch.float64: 1e-9, torch.float32: 1e-5, torch.bfloat16: 2**-8, torch.float16: 2**-10}
LEAST: dict[str, float] = {"nadam": 1e-6}
"""Torch keeps the product of NAdam's momenta in float32."""
BACKENDS = ("cpu", "torch")
EXCHANGED = {case: (name, given) for case, (name, given) in CASES.items() if name not in TWINS}


class Pair:
    """The optimizer, and a twin in float64: torch's class, or a loop that is written from the paper."""

    def __init__(
        self, case: str, dtype: torch.dtype, spread: str, backend: str, shapes: Any = SHAPES, **more: Any
    ) -> None:
        name, given = CASES[case]
        self.least = LEAST.get(name, 0.0)
        self.ours = [nn.Parameter(torch.randn(shape, dtype=torch.float64).to(dtype)) for shape in shapes]
        self.theirs = [nn.Parameter(param.detach().double().clone()) for param in self.ours]
        base = RATES.get(name, 0.01)
        rates = [base * factor for factor, _ in zip(itertools.cycle(SPREADS[spread]), shapes, strict=False)]
        given = {**given, **more}
        self.mine = Optimizer(grouped(self.ours, rates), name, backend=backend, **given)
        self.twin = CLASSES[name](grouped(self.theirs, rates), **given)

    def step(self) -> None:
        """Both step with the same gradients. In half precision the twin begins where we are."""
        half = self.ours[0].dtype in {torch.float16, torch.bfloat16}
        for param, other in zip(self.ours, self.theirs, strict=True):
            param.grad = torch.randn(param.shape, dtype=torch.float64).to(param.dtype)
            other.grad = param.grad.double().clone()
            if half:
                other.data.copy_(param.data)
        self.mine.step()
        self.twin.step()

    def check(self, slack: float = 1.0) -> None:
        """Weights, and all states that both have, agree; roundings of many steps add up."""
        for param, other in zip(self.ours, self.theirs, strict=True):
            within = slack * max(WITHIN[param.dtype], self.least)
            torch.testing.assert_close(param.double(), other.detach(), rtol=within, atol=within)
            mine, theirs = self.mine.state[param], self.twin.state[other]
            for key in mine.keys() & theirs.keys():
                rounded = WITHIN[torch.float32] if mine[key].dtype == torch.float32 else 1e-9
                exact = slack * max(rounded, self.least)
                found, wanted = mine[key].double(), torch.as_tensor(theirs[key]).double()
                torch.testing.assert_close(found, wanted, rtol=exact, atol=exact)


def grouped(params: Params, rates: list[float]) -> list[dict[str, Any]]:
    """One group if there is one rate."""
    if len(set(rates)) == 1:
        return [{"params": params, "lr": rates[0]}]
    return [{"params": [param], "lr": rate} for param, rate in zip(params, rates, strict=True)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_every_rule_with_rates_of_six_orders(case: str, backend: str) -> None:
    pair = Pair(case, torch.float64, "six orders", backend)
    for _ in range(12):
        pair.step()
    pair.check()


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ["adamw", "sgd, dampened"])
def test_every_dtype_and_spread(case: str, dtype: str, spread: str) -> None:
    pair = Pair(case, DTYPES[dtype], spread, "cpu")
    for _ in range(12):
        pair.step()
        if "float64" not in dtype:
            pair.check()
    pair.check()


@pytest.mark.parametrize("case", ["adam", "sgd, nesterov", "rmsprop, both", "lamb"])
def test_three_hundred_steps(case: str) -> None:
    pair = Pair(case, torch.float64, "each its own", "cpu")
    for _ in range(300):
        pair.step()
    pair.check()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", ["adamw", "sgd", "lars"])
def test_tensors_of_many_chunks(case: str, backend: str) -> None:
    pair = Pair(case, torch.float32, "each its own", backend, LARGE)
    for _ in range(3):
        pair.step()
    pair.check()


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_the_whole_matrix(case: str, dtype: str, spread: str, backend: str) -> None:
    pair = Pair(case, DTYPES[dtype], spread, backend)
    for step in range(300):
        pair.step()
        if "float64" not in dtype and step % 30 == 0:
            pair.check(slack=10)
    pair.check(slack=10)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_rows_are_as_tensors_of_their_own(case: str, backend: str) -> None:
    """But for rules with a trust ratio, which takes the norm of the whole tensor."""
    name, given = CASES[case]
    whole = nn.Parameter(torch.randn(6, 3, dtype=torch.float64))
    parts = [nn.Parameter(part.clone()) for part in whole.detach().split([2, 3, 1])]
    rows = [{"name": "w", "start": 2, "stop": 5, "lr": 0.05}, {"name": "w", "start": 5, "stop": 6, "lr": 0.5}]
    group = {"params": [whole], "param_names": ["w"], "lr": 0.001, "rows": rows}
    rates = (0.001, 0.05, 0.5)
    mine = Optimizer([group], name, backend=backend, **given)
    groups = [{"params": [part], "lr": rate} for part, rate in zip(parts, rates, strict=True)]
    twin = CLASSES[name](groups, **given)
    for step in range(4):
        whole.grad = torch.randn(6, 3, dtype=torch.float64)
        for part, grad in zip(parts, whole.grad.split([2, 3, 1]), strict=True):
            part.grad = grad.clone()
        mine.step()
        twin.step()
        if name in {"lamb", "lars"}:
            check_trusted_rows(mine, whole, rates)
            return
        assert_close(list(whole.detach().split([2, 3, 1])), parts, max(1e-10, LEAST.get(name, 0.0)))
        rows[0]["lr"] = groups[1]["lr"] = twin.param_groups[1]["lr"] = 0.05 + 0.01 * step


def check_trusted_rows(mine: Optimizer, whole: Tensor, rates: tuple[float, ...]) -> None:
    """Rows of one tensor move in proportion to their rates: one ratio serves all of them."""
    found = mine.statistics(by="segment")
    norms = [one.update_norm for one in found.values()]
    assert len(norms) == len(rates)
    assert whole.isfinite().all()
    assert norms[0] < norms[1]


NUMBERS = st.floats(0, 0.2)
HYPERS = {
    "lr": st.floats(0, 1).filter(lambda rate: rate == 0 or rate > 1e-6),
    "betas": st.tuples(st.floats(0, 0.99), st.floats(0, 0.9999)),
    "eps": st.floats(1e-8, 1e-2),
    "weight_decay": NUMBERS,
    "momentum": st.floats(0, 0.99),
    "dampening": st.floats(0, 1),
    "alpha": st.floats(0.1, 0.999),
    "lr_decay": NUMBERS,
    "initial_accumulator_value": NUMBERS,
    "momentum_decay": st.floats(0, 0.01),
    "trust_coefficient": st.floats(1e-4, 1.0),
    **dict.fromkeys(("amsgrad", "maximize", "centered", "decoupled_weight_decay", "nesterov"), st.booleans()),
}


@st.composite
def hyperparameters(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A rule, and settings of each of two groups."""
    name = draw(st.sampled_from(sorted(ALGORITHMS)))
    keys = [key for key in ALGORITHMS[name].defaults if not (name == "adamw" and key.startswith("decoupled"))]
    found: list[dict[str, Any]] = [{key: draw(HYPERS[key]) for key in keys} for _ in range(2)]
    for one in found:
        if one.get("nesterov"):
            one["dampening"], one["momentum"] = 0, max(0.1, float(one["momentum"]))
    if name == "adagrad":  # torch's class reads it from its own arguments alone
        found[1]["initial_accumulator_value"] = found[0]["initial_accumulator_value"]
    return name, found


@settings(max_examples=60, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=hyperparameters(), backend=st.sampled_from(BACKENDS), seed=st.integers(0, 1000))
def test_any_hyperparameters(drawn: tuple[str, list[dict[str, Any]]], backend: str, seed: int) -> None:
    """A rate of 0 writes nothing here, so the twin is not asked there."""
    name, given = drawn
    draws = torch.Generator().manual_seed(seed)
    ours = [nn.Parameter(torch.randn(5, 3, generator=draws, dtype=torch.float64)) for _ in given]
    theirs = [nn.Parameter(param.detach().clone()) for param in ours]
    groups, others = (
        [{"params": [one], **own} for one, own in zip(params, given, strict=True)]
        for params in (ours, theirs)
    )
    mine = Optimizer(groups, name, backend=backend)
    shared = {"initial_accumulator_value": given[0]["initial_accumulator_value"]} if name == "adagrad" else {}
    twin = CLASSES[name](others, **shared)
    for _ in range(5):
        for param, other, own in zip(ours, theirs, given, strict=True):
            param.grad = torch.randn(5, 3, generator=draws, dtype=torch.float64)
            other.grad = param.grad.clone() if own["lr"] or name in TWINS else None
        mine.step()
        twin.step()
    assert_close([param.detach() for param in ours], theirs, 1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", EXCHANGED)
def test_states_are_exchanged_with_torch_both_ways(case: str, backend: str) -> None:
    """Twice, in mid-run: each goes on with what the other has remembered, steps are counted alike."""
    pair = Pair(case, torch.float64, "each its own", backend)
    for _ in range(2):
        for _ in range(3):
            pair.step()
        to_torch, to_us = copy.deepcopy(pair.mine.state_dict()), copy.deepcopy(pair.twin.state_dict())
        pair.twin.load_state_dict(to_torch)
        pair.mine.load_state_dict(to_us)
    pair.step()
    pair.check()
    for param, other in zip(pair.ours, pair.theirs, strict=True):
        assert pair.mine.state[param].keys() == pair.twin.state[other].keys()
        assert float(pair.mine.state[param].get("step", 7)) == 7.0


@pytest.mark.parametrize("case", EXCHANGED)
def test_torch_goes_on_alone_from_our_state(case: str) -> None:
    """The file has all that torch's class reads, also when it is made anew and loads it as its first act."""
    name, given = CASES[case]
    pair = Pair(case, torch.float64, "one", "cpu")
    for _ in range(3):
        pair.step()
    others = [nn.Parameter(param.detach().clone()) for param in pair.ours]
    anew = CLASSES[name](others, lr=0.3, **given)
    anew.load_state_dict(copy.deepcopy(pair.mine.state_dict()))
    pair.step()
    for param, other in zip(pair.ours, others, strict=True):
        other.grad = param.grad
    anew.step()
    assert_close([param.detach() for param in pair.ours], others, max(1e-10, pair.least))
