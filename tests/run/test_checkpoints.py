"""What users ask of pg.save and pg.load, and what they are told."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.control import divergence, plateau, spike
from paramgroups.errors import CheckpointError, ParamGroupsError
from paramgroups.indexing import named_parameters
from paramgroups.schedules import linear
from tests.run.checkpointed import Parts, everything, load, saved, started
from tests.run.models import net, train, update, values
from tests.run.test_resume_guarded import equal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "last.safetensors"


def test_all_three_go_on_and_the_report_is_short(path: Path) -> None:
    parts = saved(path)
    again = started(seed=1)
    loaded = load(path, again)
    assert equal(everything(parts), everything(again))
    assert str(loaded).splitlines() == [
        f"{path}, written by paramgroups {pg.__version__}",
        "model: 17 tensors were taken over",
        "optimizer: 14 parameters go on with their saved state.",
    ]


@pytest.mark.parametrize(
    "given", [("model",), ("optimizer",), ("scheduler",), ("model", "optimizer")], ids=str
)
def test_each_alone(given: tuple[str, ...], path: Path) -> None:
    parts = dict(zip(("model", "optimizer", "scheduler"), saved(path.with_name("all")), strict=True))
    pg.save(path, **{name: parts[name] for name in given})  # type: ignore[arg-type]  # by name
    again = dict(zip(parts, started(seed=1), strict=True))
    pg.load(path, **{name: again[name] for name in given})  # type: ignore[arg-type]  # by name
    lacking = next(name for name in parts if name not in given)
    with pytest.raises(CheckpointError, match=f"It holds no {lacking}. It holds: {', '.join(given)}"):
        pg.load(path, **{lacking: again[lacking]})  # type: ignore[arg-type]  # by name
    for name in given:
        pg.load(path.with_name("all"), **{name: started(seed=2)[list(parts).index(name)]})  # type: ignore[arg-type]


def test_wrong_arguments_say_what_they_are(path: Path) -> None:
    model, optimizer, scheduler = saved(path)
    theirs = torch.optim.lr_scheduler.ConstantLR(optimizer)
    call: Any
    for call in (pg.save, pg.load):
        with pytest.raises(CheckpointError, match=r"scheduler= is a ConstantLR, and no pg\.Scheduler"):
            call(path, scheduler=theirs)
        with pytest.raises(CheckpointError, match="model= is a Optimizer"):
            call(path, model=optimizer)
    with pytest.raises(CheckpointError, match="nothing is to be saved"):
        pg.save(path)
    for odd in ("mine", 3, {"lr": "mine"}, {3: "recipe"}, None):
        with pytest.raises(CheckpointError, match="values="):
            pg.load(path, model=model, values=odd)  # type: ignore[arg-type]  # what is asked
    assert scheduler.last_epoch == 3


def test_a_file_tells_what_it_holds(path: Path) -> None:
    saved(path)
    loaded = pg.load(path)
    assert loaded.recipe is not None
    assert "lr_scale = 10" in loaded.recipe
    assert loaded.horizon == "20 steps"
    assert (loaded.model, loaded.optimizer) == (None, None)


def test_torchs_own_optimizer_with_and_without_a_scheduler(path: Path) -> None:
    def made(seed: int) -> Parts:
        model = net(seed)
        plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.01, schedule=linear()), steps=9)
        optimizer = torch.optim.AdamW(plan.param_groups())
        return model, optimizer, pg.Scheduler(optimizer, plan)

    parts, again = made(0), made(1)
    train(*parts, range(4))
    pg.save(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])
    load(path, again)
    train(*parts, range(4, 8))
    train(*again, range(4, 8))
    assert equal(values(parts[0]), values(again[0]))
    models = [net(0), net(1)]
    alone = [torch.optim.SGD(model.named_parameters(), lr=0.1, momentum=0.9) for model in models]
    update(models[0], alone[0], 0)
    pg.save(path, model=models[0], optimizer=alone[0])
    pg.load(path, model=models[1], optimizer=alone[1])
    for model, optimizer in zip(models, alone, strict=True):
        update(model, optimizer, 1)
    assert equal(values(models[0]), values(models[1]))


def test_the_recipe_of_today_gives_the_rates_and_the_report_says_so(path: Path) -> None:
    saved(path)
    again = started(seed=1, lr=0.02, weight_decay=0.1)
    loaded = load(path, again)
    assert again[2].rates == pytest.approx({"default": 0.02, "head": 0.1})
    assert loaded.recipe_diff == ("-lr = 0.01", "+lr = 0.02", "+weight_decay = 0.1")
    told = str(loaded)
    assert "  head: lr 0.05 -> 0.1" in told
    assert "  default: weight_decay 0.01 -> 0.1" in told
    assert "recipe, - then, + now:\n  -lr = 0.01" in told


def test_the_choice_is_the_users_by_hyperparameter(path: Path) -> None:
    saved(path)
    again = started(seed=1, lr=0.02, weight_decay=0.1, schedule=linear())
    loaded = load(path, again, values={"lr": "checkpoint"})
    assert again[2].rates == {"default": 0.01, "head": 0.05}
    assert {group["weight_decay"] for group in again[1].param_groups} == {0.1}
    assert [(event.cause, event.hyper, event.new) for event in loaded.events] == [
        ("load", "lr", 0.01), ("load", "lr", 0.05)
    ]  # fmt: skip
    assert list(again[2].journal)[-2:] == list(loaded.events)
    again[1].step()
    again[2].step()
    assert again[2].rates["default"] == pytest.approx(0.01 * 16 / 17)
    again = started(seed=1, lr=0.02, weight_decay=0.1)
    load(path, again, values="checkpoint")
    assert {group["weight_decay"] for group in again[1].param_groups} == {0.01}
    pg.save(path, optimizer=again[1], scheduler=again[2])
    third = started(seed=2, lr=0.02, weight_decay=0.1)
    pg.load(path, optimizer=third[1], scheduler=third[2])
    assert third[2].rates == again[2].rates


def test_values_of_the_checkpoint_that_one_group_cannot_have(path: Path) -> None:
    saved(path)
    model = net(1, width=2)
    parts = (model, *pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1), steps=20)))
    before = everything(parts)
    with pytest.raises(CheckpointError, match=r"head\.weight"):
        pg.load(path, model=model, optimizer=parts[1], values={"lr": "checkpoint"})
    with pytest.raises(CheckpointError, match='values= names "learning_rate"'):
        pg.load(path, optimizer=parts[1], values={"learning_rate": "checkpoint"})
    assert equal(everything(parts), before)
    loaded = pg.load(path, model=model, optimizer=parts[1])
    assert loaded.optimizer is not None
    assert loaded.optimizer.kept


def test_where_our_value_is_zero_no_factor_says_how_to_go_on_and_nothing_is_loaded(path: Path) -> None:
    saved(path)
    again = started(seed=1, weight_decay=0.0)
    before = everything(again)
    with pytest.raises(ParamGroupsError, match=r"scheduler\.set"):
        load(path, again, values="checkpoint")
    assert equal(everything(again), before)


def test_another_length_is_told(path: Path) -> None:
    saved(path)
    model = net(1, width=2)
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.01,
        rules=[pg.rule("head", lr_scale=10, group="head")],
        controllers=[plateau("head", "val_loss"), spike(least=3)],
    )
    again = (model, *pg.build(pg.plan(model, recipe, steps=40)))
    loaded = load(path, again)
    assert loaded.told == ("planned for 40 steps now, and for 20 steps then",)
    assert again[2].last_epoch == 3


def test_other_controllers_begin_anew_and_the_same_go_on(path: Path) -> None:
    parts = started()
    train(*parts, range(3))
    parts[2].observe(val_loss=1.0)
    pg.save(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])
    model = net(1, width=2)
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.01,
        rules=[pg.rule("head", lr_scale=10, group="head")],
        controllers=[divergence(), plateau("head", "val_loss")],
    )
    again = (model, *pg.build(pg.plan(model, recipe, steps=20)))
    loaded = load(path, again)
    assert loaded.told == (
        'controllers that begin anew: divergence("**")',
        'controllers of the checkpoint that are no more: spike("**")',
    )
    kept = again[2].state_dict()["feedback"]["controllers"][1]["state"]
    assert kept == parts[2].state_dict()["feedback"]["controllers"][0]["state"]


def test_a_scheduler_that_refuses_leaves_the_optimizer_as_it_was(path: Path) -> None:
    saved(path)
    model = net(1, width=2)
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, controllers=[spike(least=3)])
    again = (model, *pg.build(pg.plan(model, recipe, epochs=20)))
    update(model, again[1], 0)
    again[2].step()
    before = everything(again)
    with pytest.raises(CheckpointError, match="A tick was one step in the saved run"):
        load(path, again)
    assert equal(everything(again), before)
    update(model, again[1], 1)
    again[2].step()


def test_a_model_that_does_not_fit_leaves_all_as_it_was(path: Path) -> None:
    saved(path)
    model = nn.Sequential(nn.Linear(4, 2))
    parts = (model, *pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1), steps=20)))
    before = everything(parts)  # type: ignore[arg-type]  # another network
    with pytest.raises(CheckpointError, match="The model is not the saved one"):
        load(path, parts)  # type: ignore[arg-type]  # another network
    assert equal(everything(parts), before)  # type: ignore[arg-type]  # another network


def test_a_recipe_with_a_class_is_saved_without_its_text(path: Path) -> None:
    class Mine(torch.optim.SGD):
        pass

    model = net()
    optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer=Mine, lr=0.1), steps=5))
    pg.save(path, model=model, optimizer=optimizer, scheduler=scheduler)
    assert pg.load(path, model=model, optimizer=optimizer, scheduler=scheduler).recipe is None


def test_half_precision_with_masters_is_bit_equal(path: Path) -> None:
    def made(seed: int) -> Any:
        model = net(seed).bfloat16()
        plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.01), steps=9)
        return model, *pg.build(plan, master_weights=True)

    def step(parts: Any, number: int) -> None:
        draw = torch.Generator().manual_seed(number)
        parts[1].zero_grad()
        parts[0](torch.randn(8, 4, generator=draw).bfloat16()).float().square().mean().backward()
        parts[1].step()
        parts[2].step()

    parts, again = made(0), made(1)
    for number in range(3):
        step(parts, number)
    pg.save(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])
    load(path, again)
    for number in range(3, 6):
        step(parts, number)
        step(again, number)
    assert equal(everything(parts), everything(again))


def test_a_large_state_is_not_copied_as_a_whole(path: Path) -> None:
    """The storages that a load fills are the model's own."""
    parts, again = saved(path), started(seed=1)
    places = [param.data_ptr() for param in again[0].parameters()]
    load(path, again)
    assert [param.data_ptr() for param in again[0].parameters()] == places
    assert equal(values(parts[0]), values(again[0]))


def plain(order: int = 1) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A model with an optimizer that knows no names."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    return model, torch.optim.AdamW([*model.parameters()][::order], lr=0.1)


def moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {name: optimizer.state[param]["exp_avg"] for name, param in model.named_parameters()}


def test_an_optimizer_without_names_is_saved_by_those_of_the_model(tmp_path: Path) -> None:
    """Its parameters stand in another order when it is loaded."""
    model, optimizer = plain()
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    pg.save(tmp_path / "x", model=model, optimizer=optimizer)
    other, here = plain(order=-1)
    loaded = pg.load(tmp_path / "x", model=other, optimizer=here)
    assert loaded.optimizer is not None
    assert len(loaded.optimizer.kept) == 4
    then, now = moments(model, optimizer), moments(other, here)
    assert all(torch.equal(then[name], now[name]) for name in then)
    assert "param_names" not in here.param_groups[0]


def test_an_optimizer_that_nobody_names_refuses_other_shapes(tmp_path: Path) -> None:
    model, optimizer = plain()
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    pg.save(tmp_path / "x", optimizer=optimizer)
    pg.load(tmp_path / "x", optimizer=plain()[1])
    with pytest.raises(CheckpointError, match="told by their places, it may be another's"):
        pg.load(tmp_path / "x", optimizer=plain(order=-1)[1])


def test_a_report_tells_all_values_of_a_group_in_one_line(tmp_path: Path) -> None:
    def start(rules: list[Any]) -> Any:
        model = nn.ModuleList([nn.Linear(1, 1, bias=False) for _ in range(9)])
        recipe = pg.Recipe(optimizer="adamw", lr=0.1, rules=rules)
        return model, *pg.build(pg.plan(model, recipe, steps=9))

    model, optimizer, scheduler = start([pg.rule(f"{n}", lr_scale=n) for n in range(2, 9)])
    pg.save(tmp_path / "x", model=model, optimizer=optimizer, scheduler=scheduler)
    model, optimizer, scheduler = start([])
    report = str(pg.load(tmp_path / "x", model=model, optimizer=optimizer, scheduler=scheduler))
    assert "  default: lr 0.2, 0.3, 0.4, 0.5, 0.6 and 2 more -> 0.1" in report.splitlines()


def test_a_file_without_tensors_for_a_model_that_has_some(tmp_path: Path) -> None:
    pg.save(tmp_path / "x", model=nn.Identity())
    with pytest.raises(CheckpointError, match=r"weight, bias\nNothing was loaded"):
        pg.load(tmp_path / "x", model=nn.Linear(1, 1))


def test_adapters_that_were_added_begin_anew_and_the_rest_goes_on(tmp_path: Path) -> None:
    model, optimizer, _ = saved(tmp_path / "x")
    base = started(seed=1)[0]
    adapted = get_peft_model(base, LoraConfig(target_modules=["head"], r=2))
    adapted.requires_grad_(True)
    recipe = pg.Recipe(optimizer="adamw", lr=0.01)
    here, _ = pg.build(pg.plan(adapted, recipe, steps=20))
    loaded = pg.load(tmp_path / "x", model=adapted, optimizer=here, strict=False)
    assert loaded.model is not None
    assert loaded.optimizer is not None
    assert loaded.optimizer.missing == loaded.model.missing
    assert all("lora" in name for name in loaded.model.missing)
    assert not loaded.optimizer.unexpected
    then, now = dict(named_parameters(model)), dict(named_parameters(adapted))
    for name in loaded.optimizer.kept:
        assert torch.equal(then[name], now[name])
        assert torch.equal(optimizer.state[then[name]]["exp_avg"], here.state[now[name]]["exp_avg"])
