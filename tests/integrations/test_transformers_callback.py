"""The callback beside a Trainer that is given `optimizers=pg.build(plan)`."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Trainer, TrainerCallback

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.transformers import RecipeCallback
from tests.integrations.transformers_cases import (
    arguments,
    data,
    equal,
    little_garbage,  # noqa: F401  # a fixture
    net,
    recipe,
    trainer,
)

pytestmark = pytest.mark.usefixtures("little_garbage")


def plain(folder: Path, plan: pg.Plan, model: Any, callback: Any = None, **said: Any) -> Any:
    return Trainer(
        model,
        arguments(folder, **said),
        train_dataset=data(),
        eval_dataset=data(4),
        optimizers=pg.build(plan, model),
        callbacks=[RecipeCallback() if callback is None else callback],
    )


def test_it_trains_and_logs_as_the_mixin_does(tmp_path: Path) -> None:
    by = recipe(controllers=[pg.control.plateau("head", "eval_loss", patience=0)])
    said = {"eval_strategy": "steps", "eval_steps": 2}
    ours = trainer(tmp_path, by=by, eval_dataset=data(4), **said)
    ours.train()
    model = net()
    host = plain(tmp_path, pg.plan(model, by, steps=6, steps_per_epoch=6), model, **said)
    host.train()
    assert equal(ours.model, model)
    assert [log for log in host.state.log_history if "loss" in log] == [
        log for log in ours.state.log_history if "loss" in log
    ]
    assert host.lr_scheduler.journal == ours.lr_scheduler.journal


def test_it_tells_the_loss_that_is_logged(tmp_path: Path) -> None:
    model = net()
    by = recipe(
        controllers=[pg.control.plateau("head", "loss", threshold=9, threshold_mode="absolute", patience=0)]
    )
    host = plain(tmp_path, pg.plan(model, by, steps=6, steps_per_epoch=6), model, logging_steps=2)
    host.train()
    assert [event.step for event in host.lr_scheduler.journal] == [4, 6]


def test_statistics_are_logged_where_they_are_asked_for(tmp_path: Path) -> None:
    model = net()
    host = plain(tmp_path, pg.plan(model, recipe(), steps=6), model, RecipeCallback(statistics=True))
    host.train()
    assert host.state.log_history[0]["update_ratio/head"] > 0


def test_before_any_training_there_is_nothing_to_tell(tmp_path: Path) -> None:
    model = net()
    host = plain(tmp_path, pg.plan(model, recipe(), steps=6), model)
    assert not any(name.startswith("lr/") for name in host.evaluate())


@pytest.mark.parametrize("optimizers", ["none", "torch's"])
def test_a_scheduler_that_is_not_ours_is_refused(tmp_path: Path, optimizers: str) -> None:
    model = net()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    pair = (None, None) if optimizers == "none" else (sgd, torch.optim.lr_scheduler.ConstantLR(sgd))
    host = Trainer(
        model, arguments(tmp_path), train_dataset=data(), optimizers=pair, callbacks=[RecipeCallback()]
    )
    with pytest.raises(HostError, match=r"and no pg\.Scheduler. Give the Trainer optimizers=pg\.build"):
        host.train()


def test_a_plan_in_epochs_is_refused(tmp_path: Path) -> None:
    model = net()
    with pytest.raises(HostError, match="The plan is of 1 epochs, and the Trainer ticks once per update"):
        plain(tmp_path, pg.plan(model, recipe(), epochs=1), model).train()


def test_a_plan_of_another_length_is_told(tmp_path: Path) -> None:
    model = net()
    host = plain(tmp_path, pg.plan(model, recipe(), steps=7), model)
    with pytest.warns(UserWarning, match="The plan is of 7 steps, and the Trainer makes 6 updates"):
        host.train()


def test_a_plan_without_an_end_and_one_that_was_extended_fit(tmp_path: Path) -> None:
    model = net()
    open_end = recipe(schedule=pg.schedules.warmup(2).then(pg.schedules.constant()))
    plain(tmp_path, pg.plan(model, open_end), model).train()
    host = plain(tmp_path, pg.plan(model, recipe(), steps=4), model)
    host.lr_scheduler.extend(steps=6)
    host.train()


def test_a_second_training_by_the_same_scheduler_is_refused(tmp_path: Path) -> None:
    model = net()
    host = plain(tmp_path, pg.plan(model, recipe(), steps=6), model)
    host.train()
    with pytest.raises(HostError, match="The scheduler is at step 6 of a training before this one"):
        host.train()


def test_put_first_it_tells_those_that_report(tmp_path: Path) -> None:
    seen: list[set[str]] = []

    class Reports(TrainerCallback):
        def on_log(self, *_: Any, logs: dict[str, float], **_known: Any) -> None:
            seen.append(set(logs))

    model = net()
    host = plain(tmp_path, pg.plan(model, recipe(), steps=6), model, Reports())
    host.callback_handler.callbacks.insert(0, RecipeCallback())
    host.train()
    assert "lr/head" in seen[0]
