"""What a recipe's file may name by `use`."""

from paramgroups.recipes.depth import LayerDecay, layer_decay
from paramgroups.recipes.norms import frozen_norms, norm_rate
from paramgroups.recipes.parts import backbone_head, by_magnitude, by_type, no_decay
from paramgroups.recipes.thaws import ChainThaw, GradualUnfreezing
from paramgroups.recipes.unfreezing import chain_thaw, gradual_unfreezing, lp_ft
from paramgroups.rules import Makers

MAKERS = Makers(
    values={
        "chain_thaw": ChainThaw,
        "gradual_unfreezing": GradualUnfreezing,
        "layer_decay": LayerDecay,
    },
    rules={
        "backbone_head": backbone_head,
        "by_magnitude": by_magnitude,
        "by_type": by_type,
        "chain_thaw": chain_thaw,
        "frozen_norms": frozen_norms,
        "gradual_unfreezing": gradual_unfreezing,
        "layer_decay": layer_decay,
        "lp_ft": lp_ft,
        "no_decay": no_decay,
        "norm_rate": norm_rate,
    },
)
