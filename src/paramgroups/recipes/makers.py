"""What a recipe's file may name by `use`."""

from paramgroups.recipes.depth import LayerDecay, layer_decay
from paramgroups.recipes.lora import lora_plus
from paramgroups.recipes.norms import frozen_norms, norm_rate
from paramgroups.recipes.parts import backbone_head, by_magnitude, by_type, no_decay
from paramgroups.recipes.spreading import Spread
from paramgroups.recipes.thaws import ChainThaw, GradualUnfreezing
from paramgroups.recipes.tokens import new_tokens
from paramgroups.recipes.unfreezing import chain_thaw, gradual_unfreezing, lp_ft
from paramgroups.rules import Makers

MAKERS = Makers(
    values={
        "chain_thaw": ChainThaw,
        "gradual_unfreezing": GradualUnfreezing,
        "layer_decay": LayerDecay,
        "spread": Spread,
    },
    rules={
        "backbone_head": backbone_head,
        "by_magnitude": by_magnitude,
        "by_type": by_type,
        "chain_thaw": chain_thaw,
        "frozen_norms": frozen_norms,
        "gradual_unfreezing": gradual_unfreezing,
        "layer_decay": layer_decay,
        "lora_plus": lora_plus,
        "lp_ft": lp_ft,
        "new_tokens": new_tokens,
        "no_decay": no_decay,
        "norm_rate": norm_rate,
    },
)
