"""Advice on batch norm, where it is due and where it is not."""

import pytest
from torch import nn

import paramgroups as pg
from paramgroups.recipes import frozen_norms, gradual_unfreezing


class Block(nn.Module):
    """A convolution and its batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2)


class Net(nn.Module):
    """A stem of its own, two blocks, a head: the root holds a batch norm too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.head = nn.Linear(2, 2)


def found(*rules: pg.Rule, model: nn.Module | None = None) -> dict[str, tuple[str, ...]]:
    plan = pg.plan(model or Net(), pg.Recipe(optimizer="sgd", lr=0.1, rules=rules), steps=10)
    return {one.code: one.names for one in plan.check() if one.code in ("PG015", "PG016")}


def both(*modules: str) -> tuple[str, ...]:
    return tuple(f"{module}.{part}" for module in modules for part in ("weight", "bias"))


FROZEN = pg.rule("**", trainable=False)
DUE: dict[str, tuple[list[pg.Rule], dict[str, tuple[str, ...]]]] = {
    "trained alone in one block": (
        [pg.rule("blocks.0.conv", trainable=False)],
        {"PG015": both("blocks.0.bn")},
    ),
    "trained alone for a time": (
        [pg.rule("blocks.1.conv", trainable=False, start=3, until=5)],
        {"PG015": both("blocks.1.bn")},
    ),
    "all trained, and nothing else": (
        [FROZEN, pg.rule("@_BatchNorm", trainable=True)],
        {"PG015": both("bn", "blocks.0.bn", "blocks.1.bn")},
    ),
    "trained in part": ([FROZEN, pg.rule("bn.bias", trainable=True)], {"PG015": both("bn")}),
    "frozen as a kind": ([frozen_norms("@_BatchNorm")], {}),
    "frozen as a kind, level by level": ([gradual_unfreezing(every=2), frozen_norms("@_BatchNorm")], {}),
    "frozen as a kind for a time": ([pg.rule("@_BatchNorm", trainable=False, start=4, until=7)], {}),
    "frozen as a kind once all have thawed": (
        [gradual_unfreezing(over=4), pg.rule("@_BatchNorm", trainable=False, start=6)],
        {},
    ),
    "frozen for the whole run, others for a time": (
        [frozen_norms("blocks.0.bn"), pg.rule("bn | blocks.1", trainable=False, until=5)],
        {"PG016": both("blocks.0.bn")},
    ),
    "frozen but for one": (
        [frozen_norms("@_BatchNorm"), pg.rule("blocks.1.bn", trainable=True)],
        {"PG016": both("bn", "blocks.0.bn")},
    ),
    "frozen alone for a time": (
        [pg.rule("blocks.0.bn", trainable=False, until=2)],
        {"PG016": both("blocks.0.bn")},
    ),
    "frozen in part": ([pg.rule("blocks.0.bn.bias", trainable=False)], {}),
    "a head alone": ([FROZEN, pg.rule("head", trainable=True)], {}),
    "whole blocks": ([pg.rule("blocks.0", trainable=False)], {}),
    "level by level": ([gradual_unfreezing(every=2)], {}),
    "nothing": ([], {}),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "wanted"), DUE.values(), ids=DUE)
def test_advice_is_given_where_it_is_due_and_nowhere_else(
    rules: list[pg.Rule], wanted: dict[str, tuple[str, ...]]
) -> None:
    assert found(*rules) == wanted


def test_other_norms_have_no_statistics() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), nn.Linear(2, 2))
    assert found(pg.rule("0.0", trainable=False), model=model) == {}


def test_a_batch_norm_with_nothing_beside_it_is_not_told() -> None:
    model = nn.Sequential(nn.Sequential(nn.BatchNorm1d(2)), nn.Linear(2, 2))
    assert found(pg.rule("1", trainable=False), model=model) == {}
    assert found(model=nn.BatchNorm1d(2)) == {}


def test_what_the_model_has_frozen_counts() -> None:
    model = Net()
    model.blocks[1].conv.requires_grad_(False)
    assert found(model=model) == {"PG015": both("blocks.1.bn")}


def test_the_advice_says_what_to_write() -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("blocks.0.conv", trainable=False)])
    (told,) = [one for one in pg.plan(Net(), recipe, steps=10).check() if one.code == "PG015"]
    assert told.severity == "advice"
    assert told.message.endswith(
        "the frozen weights were trained with: blocks.0.bn.weight, blocks.0.bn.bias."
    )
    assert told.fix == 'If that is not meant, freeze it with them: pg.recipes.frozen_norms("@_BatchNorm").'
