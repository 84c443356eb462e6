"""How far the product of a controller's own factors may go."""

import math
from collections.abc import Container, Mapping
from typing import Any

from paramgroups.control.checks import LARGEST, SMALLEST


def anew(groups: Mapping[str, Mapping[str, Any]], names: Container[str]) -> dict[str, Mapping[str, Any]]:
    """What is remembered of groups where the rates of some were set anew: their factors are gone.

    >>> anew({"head": {"product": 0.25}, "stem": {"product": 0.5}}, ["head"])
    {'head': {'product': 1.0}, 'stem': {'product': 0.5}}
    """
    return {name: {**one, "product": 1.0} if name in names else one for name, one in groups.items()}


def bounded(product: float, factor: float, floor: float, ceiling: float | None) -> tuple[float, float]:
    """The product after one more factor, kept within its bounds, and the factor that was left of it.

    >>> bounded(0.25, 0.5, floor=0.2, ceiling=None)
    (0.2, 0.8)
    """
    asked = product * factor
    found = min(max(asked, floor or SMALLEST), ceiling or LARGEST)
    share = factor if found == asked else found / product
    # 0.1 × 0.1 is a bit more than a floor of 0.01: that is no cut.
    return found, 1.0 if math.isclose(found, product, rel_tol=1e-12) else share
