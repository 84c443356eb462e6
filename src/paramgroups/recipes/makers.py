"""What a recipe's file may name by `use`."""

from paramgroups.recipes.depth import LayerDecay, layer_decay
from paramgroups.recipes.parts import backbone_head, by_magnitude, by_type, no_decay
from paramgroups.rules import Makers

MAKERS = Makers(
    values={"layer_decay": LayerDecay},
    rules={
        "backbone_head": backbone_head,
        "by_magnitude": by_magnitude,
        "by_type": by_type,
        "layer_decay": layer_decay,
        "no_decay": no_decay,
    },
)
