"""MODEL: where it comes from, and what is wrong with it."""

from pathlib import Path

import pytest
from torch import nn

from paramgroups.cli.models import load_model
from paramgroups.errors import ModelError


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("text", ["zoo:make_net", "zoo:Net", "zoo:shelf.net"])
def test_what_is_called_is_built_on_meta(text: str) -> None:
    assert {parameter.device.type for parameter in load_model(text).parameters()} == {"meta"}


@pytest.mark.usefixtures("here")
def test_a_model_is_taken_as_it_is() -> None:
    assert {parameter.device.type for parameter in load_model("zoo:ready").parameters()} == {"cpu"}


def test_packages_are_searched_from_the_current_directory(here: Path) -> None:
    (here / "parts").mkdir()
    (here / "parts" / "nets.py").write_text("from zoo import make_net as make\n")
    assert isinstance(load_model("parts.nets:make"), nn.Module)


@pytest.mark.usefixtures("here")
def test_what_a_model_prints_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    load_model("zoo:make_net")
    assert capsys.readouterr() == ("", "making a net\n")


def test_timm_and_transformers_have_their_prefix() -> None:
    assert type(load_model("timm:resnet18")).__name__ == "ResNet"
    assert type(load_model("transformers:BertModel")).__name__ == "BertModel"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("text", ["", "zoo", "zoo:", ":make_net", "timm:", "transformers:", ":"])
def test_half_a_name_is_told_what_is_missing(text: str) -> None:
    with pytest.raises(ModelError, match=r"package.module:factory, timm:NAME, or transformers:") as told:
        load_model(text)
    assert f'"{text}"' in str(told.value)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("zo:make_net", 'there is no module "zo".\n  Nearest: "zoo"'),
        ("zoo.deep:make_net", 'there is no module "zoo.deep"'),
        ("qqqqq.deep:make_net", 'there is no module "qqqqq".\n  Modules of '),
        ("torch.nm:Linear", '"torch.nn"'),
        ("./zoo.py:make_net", "Write it with dots: zoo:factory."),
        ("models/zoo.py:make_net", "Write it with dots: models.zoo:factory."),
        ("..:make_net", "Write it with dots: module:factory."),
        ("zoo:make_nte", 'zoo has no "make_nte".\n  Nearest: "make_net"'),
        ("zoo:shelf.nte", 'shelf has no "nte".\n  Nearest: "net"'),
        ("zoo:qqqqq", "Write package.module:factory."),
        ("zoo:a b", 'zoo has no "a b"'),
        ("zoo:number", '"zoo:number" is no model: int.'),
        ("zoo:make_number", '"zoo:make_number" returned no model: int.'),
        (
            "zoo:make_with",
            "called without arguments: missing a required argument: 'width'.\n  Name a function",
        ),
        ("zoo:make_error", "RuntimeError: no such dataset\n  It is built on the meta device"),
        ("zoo:make_exit", "SystemExit: 3"),
    ],
)
def test_a_wrong_name_is_told_with_the_fix(text: str, told: str) -> None:
    with pytest.raises(ModelError) as error:
        load_model(text)
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("import sys; sys.exit(5)", "SystemExit: 5"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def make(:", "SyntaxError: invalid syntax (broken_net.py, line 1)"),
    ],
)
def test_a_module_that_fails_is_told_with_its_cause(here: Path, source: str, told: str) -> None:
    (here / "broken_net.py").write_text(source)
    with pytest.raises(ModelError, match='importing "broken_net" fails') as error:
        load_model("broken_net:make")
    assert told in str(error.value)
