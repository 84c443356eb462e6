"""A `paramwise_cfg` found for a plan: multipliers of norms and biases, and custom keys for all else.

The longest key that stands anywhere in a name decides for it; where none does, the kinds of layers do.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from paramgroups.integrations.dialects.factors import factor
from paramgroups.integrations.dialects.paramwise import (
    CUSTOM,
    DECAY_MULT,
    LR_MULT,
    deciding,
    is_of_norm,
    longest_first,
    multipliers,
)
from paramgroups.integrations.dialects.places import Place, places
from paramgroups.integrations.dialects.writing import LOST, rate_factor
from paramgroups.optim import optimizer_class, pack
from paramgroups.planning import Plan

Config = dict[str, Any]
Values = tuple[tuple[str, Any], ...]
"""The settings of a custom key."""

DECAY = "weight_decay"
MULTIPLIED = {"lr": LR_MULT, DECAY: DECAY_MULT}


def paramwise_of(plan: Plan, host: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What all parameters get, as the optimizer's settings; and the shortest `paramwise_cfg` for the others.

    Raises:
        HostError: A rate is no multiple of the recipe's.
    """
    said, common = _said(plan), _common(plan)
    wanted = {row.name: _values(said.get(row.name), common, host) for row in plan.index if row.trainable}
    standard = pack(optimizer_class(plan.given.optimizer).defaults)
    told = {"lr", DECAY} if common.get(DECAY) else {"lr"}  # mmengine multiplies no default of the class's
    defaults = {key: value for key, value in common.items() if key in told or value != standard.get(key)}
    model = plan.planned_model()
    ways = [_config({}, wanted, {})]
    if model is not None and wanted:
        found = list(places(model))
        kinds = _kinds(found, wanted)
        given = {place.name: tuple(multipliers(place, kinds).items()) for place in found}
        ways.append(_config(kinds, wanted, given))
    return defaults, min(reversed(ways), key=lambda way: len(way.get(CUSTOM, ())))


def _kinds(found: Iterable[Place], wanted: Mapping[str, Values]) -> dict[str, float]:
    """The multipliers of weight decay that all norms, or all other biases, have in common."""
    kinds: dict[str, float] = {}
    for key, of_it in (("norm_decay_mult", True), ("bias_decay_mult", False)):
        members = [place.name for place in found if is_of_norm(place) is of_it and (of_it or place.is_bias)]
        decays = {dict(wanted[name]).get(DECAY_MULT, 1.0) for name in members if name in wanted}
        if len(decays) == 1 and decays != {1.0}:
            kinds[key] = decays.pop()
    return kinds


def _config(kinds: Mapping[str, float], wanted: Mapping[str, Values], given: Mapping[str, Values]) -> Config:
    """The kinds, and custom keys where they do not give what is wanted.

    Args:
        kinds: Multipliers by kinds of layers.
        wanted: What each parameter is to get.
        given: What the kinds give it.
    """
    keys = dict(_beginnings("", wanted, given)) if wanted else {}
    while wrong := [name for name, values in wanted.items() if _found(name, keys, given) != values]:
        keys |= {name: wanted[name] for name in wrong}
    order = longest_first(keys)
    used = {_deciding(name, order) for name in wanted}
    keys = {key: values for key, values in keys.items() if key in used}
    custom = {CUSTOM: {key: dict(values) for key, values in keys.items()}} if keys else {}
    return {**kinds, **custom}


def _found(name: str, keys: Mapping[str, Values], given: Mapping[str, Values]) -> Values:
    key = _deciding(name, longest_first(keys))
    return given.get(name, ()) if key is None else keys[key]


def _deciding(name: str, order: Sequence[str]) -> str | None:
    return deciding(name if "." in name else f".{name}", order)


def _beginnings(
    prefix: str, wanted: Mapping[str, Values], standing: Mapping[str, Values]
) -> Iterator[tuple[str, Values]]:
    """From the root down a key for each module of which most get something else than what stands."""
    if all(standing.get(name, ()) == values for name, values in wanted.items()):
        return
    common = Counter(wanted.values()).most_common(1)[0][0]
    if prefix and any(
        standing.get(name, ()) != common for name, values in wanted.items() if values == common
    ):
        yield prefix, common
        standing = dict.fromkeys(wanted, common)
    inside: defaultdict[str, dict[str, Values]] = defaultdict(dict)
    for name, values in wanted.items():
        word, dot, _ = name[len(prefix) :].partition(".")
        inside[prefix + word + dot][name] = values
    for begun, names in inside.items():
        if begun != prefix:
            yield from _beginnings(begun, names, standing)


def _said(plan: Plan) -> dict[str, dict[str, Any]]:
    """What each parameter gets that is ever trained."""
    return {
        name: {key: value for key, value in group.settings().items() if key not in LOST}
        for group in plan.groups
        for name in group.names
    }


def _common(plan: Plan) -> dict[str, Any]:
    """What all get: as the recipe has it, and the most common weight decay that is not 0."""
    defaults = dict(optimizer_class(plan.given.optimizer).defaults)
    common = pack(defaults | {key: value for key, value in plan.given.settings.items() if key not in LOST})
    decays = Counter(decay for said in _said(plan).values() if (decay := said.get(DECAY)))
    return common | ({DECAY: decays.most_common(1)[0][0]} if decays else {})


def _values(said: Mapping[str, Any] | None, common: Mapping[str, Any], host: str) -> Values:
    """What a parameter gets that differs from what all get; what is never trained has no rate."""
    if said is None:
        return ((LR_MULT, 0.0),)
    found = []
    for key, value in said.items():
        if key in MULTIPLIED and value != common[key]:
            scale = rate_factor(value, common[key], host) if key == "lr" else factor(value, common[key])
            exact = common[key] * scale == value
            found.append((MULTIPLIED[key], scale) if exact else (key, value))
        elif value != common.get(key):
            found.append((key, value))
    return tuple(found)
