"""What a person meets first: the import, the command line, the files that are shipped."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import paramgroups

PUBLIC = (
    "index", "plan", "Plan", "rule", "per_parameter", "Recipe", "load_recipe", "recipes", "schedules",
    "select", "build", "Optimizer", "Scheduler", "ParamGroupsError",
)  # fmt: skip
ROOT = Path(paramgroups.__file__).parent
FACTORY = """from torch import nn
def factory():
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 2))
"""
GOOD = """optimizer = "adamw"
lr = 0.001
schedule = { use = "cosine" }
[[rules]]
select = ":norm | :bias"
weight_decay = 0.0
"""


def run(*words: str, here: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, *words], cwd=here, capture_output=True, text=True, timeout=60, check=False
    )


def test_neither_the_import_nor_help_loads_torch(tmp_path: Path) -> None:
    code = (
        "import sys, paramgroups, paramgroups.schedules\n"
        "from paramgroups.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert run("-W", "error", "-c", code, here=tmp_path).returncode == 0


def test_all_public_names_are_there() -> None:
    for word in PUBLIC:
        assert getattr(paramgroups, word) is getattr(paramgroups, word)
        assert word in dir(paramgroups)
    for word in ("parse", "name", "regex", "role", "type", "depth", "ndim", "rows", "stat", "where"):
        assert callable(getattr(paramgroups.select, word))


def test_it_is_typed() -> None:
    assert (ROOT / "py.typed").exists()
    stub = (ROOT / "__init__.pyi").read_text()
    for word in dir(paramgroups):
        assert f" as {word}\n" in stub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(FACTORY)
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "advised.toml").write_text('optimizer = "adamw"\nlr = 0.1\n')
    (tmp_path / "bad.toml").write_text('optimizer = "adamw"\nlr = "1e-4"\n')
    return tmp_path


def test_exit_codes_and_one_screen_without_a_traceback(folder: Path) -> None:
    plan = ["-m", "paramgroups", "plan", "mine:factory", "--steps", "100", "--recipe"]
    well, found, wrong = (run(*plan, f"{name}.toml", here=folder) for name in ("good", "advised", "bad"))
    assert (well.returncode, found.returncode, wrong.returncode) == (0, 1, 2)
    assert ":norm | :bias" in well.stdout
    assert "bad.toml" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert not wrong.stdout
    missing = run("-m", "paramgroups", "explain", "mine:factory", "0.weigth", "-r", "good.toml", here=folder)
    assert missing.returncode == 2


def test_an_error_on_the_command_line_gives_the_fix_in_its_words(folder: Path) -> None:
    """The schedule needs to know how long training is: an option says it there."""
    asked = run("-m", "paramgroups", "plan", "mine:factory", "--recipe", "good.toml", here=folder)
    assert asked.returncode == 2
    assert "--steps" in asked.stderr


def test_no_folder_bears_the_name_of_a_public_function() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    functions = {word for word in dir(paramgroups) if not inspect.ismodule(getattr(paramgroups, word))}
    assert not folders & functions
