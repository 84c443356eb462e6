"""Delegates against the classes themselves, alone."""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from paramgroups.errors import OptimizerError
from paramgroups.optim.classes import torch_optimizers
from paramgroups.optim.delegates import Delegate

Params = list[nn.Parameter]
Groups = list[dict[str, Any]]
States = defaultdict[Tensor, dict[str, Any]]

SHAPES = ((4, 3), (3, 4), (2, 2))
EXTRA: dict[str, dict[str, Any]] = {
    "adagrad": {"initial_accumulator_value": 0.5},
    "adam": {"amsgrad": True, "weight_decay": 0.1},
    "lbfgs": {"line_search_fn": "strong_wolfe", "max_iter": 3},
    "muon": {"adjust_lr_fn": "match_rms_adamw"},
    "rmsprop": {"momentum": 0.9, "centered": True},
    "sgd": {"momentum": 0.9, "nesterov": True},
}
ADAMAX = torch.optim.Adamax


class Signed(torch.optim.Optimizer):
    """A user's class: it reads its defaults and its first group, writes into groups, and counts on itself."""

    def __init__(self, params: Any, lr: float, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "seen": 0})
        self.calls = 0
        for group in self.param_groups:
            group["start"] = group["lr"]

    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        self.calls += 1
        first = self.param_groups[0]
        with torch.no_grad():
            for group in self.param_groups:
                group["seen"] = first["seen"] + 1 if group is first else first["seen"]
                for param in group["params"]:
                    if param.grad is not None:
                        state = self.state[param]
                        state["mean"] = state.get("mean", 0) + param.grad * (1 - self.defaults["betas"][0])
                        param.sub_(state["mean"].sign(), alpha=group["lr"] + group["start"])
        return loss


class OfTensors(torch.optim.SGD):
    """It makes a tensor of each group's rate, and takes no number afterwards."""

    def add_param_group(self, group: dict[str, Any]) -> None:
        super().add_param_group(group)
        self.param_groups[-1]["lr"] = torch.tensor(self.param_groups[-1]["lr"])

    def step(self, closure: Any = None) -> Any:
        assert all(isinstance(group["lr"], Tensor) for group in self.param_groups)
        return super().step(closure)


class Failing(torch.optim.SGD):
    """It writes its first parameter, and then raises."""

    def step(self, closure: Any = None) -> Any:
        with torch.no_grad():
            self.param_groups[0]["params"][0].add_(1)
        assert len(self.state) == 0
        raise ArithmeticError(str(closure))


def make() -> Params:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape)) for shape in SHAPES]


def grouped(params: Params, *, alone: bool = False, **settings: Any) -> Groups:
    """The first two parameters in one group, the third in another; all in one for who takes only one."""
    parts = [params] if alone else [params[:2], params[2:]]
    return [
        {"params": part, "name": f"part {place}", "lr": 0.02 / place, **settings}
        for place, part in enumerate(parts, 1)
    ]


def empty_states() -> States:
    return defaultdict(dict)


def feed(*models: Params, sparse: bool = False) -> None:
    """The same gradients for all."""
    for twins in zip(*models, strict=True):
        grad = torch.randn(twins[0].shape)
        for param in twins:
            param.grad = grad.clone().to_sparse() if sparse else grad.clone()


def closure_of(params: Params) -> Callable[[], Tensor]:
    """A quartic bowl, which no line search ends in one step."""

    def closure() -> Tensor:
        for param in params:
            param.grad = None
        loss = torch.stack([((param - 0.3) ** 4).sum() for param in params]).sum()
        loss.backward()
        return loss

    return closure


def assert_same(one: Any, other: Any) -> None:
    """Equal bit for bit, whatever holds it."""
    assert type(one) is type(other)
    if isinstance(one, Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for each, twin in zip(one, other, strict=True):
            assert_same(each, twin)
    else:
        assert one == other


def assert_twins(params: Params, groups: Groups, states: States, theirs: Params, alone: Any) -> None:
    assert_same([param.data for param in params], [param.data for param in theirs])
    assert_same([dict(states.get(param, {})) for param in params], [alone.state.get(p, {}) for p in theirs])
    for group, twin in zip(groups, alone.param_groups, strict=True):
        assert_same(group | {"params": []}, twin | {"params": []})


def pair(cls: Any, **settings: Any) -> tuple[Params, Groups, States, Delegate]:
    params, states = make(), empty_states()
    groups = grouped(params, **settings)
    return params, groups, states, Delegate(cls, groups, states)


@contextmanager
def counted() -> Iterator[list[Any]]:
    """The optimizers for which torch's global hooks are called."""
    seen: list[Any] = []
    handles = [
        register_optimizer_step_pre_hook(lambda optimizer, *_: seen.append(optimizer)),
        register_optimizer_step_post_hook(lambda optimizer, *_: seen.append(optimizer)),
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("name", sorted(torch_optimizers()))
def test_every_class_of_torch_steps_as_it_does_alone(name: str) -> None:
    cls: Any = torch_optimizers()[name]
    ours, theirs, states = make(), make(), empty_states()
    settings, single = EXTRA.get(name, {}), name == "lbfgs"
    groups = grouped(ours, alone=single, **settings)
    delegate = Delegate(cls, groups, states)
    alone = cls(grouped(theirs, alone=single, **settings), **settings)
    assert_twins(ours, groups, states, theirs, alone)
    for step in range(20):
        feed(ours, theirs, sparse=name == "sparseadam")
        for group in (*groups, *alone.param_groups):
            group["lr"] *= 0.9 if step % 2 else 1.05
        given = [(closure_of(params) if single else None) for params in (ours, theirs)]
        assert_same(delegate.step(groups, states, ours, closure=given[0]), alone.step(given[1]))
        assert_twins(ours, groups, states, theirs, alone)
    assert delegate.needs_closure == single


def test_a_users_class_steps_as_it_does_alone() -> None:
    ours, groups, states, delegate = pair(Signed)
    theirs = make()
    alone = Signed(grouped(theirs), lr=0.02)
    for _ in range(3):
        feed(ours, theirs)
        assert delegate.step(groups, states, ours, closure=lambda: 7) == alone.step(lambda: 7)
    assert_twins(ours, groups, states, theirs, alone)
    assert [group["seen"] for group in groups] == [3, 3]
    assert [group["start"] for group in groups] == [0.02, 0.01]
    with delegate.lent(groups, states) as made:
        assert made.calls == 3


def test_nothing_stays_with_the_delegate() -> None:
    params, groups, states, delegate = pair(ADAMAX)
    feed(params)
    delegate.step(groups, states, params)
    assert delegate._made.param_groups == []
    assert len(delegate._made.state) == 0
    assert len(states) == 3


@pytest.mark.parametrize("scales", [None, 0.5], ids=["plain", "scaled"])
def test_gradients_of_others_are_hidden_and_put_back(scales: float | None) -> None:
    params, groups, states, delegate = pair(ADAMAX)
    feed(params)
    grads, weights = [param.grad for param in params], [param.detach().clone() for param in params]
    given: dict[Tensor, float] | None = None if scales is None else dict.fromkeys(params, scales)
    delegate.step(groups, states, [params[0]], scales=given)
    assert all(param.grad is grad for param, grad in zip(params, grads, strict=True))
    moved = [not torch.equal(param, weight) for param, weight in zip(params, weights, strict=True)]
    assert moved == [True, False, False]
    assert list(states) == [params[0]]


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0, 3.7, 1e-30]), min_size=3, max_size=3))
def test_scales_are_as_scaling_by_hand(factors: list[float]) -> None:
    ours, groups, states, delegate = pair(torch.optim.Adadelta)
    theirs = make()
    alone = torch.optim.Adadelta(grouped(theirs))
    for _ in range(3):
        feed(ours, theirs)
        grads = [(param.grad, param.grad.clone()) for param in ours if param.grad is not None]
        delegate.step(groups, states, ours, scales=dict(zip(ours, factors, strict=True)))
        for param, factor in zip(theirs, factors, strict=True):
            assert param.grad is not None
            param.grad *= factor
        alone.step()
        for param, (grad, value) in zip(ours, grads, strict=True):
            assert param.grad is grad
            assert torch.equal(grad, value)
    assert_twins(ours, groups, states, theirs, alone)


def test_a_scale_of_one_copies_nothing_and_missing_ones_are_one() -> None:
    seen: list[Tensor | None] = []

    class Looking(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            seen.extend(param.grad for group in self.param_groups for param in group["params"])
            return closure

    params, groups, states, delegate = pair(Looking)
    feed(params)
    delegate.step(groups, states, params, scales={params[0]: 1.0, params[1]: 0.5})
    assert seen[0] is params[0].grad
    assert seen[1] is not params[1].grad
    assert seen[2] is params[2].grad


def test_sparse_gradients_are_scaled_too() -> None:
    params, groups, states, delegate = pair(torch.optim.SparseAdam)
    feed(params, sparse=True)
    assert params[0].grad is not None
    given = params[0].grad.to_dense() * 0.5
    delegate.step(groups, states, params, scales=dict.fromkeys(params, 0.5))
    assert torch.equal(states[params[0]]["exp_avg"], torch.zeros_like(given) + given * (1 - 0.9))


def test_groups_of_which_nothing_is_stepped_are_not_lent() -> None:
    params, groups, states, delegate = pair(Signed)
    feed(params)
    delegate.step(groups, states, [params[2]])
    assert [group["seen"] for group in groups] == [0, 1]


@pytest.mark.parametrize("cls", [ADAMAX, torch.optim.LBFGS], ids=lambda cls: cls.__name__)
def test_nothing_happens_where_nothing_is_stepped(cls: Any) -> None:
    params, states = make(), empty_states()
    groups = grouped(params, alone=True)
    delegate, weights = Delegate(cls, groups, states), [param.detach().clone() for param in params]
    feed(params)
    assert delegate.step(groups, states, []) is None
    assert delegate.step([], states, params) is None
    assert_same([param.data for param in params], weights)
    assert not states


def test_a_group_without_parameters_is_no_hindrance() -> None:
    params, states = make(), empty_states()
    groups = [{"params": [], "lr": 1.0}, *grouped(params)]
    delegate = Delegate(ADAMAX, groups, states)
    feed(params)
    delegate.step(groups, states, params)
    assert set(states) == set(params)


def test_global_hooks_are_not_called_for_a_delegate() -> None:
    class Own(ADAMAX):
        def step(self, closure: Any = None) -> Any:
            assert closure is None

    class Inherited(ADAMAX):
        pass

    ADAMAX(make()).zero_grad()
    with counted() as seen:
        for cls in (ADAMAX, Inherited, Own, Signed, torch.optim.SGD, torch.optim.AdamW, torch.optim.Muon):
            params, groups, states, delegate = pair(cls)
            feed(params)
            delegate.step(groups, states, params)
    assert seen == []


def test_what_is_put_around_a_step_afterwards_is_kept() -> None:
    class Counting(torch.optim.SGD):
        pass

    Counting(make())
    calls: list[Any] = []
    hooked: Any = Counting.step

    def counting(self: Any, closure: Any = None) -> Any:
        calls.append(self)
        return hooked(self, closure)

    setattr(Counting, "step", counting)  # noqa: B010  # a class of its own step is otherwise a type error
    params, groups, states, delegate = pair(Counting)
    feed(params)
    delegate.step(groups, states, params)
    assert len(calls) == 1


def test_a_step_of_a_base_is_counted_as_torch_counts_it() -> None:
    class Nested(ADAMAX):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    ADAMAX(make())
    params, groups, states, delegate = pair(Nested)
    feed(params)
    with counted() as seen:
        delegate.step(groups, states, params)
    assert [type(optimizer) for optimizer in seen] == [Nested, Nested]


def test_hooks_that_a_class_registers_on_itself_are_called() -> None:
    calls = []

    class Hooked(torch.optim.SGD):
        def __init__(self, params: Any, lr: float = 1e-3) -> None:
            super().__init__(params, lr=lr)
            self.register_step_post_hook(lambda *_: calls.append(1))

    params, groups, states, delegate = pair(Hooked)
    feed(params)
    delegate.step(groups, states, params)
    assert calls == [1]


def test_a_step_that_raises_leaves_gradients_and_delegate_as_they_were() -> None:
    params, groups, states, delegate = pair(Failing)
    feed(params)
    grads, weight = [param.grad for param in params], params[0].detach().clone()
    with pytest.raises(ArithmeticError) as caught:
        delegate.step(groups, states, params[:1], scales={params[0]: 0.5})
    (note,) = caught.value.__notes__
    assert "Failing was stepping groups 'part 1': their parameters and state may be written in part" in note
    assert all(param.grad is grad for param, grad in zip(params, grads, strict=True))
    assert torch.equal(params[0], weight + 1)
    assert delegate._made.param_groups == []


def test_a_closure_sees_and_leaves_gradients_as_they_are() -> None:
    params, groups, states, delegate = pair(Signed)
    feed(params)
    real, found = [param.grad for param in params], list[Any]()

    def closure() -> float:
        found.extend(param.grad for param in params)
        feed(params)
        return 3.0

    assert delegate.step(groups, states, params[:1], scales={params[0]: 0.5}, closure=closure) == 3.0
    assert all(one is other for one, other in zip(found, real, strict=True))
    assert params[0].grad is not None
    assert torch.equal(states[params[0]]["mean"], params[0].grad * 0.5 * (1 - 0.9))
    assert list(states) == [params[0]]
    assert all(param.grad is not None for param in params)


def test_a_closure_may_go_backward_wherever_the_step_is_called() -> None:
    params, groups, states, delegate = pair(Signed)
    closure = closure_of(params)
    with torch.no_grad():
        loss = delegate.step(groups, states, params, closure=closure)
    assert loss.requires_grad
    assert set(states) == set(params)


def test_a_closure_that_raises_leaves_its_gradients() -> None:
    params, groups, states, delegate = pair(Signed)
    feed(params)

    def closure() -> float:
        feed(params)
        found.extend(param.grad for param in params)
        raise StopIteration

    found: list[Tensor | None] = []
    with pytest.raises(StopIteration):
        delegate.step(groups, states, params[:1], closure=closure)
    assert all(param.grad is grad for param, grad in zip(params, found, strict=True))


def test_a_class_that_needs_a_closure_says_so() -> None:
    params, states = make(), empty_states()
    groups = grouped(params, alone=True)
    delegate = Delegate(torch.optim.LBFGS, groups, states)
    with pytest.raises(OptimizerError, match=r"LBFGS steps groups 'part 1'.*optimizer\.step\(closure\)"):
        delegate.step(groups, states, params)


def test_lbfgs_does_not_move_what_is_frozen_meanwhile() -> None:
    params, states = make(), empty_states()
    groups = grouped(params, alone=True)
    groups[0]["lr"] = 0.1
    delegate = Delegate(torch.optim.LBFGS, groups, states)
    delegate.step(groups, states, params, closure=closure_of(params))
    frozen, weights = params[1], [param.detach().clone() for param in params]
    delegate.step(groups, states, [params[0], params[2]], closure=closure_of(params))
    assert torch.equal(frozen, weights[1])
    assert not torch.equal(params[0], weights[0])


def test_two_delegates_share_the_states() -> None:
    params, theirs, states = make(), make(), empty_states()
    first, second = grouped(params)
    one, two = Delegate(torch.optim.Muon, [first], states), Delegate(ADAMAX, [second], states)
    alone = [torch.optim.Muon(grouped(theirs)[:1]), ADAMAX(grouped(theirs)[1:])]
    for _ in range(3):
        feed(params, theirs)
        one.step([first], states, params)
        two.step([second], states, params)
        for optimizer in alone:
            optimizer.step()
    assert_same([param.data for param in params], [param.data for param in theirs])
    assert_same(
        [dict(states[param]) for param in params], [(alone[0].state | alone[1].state)[p] for p in theirs]
    )


def test_groups_and_state_may_be_replaced_between_steps() -> None:
    params, groups, states, delegate = pair(torch.optim.Adafactor)
    theirs = make()
    alone = torch.optim.Adafactor(grouped(theirs))
    for _ in range(3):
        feed(params, theirs)
        delegate.step(groups, states, params)
        alone.step()
        alone.load_state_dict(alone.state_dict())
        groups = [{**copy.copy(group), "params": list(group["params"])} for group in groups]
        states = defaultdict(dict, {param: copy.deepcopy(state) for param, state in states.items()})
    assert_twins(params, groups, states, theirs, alone)


def test_state_that_is_there_is_not_replaced() -> None:
    params, states = make(), empty_states()
    kept = {"step": torch.tensor(3.0), "sum": torch.ones(SHAPES[0])}
    states[params[0]] = kept
    Delegate(torch.optim.Adagrad, grouped(params), states)
    assert states[params[0]] is kept
    assert set(states) == set(params)


def test_a_class_that_makes_a_tensor_of_each_rate_finds_them_in_the_groups() -> None:
    params, states = make(), empty_states()
    groups = grouped(params)
    delegate = Delegate(OfTensors, groups, states)
    assert [group["lr"].item() for group in groups] == pytest.approx([0.02, 0.01])
    groups[1]["lr"].fill_(0.5)
    before = params[2].detach().clone()
    feed(params)
    delegate.step(groups, states, params)
    assert torch.equal(params[2], before - 0.5 * params[2].grad)  # type: ignore[operator]  # just fed


def test_a_rate_of_zero_is_no_reason_to_refuse() -> None:
    params, states = make(), empty_states()
    groups = [group | {"lr": 0.0} for group in grouped(params)]
    delegate = Delegate(torch.optim.SparseAdam, groups, states)
    assert [group["lr"] for group in groups] == [0.0, 0.0]
    groups[0]["lr"] = 0.1
    feed(params, sparse=True)
    delegate.step(groups, states, params[:2])
    assert list(states) == params[:2]


def test_a_refusal_names_the_class_its_words_and_the_groups() -> None:
    params = [*make(), nn.Parameter(torch.ones(3))]
    groups = [*grouped(params[:3]), {"params": [params[3]], "name": "biases", "lr": 0.1}]
    with pytest.raises(OptimizerError, match="Muon refuses groups 'biases': Muon only supports 2D"):
        Delegate(torch.optim.Muon, groups, {})


def test_a_refusal_of_all_together_names_all() -> None:
    with pytest.raises(
        OptimizerError, match="LBFGS refuses groups 'part 1', 'part 2': LBFGS doesn't support"
    ):
        Delegate(torch.optim.LBFGS, grouped(make()), {})


@pytest.mark.parametrize(
    ("group", "named"),
    [({}, r"\(shape \(3,\)\)"), ({"param_names": ["fc.bias"]}, r"\(fc.bias\)")],
    ids=["shape", "parameter"],
)
def test_a_group_without_name_is_told_by_its_parameters(group: dict[str, Any], named: str) -> None:
    with pytest.raises(OptimizerError, match=f"refuses groups {named}"):
        Delegate(torch.optim.Muon, [{"params": [nn.Parameter(torch.ones(3))], "lr": 0.1, **group}], {})


def test_without_groups_no_delegate_is_made() -> None:
    with pytest.raises(OptimizerError, match="empty parameter list"):
        Delegate(ADAMAX, [], {})


def test_a_class_that_wants_more_than_its_groups_have_is_refused() -> None:
    class Wanting(torch.optim.SGD):
        def __init__(self, params: Any, model: nn.Module, lr: float = 0.1) -> None:
            super().__init__(params, lr=lr)
            self.model = model

    with pytest.raises(OptimizerError, match="Wanting cannot be made: its groups have no model"):
        Delegate(Wanting, grouped(make()), {})


def test_a_name_of_a_group_is_not_an_argument() -> None:
    class Named(torch.optim.SGD):
        def __init__(self, params: Any, lr: float = 0.1, name: str = "mine", momentum: float = 0.0) -> None:
            super().__init__(params, lr=lr, momentum=momentum)
            self.name = name

    _, groups, states, delegate = pair(Named, momentum=0.5)
    with delegate.lent(groups, states) as made:
        assert made.name == "mine"
        assert made.defaults["momentum"] == 0.5


def test_a_class_that_steps_by_another_optimizer_is_refused() -> None:
    class Wrapping(torch.optim.SGD):
        def __init__(self, params: Any, lr: float = 0.1) -> None:
            super().__init__(params, lr=lr)
            self.inner = torch.optim.Adam(self.param_groups, lr=lr)

    with pytest.raises(OptimizerError, match=r"has an optimizer of its own \(inner\)"):
        Delegate(Wrapping, grouped(make()), {})


def test_a_class_that_sorts_its_groups_anew_is_refused() -> None:
    class Sorting(torch.optim.SGD):
        def __init__(self, params: Any, lr: float = 0.1) -> None:
            super().__init__([param for group in params for param in group["params"]], lr=lr)

    with pytest.raises(OptimizerError, match="lays out groups of its own"):
        Delegate(Sorting, grouped(make()), {})


def test_modes_of_a_class_are_reached_by_lending() -> None:
    class Averaging(torch.optim.SGD):
        def eval(self) -> None:
            with torch.no_grad():
                for group in self.param_groups:
                    for param in group["params"]:
                        param.copy_(self.state[param]["momentum_buffer"])

    params, groups, states, delegate = pair(Averaging, momentum=0.9)
    feed(params)
    delegate.step(groups, states, params)
    with delegate.lent(groups, states) as made:
        made.eval()
    assert_same([param.data for param in params], [param.grad for param in params])
