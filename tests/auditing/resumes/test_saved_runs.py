"""What a dict of a checkpoint holds, under the keys that the world uses."""

from typing import Any

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau, SequentialLR, StepLR

from paramgroups.auditing.resumes.saved_runs import run_in
from tests.auditing.setups import small

MODEL = small()
OPTIMIZER = SGD(MODEL.parameters(), lr=0.1, momentum=0.9)
WEIGHTS, STATE = MODEL.state_dict(), OPTIMIZER.state_dict()
SCHEDULE = SequentialLR(OPTIMIZER, [StepLR(OPTIMIZER, 1), StepLR(OPTIMIZER, 2)], [3]).state_dict()


def counted(tree: dict[str, Any]) -> tuple[int, int, int]:
    run = run_in(tree, "it")
    return len(run.optimizers), len(run.schedulers), len(run.shapes or ())


HABITS: dict[str, dict[str, Any]] = {
    "plain": {"model": WEIGHTS, "optimizer": STATE, "scheduler": SCHEDULE, "epoch": 3},
    "tutorials": {
        "model_state_dict": WEIGHTS, "optimizer_state_dict": STATE, "scheduler_state_dict": SCHEDULE,
    },
    "lightning": {
        "state_dict": WEIGHTS, "optimizer_states": [STATE], "lr_schedulers": [SCHEDULE],
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"ready": 3}}}, "callbacks": {},
    },
    "short": {"net": WEIGHTS, "opt": STATE, "sched": SCHEDULE, "args": {"lr": 0.1}},
    "ddp": {"module": WEIGHTS, "optim": STATE, "lr_scheduler": SCHEDULE, "loss": torch.zeros(3)},
    "nested": {"state": {"optimizers": {"SGD": STATE}, "schedulers": {"all": SCHEDULE}}, "model": WEIGHTS},
}  # fmt: skip


@pytest.mark.parametrize("habit", HABITS)
def test_each_habit_is_read(habit: str) -> None:
    assert counted(HABITS[habit]) == (1, 1, 6)


def test_several_optimizers_and_schedulers_keep_their_order() -> None:
    other = SGD(MODEL.parameters(), lr=0.2)
    plateau = ReduceLROnPlateau(other).state_dict()
    found = run_in(
        {"optimizer": {"g": STATE, "d": other.state_dict()}, "scheduler": [SCHEDULE, plateau]}, "it"
    )
    assert [one["param_groups"][0]["lr"] for one in found.optimizers] == [STATE["param_groups"][0]["lr"], 0.2]
    assert found.schedulers == (SCHEDULE, plateau)


def test_one_state_by_itself_is_known_by_what_it_holds() -> None:
    assert counted(STATE) == (1, 0, 0)
    assert counted(SCHEDULE) == (0, 1, 0)
    assert counted(WEIGHTS) == (0, 0, 6)
    assert all(run_in(one, "it").alone for one in (STATE, SCHEDULE, WEIGHTS))
    assert not run_in(HABITS["plain"], "it").alone


@pytest.mark.parametrize(
    "tree", [{}, {1: 2}, {"optimizer": None}, {"model": MODEL, "optimizer": OPTIMIZER}, {"state": 3}], ids=str
)
def test_what_holds_nothing_holds_nothing(tree: dict[Any, Any]) -> None:
    assert counted(tree) == (0, 0, 0)
