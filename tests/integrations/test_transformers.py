"""Recipes in the Trainer: length, ticks, names in the logs, metrics to controllers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import IterableDataset
from transformers import HfArgumentParser, Trainer, TrainerCallback

import paramgroups as pg
from paramgroups.errors import HostError, ScheduleError, StoppedError
from paramgroups.integrations.transformers import RecipeArguments, RecipeMixin, RecipeTrainer
from tests.integrations.transformers_cases import (
    Applied,
    Full,
    Stops,
    arguments,
    data,
    equal,
    little_garbage,  # noqa: F401  # a fixture
    named_arguments,
    net,
    planned,
    recipe,
    trainer,
)

pytestmark = pytest.mark.usefixtures("little_garbage")


def rates_of(log: dict[str, float]) -> dict[str, float]:
    return {name[3:]: value for name, value in log.items() if name.startswith("lr/")}


def test_every_update_is_made_with_the_rates_of_the_plan(tmp_path: Path) -> None:
    seen = Applied()
    host = trainer(tmp_path, callbacks=[seen])
    host.train()
    assert len(seen.rates) == host.plan.horizon.ticks == 6
    assert seen.rates == [planned(host.plan, step) for step in range(6)]


def test_logs_and_their_history_have_the_rate_of_every_group_as_the_update_had_it(tmp_path: Path) -> None:
    host = trainer(tmp_path)
    host.train()
    logs = [log for log in host.state.log_history if "loss" in log]
    for step, log in enumerate(logs):
        at = host.plan.at(step)
        assert rates_of(log) == {"default": at["body.weight"].lr, "head": at["head.weight"].lr}
        assert log["learning_rate"] == log["lr/default"]
    assert len(logs) == 6
    assert "lr/head" not in host.state.log_history[-1]  # the summary of the whole


def test_callbacks_that_report_see_the_names_too(tmp_path: Path) -> None:
    seen: set[str] = set()

    class Reports(TrainerCallback):
        def on_log(self, *_: Any, logs: dict[str, float], **_known: Any) -> None:
            seen.update(logs)

    host = trainer(tmp_path, callbacks=[Reports()], max_steps=1)
    host.train()
    assert {"lr/head", "lr/default", "learning_rate", "loss"} <= seen


def test_statistics_are_logged_where_they_are_asked_for(tmp_path: Path) -> None:
    host = trainer(tmp_path, statistics=True, max_steps=2)
    host.train()
    log = host.state.log_history[1]
    assert log["grad_norm/head"] > 0
    assert log["weight_norm/head"] > 0
    assert log["update_ratio/head"] > 0
    assert log["lr/head"] == host.plan.at(1)["head.weight"].lr


def test_a_tick_is_an_update_of_accumulated_batches_and_epochs_are_those_of_the_trainer(
    tmp_path: Path,
) -> None:
    by = recipe(pg.rule("stem", trainable=False, until="1 epoch"))
    host = trainer(tmp_path, by=by, train_dataset=data(20), gradient_accumulation_steps=2, num_train_epochs=2)
    host.train()
    assert (host.plan.horizon.ticks, host.plan.horizon.ticks_per_epoch) == (6, 3)  # 5 batches: 2 + 2 + 1
    assert host.lr_scheduler.last_epoch == host.state.global_step == 6
    assert [host.plan.at(step)["stem.weight"].trainable for step in (2, 3)] == [False, True]


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(data())


def test_of_a_stream_the_updates_are_known_and_epochs_are_not(tmp_path: Path) -> None:
    host = trainer(tmp_path, train_dataset=Stream(), max_steps=4)
    host.train()
    assert (host.plan.horizon.ticks, host.plan.horizon.ticks_per_epoch) == (4, None)
    by = recipe(pg.rule("stem", trainable=False, until="1 epoch"))
    with pytest.raises(ScheduleError, match="how long an epoch is was not told"):
        trainer(tmp_path, by=by, train_dataset=Stream(), max_steps=4).train()


def test_no_epoch_at_all_is_no_training(tmp_path: Path) -> None:
    host = trainer(tmp_path, num_train_epochs=0)
    host.train()
    assert host.state.global_step == 0
    assert equal(host.model, net())


def test_the_plan_can_be_seen_before_training_and_leaves_the_model_alone(tmp_path: Path) -> None:
    host = trainer(tmp_path, by=recipe(pg.rule("stem", trainable=False)))
    assert host.plan.horizon.ticks == 6
    assert all(one.requires_grad for one in host.model.parameters())
    assert host.optimizer is None
    host.args.num_train_epochs = 2
    assert host.plan.horizon.ticks == 12
    host.train()
    assert host.plan.horizon.ticks == 12


def test_an_optimizer_that_is_asked_for_outside_of_training_is_that_of_the_plan(tmp_path: Path) -> None:
    host = trainer(tmp_path)
    assert type(host.create_optimizer()) is pg.Optimizer
    assert host.plan.horizon.ticks == 6
    host.create_optimizer_and_scheduler(50)
    assert host.plan.horizon.ticks == 50
    assert host.create_scheduler(50) is host.lr_scheduler
    host.train()
    assert host.plan.horizon.ticks == 6


def test_what_evaluation_measures_reaches_controllers(tmp_path: Path) -> None:
    by = recipe(
        controllers=[
            pg.control.plateau("head", "eval_loss", patience=0, threshold=10.0, threshold_mode="absolute")
        ]
    )
    host = trainer(
        tmp_path, by=by, eval_dataset=data(4), eval_strategy="steps", eval_steps=2, eval_on_start=True
    )
    host.train()
    assert [event.step for event in host.lr_scheduler.journal] == [2, 4, 6]  # from the next update on
    logs = [log for log in host.state.log_history if "loss" in log]
    assert logs[1]["lr/head"] == host.plan.at(1)["head.weight"].lr
    assert logs[2]["lr/head"] == pytest.approx(0.1 * host.plan.at(2)["head.weight"].lr)
    host.evaluate()  # of no training
    assert len(host.lr_scheduler.journal) == 3


def test_of_several_evaluation_sets_each_is_told_under_its_name(tmp_path: Path) -> None:
    host = trainer(
        tmp_path,
        by=recipe(controllers=[note("eval_hard_loss")]),
        eval_dataset={"easy": data(4), "hard": data(8)},
        eval_strategy="steps",
        eval_steps=3,
    )
    host.train()
    told = [log["eval_hard_loss"] for log in host.state.log_history if "eval_hard_loss" in log]
    assert noted_by(host) == [[3, told[0]], [6, told[1]]]


def note(what: str) -> Any:
    """A controller that does nothing but remember when it was told what."""

    def noting(state: Any, seen: Any) -> Any:
        return [*(state or []), [int(seen.step), seen[what]]], []

    return pg.control.function("note", noting, selector="head", metric=what)


def noted_by(host: Any) -> list[list[float]]:
    (controller,) = host.lr_scheduler.state_dict()["feedback"]["controllers"]
    found: list[list[float]] = controller["state"]["own"]
    return found


def test_what_is_logged_while_training_reaches_controllers_but_for_the_loss(tmp_path: Path) -> None:
    host = trainer(tmp_path, by=recipe(controllers=[note("grad_norm")]))
    host.train()
    told = [log["grad_norm"] for log in host.state.log_history if "loss" in log]
    assert noted_by(host) == [[step + 1, norm] for step, norm in enumerate(told)]


@pytest.mark.parametrize("batches", [1, 2])
def test_the_loss_of_each_update_is_told_before_it(tmp_path: Path, batches: int) -> None:
    host = trainer(
        tmp_path, by=recipe(controllers=[note("loss")]), gradient_accumulation_steps=batches, logging_steps=1
    )
    host.train()
    told = [log["loss"] for log in host.state.log_history if "loss" in log]
    noted = noted_by(host)
    assert [step for step, _ in noted] == list(range(6 // batches))
    assert [loss for _, loss in noted] == pytest.approx(told)


def test_a_guard_leaves_out_the_very_update_whose_loss_is_bad(tmp_path: Path) -> None:
    class Bad(RecipeTrainer):
        def compute_loss(self, *given: Any, **named: Any) -> torch.Tensor:
            loss: torch.Tensor = super().compute_loss(*given, **named)
            bad: torch.Tensor = loss + 100 * (self.state.global_step == 4)  # the gradient stays as it is
            return bad

    by = recipe(controllers=[pg.control.spike(metric="loss", least=4)])
    host = Bad(net(), arguments(tmp_path), train_dataset=data(), recipe=by)
    host.train()
    (event,) = host.lr_scheduler.journal
    assert (event.step, event.action) == (4, "skip")


def test_a_guard_may_end_the_training_and_another_begins_anew(tmp_path: Path) -> None:
    rows = data()
    for row in rows:
        row["x"] = row["x"] * float("nan")
    by = recipe(controllers=[pg.control.nonfinite(), pg.control.stop(after=2)])
    host = trainer(tmp_path, by=by, train_dataset=rows)
    with pytest.raises(StoppedError, match="nonfinite"):
        host.train()
    host.train_dataset = data()
    host.model.norm.reset_running_stats()
    host.train()
    assert host.state.global_step == 6
    assert not host.lr_scheduler.journal


FREEZES = (
    pg.rule("norm", trainable=False),
    pg.rule("stem", trainable=False, until="50%"),
    pg.rule("body", trainable=False, start="50%"),
)


def left_over(model: torch.nn.Module) -> list[str]:
    """What of a training stays in a model beside its weights."""
    frozen = [name for name, one in model.named_parameters() if not one.requires_grad]
    return frozen + [name for name, one in model.named_modules() if "train" in vars(one)]


def test_what_the_plan_froze_is_let_go_of_when_training_is_over(tmp_path: Path) -> None:
    host = trainer(tmp_path, by=recipe(*FREEZES))
    before = {name: one.clone() for name, one in host.model.norm.state_dict().items()}
    host.train()
    assert all(torch.equal(one, before[name]) for name, one in host.model.norm.state_dict().items())
    assert left_over(host.model) == []


def test_what_the_user_froze_stays_frozen(tmp_path: Path) -> None:
    host = trainer(tmp_path, by=recipe(*FREEZES))
    host.model.stem.bias.requires_grad_(False)
    host.train()
    assert "stem.bias" in left_over(host.model)
    host.model.stem.bias.requires_grad_(True)
    host.train()
    assert left_over(host.model) == []
    assert "stem.bias" in planned(host.plan, 0)


def test_a_second_training_is_planned_anew_and_is_as_one_of_a_new_trainer(tmp_path: Path) -> None:
    host = trainer(tmp_path, by=recipe(*FREEZES))
    host.train()
    between = {name: one.clone() for name, one in host.model.state_dict().items()}
    host.args.num_train_epochs = 2
    host.train()
    assert host.lr_scheduler.last_epoch == host.plan.horizon.ticks == 12

    model = net()
    model.load_state_dict(between)
    other = trainer(tmp_path, model, by=recipe(*FREEZES), num_train_epochs=2)
    other.train()
    assert equal(host.model, other.model)


def test_what_the_user_froze_and_a_rule_thaws_late_is_the_users_again(tmp_path: Path) -> None:
    late = (pg.rule("stem", trainable=True), pg.rule("stem", trainable=False, until="50%"))
    host = trainer(tmp_path, by=recipe(*late), callbacks=[Stops(after=1)])
    host.model.stem.requires_grad_(False)
    with pytest.raises(KeyboardInterrupt):
        host.train()
    assert not any(row.trainable for row in pg.index(host.model) if row.name.startswith("stem."))


def test_what_an_earlier_plan_left_frozen_is_trained_and_let_go_of(tmp_path: Path) -> None:
    host = trainer(tmp_path, by=recipe())
    pg.build(pg.plan(host.model, recipe(pg.rule("stem", trainable=False)), steps=2))
    before = host.model.stem.weight.clone()
    host.train()
    assert host.model.stem.weight.requires_grad
    assert not torch.equal(host.model.stem.weight, before)


def test_a_training_after_an_interrupted_one_is_as_one_of_a_new_trainer(tmp_path: Path) -> None:
    host = trainer(
        tmp_path, by=recipe(*FREEZES), callbacks=[Stops(after=2)], train_sampling_strategy="sequential"
    )
    with pytest.raises(KeyboardInterrupt):
        host.train()
    assert left_over(host.model) == []
    host.model.load_state_dict(net().state_dict())
    host.remove_callback(Stops)
    host.train()

    other = trainer(tmp_path, by=recipe(*FREEZES), train_sampling_strategy="sequential")
    other.train()
    assert equal(host.model, other.model)


def test_a_batch_that_does_not_fit_is_tried_again_with_fewer_and_a_plan_of_its_own(tmp_path: Path) -> None:
    host = trainer(
        tmp_path,
        net(Full),
        by=recipe(*FREEZES),
        auto_find_batch_size=True,
        per_device_train_batch_size=3,
        train_dataset=data(8),
    )
    host.train()
    assert host.state.global_step == host.lr_scheduler.last_epoch == host.plan.horizon.ticks == 4
    at_once = trainer(
        tmp_path,
        net(Full),
        by=recipe(*FREEZES),
        per_device_train_batch_size=2,
        train_dataset=data(8),
    )
    at_once.train()
    assert equal(host.model, at_once.model)


def test_each_model_of_model_init_has_a_plan_of_its_own_and_the_recipe_may_be_another(tmp_path: Path) -> None:
    for name, rate in (("slow", 1e-4), ("fast", 1e-2)):
        (tmp_path / f"{name}.toml").write_text(recipe(lr=rate).to_toml())
    host = RecipeTrainer(
        args=named_arguments(
            tmp_path, recipe=str(tmp_path / "slow.toml"), train_sampling_strategy="sequential"
        ),
        model_init=lambda: net(),  # noqa: PLW0108  # the Trainer counts the arguments
        train_dataset=data(),
    )
    for name, rate in (("slow", 1e-4), ("fast", 1e-2)):
        host.args.recipe = str(tmp_path / f"{name}.toml")  # as a search over recipes does
        host.train()
        assert host.plan["body.weight"].lr == rate
        assert host.plan.planned_model() is host.model
    again = trainer(tmp_path, train_sampling_strategy="sequential")
    again.train()
    assert equal(host.model, again.model)


def test_the_recipe_may_be_a_path_and_one_of_the_arguments(tmp_path: Path) -> None:
    path = tmp_path / "tune.toml"
    path.write_text(recipe(lr=3e-3).to_toml())
    (args,) = HfArgumentParser(RecipeArguments).parse_args_into_dataclasses(
        ["--output_dir", str(tmp_path), "--recipe", str(path), "--max_steps", "1", "--use_cpu", "true"]
    )
    by_arguments = RecipeTrainer(net(), args, train_dataset=data())
    by_path = trainer(tmp_path, by=path)
    both = RecipeTrainer(net(), args, train_dataset=data(), recipe=recipe(lr=3e-3))
    for host in (by_arguments, by_path, both):
        assert host.plan["body.weight"].lr == 3e-3


def test_the_mixin_makes_any_trainer_one_of_recipes(tmp_path: Path) -> None:
    class Theirs(Trainer):
        def compute_loss(self, *given: Any, **named: Any) -> torch.Tensor:
            loss: torch.Tensor = super().compute_loss(*given, **named)
            return 2 * loss

    class Ours(RecipeMixin, Theirs):
        pass

    host = Ours(net(), arguments(tmp_path), train_dataset=data(), recipe=recipe())
    host.train()
    assert host.state.log_history[0]["loss"] > 1.0  # twice ln 2 or so
    assert "lr/head" in host.state.log_history[0]


def test_bf16_trains_with_rates_as_planned(tmp_path: Path) -> None:
    seen = Applied()
    host = trainer(tmp_path, bf16=True, callbacks=[seen])
    host.train()
    assert seen.rates == [planned(host.plan, step) for step in range(6)]
    assert not equal(host.model, net())


def test_the_trainer_clips_before_the_update(tmp_path: Path) -> None:
    host = trainer(tmp_path, max_grad_norm=1e-3, statistics=True)
    host.train()
    for log in host.state.log_history[:-1]:
        norms = [value for name, value in log.items() if name.startswith("grad_norm/")]
        assert sum(one**2 for one in norms) ** 0.5 == pytest.approx(1e-3, rel=1e-2)


def test_a_model_of_which_nothing_is_trained_is_refused(tmp_path: Path) -> None:
    host = trainer(tmp_path)
    host.model.requires_grad_(False)
    with pytest.raises(pg.ParamGroupsError, match="frozen"):
        host.train()


def test_a_rule_that_matches_nothing_is_refused_when_training_begins(tmp_path: Path) -> None:
    host = trainer(tmp_path, by=recipe(pg.rule("bdy", lr_scale=2)))
    with pytest.raises(pg.errors.NoMatchError, match='Nearest: "body"'):
        host.train()
    with pytest.raises(HostError, match="no recipe"):
        RecipeTrainer(net(), arguments(tmp_path), train_dataset=data())


def test_depth_that_the_structure_does_not_tell_is_told(tmp_path: Path) -> None:
    model = net()
    told = {name: place for place, (name, _) in enumerate(reversed(list(model.named_children())))}
    host = RecipeTrainer(
        model,
        arguments(tmp_path),
        train_dataset=data(),
        recipe=recipe(pg.recipes.layer_decay(0.5)),
        depth=told,
    )
    host.train()
    assert {row.name.split(".")[0]: row.depth for row in host.plan.index} == told
