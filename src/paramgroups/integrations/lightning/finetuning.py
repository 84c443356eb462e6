"""A backbone that is frozen until an epoch, and then rises to the rate of the rest: by rules of a plan."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from paramgroups.errors import HostError, listing, shown
from paramgroups.integrations.lightning.attendant import Attendant
from paramgroups.integrations.lightning.configuring import install
from paramgroups.integrations.lightning.host import LightningModule, Trainer
from paramgroups.integrations.lightning.reading import recipe_of_optimizer
from paramgroups.optim import is_finite, is_number
from paramgroups.recipes import frozen_norms
from paramgroups.rules import Recipe, Rule, rule
from paramgroups.run import Scheduler
from paramgroups.schedules import Horizon, function
from paramgroups.schedules.schedule import Factor

LOG = logging.getLogger(__name__)
BACKBONE = "backbone"
DENOMINATOR = 10.0


def multiplicative(epoch: int) -> float:  # noqa: ARG001  # what a function of the epoch is given
    """Twice the rate at each epoch, as Lightning has it unless told otherwise."""
    return 2.0


@dataclass
class Rise:
    """The factor on the backbone's rate at each tick.

    At the epoch n of the thaw it is f(n) = `begin`, then f(e) = `grow`(e + 1) × f(e − 1); with `align` never
    above the factor of the rest, which it follows from there on.

    Attributes:
        thaw: The epoch n.
        each: Ticks to an epoch.
        begin: The first factor.
        grow: A function of the epoch.
        align: Whether the rest's is the most that it may be.
        rest: The factor of the rest at each tick.
    """

    thaw: int
    each: int
    begin: float
    grow: Callable[[int], float]
    align: bool
    rest: Factor
    _found: list[tuple[float, bool]] = field(default_factory=list)

    def __call__(self, tick: float) -> float:
        """The factor at a tick."""
        after = max(int(tick // self.each) - self.thaw, 0)
        while len(self._found) <= after:
            self._found.append(self._next())
        factor, aligned = self._found[after]
        return self.rest(tick) if aligned else factor

    def _next(self) -> tuple[float, bool]:
        if not self._found:
            return self.begin, False
        epoch = self.thaw + len(self._found)
        factor = self.grow(epoch + 1) * self._found[-1][0]
        most = self.rest(epoch * self.each)
        return (most, True) if self.align and factor > most else (factor, False)


class BackboneFinetuning(Attendant):
    """Lightning's `BackboneFinetuning`, by the rules of a plan.

    The module has a `backbone`. It is frozen, running statistics of batch norm included, until an epoch;
    then its rate begins at `backbone_initial_ratio_lr` of what it would be without this callback, and is
    multiplied by `lambda_func(epoch + 1)` at each epoch after that, up to where it would be.

    It works on a module whose `configure_optimizers` returns `configure(self, recipe)`, or a torch optimizer
    alone, over all parameters or those of the head. The groups are there from the beginning, so that a run
    goes on from any checkpoint.

    Args:
        unfreeze_backbone_at_epoch: The first epoch at which the backbone is trained.
        lambda_func: From the epoch, counted from 1, to what the backbone's rate is multiplied by.
        backbone_initial_ratio_lr: The first rate as a share of the rest's.
        backbone_initial_lr: The first rate itself, for what has the recipe's common rate; what has a multiple
            of that has the multiple of this.
        should_align: Whether the rate stops at the rest's, and follows it from then on.
        initial_denom_lr: Read by nobody, here as there: `backbone_initial_ratio_lr` says it.
        train_bn: Whether batch norm within the backbone thaws with it; else it is frozen for good.
        verbose: Whether to log both rates at each epoch from the thaw on.
        rounding: To how many digits after the point.

    Raises:
        HostError: An argument has no meaning; when training begins: the module has no backbone, the length of
            an epoch is not known, or a torch scheduler drives the optimizer.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # Lightning's signature
        self,
        unfreeze_backbone_at_epoch: int = 10,
        lambda_func: Callable[[int], float] = multiplicative,
        backbone_initial_ratio_lr: float = 10e-2,
        backbone_initial_lr: float | None = None,
        should_align: bool = True,  # noqa: FBT001, FBT002  # Lightning's signature
        initial_denom_lr: float = DENOMINATOR,
        train_bn: bool = True,  # noqa: FBT001, FBT002  # Lightning's signature
        verbose: bool = False,  # noqa: FBT001, FBT002  # Lightning's signature
        rounding: int = 12,
    ) -> None:
        super().__init__()
        _check(unfreeze_backbone_at_epoch, lambda_func)
        _check_rates(backbone_initial_ratio_lr, backbone_initial_lr, initial_denom_lr)
        if initial_denom_lr != DENOMINATOR:
            warnings.warn(
                f"BackboneFinetuning: initial_denom_lr={shown(initial_denom_lr)} is read by nobody, as in "
                f"Lightning's own. Write backbone_initial_ratio_lr={1 / initial_denom_lr:.6g}.",
                UserWarning,
                stacklevel=2,
            )
        self._thaw, self._grow = int(unfreeze_backbone_at_epoch), lambda_func
        self._ratio, self._initial = backbone_initial_ratio_lr, backbone_initial_lr
        self._align, self._train_bn = should_align, train_bn
        self._verbose, self._rounding = verbose, rounding
        self._said: Recipe | None = None

    def extended(self, module: LightningModule, recipe: Recipe, horizon: Horizon) -> Recipe:
        """The recipe with the rules of the backbone, after its own."""
        if not isinstance(getattr(module, BACKBONE, None), nn.Module):
            raise HostError(
                f"BackboneFinetuning: this {type(module).__name__} has no `backbone`. Name the module so, or "
                'write a rule: pg.rule("encoder", trainable=False, until="10 epochs").'
            )
        if horizon.ticks_per_epoch is None:
            raise HostError(
                "BackboneFinetuning counts epochs, and how long one is is not known. Give the loader a "
                "length, or Trainer(limit_train_batches=…)."
            )
        rules = self._rules(recipe, horizon, horizon.ticks_per_epoch)
        self._said = recipe.with_parts([*recipe.rules, *rules], dict(recipe.schedules))
        return self._said

    def _rules(self, recipe: Recipe, horizon: Horizon, each: int) -> list[Rule]:
        schedule = dict(recipe.schedules).get("lr")
        rest = schedule.over(horizon) if schedule is not None else _always
        thaw = self._thaw * each
        begin = self._ratio * rest(thaw) if self._initial is None else _share(self._initial, recipe.lr)
        rise = Rise(self._thaw, each, begin, self._grow, self._align, rest)
        rising = function("BackboneFinetuning", rise, of="tick")
        found = [rule(BACKBONE, trainable=True, schedule=rising)]
        found += [rule(BACKBONE, trainable=False, until=thaw)] if thaw else []
        if not self._train_bn:
            norms = frozen_norms(f"{BACKBONE}@_BatchNorm")
            found.append(rule(norms.selector, trainable=False, missing="ignore"))
        return found

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Where `configure` has not asked, the module's optimizer becomes a plan here."""
        given = [one.scheduler for one in trainer.lr_scheduler_configs]
        if any(isinstance(one, Scheduler) and one.plan.given is self._said for one in given):
            return
        if given or len(trainer.optimizers) != 1:
            what = listing(type(one).__name__ for one in given or trainer.optimizers)
            raise HostError(
                f"BackboneFinetuning takes one optimizer without a scheduler, and configure_optimizers "
                f"returns {what}. Write the schedule into a recipe: return configure(self, "
                'pg.Recipe(optimizer="adam", lr=1e-3, schedule=pg.schedules.cosine())).'
            )
        install(trainer, pl_module, recipe_of_optimizer(trainer.optimizers[0], pl_module, BACKBONE))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002  # Lightning's signature
        """Log the rates, if that was asked for."""
        if not self._verbose or trainer.current_epoch < self._thaw:
            return
        groups = [(one["lr"], one["param_names"]) for one in trainer.optimizers[0].param_groups]
        is_backbone = [any(name.split(".")[0] == BACKBONE for name in names) for _, names in groups]
        parts = zip(groups, is_backbone, strict=True)
        rates: dict[bool, Any] = {}
        for (rate, _), inside in parts:
            rates.setdefault(inside, round(rate, self._rounding))
        LOG.info("Current lr: %s, Backbone lr: %s", rates.get(False), rates.get(True))


def _always(tick: float) -> float:  # noqa: ARG001  # a factor
    return 1.0


def _share(initial: float, lr: float) -> float:
    if not lr:
        raise HostError(
            f"BackboneFinetuning: backbone_initial_lr={initial:g} is no multiple of the recipe's lr=0, which "
            "it is to grow to. Give the recipe a rate."
        )
    return initial / lr


def _check(thaw: Any, grow: Any) -> None:
    if not is_number(thaw) or not is_finite(thaw) or thaw < 0 or thaw != int(thaw):
        raise HostError(
            f"BackboneFinetuning: unfreeze_backbone_at_epoch={shown(thaw)} is no epoch. Give an int from 0."
        )
    if not callable(grow):
        raise HostError(
            f"BackboneFinetuning: lambda_func={shown(grow)} is no function. Write lambda epoch: 2.0."
        )


def _check_rates(ratio: Any, initial: Any, denominator: Any) -> None:
    given = {"backbone_initial_ratio_lr": ratio}
    given |= {} if initial is None else {"backbone_initial_lr": initial}
    for name, value in given.items():
        if not (is_number(value) and is_finite(value) and value >= 0):
            raise HostError(
                f"BackboneFinetuning: {name}={shown(value)} is no number of at least 0. Write 0.1."
            )
    if not (is_number(denominator) and denominator > 0):
        raise HostError(
            f"BackboneFinetuning: initial_denom_lr={shown(denominator)} is no number above 0. Leave it out."
        )
