"""Ready-made rules, each with its source, and recipes from files."""

from paramgroups.recipes.depth import LayerDecay, layer_decay
from paramgroups.recipes.files import MAKERS, load_recipe
from paramgroups.recipes.parts import backbone_head, by_magnitude, by_type, no_decay

__all__ = [
    "MAKERS",
    "LayerDecay",
    "backbone_head",
    "by_magnitude",
    "by_type",
    "layer_decay",
    "load_recipe",
    "no_decay",
]
