"""Going on from a Trainer's checkpoint: bit-equal, in the middle of anything."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    TrainerCallback,
    ViTConfig,
    ViTForImageClassification,
)

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.transformers import RecipeTrainer
from paramgroups.integrations.transformers.weights import lacking, load_converted
from tests.integrations.transformers_cases import (
    Applied,
    Stops,
    arguments,
    data,
    equal,
    little_garbage,  # noqa: F401  # a fixture
    net,
    planned,
    recipe,
    trainer,
)

pytestmark = pytest.mark.usefixtures("little_garbage")
SAVES = {"save_strategy": "steps", "save_steps": 1, "num_train_epochs": 2}


class Edits(TrainerCallback):
    """A user who changes a rate in the course of training."""

    def on_step_end(self, _args: Any, state: Any, *_: Any, **known: Any) -> None:
        if state.global_step == 2:
            known["lr_scheduler"].scale("head", 0.5)
        if state.global_step == 9:
            known["optimizer"].param_groups[0]["lr"] *= 0.9


def rich() -> pg.Recipe:
    """Gradual unfreezing, windows, a controller and guards."""
    return recipe(
        pg.recipes.gradual_unfreezing(over="60%"),
        pg.rule("norm", trainable=False, until="1 epoch"),
        pg.rule(":bias", weight_decay=0.0),
        controllers=[
            pg.control.plateau("body", "eval_loss", patience=1),
            pg.control.spike(metric="loss", least=3),
            pg.control.rollback(after=3, every=4),
        ],
    )


def host_of(folder: Path, **said: Any) -> Any:
    known = {"callbacks": [Edits()], "eval_dataset": data(4), "eval_strategy": "steps", "eval_steps": 2}
    return trainer(folder, by=rich(), **(SAVES | known | {"max_grad_norm": 0.0} | said))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Any:
    host = host_of(tmp_path_factory.mktemp("unbroken"))
    host.train()
    return host


@pytest.mark.parametrize("step", [1, 2, 5, 6, 9, 11])
def test_a_resume_is_bit_equal_to_the_unbroken_run(unbroken: Any, tmp_path: Path, step: int) -> None:
    host = host_of(tmp_path)
    with torch.no_grad():
        for one in host.model.parameters():
            one.zero_()  # all comes from the checkpoint
    host.train(resume_from_checkpoint=f"{unbroken.args.output_dir}/checkpoint-{step}")
    assert equal(host.model, unbroken.model)
    assert host.lr_scheduler.journal == unbroken.lr_scheduler.journal
    assert {event.cause for event in host.lr_scheduler.journal} >= {"scale", "written"}
    later = [log for log in unbroken.state.log_history if "loss" in log and log["step"] > step]
    told = [log for log in host.state.log_history if "loss" in log and log["step"] > step]
    assert later == told


def test_an_interrupted_training_goes_on_in_the_same_trainer(unbroken: Any, tmp_path: Path) -> None:
    host = host_of(tmp_path, callbacks=[Edits(), Stops(after=7)])
    with pytest.raises(KeyboardInterrupt):
        host.train()
    host.remove_callback(Stops)
    host.train(resume_from_checkpoint=True)
    assert host.state.global_step == 12
    assert equal(host.model, unbroken.model)


def test_accumulated_batches_are_resumed_too(tmp_path: Path) -> None:
    said = {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2}
    whole = host_of(tmp_path / "whole", **said)
    whole.train()
    part = host_of(tmp_path / "part", **said)
    part.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-5"))
    assert equal(whole.model, part.model)


def test_without_skipping_data_rates_are_those_of_the_step_all_the_same(
    unbroken: Any, tmp_path: Path
) -> None:
    seen = Applied()
    host = trainer(tmp_path, ignore_data_skip=True, callbacks=[seen], **SAVES)
    host.train(resume_from_checkpoint=_plain_checkpoint(tmp_path))
    assert seen.rates == [planned(host.plan, step) for step in range(4, 12)]
    assert unbroken.state.global_step == host.state.global_step == 12


def _plain_checkpoint(folder: Path, **said: Any) -> str:
    host = trainer(folder / "first", callbacks=[Stops(after=5)], **(SAVES | said))
    with pytest.raises(KeyboardInterrupt):
        host.train()
    return str(folder / "first" / "checkpoint-4")


def test_a_longer_training_goes_on_with_the_new_length(tmp_path: Path) -> None:
    seen = Applied()
    host = trainer(tmp_path, callbacks=[seen], **(SAVES | {"num_train_epochs": 3}))
    host.train(resume_from_checkpoint=_plain_checkpoint(tmp_path))
    assert host.plan.horizon.ticks == 18
    assert seen.rates == [planned(host.plan, step) for step in range(4, 18)]


def test_a_checkpoint_without_a_scheduler_is_told(tmp_path: Path) -> None:
    folder = _plain_checkpoint(tmp_path, save_only_model=True)
    host = trainer(tmp_path, **SAVES)
    with pytest.warns(UserWarning, match=r"goes on from step 4, and the checkpoint has no state"):
        host.train(resume_from_checkpoint=folder)


def test_the_best_model_is_loaded_at_the_end(tmp_path: Path) -> None:
    best = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "save_strategy": "best"}
    host = host_of(tmp_path, **best)
    host.train()
    saved = load_file(Path(host.state.best_model_checkpoint) / "model.safetensors")
    assert all(torch.equal(saved[name], one) for name, one in host.model.state_dict().items())
    assert all(one.requires_grad for one in host.model.parameters())


@pytest.mark.parametrize("restored", ["left", "restored"])
def test_what_selectors_measured_is_not_measured_again(tmp_path: Path, restored: str) -> None:
    by = recipe(pg.rule("[rms>0.3]", lr_scale=3), weight_decay=1.0)
    said = {"restore_callback_states_from_checkpoint": restored == "restored", **SAVES}
    whole = trainer(tmp_path / "whole", by=by, **said)
    with torch.no_grad():
        whole.model.body.weight.mul_(0.301 / whole.model.body.weight.square().mean().sqrt())
    start = {name: one.clone() for name, one in whole.model.state_dict().items()}
    whole.train()
    assert whole.plan["body.weight"].lr == pytest.approx(3e-2)
    assert whole.model.body.weight.square().mean().sqrt() < 0.3

    model = net()
    model.load_state_dict(start)
    part = trainer(tmp_path / "part", model, by=by, **said)
    part.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-11"))
    assert part.plan["body.weight"].lr == pytest.approx(3e-2)
    assert equal(whole.model, part.model)
    assert "lr/head" in part.state.log_history[-2]


def vit() -> Any:
    torch.manual_seed(0)
    return ViTForImageClassification(
        ViTConfig(
            image_size=8,
            patch_size=4,
            num_channels=1,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=8,
            num_labels=3,
        )
    )


def vit_host(folder: Path, **said: Any) -> Any:
    rows = [{"pixel_values": torch.full((1, 8, 8), float(one)), "labels": one % 3} for one in range(12)]
    by = pg.Recipe(optimizer="adamw", lr=1e-2, rules=[pg.recipes.layer_decay(0.5)])
    args = arguments(folder, **(SAVES | said))
    return RecipeTrainer(vit(), args, train_dataset=rows, eval_dataset=rows[:3], recipe=by)


def test_weights_that_are_saved_under_other_names_are_loaded(tmp_path: Path) -> None:
    whole = vit_host(tmp_path / "whole")
    whole.train()
    kept = tmp_path / "whole" / "checkpoint-2"
    missing = set(whole.model.state_dict()) - set(load_file(kept / "model.safetensors"))
    assert lacking(whole.model, missing)  # else this test says nothing
    part = vit_host(tmp_path / "part")
    part.train(resume_from_checkpoint=str(kept))
    assert equal(whole.model, part.model)


def test_the_best_model_is_loaded_also_where_it_is_saved_under_other_names(tmp_path: Path) -> None:
    best = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "eval_strategy": "steps"}
    host = vit_host(tmp_path, **best, eval_steps=1, greater_is_better=True)  # the worst, so not the last
    host.train()
    folder = host.state.best_model_checkpoint
    assert not folder.endswith(f"-{host.state.global_step}")
    assert equal(host.model, type(host.model).from_pretrained(folder))


def test_weights_that_a_checkpoint_has_not_are_an_error(tmp_path: Path) -> None:
    whole = vit_host(tmp_path / "whole")
    whole.train()
    kept = tmp_path / "whole" / "checkpoint-2"
    weights = load_file(kept / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, kept / "model.safetensors", {"format": "pt"})
    with pytest.raises(HostError, match=r"holds no classifier.weight, which the model has"):
        vit_host(tmp_path / "part").train(resume_from_checkpoint=str(kept))
    with pytest.raises(HostError, match=r"holds no stem.bias"):
        load_converted(net(), str(kept), ["stem.bias"])


def lora_host(folder: Path, **said: Any) -> Any:
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["query", "value"], modules_to_save=["classifier"])
    small = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    bert = BertForSequenceClassification(BertConfig(vocab_size=20, **small))
    rows = [{"input_ids": torch.arange(one, one + 5) % 20, "labels": one % 2} for one in range(24)]
    rules = [pg.rule(":lora_B", lr_scale=16, group="B"), pg.rule(":lora_A", trainable=False, until="50%")]
    by = pg.Recipe(optimizer="adamw", lr=1e-3, rules=rules)
    args = arguments(folder, **(SAVES | said))
    return RecipeTrainer(get_peft_model(bert, config), args, train_dataset=rows, recipe=by)


@pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)  # peft asks for it
@pytest.mark.parametrize("step", [2, 9])
def test_adapters_are_resumed_bit_equal(tmp_path: Path, step: int) -> None:
    whole = lora_host(tmp_path / "whole")
    whole.train()
    part = lora_host(tmp_path / "part")
    part.train(resume_from_checkpoint=str(tmp_path / "whole" / f"checkpoint-{step}"))
    assert equal(whole.model, part.model)
    assert whole.state.log_history[0]["lr/B"] == 16e-3
    trained = [name for name, one in part.model.named_parameters() if one.requires_grad]
    assert any("lora_A" in name for name in trained)
    assert not any("embeddings" in name for name in trained)


def test_a_tied_weight_is_loaded_by_one_of_its_names() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    assert lacking(model, ["1.weight"]) == []
    assert lacking(model, ["0.weight", "1.weight"]) == ["0.weight", "1.weight"]
