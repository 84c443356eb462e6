"""Every block of Python in the documents runs, and every example of a docstring."""

import doctest
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from benchmarks.measure import RESULTS
from benchmarks.pages import page as page_on_speed
from benchmarks.pages import quoted
from paramgroups.auditing.checks import catalogue

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = [found.name for found in pkgutil.walk_packages(pg.__path__, "paramgroups.")]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

SHOWN = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.fc2(self.fc1(self.norm(x)).relu())
        return out


class Reader(nn.Module):
    """The model that the documents speak of: an embedding, a stem, four blocks, a head."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, width)
        self.stem = nn.Linear(width, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(4))
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(self.embed(x))
        for block in self.blocks:
            x = block(x)
        out: torch.Tensor = self.head(x.mean(1))
        return out


def loss_of(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    loss: torch.Tensor = model(batch).square().mean()
    return loss


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_python_runs_and_prints_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict[str, Any] = {
        "model": Reader(),
        "loader": [torch.randint(0, 50, (2, 5)) for _ in range(3)],
        "batch": torch.randint(0, 50, (2, 5)),
        "loss_of": loss_of,
    }
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, str(page), "exec"), names)  # noqa: S102  # the documents are ours
    printed = capsys.readouterr().out
    assert all(shown in printed for shown in SHOWN.findall(page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_toml_is_a_recipe_of_the_model(page: Path, tmp_path: Path) -> None:
    for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        (tmp_path / "recipe.toml").write_text(block)
        recipe = pg.load_recipe(tmp_path / "recipe.toml")
        assert len(pg.plan(Reader(), recipe, steps=100).groups) > 1


def test_the_readme_quotes_the_kept_ratios() -> None:
    kept = json.loads((RESULTS / "optimizer_step.json").read_text())
    lines = (ROOT / "README.md").read_text().splitlines()
    assert set(quoted(kept)) <= set(lines)


def test_the_page_on_training_names_every_finding() -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    rows = re.findall(r"^\| (PG\d+) \| (\w+) \|", page, re.MULTILINE)
    sources = (path.read_text() for path in (ROOT / "src" / "paramgroups" / "planning").glob("*checks.py"))
    assert rows == sorted(found for text in sources for found in re.findall(r'"(PG\d+)",\s*"(\w+)"', text))


def test_the_page_of_findings_has_each_kind_and_each_finding_leads_there() -> None:
    page = (ROOT / "docs" / "findings.md").read_text()
    told = re.findall(r"^### (PG\d+)\n\*\*(.+)\*\* \((\w+)\)", page, re.MULTILINE)
    kinds = catalogue().values()
    assert told == [(kind.code, kind.title, kind.severity) for kind in kinds]
    assert {kind.link.partition("#")[0] for kind in kinds} == {"docs/findings.md"}


def test_the_page_on_the_audit_names_codes_that_there_are() -> None:
    named = set(re.findall(r"PG\d{3}", (ROOT / "docs" / "audit.md").read_text()))
    assert named <= catalogue().keys()


@pytest.mark.parametrize("module", MODULES)
def test_every_example_of_a_docstring_runs(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0


def test_public_functions_have_an_example() -> None:
    public = [
        pg.index,
        pg.plan,
        pg.Plan,
        pg.rule,
        pg.Recipe,
        pg.build,
        pg.Optimizer,
        pg.Scheduler,
        pg.load_recipe,
        pg.plot,
    ]
    parts = [
        getattr(pg.recipes, name) for name in ("backbone_head", "by_magnitude", "by_type", "layer_decay")
    ]
    saving = [pg.save, pg.load, pg.name_state, pg.flatten_state, pg.unflatten_state]
    looking = [pg.audit, pg.watch, pg.silence, pg.assert_clean]
    for found in [*public, *saving, *looking, pg.per_parameter, *parts, pg.recipes.no_decay]:
        assert ">>> " in (found.__doc__ or ""), found


def test_links_between_documents_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_the_page_on_speed_is_made_of_the_kept_results() -> None:
    assert (ROOT / "docs" / "speed.md").read_text() == page_on_speed()
