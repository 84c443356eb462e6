"""One line of `configure_optimizers`: a recipe, with the length of training from the trainer."""

from typing import Any

from torch import nn

from paramgroups.errors import HostError, ScheduleError, shown
from paramgroups.integrations.lightning.attendant import attendants_of
from paramgroups.integrations.lightning.attending import Attending
from paramgroups.integrations.lightning.host import LightningModule, LRSchedulerConfig, Trainer, trainer_of
from paramgroups.integrations.lightning.lengths import length_of
from paramgroups.integrations.lightning.rates import with_rate
from paramgroups.integrations.lightning.refusals import check_callbacks, pass_over_clipping
from paramgroups.integrations.recipes import Named, recipe_of
from paramgroups.integrations.ticking import UpdateScheduler
from paramgroups.planning import Plan, plan
from paramgroups.planning.matching import Pins
from paramgroups.rules import Recipe
from paramgroups.run import Scheduler, build
from paramgroups.schedules import Horizon

WHOLE = {"DeepSpeedStrategy", "FSDPStrategy", "ModelParallelStrategy"}
"""Strategies that take optimizers from `configure_optimizers` alone."""


def configure(  # noqa: PLR0913  # what a plan is made of
    module: LightningModule,
    recipe: Named,
    *,
    part: nn.Module | None = None,
    lr: float | None = None,
    steps: int | None = None,
    depth: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """What a module returns from its `configure_optimizers`, from a recipe in one line.

    A tick is an update of the optimizer. The trainer says how many there are, with accumulated gradients and
    limited batches; where it cannot, as with `max_epochs=-1` and no `max_steps`, the plan has no known end,
    and shares such as `"10%"` are an error. For a `fast_dev_run` 100 updates are planned.

    Args:
        module: The module, called in its `configure_optimizers`.
        recipe: A recipe, or the path of one in TOML.
        part: A module within it, if only that is to be trained by this recipe; names in selectors are then
            those within the part. Several parts, each with an optimizer of its own, are for manual
            optimization: `return configure(self, one, part=self.generator), configure(self, …)`.
        lr: The recipe's common rate, instead of the one that it says. What `lr_scale=` scales keeps its
            ratio to it. `lr=self.lr` lets Lightning's `Tuner.lr_find` set it.
        steps: Updates in all, where the trainer cannot know: with manual optimization, if they are not one
            for each batch.
        depth: What lies how deep, where the structure does not say; as `pg.plan` takes it.
        **options: How the optimizer steps, as `pg.build` takes it: `freezing`, `statistics`, ….

    Returns:
        The optimizer and its scheduler in Lightning's form.

    Raises:
        HostError: No trainer is attached, the recipe is none, the part is not in the module, a schedule asks
            for a length that the trainer does not know, or a callback would undo the plan.
        ParamGroupsError: The recipe does not fit the module, as `pg.plan` and `pg.build` say it.
    """
    trainer = trainer_of(module)
    found = recipe_of(recipe, "configure")
    path = "" if part is None else _path(module, part)
    found = found if lr is None else with_rate(found, lr)
    scheduler = made(trainer, module, found, path=path, steps=steps, depth=depth, **options)
    name = f"lr/{path}" if path else "lr"
    told = {"scheduler": scheduler, "interval": "step", "frequency": 1, "name": name}
    return {"optimizer": scheduler.optimizer, "lr_scheduler": told}


def install(trainer: Trainer, module: LightningModule, recipe: Recipe, **options: Any) -> None:
    """Put a recipe's optimizer and scheduler in the place of what a module has configured.

    Raises:
        HostError: The strategy takes them from `configure_optimizers` alone, or as `configure` does.
    """
    strategy = type(trainer.strategy).__name__
    if strategy in WHOLE:
        raise HostError(
            f"{strategy} takes its optimizer from configure_optimizers alone. Write there: "
            "return configure(self, recipe)."
        )
    scheduler = made(trainer, module, recipe, **options)
    trainer.strategy.optimizers = [scheduler.optimizer]
    trainer.strategy.lr_scheduler_configs = [LRSchedulerConfig(scheduler, name="lr", interval="step")]


def made(  # noqa: PLR0913  # what a plan is made of
    trainer: Trainer,
    module: LightningModule,
    recipe: Recipe,
    *,
    path: str = "",
    steps: int | None = None,
    depth: Any = None,
    **options: Any,
) -> Scheduler:
    """The scheduler of a recipe for a module, or a part of it, and its optimizer."""
    check_callbacks(trainer)
    pass_over_clipping(trainer, recipe)
    length = length_of(trainer, automatic=module.automatic_optimization)
    length |= {} if steps is None else {"steps": steps}
    if not path:
        for one in attendants_of(trainer):
            recipe = one.extended(module, recipe, Horizon.of(**length))
    live = module.get_submodule(path)
    planned = _planned(trainer, live, recipe, path, {**length, "depth": depth})
    how = {name: options.get(name) for name in ("freezing", "together")}
    optimizer, _ = build(planned, live, **options)
    scheduler = UpdateScheduler(optimizer, planned, live, **how)  # Lightning steps it at batches it skips too
    Attending(trainer, scheduler)
    return scheduler


def _planned(trainer: Trainer, live: nn.Module, recipe: Recipe, path: str, said: dict[str, Any]) -> Plan:
    attendants = attendants_of(trainer)
    pins = _pins(trainer, recipe, [one.pins.get(path, {}) for one in attendants])
    try:
        found = plan(live, recipe, pins=pins, **said)
    except ScheduleError as error:
        raise _without_end(error) if "steps" not in said else error from error
    for one in attendants:
        one.pins[path] = found.pins
    return found


def _without_end(error: ScheduleError) -> HostError:
    return HostError(
        f"{error}\n  The trainer does not know how long training is. Say it: Trainer(max_steps=…), or "
        "max_epochs= with a loader that has a length; or configure(self, recipe, steps=…)."
    )


def _pins(trainer: Trainer, recipe: Recipe, kept: list[Pins]) -> Pins | None:
    """The statistics that the saved run has read: weights are restored before the plan is made."""
    if trainer.ckpt_path is None or not any(rule.selector.statistics for rule in recipe.rules):
        return None
    found = {key: value for pins in kept for key, value in pins.items()}
    if not found:
        raise HostError(
            "The recipe selects by statistics of the weights, and Lightning has restored later weights "
            "already. Give the trainer RecipeCallback(), which keeps the statistics in its checkpoints."
        )
    return found


def _path(module: nn.Module, part: Any) -> str:
    paths: dict[int, str] = {id(found): path for path, found in module.named_modules()}
    if not isinstance(part, nn.Module) or id(part) not in paths:
        raise HostError(
            f"configure: part={shown(part)} is no module within this {type(module).__name__}. Give one that "
            "it holds: part=self.generator; several in one are an nn.ModuleList that it holds."
        )
    return paths[id(part)]
