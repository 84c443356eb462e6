"""TensorBoard reads back what was logged."""

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from paramgroups.errors import HostError
from paramgroups.integrations.loggers import Recorder
from paramgroups.integrations.loggers.tensorboard import TensorBoard
from tests.integrations.loggers.training import HOSTILE, built, load, state_of, train


def read(folder: Path) -> Any:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def words(found: Any, name: str) -> list[str]:
    tensors = found.Tensors(f"{name}/text_summary")
    return [one.tensor_proto.string_val[0].decode() for one in tensors]


def test_rates_are_scalars_and_the_plan_is_a_text(tmp_path: Path) -> None:
    run = built()
    with Recorder(run[2], TensorBoard(tmp_path)) as recorder:
        train(recorder, *run, count=3)
    found = read(tmp_path)
    rates = {one.step: one.value for one in found.Scalars("lr/embed.weight[8:10]")}
    assert rates == pytest.approx({0: 0.5, 1: 0.45, 2: 0.4, 3: 0.35})
    assert [one.step for one in found.Scalars("grad_norm/head")] == [1, 2, 3]
    (plan,) = words(found, "plan")
    lines = plan.splitlines()
    assert [line[4:] for line in lines] == str(run[2].plan).splitlines()
    assert {line[:4] for line in lines} == {"    "}  # Markdown shows such lines as they are


@pytest.mark.parametrize("kind", HOSTILE)
def test_any_name_is_read_back(tmp_path: Path, kind: str) -> None:
    run = built(HOSTILE[kind])
    with Recorder(run[2], TensorBoard(tmp_path)) as recorder:
        train(recorder, *run, count=1)
    (first, second) = read(tmp_path).Scalars(f"lr/{HOSTILE[kind]}")
    assert (first.value, second.value) == pytest.approx((1.0, 0.9))


def test_numbers_that_are_not_finite_are_written_as_such(tmp_path: Path) -> None:
    log = TensorBoard(str(tmp_path))
    log.numbers({"a": float("nan"), "b": float("-inf")}, 0)
    log.close()
    found = read(tmp_path)
    assert [str(found.Scalars(name)[0].value) for name in "ab"] == ["nan", "-inf"]


def test_a_run_that_goes_on_in_its_folder_shows_each_step_once(tmp_path: Path) -> None:
    run = built()
    recorder = Recorder(run[2], log := TensorBoard(tmp_path))
    train(recorder, *run, count=2)
    saved = state_of(run)
    train(recorder, *run, count=3)
    log.close()
    run = built()
    load(run, saved)
    with Recorder(run[2], TensorBoard(tmp_path)) as recorder:
        train(recorder, *run, count=2)
    assert [one.step for one in read(tmp_path).Scalars("lr/head")] == [0, 1, 2, 3, 4]


def test_a_writer_that_is_given_stays_open(tmp_path: Path) -> None:
    writer = SummaryWriter(str(tmp_path))
    log = TensorBoard(writer)
    log.text("note", "words", None)
    log.numbers({"a": 1.0}, 3)
    log.close()
    assert [one.step for one in read(tmp_path).Scalars("a")] == [3]
    writer.add_scalar("a", 2.0, 4)
    writer.close()
    log.numbers({"a": 3.0}, 5)  # torch opens it again
    writer.close()
    assert [one.step for one in read(tmp_path).Scalars("a")] == [3, 4, 5]


def test_nothing_is_written_before_something_is_told(tmp_path: Path) -> None:
    TensorBoard(tmp_path / "folder").close()
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("where", [None, 3, ""], ids=["none", "number", "empty"])
def test_what_is_no_folder_is_refused(where: Any) -> None:
    with pytest.raises(HostError, match="give a folder, or a torch"):
        TensorBoard(where)
