"""MLflow's store has what was logged, under names that it takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient

from paramgroups.errors import HostError
from paramgroups.integrations.loggers import Recorder
from paramgroups.integrations.loggers.mlflow import MOST, MLflow, safe_name
from tests.integrations.loggers.training import HOSTILE, built, train


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store in a folder: mlflow-skinny has no database, and asks to be told that this is meant."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri := f"file:{tmp_path}/store")
    yield uri
    mlflow.set_tracking_uri(before)


def history(run: Any, name: str) -> dict[int, float]:
    return {one.step: one.value for one in MlflowClient().get_metric_history(run.info.run_id, name)}


def artifact(run: Any, name: str) -> str:
    found: str = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}")
    return found


def test_rates_are_metrics_and_the_plan_is_an_artifact() -> None:
    model, optimizer, scheduler = built()
    with mlflow.start_run() as run, Recorder(scheduler, MLflow()) as recorder:
        train(recorder, model, optimizer, scheduler, count=2)
    assert history(run, "lr/embed.weight rows 8-10") == pytest.approx({0: 0.5, 1: 0.45, 2: 0.4})
    assert list(history(run, "update_ratio/head")) == [1, 2]
    assert artifact(run, "plan/00000000.txt") == str(scheduler.plan)
    assert artifact(run, "recipe/00000000.txt") == scheduler.plan.recipe.to_toml()


@pytest.mark.parametrize("kind", HOSTILE)
def test_any_name_is_read_back(kind: str) -> None:
    model, optimizer, scheduler = built(HOSTILE[kind])
    with mlflow.start_run() as run, Recorder(scheduler, MLflow(run)) as recorder:
        train(recorder, model, optimizer, scheduler, count=1)
    assert history(run, safe_name(f"lr/{HOSTILE[kind]}")) == pytest.approx({0: 1.0, 1: 0.9})
    assert history(run, "lr/default") == pytest.approx({0: 0.1, 1: 0.09})


def test_a_client_logs_into_a_run_of_its_own_store(tmp_path: Path) -> None:
    client = MlflowClient(f"file:{tmp_path}/other")
    run = client.create_run(client.create_experiment("other"))
    log = MLflow(run, client)
    log.numbers({"a": float("nan"), "b": float("inf"), "c": 1.5}, 7)
    log.close()
    found = client.get_run(run.info.run_id)
    assert {name: str(value) for name, value in found.data.metrics.items()}["a"] == "nan"
    assert found.data.metrics["c"] == 1.5
    assert found.info.status == "RUNNING"


def test_more_numbers_than_it_takes_at_once_are_all_written() -> None:
    with mlflow.start_run() as run:
        MLflow(run).numbers({f"a{number}": 1.0 for number in range(MOST + 5)}, 0)
    assert len(MlflowClient().get_run(run.info.run_id).data.metrics) == MOST + 5


def test_texts_of_one_name_and_step_are_one() -> None:
    with mlflow.start_run() as run:
        log = MLflow(run)
        for words, step in (("one", 3), ("two", 3), ("three", 4), ("four", None)):
            log.text("notes", words, step)
    assert artifact(run, "notes/00000003.txt") == "one\ntwo"
    assert artifact(run, "notes/00000004.txt") == "three"
    assert artifact(run, "notes.txt") == "four"


def test_plain_names_stay_as_they_are() -> None:
    for name in ("loss", "val loss", "lr/blocks.0.attn-qkv", "update_ratio/head (2)".replace("(2)", "2")):
        assert safe_name(name) == name


def test_rows_and_a_group_that_is_called_so_stay_apart() -> None:
    names = ["lr/a[1:2]", "lr/a rows 1-2", "lr/a[1:2]\n", "lr/a_1_2_", "lr/a/b", "lr/a_b", "lr/a", "lr/A"]
    assert len({safe_name(name).lower() for name in names}) == len(names) - 1


@given(st.text(max_size=300))
def test_any_name_becomes_one_that_is_taken(name: str) -> None:
    safe = safe_name(name.encode("utf-8", "replace").decode())
    assert 0 < len(safe) <= 250
    assert all(one.isascii() and (one.isalnum() or one in "_./ -") for one in safe)
    assert all(part.strip(" .") for part in safe.split("/"))
    assert safe.count("/") <= 1


def test_without_a_run_there_is_no_log() -> None:
    with pytest.raises(HostError, match=r"no run is active. Give what mlflow.start_run\(\) returns"):
        MLflow()
    with pytest.raises(HostError, match="'abc' is no run"):
        MLflow("abc")
