"""Ready-made rules, each with its source."""

from paramgroups.recipes.depth import LayerDecay, layer_decay
from paramgroups.recipes.makers import MAKERS
from paramgroups.recipes.parts import backbone_head, by_magnitude, by_type, no_decay

__all__ = [
    "MAKERS",
    "LayerDecay",
    "backbone_head",
    "by_magnitude",
    "by_type",
    "layer_decay",
    "no_decay",
]
