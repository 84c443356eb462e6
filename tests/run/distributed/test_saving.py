"""What two processes save, one and four go on from; errors are the same on all."""

from pathlib import Path
from typing import Any

import pytest
import torch

import paramgroups as pg
from tests.run.distributed.processes import found_by
from tests.run.distributed.saving import STEPS, load, loading, saving
from tests.run.distributed.training import close, network, same

Found = dict[str, list[Any]]
KINDS = ("ddp", "fully_shard")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def two(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return found_by(saving(str(folder)), tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def four(folder: Path, two: Found, tmp_path_factory: pytest.TempPathFactory) -> Found:
    assert two
    (folder / "four").mkdir()
    return found_by(loading(str(folder)), tmp_path_factory.mktemp("four"), ranks=4)


def check(there: dict[str, Any], then: dict[str, Any]) -> None:
    """Bit-equal to what was saved."""
    assert same(there["whole"], then["whole"])
    assert same(there["memory"], then["memory"])
    assert len(there["memory"]) == 30
    assert there["rates"] == then["rates"]
    assert decided(there) == decided(then)


def decided(found: dict[str, Any]) -> list[Any]:
    """The journal, but for how freezing is done, which hangs on the number of processes."""
    return [event for event in found["journal"] if event["action"] != "freezing"]


def check_end(end: dict[str, Any], then: dict[str, Any]) -> None:
    """Equal to rounding: sums over other numbers of processes are rounded otherwise."""
    assert close(end["whole"], then["whole"])
    assert close(end["memory"], then["memory"])
    assert end["rates"] == then["rates"]


@pytest.mark.parametrize("saved_by", KINDS)
def test_one_goes_on_from_what_two_have_saved(saved_by: str, two: Found, folder: Path) -> None:
    alone = load(str(folder), "bare", saved_by)
    for then in two[saved_by]:
        check(alone["there"], then["there"])
        check_end(alone["end"], then["end"])


@pytest.mark.parametrize("saved_by", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_four_go_on_from_what_two_have_saved(kind: str, saved_by: str, two: Found, four: Found) -> None:
    for found in four[f"{kind} from {saved_by}"]:
        check(found["there"], two[saved_by][0]["there"])
        check_end(found["end"], two[saved_by][0]["end"])


def test_one_goes_on_from_what_four_have_saved(four: Found, folder: Path) -> None:
    """Of four some hold nothing of a tensor of three rows."""
    alone = load(str(folder / "four"), "bare", "fully_shard")
    check(alone["there"], four["again"][0]["there"])


def test_one_file_and_no_leftovers(two: Found, folder: Path) -> None:
    assert two
    names = {one.name for one in folder.iterdir()} - {"four"}
    assert names == {"ddp", "fully_shard", "damaged.2", "alone.0", "zero"}
    report = pg.load(folder / "fully_shard")
    assert report.horizon == f"{STEPS} steps"


def test_what_each_has_whole_the_first_writes_without_a_message(two: Found, folder: Path) -> None:
    """`if rank == 0: pg.save(…)` and a call on all ranks do the same."""
    for written, _ in two["alone"]:
        assert written == ["alone.0"]
    check(load(str(folder), "bare", "alone.0")["there"], two["alone"][0][1])


def test_the_first_writes_what_zero_has_brought_together(two: Found, folder: Path) -> None:
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.5)
    pg.load(folder / "zero", model=model, optimizer=optimizer)
    assert len(optimizer.state) == two["zero"][0] > 0
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_errors_are_the_same_on_all(two: Found) -> None:
    here, there = two["no folder"]
    assert here.startswith("FileError: ")
    assert there.startswith("FileError: Rank 0 cannot go on, and so no other can: ")
    for error, still in two["damaged"]:
        assert error.startswith("CheckpointError: ")
        assert "is damaged: its checksum is another" in error
        assert still
    for error in two["unlike"]:
        assert error.startswith("CheckpointError: The processes do not hold the same tensors")
