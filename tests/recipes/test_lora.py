from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import NoMatchError, RuleError, SelectorError
from paramgroups.recipes import layer_decay, lora_plus
from paramgroups.select import parse


class Adapter(nn.Module):
    """A linear layer with a low-rank adapter, named as PEFT and others name it."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(6, 6)
        self.lora_A, self.lora_B = nn.Linear(6, 2, bias=False), nn.Linear(2, 6)
        self.lora_magnitude_vector = nn.Parameter(torch.ones(6))


class Table(nn.Module):
    """An embedding with one."""

    def __init__(self) -> None:
        super().__init__()
        self.lora_embedding_A = nn.ParameterDict({"default": nn.Parameter(torch.ones(2, 20))})
        self.lora_embedding_B = nn.ParameterDict({"default": nn.Parameter(torch.ones(6, 2))})


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = Table()
        self.blocks = nn.ModuleList(Adapter() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 3)


def rates(*rules: Any, optimizer: Any = "adamw") -> dict[str, float]:
    made = pg.plan(Net(), pg.Recipe(optimizer=optimizer, lr=1e-3, rules=rules), steps=10)
    return {row.name: row.lr for row in made.rows if row.lr != 1e-3}


RAISED = {"blocks.0.lora_B.weight": 0.016, "blocks.1.lora_B.weight": 0.016}


def test_b_is_raised_and_no_vector_norm_head_or_embedding() -> None:
    assert rates(lora_plus()) == RAISED
    assert rates(lora_plus(4)) == dict.fromkeys(RAISED, 0.004)


def test_adapters_of_embeddings_have_a_rate_of_their_own() -> None:
    tables = {f"embed.lora_embedding_{side}.default": 1e-6 for side in "AB"}
    assert rates(lora_plus(16, lr_embedding=1e-6)) == RAISED | tables


@pytest.mark.parametrize("select", ["blocks.1", parse("blocks.1"), "~blocks.0"], ids=str)
def test_a_part_of_the_model(select: Any) -> None:
    assert rates(lora_plus(select=select)) == {"blocks.1.lora_B.weight": 0.016}


def test_it_scales_what_stands() -> None:
    found = rates(pg.rule("**", lr=1e-4), layer_decay(0.5), lora_plus(10))
    assert found["blocks.1.lora_B.weight"] == pytest.approx(10 * found["blocks.1.lora_A.weight"])


@pytest.mark.parametrize("optimizer", ["sgd", "lion", torch.optim.RMSprop], ids=str)
def test_any_optimizer_will_do(optimizer: Any) -> None:
    assert rates(lora_plus(), optimizer=optimizer) == RAISED


def test_no_group_is_without_members() -> None:
    rules: list[Any] = [lora_plus(), pg.recipes.no_decay()]
    model = Net()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.endswith(("lora_A.weight", "lora_B.weight"))
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=1e-3, rules=rules), steps=10)
    groups = plan.param_groups()
    assert [(group["lr"], len(group["params"])) for group in groups] == [(1e-3, 2), (0.016, 2)]


def test_what_is_raised_is_a_group_of_its_own() -> None:
    said = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[lora_plus(lr_embedding=1e-6)])
    groups = pg.plan(Net(), said, steps=10).groups
    assert {group.name: group.lr for group in groups} == {
        "default": 1e-3,
        "lora_B": 0.016,
        "lora_embedding": 1e-6,
    }


def test_a_ratio_of_one_is_a_rate_as_any_other() -> None:
    assert rates(lora_plus(1)) == {}


def test_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        'optimizer = "adamw"\nlr = 1e-4\n[[rules]]\nuse = "lora_plus"\nratio = 8\nlr_embedding = 1e-6\n'
    )
    loaded = pg.load_recipe(path)
    assert loaded.rules == tuple(lora_plus(8, lr_embedding=1e-6))
    path.write_text(loaded.to_toml())
    assert pg.load_recipe(path) == loaded


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"ratio": 0.5},
            r"lora_plus\(0.5\) would let B learn slower .*: pg.rule\(\":lora_B\", lr_scale=0.5\)",
        ),
        ({"ratio": -1}, "lora_plus: ratio=-1: a factor is at least 0"),
        ({"ratio": "16"}, "lora_plus: ratio='16' is no number. Write it without quotes: 16.0"),
        ({"ratio": float("nan")}, "ratio=nan is out of its domain"),
        ({"lr_embedding": -1e-6}, "lr=-1e-06 is out of its domain"),
    ],
    ids=str,
)
def test_what_is_no_ratio(given: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        lora_plus(**given)


def test_what_is_no_selector() -> None:
    with pytest.raises(SelectorError, match="A selector is text; found 3"):
        lora_plus(select=3)  # type: ignore[arg-type]  # the mistake


def test_a_model_without_adapters_is_refused() -> None:
    said = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[lora_plus()])
    with pytest.raises(NoMatchError, match=r'":lora_B\[ndim>=2\] - .*" matches none of 2 parameters'):
        pg.plan(nn.Linear(2, 2), said)
    said = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[lora_plus(lr_embedding=1e-6)])
    with pytest.raises(NoMatchError, match="lora_embedding_A"):
        pg.plan(Net().blocks, said)
