"""Ready-made parts of a recipe: what most people write by hand."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from paramgroups.errors import RuleError, shown
from paramgroups.optim import is_number
from paramgroups.rules import Rule, rule
from paramgroups.rules.checks import plain
from paramgroups.select import Selector, as_selector, stat
from paramgroups.select import type as module_type

NORMS_AND_BIASES = ":norm | :bias"


def no_decay(select: str | Selector = NORMS_AND_BIASES) -> Rule:
    """No weight decay on norms and biases.

    Args:
        select: Which parameters; write `":norm | :bias | :embedding"` to spare embeddings too. A selector
            of your own must match something; of norms and biases those are spared that there are.

    Raises:
        SelectorError: The selector is not in the language.

    Example:
        >>> import paramgroups as pg
        >>> pg.recipes.no_decay(":norm | :bias | :embedding")
        rule(':norm | :bias | :embedding', weight_decay=0.0)

    Source: Goyal et al. 2017 (arXiv 1706.02677) for norms, He et al. 2019 (arXiv 1812.01187) for both.
    A selector by role replaces the lists of name parts that are usual.
    """
    if select == NORMS_AND_BIASES:
        return rule(select, weight_decay=0.0, missing="ignore")
    return rule(select, weight_decay=0.0)


def backbone_head(backbone: float, head: float, select: str | Selector = ":head") -> list[Rule]:
    """A small rate for a pretrained backbone and a large one for a new head.

    Args:
        backbone: Rate of all but the head.
        head: Rate of the head.
        select: What the head is; say it where the model's own is not the one meant, or not found.

    Raises:
        RuleError: A rate is no number of at least 0.
        SelectorError: The selector is not in the language.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.backbone_head(1e-3, 1e-2): print(rule)
        rule('~:head', lr=0.001, group='backbone')
        rule(':head', lr=0.01, group='head')
    """
    chosen = as_selector(select)
    return [rule(~chosen, lr=backbone, group="backbone"), rule(chosen, lr=head, group="head")]


def by_type(settings: Mapping[Any, Mapping[str, Any]]) -> list[Rule]:
    """Settings by the type of the module that holds the parameter.

    Args:
        settings: For each class, or its name (a base class counts too), what a rule would say.

    Raises:
        RuleError: There are no types, or a setting has no meaning.
        SelectorError: A type is neither a class nor a name.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.by_type({"Conv2d": {"lr": 0.01}, "Linear": {"lr": 0.1}}): print(rule)
        rule('@Conv2d', lr=0.01)
        rule('@Linear', lr=0.1)
    """
    if not isinstance(settings, Mapping) or not settings:
        raise RuleError(
            f'by_type(settings={shown(settings)}): give settings for each type: {{"Conv2d": {{"lr": 0.01}}}}.'
        )
    return [rule(module_type(name), **_said(name, values)) for name, values in settings.items()]


def _said(name: Any, values: Any) -> dict[str, Any]:
    if not isinstance(values, Mapping) or not all(
        isinstance(key, str) and key != "selector" for key in values
    ):
        raise RuleError(
            f'by_type: {shown(name)} has {shown(values)}: write what a rule says: {{"lr": 0.01}}.'
        )
    return dict(values)


def by_magnitude(
    bounds: Sequence[float],
    lr_scales: Sequence[float],
    statistic: str = "rms",
    select: str | Selector = "[ndim>=2]",
) -> list[Rule]:
    """Factors on the rate by how large the weights of a tensor are.

    The values are read once, when planning, and kept in the plan.

    Args:
        bounds: Where one class ends and the next begins, ascending; k bounds make k + 1 classes.
        lr_scales: One factor for each class, of the smallest weights first.
        statistic: What is measured: `"rms"`, `"absmax"`, `"std"`, `"mean"` or `"norm"`.
        select: Which parameters are sorted: without biases and norms, which start as zeros and ones.

    Raises:
        RuleError: The bounds do not ascend, or there is not one factor more than bounds.
        SelectorError: There is no such statistic.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.by_magnitude([0.1], [2.0, 0.5]): print(rule)
        rule('[ndim>=2][rms<0.1]', lr_scale=2.0, missing='ignore')
        rule('[ndim>=2][rms>=0.1]', lr_scale=0.5, missing='ignore')
    """
    ends, scales = _numbers("bounds", bounds), _numbers("lr_scales", lr_scales)
    if not ends or any(low >= high for low, high in pairwise(ends)) or len(scales) != len(ends) + 1:
        raise RuleError(
            f"by_magnitude(bounds={shown(ends)}, lr_scales={shown(scales)}): give ascending bounds, and one "
            "factor more than bounds."
        )
    selectors = [stat(statistic, "<", ends[0])]
    selectors += [stat(statistic, ">=", low) & stat(statistic, "<", high) for low, high in pairwise(ends)]
    selectors.append(stat(statistic, ">=", ends[-1]))
    # A class may be empty: which are, the weights decide.
    return [
        rule(as_selector(select) & selector, lr_scale=scale, missing="ignore")
        for selector, scale in zip(selectors, scales, strict=True)
    ]


def _numbers(name: str, values: Any) -> Sequence[float]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, (list, tuple)):
        raise RuleError(f"by_magnitude: {name}={shown(values)} is no list. Write numbers: [0.1, 0.5].")
    found = [plain(f"by_magnitude: {name}", value) for value in values]
    if wrong := [value for value in found if not is_number(value)]:
        raise RuleError(
            f"by_magnitude: {name} holds {shown(wrong[0])}, which is no number. Write [0.1, 0.5]."
        )
    return found
