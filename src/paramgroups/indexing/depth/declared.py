"""Depth as a model or its user declares it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from torch import nn

from paramgroups.errors import ModelError, listing, nearest
from paramgroups.indexing.depth.level import Level

Declaration = Mapping[str, Any] | Callable[[str], Any]
Ordinal = tuple[float, ...]

# In a group matcher, what ends with this number goes with the group before it.
WITH_THE_GROUP_BEFORE = 99999
UNMATCHED: Ordinal = (float("inf"),)


def declared(depth: Declaration, names: Sequence[str]) -> list[Level]:
    """The level of each name, as the user declares it.

    Args:
        depth: A function of a name, that gives its level; a mapping of paths to levels, each for all that
            stands under the path, the longest path first; or a group matcher as timm's models have it, a
            mapping of group names to regular expressions, or to lists of (expression, suffix).
        names: Canonical names.

    Raises:
        ModelError: It is none of these, a name has no level, or a level is no whole number from 0.
    """
    if callable(depth):
        return _levels([_whole(_asked_of(depth, name), f'depth("{name}")') for name in names])
    if not isinstance(depth, Mapping) or not depth or not all(isinstance(key, str) for key in depth):
        raise ModelError(
            f"depth={depth!r} declares no depth. Give a function of a name, a mapping of paths to levels, "
            'such as {"embed": 0, "blocks.0": 1, "head": 2}, or a group matcher as timm has it.'
        )
    if all(isinstance(one, int | float) for one in depth.values()):
        return _levels(
            _by_path({path: _whole(one, f'depth["{path}"]') for path, one in depth.items()}, names)
        )
    return matched(depth, names)


def matched(matcher: Declaration, names: Sequence[str]) -> list[Level]:
    """The level of each name by a group matcher, with the meaning that timm gives it.

    The groups stand from the input to the output; within a group the numbers that its expression captures
    order the levels. What matches no expression is the top.
    """
    ordinal = matcher if callable(matcher) else _ordinals(matcher)
    keys = [_tuple(ordinal(name)) for name in names]
    ranks: dict[Ordinal, int] = {}
    for key in sorted(set(keys)):
        joined = ranks and key[-1] == WITH_THE_GROUP_BEFORE
        ranks[key] = max(ranks.values(), default=-1) + (not joined)
    return _levels([ranks[key] for key in keys])


def asked(model: nn.Module, names: Sequence[str]) -> list[Level] | None:
    """The levels by the `group_matcher()` of a model; None where it has none, or it tells no two apart."""
    method = getattr(model, "group_matcher", None)
    if not callable(method):
        return None
    try:
        matcher = method()
    except NotImplementedError:
        return None
    levels = matched(matcher, names) if matcher else []
    return levels if any(level.levels > 1 for level in levels) else None


def _levels(depths: Sequence[int]) -> list[Level]:
    levels = max(depths, default=0) + 1
    return [Level(depth, levels, "") for depth in depths]


def _asked_of(depth: Callable[[str], Any], name: str) -> Any:
    try:
        return depth(name)
    except Exception as error:
        raise ModelError(
            f'depth("{name}") raised {type(error).__name__}: {error}. It must return a level for each name.'
        ) from error


def _whole(level: Any, what: str) -> int:
    if isinstance(level, bool) or not isinstance(level, int) or level < 0:
        raise ModelError(
            f"{what} is {level!r}. A level is a whole number from 0, which is nearest the input."
        )
    return level


def _by_path(paths: Mapping[str, int], names: Sequence[str]) -> list[int]:
    found = [_longest(paths, name) for name in names]
    used = {path for path in found if path is not None}
    missing = [name for name, path in zip(names, found, strict=True) if path is None]
    if missing:
        raise ModelError(
            f"The declared depth names no level for {len(missing)} parameters: {listing(missing)}. "
            'Add their paths; "" is the path of all that has no other.'
        )
    for path in paths:
        if path and path not in used and not any(f"{name}.".startswith(f"{path}.") for name in names):
            raise ModelError(
                f'The declared depth names "{path}", which no parameter stands under. {nearest(path, names)}'
            )
    return [paths[path] for path in found if path is not None]


def _longest(paths: Mapping[str, int], name: str) -> str | None:
    path = name
    while path not in paths:
        if not path:
            return None
        path = path.rpartition(".")[0]
    return path


def _ordinals(matcher: Mapping[str, Any]) -> Callable[[str], Ordinal]:
    rules = [
        (_compiled(group, expression), place, suffix)
        for place, (group, said) in enumerate(matcher.items())
        if said is not None
        for expression, suffix in _pairs(group, said)
    ]

    def ordinal(name: str) -> Ordinal:
        for expression, place, suffix in rules:
            if found := expression.match(name):
                return _numbers((place,), found.groups(), suffix or ())
        return UNMATCHED

    return ordinal


def _pairs(group: str, said: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(said, str):
        return [(said, None)]
    try:
        return [(expression, suffix) for expression, suffix in said]
    except (TypeError, ValueError):
        raise ModelError(
            f'Group "{group}" of the group matcher is {said!r}. '
            "It is a regular expression, or a list of (expression, suffix)."
        ) from None


def _compiled(group: str, expression: Any) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except (re.error, TypeError) as error:
        raise ModelError(
            f'Group "{group}" of the group matcher: {expression!r} is no regular expression: {error}.'
        ) from error


def _numbers(*parts: Iterable[Any]) -> Ordinal:
    found = [one for one in chain.from_iterable(parts) if one is not None]
    try:
        return tuple(map(float, found))
    except (TypeError, ValueError) as error:
        raise ModelError(f"A group matcher captured {found!r}; what it captures must be numbers.") from error


def _tuple(ordinal: Any) -> Ordinal:
    return tuple(ordinal) if isinstance(ordinal, Iterable) else (ordinal,)
