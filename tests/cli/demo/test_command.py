"""The main job from end to end, made small; and what it is wrongly asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from paramgroups.cli.demo.command import run_demo
from paramgroups.cli.demo.comparison import Asked, Outcome
from paramgroups.cli.demo.files import save
from paramgroups.cli.demo.methods import METHODS
from paramgroups.cli.demo.packages import DemoError
from paramgroups.planning import load_recipe

RECIPES = [f"recipes/{method.name}.toml" for method in METHODS]
FILES = {"demo.png", "table.txt", "table.md", "recipe.toml", "plan.txt", "results.json", *RECIPES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome], asked: Asked) -> Path:
    out = tmp_path_factory.mktemp("demo") / "new" / "folder"
    assert set(save(out, outcomes, asked)) == FILES
    return out


def test_all_files_are_left(folder: Path) -> None:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == FILES


def test_each_recipe_loads_as_the_one_that_was_trained(folder: Path, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert load_recipe(folder / f"recipes/{outcome.method.name}.toml") == outcome.recipe


def test_the_recipe_to_copy_is_the_best_by_mean_and_says_so(folder: Path, outcomes: list[Outcome]) -> None:
    best = max(outcomes, key=lambda outcome: outcome.mean)
    assert load_recipe(folder / "recipe.toml") == best.recipe
    assert (folder / "recipe.toml").read_text().splitlines()[0].endswith(best.method.title)
    assert json.loads((folder / "results.json").read_text())["best"] == best.method.name


def test_the_tables_hold_every_recipe(folder: Path, outcomes: list[Outcome]) -> None:
    for name in ("table.txt", "table.md", "plan.txt"):
        text = (folder / name).read_text()
        assert all((o.plan.title if name == "plan.txt" else o.method.title) in text for o in outcomes)


def test_the_command_prints_its_table_and_leaves_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    run_demo(out=tmp_path / "out", seeds=1, steps=10, labels=1, quiet=True)
    printed = capsys.readouterr().out
    assert "Highest mean" in printed
    assert "Pretraining" not in printed
    assert (tmp_path / "out" / "demo.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seeds": 0}, "seeds=0"),
        ({"steps": 9}, "10 at least"),
        ({"labels": 0}, "1 to 59"),
        ({"labels": 60}, "1 to 59"),
    ],
)
def test_a_number_out_of_its_range_is_told_before_anything_runs(
    wrong: dict[str, int], told: str, tmp_path: Path
) -> None:
    with pytest.raises(DemoError, match=told):
        run_demo(out=tmp_path / "out", quiet=True, **({"seeds": 1, "steps": 10, "labels": 1} | wrong))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DemoError, match="cannot be written"):
        run_demo(out=tmp_path / "file", seeds=100_000, steps=10, labels=1, quiet=True)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, outcomes: list[Outcome], asked: Asked) -> None:
    (tmp_path / "plan.txt").mkdir()
    with pytest.raises(DemoError, match=r"cannot be written.*--out FOLDER"):
        save(tmp_path, outcomes, asked)


def test_the_package_alone_loads_no_torch() -> None:
    code = "import sys, paramgroups.cli.demo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  # our own code
