"""Two files of a run: numbers by row, texts by row, whole whatever names hold."""

import csv
from pathlib import Path
from typing import Any

import pytest

from paramgroups.errors import FileError
from paramgroups.integrations.loggers import CSV, Recorder
from tests.integrations.loggers.training import HOSTILE, built, load, state_of, train


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))[1:]


def test_numbers_and_texts_stand_in_two_files(tmp_path: Path) -> None:
    run = built()
    with Recorder(run[2], CSV(tmp_path / "log.csv"), statistics=False) as recorder:
        train(recorder, *run, count=2)
    steps = [(step, name) for step, name, _ in rows(tmp_path / "log.csv")]
    names = ["lr/default", "lr/head", "lr/embed.weight[8:10]"]
    assert steps == [("0", name) for name in names] + [(n, name) for n in "12" for name in [*names, "loss"]]
    texts = {name: text for _, name, text in rows(tmp_path / "log.texts.csv")}
    assert texts == {"plan": str(run[2].plan), "recipe": run[2].plan.recipe.to_toml()}


@pytest.mark.parametrize("kind", HOSTILE)
def test_any_name_is_read_back(tmp_path: Path, kind: str) -> None:
    run = built(HOSTILE[kind])
    with Recorder(run[2], CSV(tmp_path / "log.csv")) as recorder:
        train(recorder, *run, count=1)
    found = rows(tmp_path / "log.csv")
    assert ["1", f"lr/{HOSTILE[kind]}", "0.9"] in found
    assert {len(row) for row in found} == {3}
    assert rows(tmp_path / "log.texts.csv")[0][2] == str(run[2].plan)


def test_numbers_that_are_not_finite_are_written_as_such(tmp_path: Path) -> None:
    log = CSV(tmp_path / "log.csv")
    log.numbers({"a": float("nan"), "b": float("inf"), "c": float("-inf"), "d": 1 / 3}, 1)
    log.close()
    assert [value for _, _, value in rows(tmp_path / "log.csv")] == ["nan", "inf", "-inf", repr(1 / 3)]


def test_a_run_that_goes_on_is_one_log(tmp_path: Path) -> None:
    """Killed after step 7 without a word, gone on with from step 4: each step stands once."""
    run, path = built(), tmp_path / "log.csv"
    log = CSV(path)
    recorder = Recorder(run[2], log)
    train(recorder, *run, count=4)
    saved = state_of(run)
    train(recorder, *run, count=3)
    log.close()
    run = built()
    load(run, saved)
    with Recorder(run[2], CSV(path)) as recorder:
        train(recorder, *run, count=6)
    rates = [(step, value) for step, name, value in rows(path) if name == "lr/head"]
    assert rates == [(str(step), str(run[2].plan.at(step)["head.weight"].lr)) for step in range(11)]
    assert [step for step, name, _ in rows(path) if name == "loss"] == [str(step) for step in range(1, 11)]
    assert [path.name for path in tmp_path.glob("log.?.csv")] == []


def test_the_file_of_texts_has_the_ending_of_the_other(tmp_path: Path) -> None:
    for name, texts in {"log.tsv": "log.texts.tsv", "log": "log.texts.csv"}.items():
        log = CSV(tmp_path / name)
        log.text("plan", "words", 0)
        log.close()
        assert (tmp_path / texts).exists()


@pytest.mark.parametrize("path", [None, 3, "", "a\x00b"], ids=["none", "number", "empty", "nul"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(FileError):
        CSV(path)
