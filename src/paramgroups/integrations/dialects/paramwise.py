"""mmengine's `paramwise_cfg`: which of its settings decides for a parameter, in mmengine's own order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from paramgroups.integrations.dialects.places import Place

NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)
SWITCH = "bypass_duplicate"
CUSTOM = "custom_keys"
LR_MULT, DECAY_MULT = "lr_mult", "decay_mult"

MULTIPLIERS = (
    "bias_lr_mult", "bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult", "flat_decay_mult",
    "dcn_offset_lr_mult",
)  # fmt: skip
KNOWN = (CUSTOM, *MULTIPLIERS, SWITCH)


def longest_first(keys: Iterable[str]) -> list[str]:
    """The order in which custom keys are tried: the longest first, of equal ones by the alphabet."""
    return sorted(sorted(keys), key=len, reverse=True)


def deciding(path: str, keys: Sequence[str]) -> str | None:
    """The first of the keys that stands anywhere in a path; None where none does."""
    return next((key for key in keys if key in path), None)


def is_of_norm(place: Place) -> bool:
    """Whether it is of a layer that mmengine takes for a norm: torch's, or one derived from them."""
    return isinstance(place.module, NORMS)


def multipliers(place: Place, config: Mapping[str, Any]) -> dict[str, float]:
    """What a parameter that no custom key decides for is given, as `lr_mult` and `decay_mult`."""
    is_norm = is_of_norm(place)
    rates = {
        "dcn_offset_lr_mult": place.is_offset,
        "bias_lr_mult": place.is_bias and not (is_norm or place.deformable),
    }
    decays = {
        "norm_decay_mult": is_norm,
        "bias_decay_mult": place.is_bias and not place.deformable,
        "dwconv_decay_mult": place.is_depthwise,
        "flat_decay_mult": place.ndim == 1 and not place.deformable,
    }
    found = {LR_MULT: _first(rates, config), DECAY_MULT: _first(decays, config)}
    return {key: value for key, value in found.items() if value is not None}


def _first(holds: Mapping[str, bool], config: Mapping[str, Any]) -> Any:
    return next((config[key] for key, held in holds.items() if held and config.get(key) is not None), None)
