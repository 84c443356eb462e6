"""The import graph is the architecture: each layer imports only from the layers below it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "paramgroups"

# Bottom to top; those on one line do not import each other.
LAYERS = [
    {"errors", "_version"},
    {"indexing", "schedules", "optim", "journal"},
    {"select"},
    {"rules"},
    {"recipes", "control"},
    {"planning"},
    {"run"},
    {"auditing", "probing"},
    {"reporting"},
    {"integrations"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
WITHOUT_TORCH = ("errors", "schedules", "journal")
OPTIONAL = {
    "accelerate", "bitsandbytes", "ignite", "lightning", "matplotlib", "mlflow", "mmengine", "numba",
    "optuna", "peft", "plotly", "rich", "safetensors", "sklearn", "skorch", "tensorboard", "timm", "torchao",
    "transformers", "triton", "typer", "wandb",
}  # fmt: skip
MAY_LOAD_OPTIONAL = ("optim", "reporting", "integrations", "cli")
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py" or path.parent != SOURCE)


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    parts = (name.split(".") for name in imports(path))
    return {part[1] for part in parts if part[0] == "paramgroups" and len(part) > 1}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_layer_imports_only_from_layers_below(path: Path) -> None:
    layer = layer_of(path)
    for used in ours(path) - {layer}:
        assert LEVEL[used] < LEVEL[layer], f"{path.name} of {layer} imports {used}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_optional_packages_load_only_at_the_edges(path: Path) -> None:
    loaded = {name.split(".")[0] for name in imports(path)}
    if layer_of(path) not in MAY_LOAD_OPTIONAL:
        assert not loaded & OPTIONAL


@pytest.mark.parametrize(
    "path", [p for p in FILES if layer_of(p) in WITHOUT_TORCH], ids=lambda path: path.name
)
def test_schedules_and_the_journal_know_no_torch(path: Path) -> None:
    assert not {"torch", "numpy"} & {name.split(".")[0] for name in imports(path)}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_graph() -> dict[str, set[str]]:
    modules = {module_name(path): path for path in FILES}

    def owner(name: str) -> str | None:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name or None

    return {
        module: {found for name in imports(path) if (found := owner(name)) and found != module}
        for module, path in modules.items()
    }


def test_no_two_modules_import_each_other() -> None:
    graph = module_graph()

    def reaches(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            module = todo.pop()
            if module not in seen:
                seen.add(module)
                todo.extend(graph.get(module, ()))
        return seen

    assert not [module for module in graph if module in reaches(module)]


def test_files_stay_small() -> None:
    large = {str(path): lines for path in FILES if (lines := len(path.read_text().splitlines())) > 400}
    assert not large


def test_every_folder_of_the_house_has_a_level() -> None:
    assert {layer_of(path) for path in FILES} <= set(LEVEL)
