"""Models of timm by name."""

import socket
from typing import Any, NoReturn

import pytest

from paramgroups.errors import ModelError
from paramgroups.integrations.models.timm import build
from tests.support import import_timm

import_timm()


@pytest.mark.parametrize(("name", "numbers"), [("resnet18", 11_689_512), ("vit_tiny_patch16_224", 5_717_416)])
def test_a_model_has_its_shapes_and_no_values(name: str, numbers: int) -> None:
    parameters = list(build(name).parameters())
    assert {parameter.device.type for parameter in parameters} == {"meta"}
    assert sum(parameter.numel() for parameter in parameters) == numbers


def test_a_tag_of_weights_is_of_no_effect() -> None:
    assert sum(parameter.numel() for parameter in build("resnet18.a1_in1k").parameters()) == 11_689_512


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ModelError, match=r'has no model "resnt18".\n  Nearest: "resnet18"'):
        build("resnt18")


@pytest.mark.parametrize("name", ["", "qqqqqq", "Ünï"])
def test_a_name_far_from_all_is_told_where_to_look(name: str) -> None:
    with pytest.raises(ModelError, match=r"timm\.list_models"):
        build(name)


def test_an_unknown_tag_is_told_in_timms_words() -> None:
    with pytest.raises(ModelError, match="Invalid pretrained tag"):
        build("resnet18.none_such")


@pytest.mark.parametrize("name", ["hf_hub:timm/resnet18", "hf-hub:timm/resnet18", "local-dir:/tmp"])
def test_nothing_is_fetched_from_a_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("a connection was tried")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ModelError, match="Nothing is fetched from a hub"):
        build(name)
