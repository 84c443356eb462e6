"""A missing package is an error that says what to install."""

import sys
from pathlib import Path

import pytest

from paramgroups.cli.demo.command import run_demo
from paramgroups.cli.demo.packages import DemoError, needed
from paramgroups.errors import ParamGroupsError


def test_what_is_there_is_given() -> None:
    assert needed("sklearn.datasets").__name__ == "sklearn.datasets"


@pytest.mark.parametrize(
    ("module", "package"), [("sklearn.datasets", "sklearn"), ("matplotlib.figure", "matplotlib")]
)
def test_without_it_nothing_starts(
    module: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        DemoError, match=rf'needs {package}(.|\n)*pip install "paramgroups\[demo\]"'
    ) as raised:
        run_demo(out=tmp_path / "out", seeds=1, steps=10, labels=1, quiet=True)
    assert isinstance(raised.value, ParamGroupsError)
    assert not (tmp_path / "out").exists()
