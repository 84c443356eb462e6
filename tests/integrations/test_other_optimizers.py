"""Our groups and our scheduler over the optimizers of other packages, and their classes named in a recipe."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import CheckpointError, OptimizerError, PlanError, RuleError
from tests.integrations.other_optimizers import (
    WAYS,
    backward,
    by_hand,
    class_of,
    import_bitsandbytes,
    made,
    network,
    plan_of,
    same,
    train,
    weights,
)

pytestmark = pytest.mark.filterwarnings(  # of pages there is no need on a CPU
    "ignore:Paged optimizers are not supported on CPU:UserWarning"
)

QUANTISED = ["torchao AdamW8bit", "torchao AdamW4bit", "torchao AdamWFp8"]
PLAIN = [
    "torchao _AdamW",
    "bitsandbytes AdamW",
    "bitsandbytes AdamW32bit",
    "bitsandbytes AdamW8bit",
    "bitsandbytes PagedAdamW8bit",
    "bitsandbytes Lion8bit",
    "bitsandbytes SGD8bit",
    "bitsandbytes RMSprop",
    "bitsandbytes Adagrad",
    "bitsandbytes LAMB",
    "bitsandbytes LARS",
    "bitsandbytes AdEMAMix",
    "timm AdaBelief",
    "timm Adafactor",
    "timm AdamP",
    "timm Adopt",
    "timm LaProp",
    "timm Lion",
    "timm MADGRAD",
    "timm Mars",
    "timm Muon",
    "timm NvNovoGrad",
    "timm SGDP",
    "transformers Adafactor",
]
COUNTING = ["timm Adan", "timm Lamb"]
"""They count steps in their groups: in ours, which lends no group that is frozen, a thaw begins at one."""

EVERY = [*QUANTISED, *PLAIN, *COUNTING]


@pytest.fixture(scope="module", autouse=True)
def uncompiled() -> Iterator[None]:
    """torchao compiles its step, which takes seconds for each shape."""
    torch.compiler.set_stance("force_eager")
    yield
    torch.compiler.set_stance("default")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("named", EVERY)
def test_rates_by_name_windows_and_edits_are_those_of_a_loop_by_hand(named: str, way: str) -> None:
    cls, model = class_of(named), network()
    of = made(model, cls, way)
    before = weights(model)
    train(model, of, range(3))
    after = weights(model)
    still = [torch.equal(one, other) for one, other in zip(before, after, strict=True)]
    assert still == [True, True, False, False, False, False]
    of[1].scale("head", 0.5)
    train(model, of, range(3, 7))
    assert not torch.equal(after[0], weights(model)[0])
    if way == "theirs" or named not in COUNTING:
        assert same(model, by_hand(cls, 7, scaled=3))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("named", EVERY)
def test_a_resume_by_state_dicts_is_exact(named: str, way: str) -> None:
    """Within the window."""
    cls, model = class_of(named), network()
    of = made(model, cls, way)
    train(model, of, range(2))
    of[1].scale("head", 0.5)
    kept = io.BytesIO()
    torch.save([one.state_dict() for one in (model, *of)], kept)
    train(model, of, range(2, 8))
    kept.seek(0)
    other = network()
    again = made(other, cls, way)
    for one, state in zip((other, *again), torch.load(kept, weights_only=False), strict=True):
        one.load_state_dict(state)
    train(other, again, range(2, 8))
    assert same(model, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("named", [*PLAIN, *COUNTING])
def test_a_resume_by_our_files_is_exact(named: str, way: str, tmp_path: Path) -> None:
    cls, model = class_of(named), network()
    optimizer, scheduler = of = made(model, cls, way)
    train(model, of, range(5))
    pg.save(tmp_path / "last.safetensors", model=model, optimizer=optimizer, scheduler=scheduler)
    train(model, of, range(5, 8))
    other = network()
    again = made(other, cls, way)
    pg.load(tmp_path / "last.safetensors", model=other, optimizer=again[0], scheduler=again[1])
    train(other, again, range(5, 8))
    assert same(model, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("named", QUANTISED)
def test_tensors_that_are_made_of_several_are_no_part_of_our_files(
    named: str, way: str, tmp_path: Path
) -> None:
    model = network()
    optimizer, scheduler = of = made(model, class_of(named), way)
    train(model, of, range(1))
    with pytest.raises(CheckpointError, match=r"2.weight.*is a OptimState\w+, made of several.*torch.save"):
        pg.save(tmp_path / "last", model=model, optimizer=optimizer, scheduler=scheduler)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("way", WAYS)
def test_eight_bits_stay_eight_bits(way: str) -> None:
    model = network()
    of = made(model, class_of("bitsandbytes AdamW8bit"), way)
    train(model, of, range(2))
    state = of[0].state_dict()
    of[0].load_state_dict(state)
    found = of[0].state[model[2].weight]
    assert {key: one.dtype for key, one in found.items() if isinstance(one, torch.Tensor)} == {
        "state1": torch.uint8, "state2": torch.uint8, "qmap1": torch.float32, "qmap2": torch.float32,
        "absmax1": torch.float32, "absmax2": torch.float32,
    }  # fmt: skip
    assert of[0].state[model[4].bias]["state1"].dtype == torch.float32  # too small for it


@pytest.mark.parametrize("way", WAYS)
def test_each_group_has_a_rate_tensor_of_its_own(way: str) -> None:
    model = network()
    optimizer, scheduler = of = made(model, class_of("torchao AdamW8bit"), way)
    tensors = [group["lr"] for group in optimizer.param_groups]
    assert all(isinstance(one, torch.Tensor) for one in tensors)
    assert len({one.data_ptr() for one in tensors}) == 3
    train(model, of, range(6))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.005, 0.005, 0.05])
    assert all(one is group["lr"] for one, group in zip(tensors, optimizer.param_groups, strict=True))
    assert not scheduler.journal  # a rounded rate is no edit


@pytest.mark.parametrize("way", WAYS)
def test_beside_groups_that_another_class_steps(way: str) -> None:
    """One optimizer of ours holds both; theirs refuses."""
    model = network()
    recipe = pg.Recipe(
        optimizer=class_of("torchao AdamW8bit"), lr=0.01, rules=[pg.rule(":bias", optimizer="adamw")]
    )
    plan = pg.plan(model, recipe, steps=12)
    if way == "theirs":
        optimizer = class_of("torchao AdamW8bit")(plan.param_groups(model))
        with pytest.raises(PlanError, match="The plan names several optimizers"):
            pg.Scheduler(optimizer, plan)
        return
    before = weights(model)
    train(model, pg.build(plan), range(2))
    assert not any(map(torch.equal, before, weights(model)))


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_refused(way: str) -> None:
    model = nn.Sequential(nn.Linear(8, 64), nn.Linear(64, 3))
    rules = [pg.rule("0.weight[8:]", lr_scale=2)]
    with pytest.raises(PlanError, match=r'Rows 8 to 63 of "0.weight" have values of their own, and AdamW'):
        made(model, class_of("bitsandbytes AdamW8bit"), way, rules=rules)


def test_what_a_class_does_not_read_is_refused() -> None:
    with pytest.raises(pg.ParamGroupsError, match="momentum"):
        plan_of(network(), class_of("torchao AdamW8bit"), momentum=0.9)


@pytest.mark.parametrize("name", ["SGD", "LARS"])
def test_a_class_with_an_argument_that_it_cannot_do_without_is_told_how(name: str) -> None:
    with pytest.raises(RuleError, match=r"without momentum is not supported.*a default.*in a subclass"):
        pg.Recipe(optimizer=getattr(import_bitsandbytes(), name), lr=0.1)


@pytest.mark.parametrize("way", WAYS)
def test_their_closures_are_called(way: str) -> None:
    model = network()
    optimizer, scheduler = made(model, class_of("bitsandbytes AdamW8bit"), way)
    twin = network()
    train(twin, made(twin, class_of("bitsandbytes AdamW8bit"), way), range(5))
    for step in range(5):

        def closure(step: int = step) -> torch.Tensor:
            return backward(model, optimizer, step)

        optimizer.step(closure)
        scheduler.step()
    assert same(model, twin)


def test_eight_bits_for_some_by_bitsandbytes_own_manager() -> None:
    """What it is told of a parameter it knows by the place of its group, so it is told to theirs."""
    bnb: Any = import_bitsandbytes()
    model = network()
    manager = bnb.GlobalOptimManager.get_instance()
    manager.initialize()
    manager.register_parameters(list(model.parameters()))
    manager.override_config(model[2].weight, "optim_bits", 32)
    of = made(model, class_of("bitsandbytes AdamW8bit"), "theirs")
    train(model, of, range(5))
    assert of[0].state[model[2].weight]["state1"].dtype == torch.float32
    manager.initialize()


class Learning(torch.optim.Optimizer):
    """Keeps in its groups what it has learned, as Prodigy and schedule-free ones do."""

    def __init__(self, params: Any, lr: float = 1.0, limit: float = float("inf")) -> None:
        own = {"k": 0, "far": 0.0, "began": False, "betas": (0.9, 0.99), "beta3": None}
        super().__init__(params, {"lr": lr, "limit": limit, **own})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002  # it calls none
        for group in self.param_groups:
            _, _ = group["betas"]
            group["k"], group["began"] = group["k"] + 1, True
            group["far"] = min(group["far"] + group["lr"], group["limit"])
            for tensor in group["params"]:
                if tensor.grad is not None:
                    tensor.sub_(tensor.grad, alpha=group["far"] / group["k"])


def learning(*, ours: bool, **said: Any) -> tuple[nn.Module, torch.optim.Optimizer, pg.Scheduler]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    rules = [pg.rule("0", trainable=False, until=3), pg.rule("1", lr_scale=2)]
    recipe = pg.Recipe(optimizer=Learning, lr=0.01, rules=rules, schedule=pg.schedules.linear(), **said)
    plan = pg.plan(model, recipe, steps=8)
    if ours:
        return model, *pg.build(plan)
    theirs = Learning(plan.param_groups())
    return model, theirs, pg.Scheduler(theirs, plan)


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, steps: int) -> None:
    for _ in range(steps):
        model(torch.ones(3, 4)).square().mean().backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("ours", [False, True], ids=["theirs", "ours"])
@pytest.mark.parametrize("optimizer_first", [False, True], ids=["scheduler first", "optimizer first"])
def test_what_a_class_learns_in_its_groups_is_its_own(ours: bool, optimizer_first: bool) -> None:  # noqa: FBT001  # as pytest gives them
    whole = learning(ours=ours)
    learn(*whole, 8)
    assert whole[1].param_groups[-1]["k"] == 8
    assert len(whole[2].journal) == 0

    cut = learning(ours=ours)
    learn(*cut, 5)
    states = [one.state_dict() for one in cut]
    again = learning(ours=ours)
    again[0].load_state_dict(states[0])
    for place in (1, 2) if optimizer_first else (2, 1):
        again[place].load_state_dict(states[place])
    learn(*again, 3)
    assert all(map(torch.equal, whole[0].parameters(), again[0].parameters()))


def test_what_a_recipe_says_of_such_a_setting_is_written_and_watched() -> None:
    model, optimizer, scheduler = learning(ours=False, limit=0.015)
    learn(model, optimizer, scheduler, 2)
    optimizer.param_groups[0]["limit"] = 0.03
    learn(model, optimizer, scheduler, 1)
    assert [event.hyper for event in scheduler.journal] == ["limit"]
    with pytest.raises(RuleError, match="limit=inf"):
        learning(ours=False, limit=float("inf"))


class Switched(Learning):
    """Is told when training begins, and when evaluation, as schedule-free ones are."""

    def train(self) -> None:
        pass

    def eval(self) -> None:
        pass


def test_a_class_that_is_told_when_to_train_is_stepped_by_itself() -> None:
    model = nn.Linear(2, 1)
    plan = pg.plan(model, pg.Recipe(optimizer=Switched, lr=0.1))
    with pytest.raises(OptimizerError, match=r"pg\.Scheduler\(theirs, plan\)"):
        pg.build(plan)
    assert pg.Scheduler(Switched(plan.param_groups()), plan).rates == {"default": 0.1}
