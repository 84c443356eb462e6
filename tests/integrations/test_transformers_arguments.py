"""Arguments of the Trainer beside a recipe: named, and the recipe wins; what cannot be is refused."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

import paramgroups as pg
from paramgroups.errors import FileError, HostError
from paramgroups.integrations.transformers import (
    RecipeArguments,
    RecipeCallback,
    RecipeMixin,
    RecipeTrainer,
)
from paramgroups.integrations.transformers.arguments import SAYS
from tests.integrations.transformers_cases import (
    Applied,
    arguments,
    data,
    little_garbage,  # noqa: F401  # a fixture
    named_arguments,
    net,
    planned,
    recipe,
    trainer,
)

pytestmark = pytest.mark.usefixtures("little_garbage")

GIVEN = {
    "learning_rate": 3e-4,
    "weight_decay": 0.1,
    "adam_beta1": 0.8,
    "adam_beta2": 0.9,
    "adam_epsilon": 1e-6,
    "optim": "sgd",
    "optim_args": "a=1",
    "optim_target_modules": "body",
    "lr_scheduler_type": "cosine",
    "lr_scheduler_kwargs": {"num_cycles": 2},
    "warmup_steps": 5,
}


def test_every_argument_that_there_is_is_tried_here() -> None:
    known = {one for one in SAYS if hasattr(TrainingArguments, one) or one in RecipeArguments.__match_args__}
    assert known == set(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_an_argument_that_says_what_the_recipe_says_is_named(tmp_path: Path, name: str) -> None:
    with pytest.warns(UserWarning, match=rf"^TrainingArguments: {name}=.*recipe's {SAYS[name]}\)\. The rec"):
        trainer(tmp_path, **{name: GIVEN[name]})


def test_all_are_named_in_one_warning_that_points_at_the_users_line(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="TrainingArguments: ") as told:
        host = RecipeTrainer(
            net(), arguments(tmp_path, **GIVEN), train_dataset=data(), recipe=recipe(), callbacks=[Applied()]
        )
    (one,) = told
    assert all(f"{name}=" in str(one.message) for name in GIVEN)
    assert "optim='sgd'" in str(one.message)
    assert one.filename == __file__
    host.train()  # said once
    seen = next(one for one in host.callback_handler.callbacks if isinstance(one, Applied))
    assert seen.rates == [planned(host.plan, step) for step in range(6)]
    assert type(host.lr_scheduler) is pg.Scheduler


def test_what_is_changed_later_is_named_when_training_begins(tmp_path: Path) -> None:
    host = trainer(tmp_path)
    host.args.learning_rate = 1.0  # as a search over rates does
    with pytest.warns(UserWarning, match=r"learning_rate=1.0"):
        host.train()


@pytest.mark.parametrize(
    ("by", "what"),
    [
        (recipe(clip_norm=1.0), "clip_norm"),
        (recipe(pg.rule("body", clip_norm=1.0)), "clip_norm"),
        (recipe(controllers=[pg.control.spike()]), r"spike\("),
    ],
    ids=["all", "some", "spike"],
)
def test_two_who_clip_are_named(tmp_path: Path, by: pg.Recipe, what: str) -> None:
    with pytest.warns(UserWarning, match=rf"max_grad_norm=1.0 clips .* recipe's {what}.* Both act"):
        trainer(tmp_path, by=by).train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer(tmp_path, by=by, max_grad_norm=0.0)
        trainer(tmp_path, by=recipe(controllers=[pg.control.spike(metric="loss")]))


def test_there_is_one_recipe(tmp_path: Path) -> None:
    path = tmp_path / "tune.toml"
    path.write_text(recipe(lr=1.0).to_toml())
    with pytest.raises(HostError, match=r"RecipeTrainer has no recipe\. Give recipe="):
        RecipeTrainer(net(), named_arguments(tmp_path), train_dataset=data())
    with pytest.raises(HostError, match=r"recipe= is one, and args.recipe=.*tune.toml' another"):
        RecipeTrainer(net(), named_arguments(tmp_path, recipe=str(path)), recipe=recipe())
    with pytest.raises(HostError, match="RecipeTrainer: recipe=3 is no recipe"):
        trainer(tmp_path, by=3)
    with pytest.raises(FileError, match=r"absent\.toml"):
        trainer(tmp_path, by=tmp_path / "absent.toml")


def test_the_path_of_the_arguments_may_be_a_path_and_is_written_into_logs(tmp_path: Path) -> None:
    (path := tmp_path / "tune.toml").write_text(recipe().to_toml())
    args = named_arguments(tmp_path, recipe=path)
    assert args.recipe == str(path)
    assert f'"recipe": "{path}"' in args.to_json_string()


@pytest.mark.parametrize("given", [recipe(), 3], ids=["recipe", "number"])
def test_a_recipe_of_the_arguments_is_a_path(tmp_path: Path, given: Any) -> None:
    with pytest.raises(HostError, match=r"RecipeArguments: recipe=.* is no path.*RecipeTrainer\(…, recipe="):
        named_arguments(tmp_path, recipe=given)


def test_the_mixin_comes_first() -> None:
    with pytest.raises(HostError, match=r"class Late\(RecipeMixin, Trainer\)"):
        type("Late", (Trainer, RecipeMixin), {})
    with pytest.raises(HostError, match=r"class Alone\(RecipeMixin, Trainer\)"):
        type("Alone", (RecipeMixin,), {})(recipe=recipe())


@pytest.mark.parametrize("name", ["create_optimizer", "create_scheduler"])
def test_a_trainer_that_makes_another_scheduler_is_refused(tmp_path: Path, name: str) -> None:
    def made(host: Any, *_: Any, **__: Any) -> Any:
        host.optimizer = torch.optim.SGD(host.model.parameters(), lr=0.1)
        if name == "create_scheduler":
            host.lr_scheduler = torch.optim.lr_scheduler.ConstantLR(host.optimizer)
        return host.optimizer

    late = type("Own", (RecipeTrainer,), {name: made})
    host = late(net(), arguments(tmp_path), train_dataset=data(), recipe=recipe())
    with pytest.raises(HostError, match="overrides create_optimizer or create_scheduler"):
        host.train()


def test_there_is_one_optimizer(tmp_path: Path) -> None:
    model = net()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    steps = torch.optim.lr_scheduler.ConstantLR(sgd)
    known: dict[str, Any] = {"model": model, "args": arguments(tmp_path), "recipe": recipe()}
    for pair in ((sgd, None), (sgd, steps), (None, steps)):
        with pytest.raises(HostError, match="optimizers= and a recipe both say what optimizes"):
            RecipeTrainer(**known, optimizers=pair)
    with pytest.raises(HostError, match="optimizer_cls_and_kwargs= and a recipe"):
        RecipeTrainer(**known, optimizer_cls_and_kwargs=(torch.optim.SGD, {"lr": 0.1}))


def test_there_is_one_callback(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="has a RecipeCallback of its own"):
        trainer(tmp_path, callbacks=[RecipeCallback()])
    host = trainer(tmp_path)
    host.add_callback(RecipeCallback)
    with pytest.raises(HostError, match="has a RecipeCallback of its own"):
        host.train()


@pytest.mark.parametrize(
    ("way", "why"),
    [("is_deepspeed_enabled", "DeepSpeed flattens"), ("is_fsdp_xla_enabled", "FSDP on XLA flattens")],
)
def test_ways_in_which_an_optimizer_does_not_see_parameters_are_refused(
    tmp_path: Path, way: str, why: str
) -> None:
    host = trainer(tmp_path)
    setattr(host, way, True)  # the packages themselves are not here
    with pytest.raises(HostError, match=f"RecipeTrainer: {why}.*FSDP2"):
        host.create_optimizer()


def test_an_optimizer_that_updates_within_backward_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match='optim="adalomo" makes updates within the backward pass'):
        trainer(tmp_path, optim="adalomo")


def test_the_norm_that_the_trainer_takes_spreads_what_is_not_finite(tmp_path: Path) -> None:
    """Why `nonfinite(alone=True)` holds back all groups here, with `max_grad_norm=0` too."""
    seen: list[bool] = []

    class Looks(TrainerCallback):
        def on_pre_optimizer_step(self, *_: Any, model: Any, **_known: Any) -> None:
            seen.append(bool(model.stem.weight.grad.isnan().all()))

    host = trainer(tmp_path, max_grad_norm=0.0, max_steps=2, callbacks=[Looks()])
    host.model.head.weight.register_hook(lambda grad: grad * float("nan"))
    host.train()
    assert seen == [True, True]
