"""Of several processes one writes, and statistics are those of all."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard

import paramgroups as pg
from paramgroups.integrations.loggers import CSV, Memory, Recorder
from tests.run.distributed.processes import found_by

FOLDER = "PARAMGROUPS_TEST_FOLDER"


def recorded() -> tuple[list[tuple[int, str, float]], float]:
    """What each process has told of three updates of a model that is spread, and what it should be."""
    torch.manual_seed(0)
    head = nn.Linear(8, 2)
    model = nn.Sequential(nn.Linear(4, 8), head)
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("1", group="head")])
    plan, whole = pg.plan(model, recipe, steps=3), head.weight.norm() ** 2 + head.bias.norm() ** 2
    fully_shard(model)
    optimizer, scheduler = pg.build(plan, model)
    log = Memory()
    with Recorder(scheduler, log, CSV(Path(os.environ[FOLDER]) / "log.csv")) as recorder:
        for _ in range(3):
            model(torch.ones(2, 4)).square().mean().backward()
            optimizer.step()
            scheduler.step()
            recorder.step()
            optimizer.zero_grad()
    return log.rows, whole.sqrt().item()


@pytest.mark.slow
def test_the_first_process_writes_and_its_statistics_are_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (first, norm), (second, _) = found_by({"recorded": recorded}, tmp_path)["recorded"]
    told = {(step, name): value for step, name, value in first}
    assert told[1, "weight_norm/head"] == pytest.approx(norm)
    assert [step for step, name in told if name == "lr/head"] == [0, 1, 2, 3]
    assert second == []
    assert len((tmp_path / "log.csv").read_text().splitlines()) == len(first) + 1
