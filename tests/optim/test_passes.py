"""When a layout serves again, when it is made anew, and that a pass steps what torch's own would."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.finding import Groups
from paramgroups.optim.passes import Awake
from paramgroups.optim.rows import Cut
from paramgroups.optim.statistics import total
from tests.optim.backends.steppers import CLASSES, assert_close
from tests.optim.passers import Params, Walker, feed, grown

BOTH = pytest.mark.parametrize("backend", ["torch", "cpu"])
SHAPES = ((2, 3), (), (5,), (0,))


def pair(
    name: str = "adam", backend: str | None = None, **settings: Any
) -> tuple[Walker, torch.optim.Optimizer]:
    """A pass and torch's own optimizer over equal parameters, each tensor with a rate of its own."""

    def groups() -> list[dict[str, Any]]:
        torch.manual_seed(0)
        return [
            {"params": [param], "lr": 0.01 * place, **settings}
            for place, param in enumerate(grown(*SHAPES), 1)
        ]

    return Walker(name, *groups(), backend=backend), CLASSES[name](groups())


def members(groups: Groups) -> Params:
    return [param for group in groups for param in group["params"]]


def walk(walker: Walker, twin: torch.optim.Optimizer, steps: int = 2, within: float = 1e-12) -> None:
    """Equal gradients, and equal numbers after."""
    for _ in range(steps):
        feed(members(walker.groups), members(twin.param_groups))
        walker.step()
        twin.step()
    agree(walker, twin, within)


def agree(walker: Walker, twin: torch.optim.Optimizer, within: float = 1e-12) -> None:
    assert_close([param.detach() for param in members(walker.groups)], members(twin.param_groups), within)


@BOTH
def test_new_gradients_and_other_settings_change_no_layout(backend: str) -> None:
    walker, twin = pair(backend=backend)
    walk(walker, twin)
    parts = walker.layout.parts
    for groups in (walker.groups, twin.param_groups):
        groups[0].update(lr=0.5, weight_decay=0.1)
        groups[2].update(betas=(0.5, 0.6), maximize=True)
    walk(walker, twin)
    assert walker.layout.parts is parts


def move(groups: Groups, _: Any) -> None:
    param = groups[0]["params"][0]
    param.data = param.data.clone()


def reshape(groups: Groups, states: Any) -> None:
    param = groups[0]["params"][0]
    param.data, param.grad = param.data.view(3, 2), None
    states[param].update({key: kept.view(3, 2) for key, kept in states[param].items() if kept.dim()})


def resize(groups: Groups, states: Any) -> None:
    param = groups[0]["params"][0]
    param.grad = None
    param.data = torch.ones(7, dtype=torch.float64)
    del states[param]


def transpose(groups: Groups, _: Any) -> None:
    param = groups[0]["params"][0]
    param.data = param.data.t().contiguous().t()


def retype(groups: Groups, _: Any) -> None:
    param = groups[0]["params"][0]
    param.data, param.grad = param.data.float().double().clone(), None


def replace_state(groups: Groups, states: Any) -> None:
    states[groups[0]["params"][0]]["exp_avg"] = torch.ones(2, 3, dtype=torch.float64)


def replace_step(groups: Groups, states: Any) -> None:
    states[groups[0]["params"][0]]["step"] = torch.tensor(100.0)


def delete_state(groups: Groups, states: Any) -> None:
    del states[groups[0]["params"][0]]


def replace_dict(groups: Groups, states: Any) -> None:
    param = groups[0]["params"][0]
    states[param] = dict(states[param])


def give_away(groups: Groups, _: Any) -> None:
    groups[2]["params"].append(groups[0]["params"].pop())


def another_rule(groups: Groups, states: Any) -> None:
    groups[0]["amsgrad"] = True
    param = groups[0]["params"][0]
    states[param]["max_exp_avg_sq"] = torch.zeros(2, 3, dtype=torch.float64)


def add_group(groups: Groups, _: Any) -> None:
    torch.manual_seed(5)
    assert isinstance(groups, list)
    groups.append({**groups[0], "params": grown((4,)), "lr": 0.3})


def another_tensor(groups: Groups, states: Any) -> None:
    states.pop(groups[0]["params"].pop())
    torch.manual_seed(5)
    groups[0]["params"] += grown((2, 3))


def swap(groups: Groups, _: Any) -> None:
    """As `model.to` does where torch is told so; the state is of the object, not of its numbers."""
    torch.utils.swap_tensors(
        groups[0]["params"][0], nn.Parameter(torch.full((2, 3), 2.0, dtype=torch.float64))
    )


CHANGES = [
    move, reshape, resize, transpose, retype, replace_state, replace_step, delete_state, replace_dict,
    give_away, another_rule, add_group, another_tensor, swap,
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_a_layout_hangs_on(change: Callable[[Any, Any], None], backend: str) -> None:
    walker, twin = pair(backend=backend)
    walk(walker, twin)
    parts = walker.layout.parts
    held = [param.data for param in members(walker.groups)]  # so that no memory is handed out again
    change(walker.groups, walker.states)
    change(twin.param_groups, twin.state)
    walk(walker, twin)
    assert walker.layout.parts is not parts
    assert len(held) == len(SHAPES)


@BOTH
def test_what_was_moved_away_from_is_not_written(backend: str) -> None:
    walker, twin = pair(backend=backend)
    walk(walker, twin)
    old = members(walker.groups)[0].data
    kept = old.clone()
    for groups in (walker.groups, twin.param_groups):
        move(groups, None)
    walk(walker, twin)
    assert torch.equal(old, kept)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_parameter_of_another_dtype_takes_its_state_along(dtype: torch.dtype, backend: str) -> None:
    walker, _ = pair(backend=backend)
    walker.step()
    parts, param = walker.layout.parts, members(walker.groups)[0]
    param.data, param.grad = param.data.to(dtype), None
    param.grad = torch.ones(2, 3, dtype=dtype)
    walker.step()
    assert walker.layout.parts is not parts
    assert walker.states[param]["exp_avg"].dtype == torch.float32
    assert walker.states[param]["step"].item() == 2


@BOTH
@pytest.mark.parametrize(
    ("name", "settings"),
    [("adam", {}), ("sgd", {}), ("sgd", {"momentum": 0.9, "dampening": 0.5}), ("adagrad", {}), ("nadam", {})],
    ids=["adam", "sgd", "momentum", "adagrad", "nadam"],
)
def test_gradients_that_come_and_go_lay_nothing_out_anew(name: str, settings: Any, backend: str) -> None:
    """A mixture of experts: once each has been stepped, the parts stay the same objects."""
    walker, twin = pair(name, backend, **settings)
    within = 1e-7 if name == "nadam" else 1e-12  # torch keeps its products in float32
    walk(walker, twin, 1, within)
    parts = walker.layout.parts
    each = list(parts)
    for chosen in (0, 2, 1, 3, 2, 0):
        feed(members(walker.groups), members(twin.param_groups))
        for groups in (walker.groups, twin.param_groups):
            for place, param in enumerate(members(groups)):
                param.grad = param.grad if place in {chosen, 0} else None
        walker.step()
        twin.step()
        assert walker.layout.parts is parts
    agree(walker, twin, within)
    walk(walker, twin, 2, within)
    assert all(one is other for one, other in zip(walker.layout.parts, each, strict=True))


def test_experts_that_were_never_stepped_are_laid_out_as_they_come() -> None:
    """And have no state until then. A rule that remembers nothing knows them all at once."""
    laid = {}
    for name in ("adam", "sgd"):
        params = grown((2,), (3,), (4,))
        walker = Walker(name, {"params": params})
        seen = []
        for chosen in (0, 1, 0, 2, 1, 2):
            feed(params)
            for place, param in enumerate(params):
                param.grad = param.grad if place == chosen else None
            walker.step()
            seen.append(walker.layout)
            if name == "adam":
                assert len(walker.states) == 1 + max((0, 1, 0, 2, 1, 2)[: len(seen)])
        laid[name] = len(set(map(id, seen)))
    assert laid == {"adam": 3, "sgd": 1}


def test_no_memory_for_what_is_frozen_or_at_rate_0() -> None:
    params = grown((2,), (3,), (4,))
    params[0].requires_grad_(False)
    walker = Walker("adam", {"params": params[:2]}, {"params": params[2:], "lr": 0.0})
    before = [param.detach().clone() for param in params]
    walker.step()
    assert list(walker.states) == [params[1]]
    assert torch.equal(params[0], before[0])
    assert torch.equal(params[2], before[2])
    walker.groups[1]["lr"] = 0.1
    walker.step()
    assert list(walker.states) == [params[1], params[2]]
    assert walker.states[params[2]]["step"].item() == 1


def test_a_rate_that_reaches_0_and_leaves_it_lays_nothing_out_anew() -> None:
    walker, twin = pair()
    walk(walker, twin)
    parts = walker.layout.parts
    before = members(walker.groups)[0].detach().clone()
    walker.groups[0]["lr"] = 0.0
    feed(members(walker.groups))
    walker.step()
    assert torch.equal(members(walker.groups)[0], before)
    walker.groups[0]["lr"] = 0.1
    walker.step()
    assert walker.layout.parts is parts
    assert [walker.states[param]["step"].item() for param in members(walker.groups)] == [3, 4, 4, 4]


@BOTH
@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.5}], ids=["plain", "decay"])
def test_tensors_that_share_memory_are_stepped_in_their_order(settings: Any, backend: str) -> None:
    """Views of one tensor, also such as are no plain run: torch's result, whatever kind each is of."""

    def model() -> Params:
        torch.manual_seed(0)
        memory = torch.randn(2, 3, dtype=torch.float64)
        views = [
            torch.ones(1, dtype=torch.float64),
            memory.view(-1)[2:],
            memory.t(),
            memory,
            memory[1],
            memory.t(),
        ]
        params = [nn.Parameter(view) for view in views]
        feed(params)
        return params

    ours, theirs = model(), model()
    walker = Walker("sgd", {"params": ours, "lr": 0.1, **settings}, backend=backend)
    twin = torch.optim.SGD(theirs, lr=0.1, foreach=False, **settings)
    for _ in range(3):
        walker.step()
        twin.step()
    assert_close([param.detach() for param in ours], theirs, 1e-14)


def test_after_a_step_that_raised_the_next_one_is_torchs() -> None:
    """What was read before it raised is not taken for known."""
    walker, twin = pair()
    walk(walker, twin)
    for groups in (walker.groups, twin.param_groups):
        groups[0]["weight_decay"] = 0.5
    held = members(walker.groups)[3].grad
    members(walker.groups)[3].grad = torch.ones(0, dtype=torch.float64).to_sparse()
    with pytest.raises(OptimizerError, match="sparse_coo"):
        walker.step()
    members(walker.groups)[3].grad = held
    walk(walker, twin)


@BOTH
def test_factors_scale_the_gradients_of_each_group_and_are_not_written(backend: str) -> None:
    params = [nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(2)]
    for param in params:
        param.grad = torch.ones(2, dtype=torch.float64)
    walker = Walker("sgd", *({"params": [param], "lr": 1.0} for param in params), backend=backend)
    walker.step([0.5, 2.0])
    assert [param.tolist() for param in params] == [[-0.5, -0.5], [-2.0, -2.0]]
    assert all(param.grad is not None and param.grad.tolist() == [1, 1] for param in params)


@BOTH
def test_measuring_writes_nothing(backend: str) -> None:
    walker, _ = pair(backend=backend)
    members(walker.groups)[0].grad = torch.full((2, 3), 2.0, dtype=torch.float64)
    before = [param.detach().clone() for param in members(walker.groups)]
    walker.walked.find(walker.groups, walker.states)
    sums = total(walker.walked.measure(), 4)
    assert sums[0].tolist() == [24, 0, 0, 0]
    assert all(map(torch.equal, members(walker.groups), before))


def test_nothing_to_step() -> None:
    params = grown((2,))
    params[0].grad = None
    walker = Walker("adam", {"params": params}, {"params": []})
    assert walker.step() == []


def test_gradients_are_let_go() -> None:
    (param,) = grown((2, 3))
    walker = Walker("adam", {"params": [param]})
    walker.step()
    assert all(not part.batch.grads for part in walker.layout.parts)


def test_who_is_awake() -> None:
    tensors = [torch.ones(3)] * 5
    awake = Awake.of(np.array([True, False, False, True]), [2, 1, 2], [Cut(2, 1, 0, 1)], tensors)
    assert awake.params.tolist() == [True, True, False, False, True]
    assert awake.fits(awake.settings.copy(), [2, 1, 2], [Cut(2, 1, 0, 1)])
    assert not awake.fits(awake.settings, [1, 2, 2], awake.cuts)
    assert not awake.fits(awake.settings, awake.lengths, [Cut(2, 0, 0, 1)])
    assert not awake.fits(~awake.settings, awake.lengths, awake.cuts)
    covered = [Cut(0, 1, 0, 2), Cut(0, 1, 2, 3), Cut(0, 0, 0, 2)]
    asleep = Awake.of(np.array([True, False, False, False]), [2], covered, tensors)
    assert asleep.params.tolist() == [True, False]


@BOTH
@pytest.mark.parametrize("place", ["parameter", "gradient"])
def test_storage_that_was_freed_since_is_refused(place: str, backend: str) -> None:
    """As sharded training frees it between steps: a kernel would end the process."""
    params = grown((2,), (3,))
    walker = Walker("adam", {"params": params}, backend=backend)
    walker.step()
    before = params[0].detach().clone()
    freed: Tensor = params[1] if place == "parameter" else params[1].grad  # type: ignore[assignment] # it has one
    freed.untyped_storage().resize_(0)
    with pytest.raises(OptimizerError, match=rf"storage of the {place} has 0 of the 24 bytes"):
        walker.step()
    assert torch.equal(params[0], before)
    params[1].grad = None
    walker.step()
    assert not torch.equal(params[0], before)
