"""From what each parameter is told to a readable recipe: the common value, and rules for the others."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from paramgroups.indexing import Index, Row
from paramgroups.optim import optimizer_class
from paramgroups.recipes import LayerDecay
from paramgroups.rules import Recipe, Rule, rule
from paramgroups.rules.rule import SCALE
from paramgroups.select import Selector, parse
from paramgroups.select.covering import cover

Settings = Mapping[str, Any]
Said = Mapping[str, Settings]
"""By parameter, what it is told in our words: `lr_scale`, `weight_decay`, `beta1`."""

Part = tuple[Selector, dict[str, Any]]
"""Which parameters are told what."""

ALL = "**"
PRECISION = 9
"""A decay from level to level is written with so many digits after the point."""


def recipe_of(
    said: Said, index: Index, *, optimizer: Any, given: Settings, frozen: Collection[str] = ()
) -> Recipe:
    """The recipe by which a plan gives each parameter what it is told.

    Args:
        said: What each parameter is told; of the others nothing matters, since they are never trained.
        index: The parameters of the model.
        optimizer: The optimizer.
        given: What all get that are not told otherwise, the rate among it.
        frozen: Parameters that are trainable, and are not to be trained.
    """
    free = [row.name for row in index if row.name not in said]
    common = _common(said, index, optimizer, given)
    parts: list[Part] = [(cover(frozen, index), {"trainable": False})] if frozen else []
    for key in _ordered(said):
        base = 1.0 if key.endswith(SCALE) else common[key]
        values = {name: settings.get(key, base) for name, settings in said.items()}
        parts += _shortest(key, values, base, index, free)
    defaults = optimizer_class(optimizer).defaults
    said_of_all = {
        key: value
        for key, value in common.items()
        if key in given or key == "lr" or value != defaults.get(key, value)
    }
    return Recipe(optimizer=optimizer, rules=_together(parts), **said_of_all)


def _together(parts: Iterable[Part]) -> list[Rule]:
    """One rule for what is said of the same parameters, since hyperparameters do not disturb each other."""
    found: dict[str, dict[str, Any]] = {}
    for selector, settings in parts:
        found.setdefault(selector.text, {}).update(settings)
    return [rule(select, **settings) for select, settings in found.items()]


def _common(said: Said, index: Index, optimizer: Any, given: Settings) -> dict[str, Any]:
    """For each hyperparameter the value that stands in the recipe: the given one, else the most common."""
    defaults = optimizer_class(optimizer).defaults
    common = dict(given)
    for key in _ordered(said):
        if key not in given and not key.endswith(SCALE):
            default = defaults.get(key)
            sizes: Counter[Any] = Counter()
            for name, settings in said.items():
                sizes[settings.get(key, default)] += index[name].numel
            common[key] = sizes.most_common(1)[0][0]
    return common


def _ordered(said: Said) -> list[str]:
    """All that anybody is told: first what is set, then what is scaled, the rate first of all."""
    keys = dict.fromkeys(key for settings in said.values() for key in settings)
    return sorted(keys, key=lambda key: (key.removesuffix(SCALE) != "lr", key.endswith(SCALE)))


def _shortest(
    key: str, values: Mapping[str, Any], base: Any, index: Index, free: Iterable[str]
) -> list[Part]:
    ways = [_plainly(key, values, base, index, free)]
    if key == "lr" + SCALE:
        ways += _by_depth(values, index, free)
    return min(ways, key=lambda parts: len(repr(parts)))


def _plainly(key: str, values: Mapping[str, Any], base: Any, index: Index, free: Iterable[str]) -> list[Part]:
    """What is said of each value that is not the common one."""
    names: defaultdict[Any, list[str]] = defaultdict(list)
    for name, value in values.items():
        if value != base:
            names[value].append(name)
    return [(cover(found, index, free=free), {_key(key, value): value}) for value, found in names.items()]


def _key(key: str, value: Any) -> str:
    """Nothing at all is set, and not scaled: so it reads better."""
    return key.removesuffix(SCALE) if value == 0 else key


def _by_depth(values: Mapping[str, float], index: Index, free: Iterable[str]) -> Iterator[list[Part]]:
    """A decay with depth where it gives the very same numbers, and rules where it does not."""
    rows = [index[name] for name in values]
    for decay in _decays(values, rows):
        found = LayerDecay(decay).resolve(rows)
        exact = [row.name for row, value in zip(rows, found, strict=True) if value == values[row.name]]
        rest = {name: value for name, value in values.items() if name not in set(exact)}
        select = cover(exact, index, free=free) if rest else parse(ALL)
        told: Part = (select, {"lr" + SCALE: LayerDecay(decay)})
        yield [told, *_plainly("lr" + SCALE, rest, 1.0, index, free)]


def _decays(values: Mapping[str, float], rows: Iterable[Row]) -> list[float]:
    """The decay that explains most parameters, if one explains several levels."""
    found: dict[float, set[int]] = {}
    for row in rows:
        below, value = row.levels - 1 - row.depth, values[row.name]
        if below and 0 < value < 1:
            decay = round(value ** (1 / below), PRECISION)
            if 0 < decay < 1 and decay**below == value:
                found.setdefault(decay, set()).add(below)
    several = {decay: len(levels) for decay, levels in found.items() if len(levels) > 1}
    return [max(several, key=several.__getitem__)] if several else []
