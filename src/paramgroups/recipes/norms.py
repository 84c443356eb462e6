"""Norm layers with rates of their own, or none."""

from paramgroups.rules import Rule, rule
from paramgroups.select import Selector

NORMS = ":norm"


def frozen_norms(select: str | Selector = NORMS) -> Rule:
    """Norm layers stand still: their parameters, and the running statistics of batch norm.

    Args:
        select: Which; `"@_BatchNorm"` for batch norm alone.

    Raises:
        SelectorError: The selector is not in the language; or, when planned, it matches nothing.

    Example:
        >>> import paramgroups as pg
        >>> pg.recipes.frozen_norms("@_BatchNorm")
        rule('@_BatchNorm', trainable=False)

    Source: He et al. 2015 (arXiv 1512.03385), appendix A, for detection; usual where batches are too small
    to measure by.
    """
    return rule(select, trainable=False)


def norm_rate(lr_scale: float, select: str | Selector = NORMS) -> Rule:
    """A rate of their own for norm layers, a small one as a rule.

    At 0 their parameters stand still while batch norm goes on measuring its statistics; `frozen_norms` holds
    both.

    Args:
        lr_scale: Factor on the rate, such as 0.1.
        select: Which.

    Raises:
        RuleError: The factor is no number of at least 0.
        SelectorError: The selector is not in the language; or, when planned, it matches nothing.

    Example:
        >>> import paramgroups as pg
        >>> pg.recipes.norm_rate(0.1)
        rule(':norm', lr_scale=0.1)
    """
    return rule(select, lr_scale=lr_scale)
