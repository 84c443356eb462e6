"""How far the product of a controller's own factors may go."""

import math

from paramgroups.control.checks import LARGEST, SMALLEST


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
