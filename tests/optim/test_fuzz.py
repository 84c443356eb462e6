"""Whatever happens between two steps: the optimizer does what a slow twin does, and writes nowhere else."""

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from paramgroups.errors import OptimizerError
from paramgroups.optim.optimizer import Optimizer
from tests.optim.worlds import HALVES, Slow, World, compiled, plain, slow

Operation = Callable[[World], None]
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
WITHIN = {torch.float64: 1e-9, torch.float32: 2e-5, torch.bfloat16: 2**-7, torch.float16: 2**-9}


def draw_gradients(world: World) -> None:
    for param in world.params:
        numbers = torch.randn(param.shape, generator=world.draws, dtype=torch.float64)
        if world.random.random() < 0.8:
            param.grad = numbers.to(param.dtype)


def drop_gradient(world: World) -> None:
    world.pick().grad = None


def stride_gradient(world: World) -> None:
    param = world.pick()
    wide = torch.randn((*param.shape, 2), generator=world.draws, dtype=torch.float64)
    param.grad = wide.to(param.dtype)[..., 0]


def expand_gradient(world: World) -> None:
    param = world.pick()
    param.grad = (
        torch.randn((), generator=world.draws, dtype=torch.float64).to(param.dtype).expand(param.shape)
    )


def scale_gradient(world: World) -> None:
    param = world.pick()
    if param.grad is not None and 0 not in param.grad.stride():
        param.grad.mul_(-0.5)


def gradient_of_another_dtype(world: World) -> None:
    param = world.pick()
    param.grad = None
    data, dtype = param.data, world.random.choice(DTYPES)
    param.data = torch.randn(param.shape, generator=world.draws, dtype=torch.float64).to(dtype)
    param.grad = torch.randn(param.shape, generator=world.draws, dtype=torch.float64).to(dtype)
    param.data = data


def swap_data(world: World) -> None:
    param = world.pick()
    world.replace(param, world.tensor(param.shape, param.dtype))


def transpose_memory(world: World) -> None:
    param = world.pick()
    if param.dim() > 1:
        turned = world.tensor(param.shape[::-1], param.dtype)
        world.replace(param, turned.permute(*reversed(range(param.dim()))))


def resize(world: World) -> None:
    """As many dimensions, so that rows stay in range, and another length."""
    param = world.pick()
    if param.dim():
        shape = (param.shape[0] + world.random.choice((0, 3)), *(size + 1 for size in param.shape[1:]))
        world.replace(param, world.tensor(shape, param.dtype))
        world.optimizer.state.pop(param, None)


def move_dtype(world: World) -> None:
    param, dtype = world.pick(), world.random.choice(DTYPES)
    moved = world.tensor(param.shape, dtype)
    moved.copy_(param.data)
    world.replace(param, moved)


def toggle(world: World) -> None:
    param = world.pick()
    param.requires_grad_(not param.requires_grad)


def rate(world: World) -> None:
    world.group()["lr"] = world.random.choice((0.0, 1e-6, 0.01, 0.5, torch.tensor(0.25)))


def betas(world: World) -> None:
    world.group()["betas"] = (world.random.choice((0.0, 0.5, 0.9)), world.random.choice((0.9, 0.999)))


def decay(world: World) -> None:
    world.group()["weight_decay"] = world.random.choice((0, 0.1))


def rows(world: World) -> None:
    group = world.group()
    named = [
        (name, param)
        for name, param in zip(group["param_names"], group["params"], strict=True)
        if param.dim() and param.shape[0] > 1
    ]
    group.pop("rows", None)
    if named and world.random.random() < 0.8:
        name, param = world.random.choice(named)
        start = world.random.randrange(param.shape[0] - 1)
        stop = world.random.randrange(start + 1, param.shape[0] + (start > 0))
        own = world.random.choice((0.0, 0.1))
        group["rows"] = [{"name": name, "start": start, "stop": stop, "lr": own}]


def drop_rows(world: World) -> None:
    for group in world.groups:
        group.pop("rows", None)


def add_group(world: World) -> None:
    if len(world.params) < 12:
        param = nn.Parameter(world.tensor((2, 3), world.random.choice(DTYPES)))
        name = str(len(world.params))
        world.params.append(param)
        added = {"params": [param], "param_names": [name], "lr": 0.05}
        if isinstance(world.optimizer, Slow):
            world.optimizer.param_groups += Optimizer([added]).param_groups
        else:
            world.optimizer.add_param_group(added)


def move_between_groups(world: World) -> None:
    source, target = world.group(), world.group()
    if source is not target and source["params"]:
        place = world.random.randrange(len(source["params"]))
        gone = source["param_names"][place]
        source["rows"] = [row for row in source.get("rows", ()) if row["name"] != gone]
        for key in ("params", "param_names"):
            target[key].append(source[key].pop(place))


def reorder(world: World) -> None:
    world.random.shuffle(world.optimizer.param_groups)


def delete_state(world: World) -> None:
    world.optimizer.state.pop(world.pick(), None)


def guard_state(world: World) -> None:
    """Memory of the world's own in place of a state, with the same numbers in it."""
    state = world.optimizer.state.get(world.pick(), {})
    random_state = world.random.choice(("exp_avg", "exp_avg_sq"))
    if random_state in state:
        known = state[random_state]
        state[random_state] = world.tensor(known.shape, known.dtype).copy_(known)


def shape_of(world: World) -> list[Any]:
    return [[(id(param), param.shape) for param in group["params"]] for group in world.groups]


def save(world: World) -> None:
    found = world.optimizer
    kept = found.state if isinstance(found, Slow) else found.state_dict()
    settings_kept = [{**group, "params": None} for group in world.groups]
    memo = {id(param): param for param in world.params}
    world.saved = copy.deepcopy((kept, settings_kept), memo), shape_of(world)


def load(world: World) -> None:
    """What was saved, where it still is of these parameters; a state of another dtype is taken over."""
    if world.saved is None or world.saved[1] != shape_of(world):
        return
    memo = {id(param): param for param in world.params}
    kept, groups = copy.deepcopy(world.saved[0], memo)
    if isinstance(world.optimizer, Slow):
        world.optimizer.state = kept
        for group, own in zip(world.groups, groups, strict=True):
            params = group["params"]
            group.clear()
            group.update(own, params=params)
    else:
        world.optimizer.load_state_dict(kept)


def copied(world: World) -> None:
    """A copy of the optimizer, over the same parameters, steps on."""
    if not isinstance(world.optimizer, Slow):
        memo = {id(param): param for param in world.params}
        world.optimizer = copy.deepcopy(world.optimizer, memo)


OPERATIONS: tuple[Operation, ...] = (
    draw_gradients, drop_gradient, stride_gradient, expand_gradient, scale_gradient,
    gradient_of_another_dtype, swap_data, transpose_memory, resize, move_dtype, toggle, rate, betas, decay,
    rows, drop_rows, add_group, move_between_groups, reorder, delete_state, guard_state, save, load, copied,
)  # fmt: skip


def run(seed: int, rounds: Sequence[Sequence[Operation]], makes: Sequence[Callable[..., Any]]) -> None:
    """All worlds do the same; after each step they agree, and nothing else was written."""
    worlds = [World(make, Random(seed)) for make in makes]  # noqa: S311  # it draws no secrets
    for operations in rounds:
        for world in worlds:
            draw_gradients(world)
            for operation in operations:
                operation(world)
        for world in worlds:
            step(world)
        for world in worlds[1:]:
            compare(world, worlds[0])


def step(world: World) -> None:
    """One step; what it wrote, autograd is told of."""
    before = [(param.detach().clone(), param._version) for param in world.params]
    world.optimizer.step()
    for param, (old, version) in zip(world.params, before, strict=True):
        assert isinstance(world.optimizer, Slow) or torch.equal(param, old) or param._version > version
    world.check_guards()


def compare(world: World, wanted: World) -> None:
    """Weights and states agree; then they are made equal, so that no rounding grows."""
    for param, other in zip(world.params, wanted.params, strict=True):
        assert param.dtype == other.dtype
        within = WITHIN[param.dtype]
        torch.testing.assert_close(param.double(), other.double(), rtol=within, atol=within)
        compare_states(world.optimizer.state.get(param, {}), wanted.optimizer.state.get(other, {}))
        param.data.copy_(other.data)


def compare_states(state: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Rows have counts of their own where they were stepped apart; those of the twin are each number's."""
    assert state.keys() - {"row_step"} == wanted.keys() - {"row_step", "count"}
    for key in state.keys() & wanted.keys():
        value = wanted[key]
        found = torch.as_tensor(state[key], dtype=torch.float64)
        torch.testing.assert_close(found, torch.as_tensor(value).double(), rtol=1e-4, atol=1e-5)
        assert getattr(state[key], "dtype", None) not in HALVES
        if found.dim():  # what float32 has rounded would be too much once the parameter moves to float64
            state[key].copy_(torch.as_tensor(value))


ROUNDS = st.lists(st.lists(st.sampled_from(OPERATIONS), max_size=4), min_size=1, max_size=12)
LIGHT = settings(
    max_examples=25, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
HEAVY = settings(LIGHT, max_examples=500)


@LIGHT
@given(seed=st.integers(0, 2**32), rounds=ROUNDS)
def test_any_changes_between_steps(seed: int, rounds: list[list[Operation]]) -> None:
    run(seed, rounds, (slow, plain, compiled))


@pytest.mark.slow
@HEAVY
@given(seed=st.integers(0, 2**32), rounds=ROUNDS)
def test_very_many_changes_between_steps(seed: int, rounds: list[list[Operation]]) -> None:
    run(seed, rounds, (slow, plain, compiled))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_each_change_alone_and_again(operation: Operation) -> None:
    for seed in range(3):
        run(seed, [[], [operation], [], [operation, operation], []], (slow, plain, compiled))


@pytest.mark.parametrize("name", ["sgd", "lion", "rmsprop", "adagrad", "nadam", "radam", "lamb", "lars"])
def test_other_rules_under_changes(name: str) -> None:
    """Compiled kernels against plain torch; dtypes stay, since a trust ratio sees their rounding."""
    chosen = [one for one in OPERATIONS if one not in {betas, rows, move_dtype, add_group}]
    chosen.remove(gradient_of_another_dtype)

    def stepped_by(backend: str) -> Callable[[list[dict[str, Any]]], Optimizer]:
        return lambda groups: Optimizer(groups, name, backend=backend)

    for seed in range(6):
        order = Random(seed)  # noqa: S311  # it draws no secrets
        rounds = [order.choices(chosen, k=3) for _ in range(8)]
        run(seed, rounds, (stepped_by("torch"), stepped_by("cpu")))


def test_a_state_from_before_a_resize_is_refused_and_nothing_written() -> None:
    world = World(compiled, Random(0))  # noqa: S311  # it draws no secrets
    draw_gradients(world)
    world.optimizer.step()
    param = world.params[0]
    world.replace(param, world.tensor((9, 9), param.dtype))
    draw_gradients(world)
    param.grad = torch.ones(9, 9, dtype=torch.float64)
    before = [each.detach().clone() for each in world.params]
    with pytest.raises(OptimizerError, match="resized since"):
        world.optimizer.step()
    assert all(map(torch.equal, world.params, before))
    world.check_guards()
