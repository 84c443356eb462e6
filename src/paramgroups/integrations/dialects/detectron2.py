"""detectron2: the arguments of `get_default_optimizer_params`, by kinds of layers and by own names."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from paramgroups.errors import HostError, listing, nearest, shown
from paramgroups.integrations.dialects.factoring import recipe_of
from paramgroups.integrations.dialects.keys import number
from paramgroups.integrations.dialects.losing import Also, Loss, frozen_by_rules, refuse_lost
from paramgroups.integrations.dialects.members import rows_of
from paramgroups.integrations.dialects.places import Place, places
from paramgroups.integrations.dialects.writing import checked, rate_factor
from paramgroups.optim import optimizer_class, unpack
from paramgroups.planning import Plan
from paramgroups.rules import Recipe

HOST = "detectron2"
DECAY = "weight_decay"
NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.GroupNorm, nn.InstanceNorm1d,
    nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LayerNorm,
)  # fmt: skip
NUMBERS = ("base_lr", DECAY, "weight_decay_norm", "bias_lr_factor", "weight_decay_bias")
KNOWN = (*NUMBERS, "lr_factor_func", "overrides")
Overrides = dict[str, dict[str, Any]]


def read(
    config: Mapping[str, Any],
    model: nn.Module,
    *,
    optimizer: Any = "sgd",
    missing: Literal["error", "ignore"] = "error",
    **settings: Any,
) -> Recipe:
    """Read the arguments of `get_default_optimizer_params`.

    The recipe's plan gives each parameter what detectron2 gives it: `overrides` and the bias's go by the last
    part of a name and hold over all else, then `lr_factor_func`, then the norm's weight decay.

    Args:
        config: The arguments, without the model.
        model: The model.
        optimizer: As a recipe names it.
        missing: `"ignore"` if it is meant that overrides are of names that no parameter has.
        **settings: What the optimizer was given: `lr` and `weight_decay` where the arguments say none, and
            more.

    Returns:
        The recipe, without a schedule: detectron2's multiplies all groups alike. What `lr_factor_func` found
        stands in it as rules.

    Raises:
        HostError: An argument is not known; overrides are of no parameter's name; nobody says the rate.

    Example:
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import detectron2
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 1))
        >>> config = {"base_lr": 0.02, "weight_decay_norm": 0.0, "bias_lr_factor": 2.0}
        >>> detectron2.read(config, model, weight_decay=1e-4).rules
        (rule(':bias', lr_scale=2.0), rule('1', weight_decay=0.0))
    """
    _check(config)
    given = {DECAY: config[DECAY]} if config.get(DECAY) is not None else {}
    given = dict(settings) | given | ({"lr": config["base_lr"]} if config.get("base_lr") is not None else {})
    if "lr" not in given:
        raise HostError(f"{HOST}.read: nobody says the rate. Give base_lr in the arguments, or lr=.")
    overrides = _overrides(config)
    index, found = rows_of(model, HOST), list(places(model))
    idle = overrides.keys() - {place.leaf for place in found}
    if idle and missing != "ignore":
        raise HostError(
            f"{HOST}.read: no parameter's own name is {listing(map(shown, sorted(idle)))}; overrides go by "
            'the last part of a name. If that is meant, give missing="ignore".'
        )
    said = {place.name: _said(place, config, overrides, optimizer) for place in found}
    return recipe_of(said, index, optimizer=optimizer, given=unpack(given))


@dataclass(frozen=True)
class Factors:
    """A `lr_factor_func`: the factor of each parameter whose rate is not the base.

    Attributes:
        table: By name.
    """

    table: Mapping[str, float]

    def __call__(self, name: str) -> float:
        """The factor of a parameter, whose name at the root begins with a dot."""
        return self.table.get(name.removeprefix("."), 1.0)


def write(plan: Plan, model: nn.Module | None = None, *, lose: Collection[Loss] = ()) -> dict[str, Any]:
    """The arguments of `get_default_optimizer_params` by which detectron2 gives each parameter its numbers.

    Args:
        plan: The plan.
        model: The live model; the planned one unless it was replaced since.
        lose: What of the plan may be lost, by the words of the error that names it. What is frozen has a rate
            of 0 then; call `plan.freeze(model)` before detectron2 makes its groups, and nothing is lost.

    Raises:
        HostError: The plan says what they cannot: schedules, windows, rows, controllers, several optimizers,
            clipping, frozen parameters; or weight decays that differ otherwise than by kind and own name.

    Example:
        >>> import paramgroups as pg
        >>> from torch import nn
        >>> from paramgroups.integrations.dialects import detectron2
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 1))
        >>> rules = [pg.rule("0", lr_scale=0.5), pg.recipes.no_decay(":norm")]
        >>> recipe = pg.Recipe(optimizer="adamw", lr=0.1, weight_decay=0.05, rules=rules)
        >>> arguments = detectron2.write(pg.plan(model, recipe))
        >>> {key: value for key, value in arguments.items() if key != "lr_factor_func"}
        {'base_lr': 0.1, 'weight_decay': 0.05, 'weight_decay_norm': 0.0}
        >>> arguments["lr_factor_func"]("0.weight")
        0.5
    """
    settings = {name: group.settings() for group in checked(plan, HOST).groups for name in group.names}
    found = [place for place in places(plan.live_model(model)) if place.name in plan]
    decays, lost = _decays(found, {name: said.get(DECAY) for name, said in settings.items()})
    also: Also = {"frozen": frozen_by_rules(plan), "values": [*lost, *_others(settings)]}
    refuse_lost(plan, HOST, lose, also)
    base = plan.given.lr
    rates = {place.name: settings[place.name]["lr"] if place.name in settings else 0.0 for place in found}
    table = {name: scale for name, rate in rates.items() if (scale := rate_factor(rate, base, HOST)) != 1}
    return {"base_lr": base, **decays, **({"lr_factor_func": Factors(table)} if table else {})}


def _check(config: Any) -> None:
    if not isinstance(config, Mapping):
        raise HostError(f"{HOST}.read: {shown(config)} are no arguments. Give them as a dict.")
    for key in config:
        if key not in KNOWN:
            raise HostError(f"{HOST}.read: {key!r} is no argument of it. {nearest(str(key), KNOWN)}")
    for key in NUMBERS:
        if config.get(key) is not None:
            number(config, key, 0.0, f"{HOST}.read")


def _overrides(config: Mapping[str, Any]) -> Overrides:
    """What a parameter is given by its own name, the bias's arguments among it."""
    given = config.get("overrides") or {}
    if not isinstance(given, Mapping) or not all(isinstance(one, Mapping) for one in given.values()):
        raise HostError(f'{HOST}.read: overrides={shown(given)}: write {{"bias": {{"lr": 0.01}}}}.')
    bias: dict[str, Any] = {}
    if config.get("bias_lr_factor") not in (None, 1.0):
        bias["lr_scale"] = config["bias_lr_factor"]
    if config.get("weight_decay_bias") is not None:
        bias[DECAY] = config["weight_decay_bias"]
    if bias and "bias" in given:
        raise HostError(
            f'{HOST}.read: overrides have "bias", and bias arguments say it too. Give one of them.'
        )
    return {leaf: dict(said) for leaf, said in given.items()} | ({"bias": bias} if bias else {})


def _said(place: Place, config: Mapping[str, Any], overrides: Overrides, optimizer: Any) -> dict[str, Any]:
    """What a parameter is told, in our words."""
    said: dict[str, Any] = {}
    if isinstance(place.module, NORMS) and config.get("weight_decay_norm") is not None:
        said[DECAY] = config["weight_decay_norm"]
    own = unpack(overrides.get(place.leaf, {}))
    known = {"lr_scale", *optimizer_class(optimizer).defaults}
    for key in own:
        if key not in known:
            raise HostError(
                f"{HOST}.read: overrides of {place.leaf!r} have {key!r}, which nobody reads. "
                f"{nearest(key, known)}"
            )
    if (func := config.get("lr_factor_func")) is not None and not {"lr", "lr_scale"} & own.keys():
        said["lr_scale"] = number(
            {"lr_factor_func": func(place.path)}, "lr_factor_func", 1.0, f'{HOST}.read: "{place.name}"'
        )
    return said | own


def _decays(found: Iterable[Place], wanted: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The arguments that say the weight decays; and what they cannot say."""
    trained = [place for place in found if wanted.get(place.name) is not None]
    kinds = {
        is_norm: _common(wanted[p.name] for p in trained if isinstance(p.module, NORMS) is is_norm)
        for is_norm in (True, False)
    }
    base = kinds[False] if kinds[False] is not None else kinds[True]
    if base is None:
        return {}, []
    arguments = {DECAY: base} | (
        {"weight_decay_norm": kinds[True]} if kinds[True] not in (None, base) else {}
    )
    odd: defaultdict[str, set[Any]] = defaultdict(set)
    for place in trained:
        if wanted[place.name] != kinds[isinstance(place.module, NORMS)]:
            odd[place.leaf] = {wanted[other.name] for other in trained if other.leaf == place.leaf}
    overrides = {leaf: {DECAY: min(decays)} for leaf, decays in odd.items() if len(decays) == 1}
    lost = [f"{DECAY} of parameters named {leaf!r}" for leaf in odd.keys() - overrides.keys()]
    return arguments | ({"overrides": overrides} if overrides else {}), lost


def _common(values: Iterable[Any]) -> Any:
    return next((value for value, _ in Counter(values).most_common(1)), None)


def _others(settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The other hyperparameters in which parameters differ."""
    values: defaultdict[str, set[Any]] = defaultdict(set)
    for said in settings.values():
        for key in said.keys() - {"lr", DECAY, "rows"}:
            values[key].add(said[key])
    return [f"{key} that differs" for key, found in sorted(values.items()) if len(found) > 1]
