"""Models, and what a plan and an optimizer say of them."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

import paramgroups as pg
from paramgroups.indexing import named_parameters

Numbers = dict[str, tuple[float, float]]


class Net(nn.Module):
    """`layer1` beside `layer10`, `head` beside `decode_head`; a depthwise convolution, a token."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 4))
        self.embed = nn.Conv2d(1, 4, 2)
        self.layer1 = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4))
        self.layer10 = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
        self.decode_head = nn.Linear(4, 2)
        self.head = nn.Linear(4, 2)


class Vit(nn.Module):
    """Spelt as MAE's and BEiT's are."""

    def __init__(self, depth: int = 3) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 4))
        self.pos_embed = nn.Parameter(torch.zeros(1, 5, 4))
        self.patch_embed = nn.Conv2d(1, 4, 2)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"norm1": nn.LayerNorm(4), "mlp": nn.Linear(4, 4)}) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 10)


def planned(model: nn.Module, recipe: pg.Recipe, **options: Any) -> Numbers:
    """The rate and decay of each trainable parameter by a plan of the recipe."""
    plan = pg.plan(model, recipe, **options)
    return {name: (row.lr, row.weight_decay) for name in plan if (row := plan[name]).row.trainable}


def held(groups: Iterable[Mapping[str, Any]], model: nn.Module) -> Numbers:
    """The rate and decay of each parameter by torch's groups."""
    names = {id(tensor): name for name, tensor in reversed(list(named_parameters(model)))}
    return {names[id(p)]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
