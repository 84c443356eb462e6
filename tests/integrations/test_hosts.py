"""Hosts are imported when they are needed, and errors say what is wrong with them."""

import sys
from pathlib import Path

import pytest

from paramgroups.errors import ModelError
from paramgroups.integrations.hosts import LONGEST, cause, import_host, near


def test_a_host_that_is_there_is_imported() -> None:
    assert import_host("json").__name__ == "json"


def test_a_missing_host_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match=r'timm is not installed.\n  .*pip install "paramgroups\[timm\]"'):
        import_host("timm")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            'raise RuntimeError("operator torchvision::nms does not exist")',
            "RuntimeError: operator torchvision::nms",
        ),
        ("import no_such_part", "ModuleNotFoundError: No module named 'no_such_part'"),
    ],
)
def test_a_broken_host_names_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, told: str
) -> None:
    (tmp_path / "brokenhost.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match="brokenhost is installed, but does not load") as error:
        import_host("brokenhost")
    assert told in str(error.value)


def test_a_cause_fits_a_screen() -> None:
    assert len(cause(ValueError("x" * 10_000))) == LONGEST + 1


def test_a_cause_is_the_first_in_the_chain() -> None:
    error = ModuleNotFoundError("Could not import module 'BertModel'.")
    error.__cause__ = RuntimeError("operator torchvision::nms does not exist")
    assert cause(error) == "RuntimeError: operator torchvision::nms does not exist"


def test_near_names_up_to_three_or_says_the_other_thing() -> None:
    assert near("resnet", ["resnet18", "resnet34", "resnet50", "resnet51", "vgg"], "").count('"') == 6
    assert near("qqq", ["resnet18"], "Look there.") == "Look there."
