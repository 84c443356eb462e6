"""What a few steps on copies tell, each fault beside its sound twin."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import LambdaLR

import paramgroups as pg
from paramgroups.auditing.checks import look_at_trial
from paramgroups.auditing.trials.checks import CHECKS, KINDS
from paramgroups.auditing.trials.trial import Trial, Tried
from paramgroups.auditing.trials.trying import try_steps
from paramgroups.errors import Finding
from tests.auditing.setups import codes, small, subject_of


def squares(model: nn.Module, batch: Tensor) -> Tensor:
    found: Tensor = model(batch).square().mean()
    return found


def look(
    model: nn.Module,
    optimizer: Any,
    scheduler: Any = None,
    loss: Callable[..., Any] = squares,
    batch: Any = None,
) -> list[Finding]:
    torch.manual_seed(0)
    subject = subject_of(model, optimizer, scheduler)
    trial = try_steps(subject, loss, torch.randn(6, 4) if batch is None else batch)
    assert not trial.untaken
    return [finding for check in CHECKS for finding in check(subject, trial)]


def seeded(make: Callable[[], Any] = small) -> Any:
    torch.manual_seed(0)
    return make()


def left_over() -> tuple[nn.Module, SGD]:
    model = seeded()
    squares(model, torch.randn(6, 4)).backward()
    model.get_submodule("0").requires_grad_(requires_grad=False)
    return model, SGD(model.parameters(), lr=0.01)


def test_a_frozen_parameter_that_a_left_over_gradient_moves() -> None:
    model, optimizer = left_over()
    found = look(model, optimizer)
    assert codes(found) == ["PG201"]
    assert found[0].names == ("0.weight", "0.bias")
    assert found[0].message == "3 steps moved 2 frozen parameters: 0.weight, 0.bias."
    optimizer.zero_grad()
    assert not look(model, optimizer)


def with_batch_norm(*, affine: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(8, affine=affine)
    return nn.Sequential(nn.Sequential(nn.Linear(4, 8), norm), nn.ReLU(), nn.Linear(8, 2))


@pytest.mark.parametrize("affine", [True, False], ids=["with weights", "without weights"])
def test_a_batch_norm_of_a_frozen_part_drifts_unless_it_is_in_evaluation(affine: bool) -> None:  # noqa: FBT001  # a case
    model = with_batch_norm(affine=affine)
    model[0].requires_grad_(requires_grad=False)
    optimizer = SGD(model[2].parameters(), lr=0.01)
    found = look(model, optimizer)
    assert codes(found) == ["PG202"]
    assert found[0].names == (("0.1.weight", "0.1.bias") if affine else ())
    model[0].eval()
    assert not look(model, optimizer)


def test_a_live_batch_norm_and_a_spectral_norm_are_sound() -> None:
    model = with_batch_norm()
    assert not look(model, SGD(model.parameters(), lr=0.01))
    model = with_batch_norm().requires_grad_(requires_grad=False)
    parametrizations.spectral_norm(model[2])
    model[2].requires_grad_(requires_grad=True)
    model[0].eval()
    assert not look(model, SGD(model[2].parameters(), lr=0.01))


class FirstGroupOnly(SGD):
    """Forgets that there may be more than one group."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        del closure
        with torch.no_grad():
            for p in self.param_groups[0]["params"]:
                p.sub_(0.01 * p.grad)


def test_parameters_that_have_gradients_and_stand_still() -> None:
    model = seeded()
    groups = [{"params": model.get_submodule(name).parameters()} for name in ("0", "1", "3")]
    found = look(model, FirstGroupOnly(groups, lr=0.01))
    assert codes(found) == ["PG203"]
    assert found[0].names == ("1.weight", "1.bias", "3.weight", "3.bias")


def test_bfloat16_weights_that_lose_their_updates_and_float32_ones_that_do_not() -> None:
    for dtype in (torch.bfloat16, torch.float32):
        model = seeded().to(dtype)
        with torch.no_grad():
            for one in model.parameters():
                one.add_(1.0)
        found = look(model, Adam(model.parameters(), lr=1e-5), batch=torch.randn(6, 4).to(dtype))
        assert codes(found) == (["PG203"] if dtype is torch.bfloat16 else [])


def test_a_rate_of_0_and_a_warmup_from_0_are_no_standstill() -> None:
    model = seeded()
    groups: list[dict[str, Any]] = [
        {"params": model.get_submodule("0").parameters(), "lr": 0.0},
        {"params": model.get_submodule("3").parameters()},
    ]
    assert not look(model, SGD(groups, lr=0.01))
    optimizer = AdamW(model.parameters(), lr=1e-5)
    assert not look(model, optimizer, LambdaLR(optimizer, lambda step: step / 1_000_000))


def test_the_bias_that_a_softmax_cancels_is_no_standstill() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2)
            nn.init.uniform_(self.attention.in_proj_bias)

        def forward(self, x: Tensor) -> Any:
            return self.attention(x, x, x)[0]

    model = seeded(Attends)
    assert not look(model, SGD(model.parameters(), lr=0.01))


class Parts(nn.Module):
    """Asks one of its experts."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
        self.asked = 1

    def forward(self, x: Tensor) -> Any:
        return sum(expert(x) for expert in self.experts[: self.asked])


def test_parameters_without_a_gradient() -> None:
    model = Parts()
    found = look(model, Adam(model.parameters(), lr=1e-3))
    assert codes(found) == ["PG204"]
    assert found[0].names == ("experts.1.weight", "experts.1.bias")
    assert "in these 3 steps with this batch (2 had none)" in found[0].message
    model.asked = 2
    assert not look(model, Adam(model.parameters(), lr=1e-3))


def test_gradients_that_are_always_0() -> None:
    model = Parts()
    found = look(
        model,
        Adam(model.parameters(), lr=1e-3),
        loss=lambda one, batch: squares(one, batch) + 0 * one.experts[1](batch).sum(),
    )
    assert codes(found) == ["PG204"]
    assert "(2 only zeros)" in found[0].message


class Adapter(nn.Module):
    """Begins as what it adapts."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(4, 3).requires_grad_(requires_grad=False)
        self.lora_A, self.lora_B = nn.Linear(4, 2, bias=False), nn.Linear(2, 3, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Any:
        return self.base(x) + self.lora_B(self.lora_A(x))


@pytest.mark.parametrize("make", [partial(Adam, lr=1e-3), partial(SGD, lr=0.01)], ids=["adam", "sgd"])
@pytest.mark.parametrize("warms", [True, False], ids=["with a warm-up", "without one"])
def test_a_low_rank_adapter_that_begins_at_0_is_sound(make: Any, warms: bool) -> None:  # noqa: FBT001  # a case
    model = seeded(Adapter)
    optimizer = make(
        [{"params": model.lora_A.parameters()}, {"params": model.lora_B.parameters(), "lr": 0.01}]
    )
    scheduler = LambdaLR(optimizer, lambda step: min(1.0, step / 10)) if warms else None
    assert not look(model, optimizer, scheduler)


def test_steps_that_are_too_large_and_too_small() -> None:
    model = seeded()
    found = look(model, Adam(model.parameters(), lr=0.3))
    assert "PG205" in codes(found)
    assert "at a rate of 0.3" in next(one for one in found if one.code == "PG205").message
    assert codes(look(model, SGD(model.parameters(), lr=1e-7))) == ["PG206"]


def test_the_long_steps_of_a_search_are_its_own() -> None:
    model = seeded(lambda: nn.Linear(4, 2))
    assert not look(model, torch.optim.LBFGS(model.parameters(), lr=1.0))


def test_a_group_under_a_warmup_is_judged_by_the_rate_that_was_asked_for() -> None:
    model = seeded()
    optimizer = Adam(model.parameters(), lr=1e-3)
    assert not look(model, optimizer, LambdaLR(optimizer, lambda step: (step + 1) / 10_000_000))


def test_a_loss_that_is_not_finite() -> None:
    model = seeded()
    found = look(
        model, SGD(model.parameters(), lr=0.01), loss=lambda one, batch: squares(one, batch).neg().sqrt()
    )
    assert codes(found) == ["PG207"]
    assert len(found[0].names) == 6


def test_a_loss_that_grows_tenfold() -> None:
    model = seeded(lambda: nn.Linear(4, 1))
    found = look(model, SGD(model.parameters(), lr=30.0))
    assert "PG208" in codes(found)


def test_a_loss_that_begins_at_0_may_grow() -> None:
    model = seeded(Adapter)
    twin = seeded(Adapter)
    optimizer = Adam([model.lora_A.weight, model.lora_B.weight], lr=1e-3)

    def distance(one: nn.Module, batch: Tensor) -> Tensor:
        found: Tensor = (one(batch) - twin(batch)).square().mean() - 1e-9 * one(batch).sum()
        return found

    assert not look(model, optimizer, loss=distance)


def words(model: nn.Module, batch: Tensor) -> Tensor:
    found: Tensor = model(batch).square().mean()
    return found


def masked(make: Callable[..., Any]) -> list[Finding]:
    model = seeded(lambda: nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)))
    keep = torch.zeros(10, 1)
    keep[8:] = 1.0
    model.get_parameter("0.weight").register_hook(lambda gradient: gradient * keep)
    return look(model, make(model.parameters()), loss=words, batch=torch.arange(10))


def test_rows_that_move_behind_their_mask_and_rows_that_do_not() -> None:
    found = masked(partial(AdamW, lr=1e-3, weight_decay=0.1))
    assert codes(found) == ["PG209"]
    assert found[0].names == ("0.weight",)
    assert "8 of 0.weight" in found[0].message
    assert not masked(partial(AdamW, lr=1e-3, weight_decay=0.0))


def test_a_hook_that_clips_masks_nothing() -> None:
    model = seeded(lambda: nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)))
    model.get_parameter("0.weight").register_hook(lambda gradient: gradient.clamp(-1, 1))
    assert not look(model, AdamW(model.parameters(), lr=1e-3), loss=words, batch=torch.arange(4))


def test_sparse_gradients_are_looked_at_too() -> None:
    model = seeded(lambda: nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Linear(4, 2)))
    assert not look(model, SGD(model.parameters(), lr=0.01), loss=words, batch=torch.arange(4))


def test_complex_and_empty_parameters_are_looked_at_too() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wave = nn.Parameter(torch.ones(4, 2, dtype=torch.complex64))
            self.none = nn.Parameter(torch.zeros(0))

        def forward(self, x: Tensor) -> Any:
            return (x.to(torch.complex64) @ self.wave).abs() + self.none.sum()

    model = seeded(Odd)
    assert not [one for one in look(model, SGD(model.parameters(), lr=0.01)) if one.names != ("none",)]


def test_gradual_unfreezing_ties_and_dropout_are_sound() -> None:
    model = with_batch_norm()
    rules = [pg.rule("0", trainable=False, until="50%")]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-3, rules=rules), steps=4)
    assert not look(model, *pg.build(plan))
    tied = seeded(lambda: nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 4)))
    tied.get_submodule("2").weight = tied.get_parameter("0.weight")
    assert not look(tied, AdamW(tied.parameters(), lr=1e-3))


def test_two_optimizers_step_both() -> None:
    model = seeded()
    optimizers = [Adam(model.get_submodule(name).parameters(), lr=1e-3) for name in ("0", "1", "3")]
    assert not look(model, optimizers)


def test_the_audit_tells_what_steps_do_and_the_ratios_of_groups() -> None:
    model, optimizer = left_over()
    found = pg.audit(model, optimizer, loss=squares, batch=torch.randn(6, 4))
    assert "PG201" in found.codes
    assert list(found.ratios) == ["group 0"]
    assert 0 < found.ratios["group 0"] < 0.1
    assert not pg.audit(model, optimizer).ratios


def test_every_kind_has_its_page() -> None:
    assert [kind.code for kind in KINDS] == [f"PG20{number}" for number in range(1, 10)]


class StopsAt(SGD):
    """Steps nothing, and raises at its second step."""

    calls = 0

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002  # as its base has it
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("no more")


def test_what_was_seen_before_an_optimizer_gave_up_is_told() -> None:
    model = seeded()
    subject = subject_of(model, StopsAt(model.parameters(), lr=0.1))
    trial = try_steps(subject, squares, torch.randn(6, 4))
    found = list(look_at_trial(subject, trial))
    assert trial.steps == 1
    assert codes(found) == ["PG191", "PG203"]
    assert found[0].message == "Step 2 of 3 ended with RuntimeError: no more"


def test_one_check_that_breaks_leaves_the_others() -> None:
    model = seeded()
    subject = subject_of(model, SGD(model.parameters(), lr=0.01))
    trial = Trial(1, losses=[1.0, 20.0], drifted=("nowhere",))
    trial.tried["0.weight"] = Tried(
        lives=[True], gradients=[None], updates=[0.0], weights=[1.0], shares=[1.0]
    )
    found = list(look_at_trial(subject, trial))
    assert 'The look at "drifted" ended with AttributeError' in found[0].message
    assert {"PG204", "PG208"} <= set(codes(found))


def test_without_a_loss_none_is_told() -> None:
    model = seeded()
    subject = subject_of(model, SGD(model.parameters(), lr=0.01))
    trial = Trial(1)
    trial.tried["0.weight"] = Tried(
        lives=[True], gradients=[float("nan")], updates=[0.1], weights=[1.0], shares=[1.0]
    )
    for name in ("0.bias", "1.weight", "1.bias", "3.weight", "3.bias"):
        trial.tried[name] = Tried(lives=[True], gradients=[1.0], updates=[0.1], weights=[1.0], shares=[1.0])
    (found,) = (one for one in look_at_trial(subject, trial) if one.code != "PG205")
    assert found.message == "1 parameter had gradients that are not finite: 0.weight."


class OwnRate(SGD):
    """Steps with a rate that its groups do not tell, as an Adafactor with relative steps does."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002  # as its base has it
        for group in self.param_groups:
            for tensor in group["params"]:
                if tensor.grad is not None and tensor.ndim > 1:
                    tensor.data.mul_(1.2)


def test_a_rate_that_cannot_be_read_silences_nothing() -> None:
    model = seeded()
    optimizer = OwnRate(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = None
    found = {one.code: one for one in look(model, optimizer)}
    assert set(found) == {"PG203", "PG205"}
    assert found["PG205"].message == "A step changes the weights of group 0 by 0.12 of their norm."
    assert found["PG205"].fix == "Lower its rate."


def test_a_rate_of_numpys_is_a_rate() -> None:
    model = seeded()
    optimizer = SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = np.float32(30.0)
    found = {one.code: one for one in look(model, optimizer, loss=lambda net, x: net(x).mean())}
    assert "at a rate of 30" in found["PG205"].message
