"""How long a plan takes: 46,848 tensors and 20 rules, beside timm's layer decay and fnmatch.

Run: `python -m benchmarks.planning`. The results are kept in `benchmarks/results/planning.json`.
"""

import fnmatch
import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import paramgroups as pg
from benchmarks.measure import interleaved, save, show
from paramgroups.schedules import cosine, warmup
from tests.support import import_timm

LAYERS = 61
EXPERTS = 256
STEPS = 10_000
ROUNDS = 7
GLOBS = ("layers.1*", "*.up_proj.weight", "*.experts.7.*", "*.down_proj.weight", "layers.60.*")


class Expert(nn.Module):
    """Three matrices."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, width, bias=False)
        self.up_proj = nn.Linear(width, width, bias=False)
        self.down_proj = nn.Linear(width, width, bias=False)


class Layer(nn.Module):
    """A layer of experts."""

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert() for _ in range(experts))


class Mixture(nn.Module):
    """A mixture of experts in the shape of the largest open ones, for its names alone."""

    def __init__(self, layers: int, experts: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(experts) for _ in range(layers))


class Matched(Mixture):
    """The same, telling timm which layer is which."""

    def group_matcher(self, *, coarse: bool = False) -> dict[str, Any]:  # noqa: ARG002  # timm asks so
        """What timm reads."""
        return {"blocks": r"^layers\.(\d+)"}


def on_meta(cls: Callable[[int, int], Mixture], layers: int, experts: int) -> Mixture:
    """Such a model without values."""
    with torch.device("meta"):
        return cls(layers, experts)


def twenty_rules() -> pg.Recipe:
    """A recipe of twenty rules: paths, roles, types, attributes, operators."""
    selectors = (
        "layers.0", "layers.60", "layers.{10..20}", "layers.*.experts.{0..3}", "layers.*.experts.24.up_proj",
        "**.up_proj", "**.down_proj", "**.gate_proj[depth>=6]", ":linear", ":matrix - **.up_proj",
        "[ndim==2]", "[fan_in>=8]", "[numel>=64]", "layers.7 | layers.8", "~layers.3", "@Linear",
        "layers.{1,3,5}:matrix",
        "/layers\\.4\\..*/",
    )  # fmt: skip
    factors = (1 + place / 100 for place in range(len(selectors)))
    rules = [pg.rule(text, lr_scale=factor) for text, factor in zip(selectors, factors, strict=True)]
    rules = [pg.recipes.layer_decay(0.9), pg.recipes.no_decay(), *rules]
    return pg.Recipe(optimizer="adamw", lr=1e-3, schedule=warmup("5%").then(cosine()), rules=rules)


def main() -> None:
    """Measure, print and keep the results."""
    import_timm()
    layer_decay = importlib.import_module("timm.optim").param_groups_layer_decay
    recipe = twenty_rules()
    large, matched = on_meta(Mixture, LAYERS, EXPERTS), on_meta(Matched, LAYERS, EXPERTS)
    tenth = on_meta(Mixture, LAYERS, EXPERTS // 10)
    names = [name for name, _ in large.named_parameters()]
    plan = pg.plan(large, recipe, steps=STEPS)
    plan.explain(names[0])
    index = pg.index(large)
    times = interleaved(
        {
            "plan": lambda: pg.plan(large, recipe, steps=STEPS).groups,
            "plan of a tenth": lambda: pg.plan(tenth, recipe, steps=STEPS).groups,
            "index alone": lambda: pg.index(large),
            "plan of an index": lambda: pg.plan(index, recipe, steps=STEPS).groups,
            "explain one name": lambda: plan.explain(names[-1]),
            "timm param_groups_layer_decay": lambda: layer_decay(matched, layer_decay=0.9),
            "five fnmatch.filter": lambda: [fnmatch.filter(names, glob) for glob in GLOBS],
            "list(named_parameters())": lambda: list(large.named_parameters()),
        },
        ROUNDS,
    )
    tensors, fewer = len(names), len(list(tenth.parameters()))
    ratios = {
        "plan / timm": times["plan"] / times["timm param_groups_layer_decay"],
        "plan / five fnmatch.filter": times["plan"] / times["five fnmatch.filter"],
        "plan / list(named_parameters())": times["plan"] / times["list(named_parameters())"],
        "growth of time / growth of tensors": times["plan"] / times["plan of a tenth"] / (tensors / fewer),
    }
    counts = {
        "tensors": tensors,
        "tensors of a tenth": fewer,
        "rules": len(recipe.rules),
        "groups": len(plan.groups),
    }
    path = save("planning", {"counts": counts, "median seconds": times, "ratios": ratios})
    show(median_seconds=times, ratios=ratios)
    print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
