"""torch.distributed.checkpoint: saved on four processes, loaded on two or on one, with other groups too."""

import copy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_state
from torch.distributed.checkpoint.state_dict_saver import save as save_state

import paramgroups as pg
from paramgroups.control import nonfinite, rollback
from tests.run.distributed.dcp import FEW, LOADED, MANY, MORE, RULES, SAVED_AT, STEPS, load, read, save
from tests.run.distributed.processes import found_by
from tests.run.distributed.training import Plain, build, close, network, same, update

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled, unavailable or uninit")

Told = dict[str, Any]
NAMES = [f"{name}, {form}, into {into}" for name, form, into in LOADED]
AGAIN = [name for name, (saved, _, into) in zip(NAMES, LOADED, strict=True) if saved == into]
CHANGED = [name for name in NAMES if name not in AGAIN]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dcp")


@pytest.fixture(scope="module")
def saved(folder: Path) -> Told:
    """What four processes have saved, and what became of it."""
    each = found_by({"all": partial(save, folder)}, folder, MANY)["all"]
    assert isinstance(each[0], dict), each[0]
    return each[0]


@pytest.fixture(scope="module", params=[FEW, 1], ids=["on two", "on one"])
def loaded(request: pytest.FixtureRequest, folder: Path, saved: Told) -> Iterator[Told]:  # noqa: ARG001  # first
    """What came of each of them on fewer processes."""
    scenarios = {name: partial(load, folder, *case) for name, case in zip(NAMES, LOADED, strict=True)}
    if request.param == 1:
        yield {name: scenario() for name, scenario in scenarios.items()}
    else:
        meeting = folder / "few"
        meeting.mkdir()
        yield {name: each[0] for name, each in found_by(scenarios, meeting, request.param).items()}


def of(loaded: Told, name: str) -> tuple[str, Told, Told]:
    """The saved run that it was, and what was found after loading and later."""
    assert isinstance(loaded[name], dict), loaded[name]
    return name.partition(",")[0], loaded[name]["now"], loaded[name]["later"]


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_memory_are_those_that_were_saved_by_name(saved: Told, loaded: Told, name: str) -> None:
    run, now, _ = of(loaded, name)
    assert now["tick"] == SAVED_AT[run]
    assert same(now["whole"], saved[run]["whole"])
    assert now["state"].keys() == saved[run]["state"].keys()
    for param, state in saved[run]["state"].items():
        assert same(now["state"][param], state)


@pytest.mark.parametrize("name", AGAIN)
def test_a_run_goes_on_as_if_it_had_not_stopped(saved: Told, loaded: Told, name: str) -> None:
    run, now, later = of(loaded, name)
    assert now["rates"] == saved[run]["rates"]
    assert later["rates"] == saved[f"{run}, later"]["rates"]
    assert close(later["whole"], saved[f"{run}, later"]["whole"])


@pytest.mark.parametrize("name", AGAIN)
def test_what_was_decided_is_remembered(saved: Told, loaded: Told, name: str) -> None:
    """How freezing is done is told anew on another number of processes."""
    run, now, later = of(loaded, name)
    before = [*saved[run]["journal"]]
    assert now["journal"][: len(before)] == before
    assert {event["action"] for event in now["journal"][len(before) :]} <= {"freezing"}
    if run == "edited":
        decided = [(event["cause"], event["step"]) for event in later["journal"]]
        assert decided == [(event["cause"], event["step"]) for event in saved["edited, later"]["journal"]]
        assert {"scale", 'plateau("head", "loss")'} <= {cause for cause, _ in decided}


@pytest.mark.parametrize("name", CHANGED)
def test_with_other_groups_rates_are_those_of_the_recipe(loaded: Told, name: str) -> None:
    run, now, later = of(loaded, name)
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.02,
        weight_decay=0.1,
        schedule=pg.schedules.cosine(),
        rules=RULES[name.rpartition(" ")[2]],
    )
    plan = pg.plan(network(), recipe, steps=STEPS)
    for tick, found in ((SAVED_AT[run], now), (SAVED_AT[run] + MORE, later)):
        assert found["rates"] == {name: row.lr for name, row in plan.at(tick).items()}


def by_hand(model: Plain, rates: dict[str, float], *, merged: bool = False) -> torch.optim.AdamW:
    """As one writes it in torch: a group for each rate, of the parts that it names."""
    parts = {name: list(model.get_submodule(name).parameters()) for name in rates}
    if merged:
        return torch.optim.AdamW([one for part in parts.values() for one in part])
    return torch.optim.AdamW([{"params": part, "lr": rates[name]} for name, part in parts.items()])


def through_files(
    folder: Path, one: tuple[nn.Module, Any], other: tuple[nn.Module, Any], *, flat: bool
) -> None:
    """Save one model with its optimizer, and load that into another."""
    options = StateDictOptions(flatten_optimizer_state_dict=flat)
    save_state(dict(zip("mo", get_state_dict(*one, options=options), strict=True)), checkpoint_id=folder)
    state: dict[str, Any] = dict(zip("mo", get_state_dict(*other, options=options), strict=True))
    read(state, folder)
    set_state_dict(*other, model_state_dict=state["m"], optim_state_dict=state["o"], options=options)


RATES = {"stem": 0.001, "block": 0.01, "head": 0.1}


def test_torch_gives_merged_groups_the_rate_of_their_first_member(tmp_path: Path) -> None:
    here, there = network(), network()
    first, merged = by_hand(here, RATES), by_hand(there, RATES, merged=True)
    update(here, first, 0)
    through_files(tmp_path, (here, first), (there, merged), flat=True)
    assert [group["lr"] for group in merged.param_groups] == [0.001]  # asked was torch's default for all


def test_torch_gives_split_groups_the_rate_that_all_had(tmp_path: Path) -> None:
    here, there = network(), network()
    merged, split = by_hand(here, RATES, merged=True), by_hand(there, RATES)
    update(here, merged, 0)
    through_files(tmp_path, (here, merged), (there, split), flat=True)
    assert [group["lr"] for group in split.param_groups] == [0.001] * 3  # the default, not the three asked


def test_torch_does_not_find_more_groups_than_were_saved(tmp_path: Path) -> None:
    here, there = network(), network()
    merged, split = by_hand(here, RATES, merged=True), by_hand(there, RATES)
    update(here, merged, 0)
    with pytest.raises(KeyError, match=r"Missing key in checkpoint state_dict: o\.param_groups\.1\."):
        through_files(tmp_path, (here, merged), (there, split), flat=False)


def guarded() -> tuple[Plain, Any, pg.Scheduler]:
    model = network()
    recipe = pg.Recipe(optimizer="adamw", lr=0.02, controllers=[nonfinite(), rollback(after=1)])
    return model, *build(pg.plan(model, recipe, steps=STEPS))


def test_a_snapshot_of_weights_comes_along(tmp_path: Path) -> None:
    """None is there before loading, and of dicts and lists torch loads what is there alone."""
    model, optimizer, scheduler = guarded()
    for step in range(3):
        update(model, optimizer, step)
        scheduler.step()
    before = scheduler.state_dict()
    assert before["guards"]["kept"]
    save_state({"scheduler": scheduler}, checkpoint_id=tmp_path)
    *_, again = guarded()
    assert not again.state_dict()["guards"]["kept"]
    load_state({"scheduler": again}, checkpoint_id=tmp_path)
    after = again.state_dict()
    torch.testing.assert_close(after["guards"], before["guards"], rtol=0, atol=0)
    assert after["feedback"] == before["feedback"]


def test_events_come_along_though_others_are_here(tmp_path: Path) -> None:
    *_, scheduler = guarded()
    scheduler.set("**", lr=0.5)
    scheduler.scale("**", 0.5)
    told = copy.deepcopy(scheduler.state_dict())
    save_state({"scheduler": scheduler.state_dict()}, checkpoint_id=tmp_path)
    *_, again = guarded()
    again.scale("**", 0.25)
    state = {"scheduler": again.state_dict()}
    load_state(state, checkpoint_id=tmp_path)
    again.load_state_dict(state["scheduler"])
    assert again.state_dict() == told


def test_what_was_saved_before_it_was_told_so_is_read_too() -> None:
    """Journals and snapshots were a list and a dict once."""
    model, optimizer, scheduler = guarded()
    update(model, optimizer, 0)
    scheduler.step()
    scheduler.scale("**", 0.5)
    saved = scheduler.state_dict()
    old = saved | {"journal": [*saved["journal"]]}
    old["guards"] = saved["guards"] | {"kept": {str(place): one for place, one in saved["guards"]["kept"]}}
    *_, again = guarded()
    again.load_state_dict(old)
    torch.testing.assert_close(again.state_dict()["guards"], saved["guards"], rtol=0, atol=0)
    assert again.state_dict()["journal"] == saved["journal"]
