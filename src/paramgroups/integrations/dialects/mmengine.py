"""mmengine: a config with `paramwise_cfg`, multipliers by kinds of layers and by parts of names."""

import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from torch import nn

from paramgroups.errors import HostError, listing, nearest, shown
from paramgroups.integrations.dialects.factoring import recipe_of
from paramgroups.integrations.dialects.keys import number
from paramgroups.integrations.dialects.losing import Loss, frozen_by_rules, refuse_lost
from paramgroups.integrations.dialects.members import rows_of
from paramgroups.integrations.dialects.paramwise import (
    CUSTOM,
    DECAY_MULT,
    KNOWN,
    LR_MULT,
    MULTIPLIERS,
    SWITCH,
    deciding,
    longest_first,
    multipliers,
)
from paramgroups.integrations.dialects.paramwise_writing import paramwise_of
from paramgroups.integrations.dialects.places import Place, places
from paramgroups.integrations.dialects.writing import checked
from paramgroups.optim import optimizer_class, unpack
from paramgroups.planning import Plan
from paramgroups.rules import Recipe

HOST = "mmengine"
CONSTRUCTOR = "DefaultOptimWrapperConstructor"
PARTS = ("type", "optimizer", "paramwise_cfg", "constructor")
OURS = {LR_MULT: "lr_scale", DECAY_MULT: "weight_decay_scale"}
RENAMED = {"TorchAdafactor": "adafactor"}
"""Torch's optimizers that have another name in mmengine."""


def read(
    config: Mapping[str, Any],
    model: nn.Module,
    *,
    optimizer: Any = None,
    missing: Literal["error", "ignore"] = "error",
    **settings: Any,
) -> Recipe:
    """Read an `optim_wrapper` config, or a `paramwise_cfg` alone.

    The recipe's plan gives each parameter the numbers of mmengine's `DefaultOptimWrapperConstructor`: the
    longest custom key that stands anywhere in its name decides, and where none does, its kind of layer.

    Args:
        config: The config of the optimizer wrapper, with `optimizer` in it; or the `paramwise_cfg`.
        model: The model.
        optimizer: As a recipe names it; None for the config's, else AdamW.
        missing: `"ignore"` if it is meant that custom keys decide for no parameter.
        **settings: Of a `paramwise_cfg` alone: `lr`, `weight_decay` and what else the recipe is to say.

    Returns:
        The recipe, without a schedule: mmengine's `param_scheduler` multiplies all groups alike.

    Raises:
        HostError: A setting is not known; a custom key decides for nothing; a multiplier of weight decay has
            no weight decay to multiply.

    Warns:
        UserWarning: A custom key stands within other words too: `layer1` takes `layer10`. Or the wrapper says
            what is no part of a recipe.

    Example:
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import mmengine
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 1))
        >>> config = {"custom_keys": {"0.": {"lr_mult": 0.1}}, "norm_decay_mult": 0.0}
        >>> mmengine.read(config, model, lr=0.1, weight_decay=0.05).rules
        (rule('0', lr_scale=0.1), rule('1', weight_decay=0.0))
    """
    paramwise, given, named = _parts(config, settings)
    optimizer = optimizer if optimizer is not None else named
    _check(paramwise, given)
    index, found = rows_of(model, HOST), list(places(model))
    keys = longest_first(paramwise.get(CUSTOM) or {})
    decided = {key: [place for place in found if deciding(place.path, keys) == key] for key in keys}
    idle = [key for key in keys if not decided[key]]
    if idle and missing != "ignore":
        raise HostError(
            f"{HOST}.read: custom keys decide for no parameter: {listing(map(shown, idle))}. They stand in "
            'no name, or a longer key stands there too. If that is meant, give missing="ignore".'
        )
    said = {place.name: _said(place, paramwise, keys, optimizer) for place in found}
    for told in _accidents(decided):
        warnings.warn(f"{HOST}.read: {told}", UserWarning, stacklevel=2)
    return recipe_of(said, index, optimizer=optimizer, given=given)


def write(
    plan: Plan,
    *,
    lose: Collection[Loss] = (),
    type: str = "OptimWrapper",  # noqa: A002  # mmengine's word
) -> dict[str, Any]:
    """The `optim_wrapper` config of a plan: custom keys by which mmengine gives each parameter its numbers.

    Keys are beginnings of names, and whole names where a beginning would be found elsewhere too. While the
    planned model lives, norms and biases without decay are said by their kind.

    Args:
        plan: The plan.
        lose: What of the plan may be lost, by the words of the error that names it. What is frozen has a rate
            of 0 then; call `plan.freeze(model)` before mmengine makes its optimizer, and nothing is lost.
        type: The wrapper.

    Raises:
        HostError: The plan says what such a config cannot: schedules, windows, rows, controllers, several
            optimizers, clipping, frozen parameters; its optimizer is none of torch's.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import mmengine
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0", lr_scale=0.5)])
        >>> mmengine.write(pg.plan(model, recipe))["paramwise_cfg"]
        {'custom_keys': {'0.': {'lr_mult': 0.5}}}
    """
    refuse_lost(checked(plan, HOST), HOST, lose, {"frozen": frozen_by_rules(plan)})
    defaults, paramwise = paramwise_of(plan, HOST)
    if any(row.aliases for row in plan.index):
        paramwise[SWITCH] = True
    return {"type": type, "optimizer": {"type": _type_of(plan), **defaults}, "paramwise_cfg": paramwise}


def _type_of(plan: Plan) -> Any:
    found = optimizer_class(plan.given.optimizer)
    if found.cls is None:
        raise HostError(
            f"{HOST}.write: {found.name} is ours, and mmengine has none of it. Name one of torch's."
        )
    if not isinstance(found.named, str):
        return found.cls
    return next((theirs for theirs, named in RENAMED.items() if named == found.named), found.name)


def _parts(config: Any, settings: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any], Any]:
    """The `paramwise_cfg`, what all parameters get, and the optimizer."""
    if not isinstance(config, Mapping):
        raise HostError(
            f"{HOST}.read: {shown(config)} is no config. Give optim_wrapper or its paramwise_cfg."
        )
    if not {"optimizer", "type"} & config.keys():
        return config, dict(settings), "adamw"
    if not isinstance(made := config.get("optimizer"), Mapping) or "type" not in made:
        raise HostError(
            f'{HOST}.read: optimizer={shown(made)} is no config. Write {{"type": "AdamW", "lr": …}}.'
        )
    if config.get("constructor") not in (None, CONSTRUCTOR):
        raise HostError(
            f"{HOST}.read: constructor={shown(config['constructor'])} has rules of its own. Take it away, "
            "and write what it does: pg.recipes.layer_decay(0.75)."
        )
    if beside := [key for key in config if key not in PARTS]:
        warnings.warn(
            f"{HOST}.read: {listing(beside)}: the wrapper does this, and the recipe does not say it.",
            UserWarning,
            stacklevel=3,
        )
    named = made["type"]
    said = {key: value for key, value in made.items() if key != "type"}
    paramwise = config.get("paramwise_cfg") or {}
    return (
        paramwise,
        unpack(said) | dict(settings),
        RENAMED.get(named, named.lower()) if isinstance(named, str) else named,
    )


def _check(paramwise: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for key in paramwise:
        if key not in KNOWN:
            raise HostError(
                f"{HOST}.read: {key!r} is no setting of paramwise_cfg, and mmengine passes over it. "
                f"{nearest(str(key), KNOWN)}"
            )
    if "lr" not in given:
        raise HostError(
            f"{HOST}.read: nobody says the rate. Give lr=, or the config that has the optimizer in it."
        )
    custom = paramwise.get(CUSTOM) or {}
    if not isinstance(custom, Mapping) or not all(isinstance(one, Mapping) for one in custom.values()):
        raise HostError(
            f'{HOST}.read: custom_keys={shown(custom)}: write {{"backbone": {{"lr_mult": 0.1}}}}.'
        )
    for key, settings in (("paramwise_cfg", paramwise), *custom.items()):
        for one in (one for one in settings if one in (LR_MULT, DECAY_MULT, *MULTIPLIERS)):
            if settings[one] is not None:
                number(settings, one, 1.0, f"{HOST}.read: {key}")
            if one.endswith("decay_mult") and given.get("weight_decay") is None:
                raise HostError(
                    f"{HOST}.read: {one} of {key} has no weight decay to multiply. Give the optimizer one: "
                    "weight_decay=."
                )


def _said(place: Place, config: Mapping[str, Any], keys: list[str], optimizer: Any) -> dict[str, Any]:
    """What a parameter is told, in our words."""
    key = deciding(place.path, keys)
    settings = multipliers(place, config) if key is None else unpack(dict(config[CUSTOM][key]))
    known = optimizer_class(optimizer).defaults
    said = {OURS.get(one, one): value for one, value in settings.items()}
    for one in settings:
        if one not in OURS and one not in known:
            raise HostError(
                f"{HOST}.read: custom key {key!r} has {one}={shown(settings[one])}, which nobody reads. "
                f"{nearest(one, {*OURS, *known})}"
            )
        said.pop(f"{one}_scale", None)  # what is set outright is not multiplied
    return said


def _accidents(decided: Mapping[str, Iterable[Place]]) -> Iterator[str]:
    """The custom keys that stand as whole words of some names, and as parts of longer words of others."""
    for key, found in decided.items():
        whole = re.compile(rf"(?<![^.]){re.escape(key.strip('.'))}(?![^.])")
        inside = [place.name for place in found if not whole.search(place.path)]
        if inside and any(whole.search(place.path) for place in found):
            yield f"custom key {key!r} is found within longer words too, and decides for {listing(inside)}."
