"""Steps on copies: what was handed in, the process and its random numbers stay as they were."""

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

import paramgroups as pg
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.trials.trial import Trial
from paramgroups.auditing.trials.trying import try_steps
from paramgroups.errors import ModelError, PlanError, StoppedError
from tests.auditing.setups import subject_of


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))


def squares(model: nn.Module, batch: Tensor) -> Tensor:
    found: Tensor = model(batch).square().mean()
    return found


def batch() -> Tensor:
    return torch.linspace(-1, 1, 24).reshape(6, 4)


def built(model: nn.Module) -> tuple[Any, Any]:
    rules = [pg.rule("0", trainable=False, until="50%"), pg.rule("3.weight[:1]", lr_scale=2.0)]
    recipe = pg.Recipe(optimizer="adamw", lr=1e-3, schedule=pg.schedules.cosine(), rules=rules)
    return pg.build(pg.plan(model, recipe, steps=4))


def delegated(model: nn.Module) -> tuple[Any, Any]:
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=1e-3, momentum=0.9), epochs=4)
    optimizer = torch.optim.SGD(plan.param_groups())
    return optimizer, pg.Scheduler(optimizer, plan)


def under_torch(model: nn.Module, make: Callable[..., Any], schedule: Any = None) -> tuple[Any, Any]:
    optimizer = make(model.parameters())
    return optimizer, None if schedule is None else schedule(optimizer)


SETUPS: dict[str, Callable[[nn.Module], tuple[Any, Any]]] = {
    "sgd": partial(under_torch, make=partial(torch.optim.SGD, lr=0.1, momentum=0.9)),
    "adamw": partial(
        under_torch, make=torch.optim.AdamW, schedule=partial(OneCycleLR, max_lr=0.1, total_steps=9)
    ),
    "lambda": partial(
        under_torch,
        make=partial(torch.optim.SGD, lr=0.1),
        schedule=partial(LambdaLR, lr_lambda=lambda step: min(1.0, step / 10)),
    ),
    "tensor-rate": partial(under_torch, make=partial(torch.optim.Adam, lr=torch.tensor(0.1))),
    "lbfgs": partial(under_torch, make=torch.optim.LBFGS),
    "ours": built,
    "ours-on-torch": delegated,
}


def worn(name: str) -> tuple[nn.Module, Any, Any]:
    """A training that has begun, in the middle of an accumulation."""
    model = network()
    optimizer, scheduler = SETUPS[name](model)
    for _ in range(2):
        optimizer.zero_grad()
        squares(model, batch()).backward()
        optimizer.step(lambda: squares(model, batch()).detach()) if name == "lbfgs" else optimizer.step()
        if scheduler is not None and name != "ours-on-torch":
            scheduler.step()
    return model, optimizer, scheduler


def bits(found: Any) -> Any:
    """What can be compared of whatever holds tensors."""
    if isinstance(found, Tensor):
        return found.detach().clone().numpy().tobytes()
    if isinstance(found, dict):
        return {key: bits(value) for key, value in found.items()}
    return [bits(one) for one in found] if isinstance(found, (list, tuple)) else found


def standing(model: nn.Module, optimizer: Any, scheduler: Any) -> list[Any]:
    """All that a training is."""
    grads = [None if one.grad is None else (id(one.grad), bits(one.grad)) for one in model.parameters()]
    return [
        bits(dict(model.state_dict())),
        grads,
        [(one.requires_grad, one._version) for one in model.parameters()],
        [(module.training, sorted(module.__dict__)) for module in model.modules()],
        bits(optimizer.state_dict()),
        bits(
            [
                {key: value for key, value in group.items() if key != "params"}
                for group in optimizer.param_groups
            ]
        ),
        None if scheduler is None else repr(bits(scheduler.state_dict())),
        list(optimizer._optimizer_step_pre_hooks),
    ]


def surroundings() -> list[Any]:
    """All that a process is, as far as a training may change it."""
    return [
        bits(torch.get_rng_state()),
        repr(np.random.get_state()),  # noqa: NPY002  # what users draw from
        random.getstate(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        [getattr(torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")],
    ]


@contextmanager
def same_surroundings() -> Iterator[None]:
    before = surroundings()
    yield
    assert surroundings() == before


@pytest.mark.parametrize("name", SETUPS)
def test_nothing_is_changed_and_all_steps_are_taken(name: str) -> None:
    model, optimizer, scheduler = worn(name)
    before = standing(model, optimizer, scheduler)
    subject = subject_of(model, optimizer, scheduler)
    with same_surroundings():
        trial = try_steps(subject, squares, batch())
    assert standing(model, optimizer, scheduler) == before
    assert (trial.steps, trial.untaken) == (3, ())
    assert len(trial.losses) == 4
    assert trial.tried["3.weight"].moved


def reckless(_: nn.Module, given: Tensor) -> Tensor:
    """Changes whatever a loss can change."""
    random.random()  # noqa: S311  # no secret
    np.random.rand()  # noqa: NPY002  # what users draw from
    torch.backends.cudnn.benchmark = True
    torch.set_default_dtype(torch.float64)
    torch.set_autocast_enabled("cpu", True)
    torch.set_grad_enabled(False)
    given.mul_(2)
    torch.use_deterministic_algorithms(mode=True)
    raise RuntimeError("the loss gave up")


def test_a_loss_that_raises_leaves_all_as_it_was_and_is_told() -> None:
    model, optimizer, scheduler = worn("adamw")
    given = batch()
    before = standing(model, optimizer, scheduler)
    with same_surroundings():
        found = pg.audit(model, optimizer, scheduler, loss=reckless, batch=given)
    assert standing(model, optimizer, scheduler) == before
    assert torch.equal(given, batch())
    told = next(one for one in found if one.code == "PG191")
    assert told.message == "Step 1 of 3 ended with RuntimeError: the loss gave up"


def test_a_loss_of_the_real_model_changes_nothing_of_it_and_is_told() -> None:
    model, optimizer, scheduler = worn("adamw")
    before = standing(model, optimizer, scheduler)
    found = pg.audit(model, optimizer, scheduler, loss=lambda _, given: squares(model, given), batch=batch())
    assert standing(model, optimizer, scheduler) == before
    assert "the loss is not of the model" in next(one for one in found if one.code == "PG204").message


def test_a_criterion_with_weights_of_its_own_gets_no_gradients() -> None:
    model, optimizer, _ = worn("sgd")
    criterion = nn.Linear(2, 1)
    try_steps(subject_of(model, optimizer), lambda one, given: criterion(one(given)).mean(), batch())
    assert [one.grad for one in criterion.parameters()] == [None, None]


def test_it_is_tried_where_gradients_are_off() -> None:
    model, optimizer, _ = worn("sgd")
    with torch.no_grad(), same_surroundings():
        trial = try_steps(subject_of(model, optimizer), squares, batch())
        assert not torch.is_grad_enabled()
    assert trial.steps == 3


class Answer(nn.Linear):
    """Gives what transformers' models give."""

    def forward(self, x: Tensor, *, scale: float = 1.0) -> Any:
        return {"loss": super().forward(x).square().mean() * scale}


def sgd_of(model: nn.Module) -> Subject:
    return subject_of(model, torch.optim.SGD(model.parameters(), lr=0.01))


class Named:
    def __init__(self, loss: Tensor) -> None:
        self.loss = loss


class AnswerByName(Answer):
    def forward(self, x: Tensor, *, scale: float = 1.0) -> Any:
        return Named(super().forward(x, scale=scale)["loss"])


@pytest.mark.parametrize("kind", [Answer, AnswerByName], ids=["by key", "by name"])
@pytest.mark.parametrize(
    "given",
    [batch(), (batch(),), [batch()], {"x": batch()}, {"x": batch(), "scale": 2.0}],
    ids=["tensor", "tuple", "list", "mapping", "more"],
)
def test_a_model_that_gives_its_loss_needs_none(kind: type[nn.Linear], given: Any) -> None:
    trial = try_steps(sgd_of(kind(4, 2)), None, given)
    assert (trial.steps, trial.untaken) == (3, ())


def test_a_loss_may_need_no_batch_and_may_empty_the_one_it_is_given() -> None:
    model = nn.Linear(4, 2)
    assert try_steps(sgd_of(model), lambda one: squares(one, batch()), None).steps == 3
    given = {"x": batch()}
    assert try_steps(sgd_of(model), lambda one, held: squares(one, held.pop("x")), given).steps == 3
    assert list(given) == ["x"]


def test_what_is_no_loss_is_an_error_with_its_fix() -> None:
    subject = sgd_of(nn.Linear(4, 2))
    with pytest.raises(
        ModelError, match=r"The model gives a tensor of shape \(6, 2\), no number to minimise"
    ):
        try_steps(subject, None, batch())
    with pytest.raises(ModelError, match=r"The loss is 'low', no number.*lambda model, batch"):
        try_steps(subject, lambda *_: "low", batch())
    with pytest.raises(PlanError, match=r"loss='mse' is no function\. Hand in what it is"):
        try_steps(subject, "mse", batch())  # type: ignore[arg-type]  # a user's mistake


class Uncopiable(nn.Linear):
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise TypeError("one of a kind")


def cause(trial: Trial) -> str:
    assert trial.steps == 0
    return trial.untaken[0]


def test_what_cannot_be_copied_is_told_with_its_cause() -> None:
    assert "TypeError: one of a kind" in cause(try_steps(sgd_of(Uncopiable(4, 2)), squares, batch()))
    assert '"weight" is on the meta device' in cause(
        try_steps(sgd_of(nn.Linear(4, 2, device="meta")), squares, batch())
    )
    nothing = try_steps(subject_of(nn.Linear(4, 2), None), squares, batch())
    assert "no optimizer that could step" in cause(nothing)


def test_a_scheduler_that_cannot_be_copied_stands_still() -> None:
    class Held(LambdaLR):
        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            raise TypeError("one of a kind")

    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    trial = try_steps(subject_of(model, optimizer, Held(optimizer, lambda _: 1.0)), squares, batch())
    assert trial.steps == 3
    assert trial.untaken[0].startswith("The schedulers stand still in it")


def test_a_scheduler_that_has_ended_stands_still() -> None:
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    trial = try_steps(
        subject_of(model, optimizer, OneCycleLR(optimizer, 0.1, total_steps=2)), squares, batch()
    )
    assert (trial.steps, trial.untaken) == (3, ())


def test_a_loss_that_gives_up_after_the_last_step_is_told_so() -> None:
    calls = iter(range(3))

    def loss(model: nn.Module, given: Tensor) -> Tensor:
        next(calls)
        return squares(model, given)

    trial = try_steps(sgd_of(nn.Linear(4, 2)), loss, batch())
    assert trial.steps == 3
    assert trial.untaken[0].startswith("The loss after all steps ended with StopIteration")


def test_generators_that_the_loss_draws_from_are_kept() -> None:
    torchs, numpys, own = torch.Generator(), np.random.default_rng(0), random.Random(0)  # noqa: S311  # no secret

    def loss(model: nn.Module, given: Tensor) -> Tensor:
        noise = torch.rand(4, generator=torchs) * numpys.random() * own.random()
        return squares(model, given + noise)

    before = [torchs.get_state().tolist(), numpys.bit_generator.state, own.getstate()]
    assert try_steps(sgd_of(nn.Linear(4, 2)), loss, batch()).steps == 3
    assert [torchs.get_state().tolist(), numpys.bit_generator.state, own.getstate()] == before


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.complex128], ids=str)
def test_wide_dtypes_are_tried(dtype: torch.dtype) -> None:
    model = nn.Linear(4, 2, dtype=dtype)
    trial = try_steps(sgd_of(model), lambda one, given: one(given).abs().mean(), batch().to(dtype))
    assert (trial.steps, trial.untaken) == (3, ())


def test_wrappers_that_only_run_a_model_are_left_out() -> None:
    model = nn.Linear(4, 2)
    compiled: Any = torch.compile(model, backend="eager")
    trial = try_steps(sgd_of(compiled), squares, batch())
    assert (trial.steps, trial.untaken) == (3, ())


def test_hooks_act_on_copies_and_what_they_count_is_their_own() -> None:
    class Counts:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, gradient: Tensor) -> Tensor:
            self.calls += 1
            return gradient * 0

    model, counts = nn.Linear(4, 2), Counts()
    model.weight.register_hook(counts)
    trial = try_steps(sgd_of(model), squares, batch())
    assert counts.calls == 0
    assert not trial.tried["weight"].moved
    assert trial.tried["bias"].moved


def test_it_is_what_the_same_steps_give() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    trial = try_steps(subject_of(model, optimizer), squares, batch())
    torch.manual_seed(0)
    network()  # draws what making the model has drawn
    twin = copy.deepcopy(model)
    own = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(3):
        loss = squares(twin, batch())
        loss.backward()
        losses.append(float(loss.detach()))
        own.step()
        own.zero_grad()
    assert trial.losses[:3] == losses


def test_a_schedule_that_counts_its_calls_is_not_called() -> None:
    calls = []

    def counted(_: int) -> float:
        calls.append(1)
        return 1.0

    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scheduler = LambdaLR(optimizer, counted)
    before = len(calls)
    trial = try_steps(subject_of(model, optimizer, scheduler), squares, batch())
    assert (len(calls), trial.steps) == (before, 3)
    assert trial.untaken[0].startswith("LambdaLR stands still in it, since its function ")
    assert "counted may change something" in trial.untaken[0]


def of_table(plain: nn.Module, _: Any) -> Tensor:
    found: Tensor = plain(torch.tensor([0, 1])).square().mean()
    return found


def test_an_error_of_ours_within_a_step_is_told_beside_what_else_was_found() -> None:
    model = nn.Sequential(nn.Embedding(4, 2, sparse=True))
    found = pg.audit(model, pg.Optimizer(model.parameters(), "adamw", lr=0.1), loss=of_table)
    assert any("ended with OptimizerError" in one.message for one in found)


@pytest.mark.parametrize("kind", [StoppedError, ModelError, PlanError], ids=lambda one: str(one.__name__))
def test_an_error_of_ours_within_the_loss_is_told(kind: type[Exception]) -> None:
    def loss(*_: Any) -> Tensor:
        raise kind("as asked")

    trial = try_steps(sgd_of(nn.Linear(4, 2)), loss, batch())
    assert cause(trial) == f"Step 1 of 3 ended with {kind.__name__}: as asked"
