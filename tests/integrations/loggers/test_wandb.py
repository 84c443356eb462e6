"""The file of an offline run of Weights & Biases has what was logged."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.proto import wandb_internal_pb2

from paramgroups.errors import HostError
from paramgroups.integrations.loggers import Recorder
from paramgroups.integrations.loggers.wandb import WandB
from tests.integrations.loggers.training import HOSTILE, built, train

BLOCK, HEAD = 32_768, 7
WHOLE, LAST = 1, 4


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_machine_info=True)
    with wandb.init(project="tests", dir=str(tmp_path), settings=settings) as found:
        yield found


def records(path: Path) -> Iterator[Any]:
    """The records of a file of W&B, whose format is that of LevelDB's log."""
    data, at, content = path.read_bytes(), HEAD, b""
    while at + HEAD <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEAD:
            at += left
            continue
        size, kind = struct.unpack("<HB", data[at + 4 : at + HEAD])
        if at + HEAD + size > len(data):  # it is being written
            return
        content += data[at + HEAD : at + HEAD + size]
        at += HEAD + size
        if kind in (WHOLE, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(content)
            content = b""
            yield record


def rows(run: Any) -> list[dict[str, Any]]:
    """The history, a dict for each row."""
    (path,) = Path(run.dir).parent.glob("*.wandb")
    run.finish()
    while not any(record.HasField("exit") for record in records(path)):  # W&B's own process writes it
        time.sleep(0.01)
    found = [record.history.item for record in records(path) if record.HasField("history")]
    return [
        {"/".join(item.nested_key) if len(item.nested_key) > 1 else (item.nested_key or [item.key])[0]:
         json.loads(item.value_json) for item in items}
        for items in found
    ]  # fmt: skip


def test_rates_are_rows_of_the_history(run: Any) -> None:
    model, optimizer, scheduler = built()
    with Recorder(scheduler, WandB()) as recorder:
        train(recorder, model, optimizer, scheduler, count=2)
    found = [row for row in rows(run) if "lr/head" in row]
    assert [row["step"] for row in found] == [0, 1, 2]
    assert [row["lr/embed.weight[8:10]"] for row in found] == pytest.approx([0.5, 0.45, 0.4])
    assert "grad_norm/head" not in found[0]
    assert found[1]["grad_norm/head"] > 0


def test_the_plan_is_a_panel_that_shows_it_as_it_is(run: Any) -> None:
    scheduler = built("<script>alert('x')</script>")[2]
    recorder = Recorder(scheduler, WandB(run))
    recorder.note(loss=1.0)
    (file,) = Path(run.dir).glob("media/html/plan_*.html")
    page = file.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in page
    assert "<script" not in page
    assert any(row.get("plan/_type") == "html-file" for row in rows(run))


def test_any_name_is_read_back(run: Any) -> None:
    log = WandB(run)
    log.numbers({f"lr/{name}": float(place) for place, name in enumerate(HOSTILE.values())}, 0)
    log.numbers({name: float(place) for place, name in enumerate(HOSTILE.values())}, 1)
    first, second = rows(run)
    for place, name in enumerate(HOSTILE.values()):
        assert first[f"lr/{name}"] == place
        assert second[name] == place


def test_numbers_that_are_not_finite_are_written_as_such(run: Any) -> None:
    WandB(run).numbers({"a": float("nan"), "b": float("-inf")}, 0)
    (row,) = rows(run)
    assert str(row["a"]) == "nan"
    assert row["b"] == float("-inf")


def test_no_step_is_dropped_though_the_users_own_logs_have_gone_further(run: Any) -> None:
    log = WandB(run)
    for step in range(3):
        for _ in range(4):
            run.log({"mine": 1.0})
        log.numbers({"lr/head": 0.1}, step)
    log.numbers({"lr/head": 0.2}, 1)  # a run that has gone back
    log.close()
    run.log({"mine": 2.0})
    assert [row["step"] for row in rows(run) if "lr/head" in row] == [0, 1, 2, 1]


def test_a_run_that_was_finished_costs_no_training(run: Any) -> None:
    model, optimizer, scheduler = built()
    recorder = Recorder(scheduler, WandB(run), every=2)
    train(recorder, model, optimizer, scheduler, count=2)
    run.finish()
    with pytest.warns(UserWarning, match="WandB could not be written to, and training goes on"):
        train(recorder, model, optimizer, scheduler, count=2)
    train(recorder, model, optimizer, scheduler, count=2)
    with pytest.warns(UserWarning, match="WandB did not take 2 records"):
        recorder.close()
    assert scheduler.last_epoch == 6


def test_without_a_run_there_is_no_log() -> None:
    with pytest.raises(HostError, match=r"no run is open. Give what wandb.init\(project=…\) returns"):
        WandB()
    with pytest.raises(HostError, match="'abc' is no run"):
        WandB("abc")
