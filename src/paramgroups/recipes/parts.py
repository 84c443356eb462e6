"""Ready-made parts of a recipe: what most people write by hand."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from paramgroups.errors import RuleError
from paramgroups.rules import Rule, rule
from paramgroups.select import stat


def no_decay(select: str = ":norm | :bias") -> Rule:
    """No weight decay on norms and biases.

    Args:
        select: Which parameters; add `| :embedding` to spare embeddings too.

    Example:
        >>> import paramgroups as pg
        >>> pg.recipes.no_decay()
        rule(':norm | :bias', weight_decay=0.0)

    Source: Goyal et al. 2017 (arXiv 1706.02677) for norms, He et al. 2019 (arXiv 1812.01187) for both.
    A selector by role replaces the lists of name parts that are usual.
    """
    # A model without norms or biases has nothing to spare, and that is no mistake.
    return rule(select, weight_decay=0.0, missing="ignore")


def backbone_head(backbone: float, head: float, select: str = ":head") -> list[Rule]:
    """A small rate for a pretrained backbone and a large one for a new head.

    Args:
        backbone: Rate of all but the head.
        head: Rate of the head.
        select: What the head is; say it where the model's own is not the one meant.

    Raises:
        RuleError: A rate is no number of at least 0.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.backbone_head(1e-3, 1e-2): print(rule)
        rule('~:head', lr=0.001)
        rule(':head', lr=0.01, group='head')
    """
    return [rule(f"~({select})", lr=backbone), rule(select, lr=head, group="head")]


def by_type(settings: Mapping[str, Mapping[str, Any]]) -> list[Rule]:
    """Settings by the type of the module that holds the parameter.

    Args:
        settings: For each class name (a base class counts too) what a rule would say.

    Raises:
        RuleError: There are no types, or a setting has no meaning.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.by_type({"Conv2d": {"lr": 0.01}, "Linear": {"lr": 0.1}}): print(rule)
        rule('@Conv2d', lr=0.01)
        rule('@Linear', lr=0.1)
    """
    if not isinstance(settings, Mapping) or not settings:
        raise RuleError('by_type: give settings for each type: by_type({"Conv2d": {"lr": 0.01}}).')
    return [rule(f"@{name}", **values) for name, values in settings.items()]


def by_magnitude(bounds: Sequence[float], lr_scales: Sequence[float], statistic: str = "rms") -> list[Rule]:
    """Factors on the rate by how large the weights of a tensor are.

    The values are read once, when planning, and kept in the plan.

    Args:
        bounds: Where one class ends and the next begins, ascending; k bounds make k + 1 classes.
        lr_scales: One factor for each class, of the smallest weights first.
        statistic: What is measured: `"rms"`, `"absmax"`, `"std"`, `"mean"` or `"norm"`.

    Raises:
        RuleError: The bounds do not ascend, or there is not one factor more than bounds.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.by_magnitude([0.1], [2.0, 0.5]): print(rule)
        rule('[rms<0.1]', lr_scale=2.0, missing='ignore')
        rule('[rms>=0.1]', lr_scale=0.5, missing='ignore')
    """
    bounds, scales = list(bounds), list(lr_scales)
    if not bounds or sorted(set(bounds)) != bounds or len(scales) != len(bounds) + 1:
        raise RuleError(
            f"by_magnitude(bounds={bounds}, lr_scales={scales}): give ascending bounds, and one factor more "
            "than bounds."
        )
    selectors = [stat(statistic, "<", bounds[0])]
    selectors += [stat(statistic, ">=", low) & stat(statistic, "<", high) for low, high in pairwise(bounds)]
    selectors.append(stat(statistic, ">=", bounds[-1]))
    # A class may be empty: which are, the weights decide.
    return [
        rule(selector, lr_scale=scale, missing="ignore")
        for selector, scale in zip(selectors, scales, strict=True)
    ]
