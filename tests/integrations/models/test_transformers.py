"""Models of transformers by folder and by class."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from paramgroups.errors import ModelError
from paramgroups.integrations.models.transformers import build

TINY = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 50,
}
Write = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    def write(text: str | None = None, **changes: Any) -> str:
        (tmp_path / "config.json").write_text(json.dumps(TINY | changes) if text is None else text)
        return str(tmp_path)

    return write


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("a connection was tried")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_folder_gives_its_architecture(folder: Write) -> None:
    model = build(folder())
    assert type(model).__name__ == "BertForSequenceClassification"
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    assert shapes["bert.embeddings.word_embeddings.weight"] == (50, 16)
    assert shapes["bert.encoder.layer.1.intermediate.dense.weight"] == (32, 16)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


@pytest.mark.parametrize("architectures", [None, []])
def test_a_folder_without_architecture_gives_the_base_model(folder: Write, architectures: Any) -> None:
    assert type(build(folder(architectures=architectures))).__name__ == "BertModel"


@pytest.mark.parametrize("name", ["BertModel", "BertForSequenceClassification", "T5ForConditionalGeneration"])
def test_a_class_has_its_default_configuration(name: str) -> None:
    model = build(name)
    assert type(model).__name__ == name
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("BertModle", r'has no class "BertModle".\n  Nearest: "BertModel"'),
        ("Qqqqqqqqqqq", r"\n  Give a folder that holds a config.json"),
        ("BertConfig", "is no model class with a configuration"),
        ("AutoModel", "is no model class with a configuration"),
        ("PreTrainedModel", "is no model class with a configuration"),
        ("pipeline", "is no model class with a configuration"),
        ("bert-base-uncased", "is no folder here, and nothing is fetched from a hub"),
        ("google/bert", "is no folder here, and nothing is fetched from a hub"),
        ("", "is no folder here"),
    ],
)
def test_a_wrong_class_is_told_with_the_fix(name: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        build(name)


def test_a_folder_without_configuration(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the folder holds no config.json"):
        build(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not a valid JSON"),
        ("[]", "its config.json cannot be used"),
        ("{}", "model_type"),
        ('{"model_type": "no_such_type"}', "no_such_type"),
        ('{"model_type": "bert", "architectures": ["BertForEverything"]}', 'no class "BertForEverything"'),
        ('{"model_type": "bert", "architectures": ["BertModel"], "hidden_size": -3}', "cannot be"),
        ('{"model_type": "bert", "architectures": [7]}', "architectures"),
    ],
)
def test_a_wrong_configuration_is_told(folder: Write, text: str, told: str) -> None:
    with pytest.raises(ModelError, match=told) as error:
        build(folder(text))
    assert len(str(error.value)) < 1000


def test_a_folder_runs_no_code(folder: Write, tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    where = folder(model_type="trap", auto_map={"AutoConfig": "trap.Config", "AutoModel": "trap.Model"})
    with pytest.raises(ModelError, match=r"config.json cannot be used"):
        build(where)
    assert not (tmp_path / "sprung").exists()


def test_a_configuration_that_points_to_a_hub_fetches_nothing(folder: Write) -> None:
    changes = {
        "model_type": "detr",
        "architectures": ["DetrForObjectDetection"],
        "backbone": "some/hub-model",
    }
    where = folder(**changes, use_timm_backbone=False, use_pretrained_backbone=True, backbone_config=None)
    with pytest.raises(ModelError):
        build(where)
