"""Ready-made rules, each with its source."""

from paramgroups.recipes.depth import LayerDecay, layer_decay
from paramgroups.recipes.lora import lora_plus
from paramgroups.recipes.makers import MAKERS
from paramgroups.recipes.norms import frozen_norms, norm_rate
from paramgroups.recipes.parts import backbone_head, by_magnitude, by_type, no_decay
from paramgroups.recipes.spreading import Spread
from paramgroups.recipes.thaws import ChainThaw, GradualUnfreezing
from paramgroups.recipes.tokens import new_tokens
from paramgroups.recipes.unfreezing import chain_thaw, gradual_unfreezing, lp_ft

__all__ = [
    "MAKERS",
    "ChainThaw",
    "GradualUnfreezing",
    "LayerDecay",
    "Spread",
    "backbone_head",
    "by_magnitude",
    "by_type",
    "chain_thaw",
    "frozen_norms",
    "gradual_unfreezing",
    "layer_decay",
    "lora_plus",
    "lp_ft",
    "new_tokens",
    "no_decay",
    "norm_rate",
]
