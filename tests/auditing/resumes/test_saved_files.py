"""Checkpoints on the disk: the files and folders of the world, and those that cannot be read."""

import json
import os
import pickle
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import StepLR
from torch.serialization import get_safe_globals, safe_globals

import paramgroups as pg
from paramgroups.auditing.resumes.saved_files import LARGEST_WHOLE, UnreadError, read_run
from tests.auditing.resumes.resumes import look, saved, train
from tests.auditing.setups import codes, small
from tests.support import import_transformers


def adamw(model: nn.Module) -> AdamW:
    return AdamW(model.parameters(), lr=0.1)


def stepped(optimizer: Any) -> StepLR:
    return StepLR(optimizer, 10)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_file_of_torch_save(tmp_path: Path, zipped: bool) -> None:  # noqa: FBT001  # a case
    path = tmp_path / "last.pt"
    torch.save(saved(small(), adamw, stepped), path, _use_new_zipfile_serialization=zipped)
    run = read_run(path)
    assert (len(run.optimizers), len(run.schedulers), len(run.shapes or ())) == (1, 1, 6)
    model = small()
    optimizer = adamw(model)
    assert not look(model, optimizer, str(path), stepped(optimizer))


class Config:
    """An object, which only its code makes whole."""

    def __init__(self) -> None:
        self.lr = 0.1


def test_the_arguments_of_a_script_are_plain_data(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    torch.save({**saved(small(), adamw), "args": Namespace(lr=0.1)}, path)
    for _ in range(2):
        assert len(read_run(path).optimizers) == 1
        assert Namespace not in get_safe_globals()
    with safe_globals([Namespace]):
        read_run(path)
        assert Namespace in get_safe_globals()


class Marked:
    """Leaves a file behind where its pickle is run."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.where),)


def test_code_in_a_file_is_refused_and_never_run(tmp_path: Path) -> None:
    model = small()
    path, mark = tmp_path / "last.pt", tmp_path / "ran"
    torch.save({"optimizer": adamw(model).state_dict(), "config": Config()}, path)
    findings = look(model, adamw(model), path)
    assert codes(findings) == ["PG307"]
    assert "holds code to run, " in findings[0].message
    assert "Config" in findings[0].message
    assert "torch.save({" in findings[0].fix
    for content in (Marked(mark), {"optimizer": Marked(mark)}):
        torch.save(content, path)
        assert codes(look(model, adamw(model), path)) == ["PG307"]
        path.write_bytes(pickle.dumps(content))
        assert codes(look(model, adamw(model), path)) == ["PG307"]
    assert not mark.exists()


def unread(path: Any) -> str:
    with pytest.raises(UnreadError) as caught:
        read_run(path)
    assert caught.value.fix
    return str(caught.value)


@pytest.mark.parametrize("length", [0, 3, 60, 500, 3000])
def test_a_file_that_was_cut_off(tmp_path: Path, length: int) -> None:
    path = tmp_path / "last.pt"
    torch.save(saved(small(), adamw), path)
    path.write_bytes(path.read_bytes()[:length])
    assert "cannot be read" in unread(path)


@pytest.mark.parametrize(
    "content",
    [
        b"lr = 0.1\n",
        b"\x80\x02.",
        b"PK\x03\x04" + bytes(100),
        b"\xff" * 8 + b"{",
        b"\x10" + bytes(7) + b"{" * 16,
        b"[",
    ],
    ids=["text", "pickle", "zip", "length", "json", "short"],
)
def test_what_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.safetensors"
    path.write_bytes(content)
    assert "last.safetensors" in unread(path)


def test_a_huge_file_of_the_old_format_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(b"\x80\x02")
    os.truncate(path, LARGEST_WHOLE + 1)  # no more than a hole on the disk
    assert "has 8,589,934,593 bytes in torch's old format" in unread(path)


def test_what_is_no_path_or_no_file(tmp_path: Path) -> None:
    assert "no such file" in unread(tmp_path / "none.pt")
    assert "cannot be read" in unread(3)
    assert "cannot be read" in unread("")
    os.mkfifo(tmp_path / "pipe")
    assert "cannot be read" in unread(tmp_path / "pipe")
    path = tmp_path / "list.pt"
    torch.save([1, 2], path)
    assert "holds [1, 2], and no dict of states" in unread(path)


def test_a_file_of_pg_save_and_a_damaged_one(tmp_path: Path) -> None:
    model = small()
    optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1), steps=10))
    train(model, optimizer, scheduler)
    path = tmp_path / "last"
    pg.save(path, model=model, optimizer=optimizer, scheduler=scheduler)
    run = read_run(path)
    assert run.by_name
    assert (run.shapes or {})["0.weight"] == (8, 4)
    assert run.optimizers[0]["state"][0]["exp_avg"].is_meta
    assert run.optimizers[0]["state"][0]["step"] == 3
    assert not look(model, optimizer, path, scheduler)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "damaged" in unread(path)
    pg.save(path, model=model)
    assert codes(look(model, optimizer, path)) == ["PG307"]


def test_weights_alone_in_safetensors_hold_no_optimizer(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    model = small()
    path = tmp_path / "model.safetensors"
    safetensors.save_file(model.state_dict(), path)
    findings = look(model, adamw(model), path)
    assert codes(findings) == ["PG307"]
    assert (read_run(path).shapes or {})["3.weight"] == (2, 8)


def test_the_pieces_of_a_large_model_are_read_together(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    model = small()
    weights = model.state_dict()
    files = {name: f"model-0000{1 + (name > '1.x')}-of-00002.safetensors" for name in weights}
    for file in sorted(set(files.values())):
        safetensors.save_file(
            {name: one for name, one in weights.items() if files[name] == file}, tmp_path / file
        )
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    torch.save(saved(model, adamw)["optimizer"], tmp_path / "optimizer.pt")
    assert len(read_run(tmp_path).shapes or ()) == 6
    assert not look(model, adamw(model), tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("[]")
    assert "is no index of weights" in unread(tmp_path)


def trainer(folder: Path, **options: Any) -> Any:
    transformers = import_transformers()
    config = transformers.BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    model = transformers.BertForSequenceClassification(config)
    rows = [{"input_ids": torch.arange(1, 6), "labels": torch.tensor(n % 2)} for n in range(8)]
    given = {"report_to": "none", "use_cpu": True, "save_steps": 2, "max_steps": 2, "disable_tqdm": True}
    arguments = transformers.TrainingArguments(
        str(folder), per_device_train_batch_size=2, **{**given, **options}
    )
    return transformers.Trainer(model, arguments, train_dataset=rows)


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_transformers_trainer(tmp_path: Path) -> None:
    trainer(tmp_path).train()
    folder = tmp_path / "checkpoint-2"
    again = trainer(tmp_path)
    again.create_optimizer_and_scheduler(num_training_steps=2)
    assert not look(again.model, again.optimizer, folder, again.lr_scheduler)
    assert not look(again.model, again.optimizer, str(folder))
    other = trainer(tmp_path, learning_rate=1e-3, weight_decay=0.1)
    other.create_optimizer_and_scheduler(num_training_steps=2)
    findings = look(other.model, other.optimizer, folder, other.lr_scheduler)
    assert codes(findings) == ["PG305"]
    assert "lr 0.001 now, 5e-05 saved before its schedule, weight_decay 0.1 now, 0 saved" in findings[
        0
    ].message.replace("0.0 saved", "0 saved")
    findings = look(again.model, adamw(again.model), folder)
    assert "PG303" in codes(findings)
    findings = look(again.model, again.optimizer, tmp_path)
    assert codes(findings) == ["PG307"]
    assert "checkpoint-2/" in findings[0].message


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_accelerate(tmp_path: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    host = accelerate.Accelerator(cpu=True)
    model = small()
    plain = adamw(model)
    prepared, optimizer, scheduler = host.prepare(model, plain, stepped(plain))
    train(prepared, optimizer, scheduler)
    host.save_state(str(tmp_path))
    fresh = small()
    again = adamw(fresh)
    run = read_run(tmp_path)
    assert (len(run.optimizers), len(run.schedulers), len(run.shapes or ())) == (1, 1, 6)
    assert not look(fresh, again, tmp_path, stepped(again))
    assert not look(model, optimizer, tmp_path, scheduler)
    assert codes(look(fresh, AdamW([*fresh.parameters()][::-1], lr=0.1), tmp_path)) == ["PG301"]


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_folders_that_cannot_be_read_yet_say_what_to_do(tmp_path: Path) -> None:
    from torch.distributed.checkpoint.state_dict_saver import save  # noqa: PLC0415  # loads much

    model = small()
    folder = tmp_path / "dcp"
    save({"model": model.state_dict()}, checkpoint_id=folder, no_dist=True)
    findings = look(model, adamw(model), folder)
    assert codes(findings) == ["PG307"]
    assert "is of torch.distributed.checkpoint" in findings[0].message
    assert "dcp_to_torch" in findings[0].fix
    deep = tmp_path / "deepspeed"
    (deep / "global_step3").mkdir(parents=True)
    assert "DeepSpeed" in unread(deep)
    (tmp_path / "empty").mkdir()
    assert "holds no optimizer's state. It holds: nothing." in unread(tmp_path / "empty")


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_of_lightning(tmp_path: Path) -> None:
    import_transformers()  # torchvision's operators, which Lightning's metrics want
    lightning: Any = pytest.importorskip("lightning")

    class Task(lightning.LightningModule):  # type: ignore[misc]  # it is imported late
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net, self.lr = small(), lr

        def training_step(self, batch: Any, _: int) -> Any:
            return self.net(batch[0]).square().mean()

        def configure_optimizers(self) -> Any:
            optimizer = AdamW(self.parameters(), lr=self.lr)
            return [optimizer], [stepped(optimizer)]

    rows = torch.utils.data.TensorDataset(torch.ones(8, 4))
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
    }
    host = lightning.Trainer(max_epochs=2, default_root_dir=tmp_path, **quiet)
    host.fit(Task(), torch.utils.data.DataLoader(rows, batch_size=4))
    path = tmp_path / "last.ckpt"
    host.save_checkpoint(path)
    task = Task()
    optimizers, schedulers = task.configure_optimizers()
    assert not look(task, optimizers, path, schedulers)
    assert not look(task.net, optimizers, path, schedulers)
    faster = Task(lr=0.3)
    assert codes(look(faster, faster.configure_optimizers()[0], path)) == ["PG305"]
