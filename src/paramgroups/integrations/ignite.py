"""PyTorch-Ignite: engines run a function over batches and tell handlers what happens."""

from collections.abc import Callable, Sized
from typing import Any

from ignite.engine import Engine, Events
from ignite.handlers.param_scheduler import ParamGroupScheduler, ParamScheduler
from torch import nn

from paramgroups.errors import HostError, shown
from paramgroups.integrations.logs import numbers
from paramgroups.integrations.metrics import tell
from paramgroups.integrations.recipes import Named, recipe_of
from paramgroups.integrations.updates import Updates
from paramgroups.optim import is_number
from paramgroups.optim.optimizer import Optimizer
from paramgroups.planning import plan
from paramgroups.run import Scheduler
from paramgroups.run import build as built

EPOCH = "epoch"


def build(  # noqa: PLR0913  # what a plan is made of
    model: nn.Module,
    recipe: Named,
    loader: Sized,
    *,
    max_epochs: int,
    gradient_accumulation_steps: int = 1,
    depth: Any = None,
    **options: Any,
) -> tuple[Optimizer, Scheduler]:
    """The optimizer and the scheduler of a recipe, for as long as a trainer will run.

    Args:
        model: The model.
        recipe: A recipe, or the path of its file.
        loader: What `trainer.run` will be given.
        max_epochs: Likewise.
        gradient_accumulation_steps: What `create_supervised_trainer` will be given: an update is made at so
            many batches, counted over the whole run.
        depth: What lies how deep, where the model's structure does not say; as `pg.plan` takes it.
        **options: As `pg.build` takes them.

    Raises:
        HostError: The loader does not know its length, or there would be no update.
        ParamGroupsError: The recipe does not fit the model, as `pg.plan` and `pg.build` say.

    Example:
        >>> import paramgroups as pg, torch
        >>> from paramgroups.integrations import ignite
        >>> model, loader = torch.nn.Linear(2, 1), [torch.randn(3, 2)] * 10
        >>> recipe = pg.Recipe(optimizer="adamw", lr=1e-3, schedule=pg.schedules.cosine())
        >>> optimizer, scheduler = ignite.build(model, recipe, loader, max_epochs=3)
        >>> scheduler.plan.horizon.ticks
        30
    """
    each = _whole("gradient_accumulation_steps", gradient_accumulation_steps)
    batches = _batches(loader)
    steps = batches * _whole("max_epochs", max_epochs) // each
    if not steps:
        raise HostError(
            f"{max_epochs} epochs of {batches} batches are fewer than the {each} of one update, so there is "
            "none. Let gradient_accumulation_steps be smaller, or max_epochs larger."
        )
    epoch = None if batches % each else batches // each
    named = recipe_of(recipe, "ignite.build")
    made = plan(model, named, steps=steps, steps_per_epoch=epoch, depth=depth)
    return built(made, **options)


def attach(trainer: Engine, scheduler: Scheduler) -> None:
    """Let a scheduler follow a trainer: a tick at each update, or at each epoch where the plan counts those.

    Call it as soon as both are made, so that what saves or evaluates comes after it. With gradients
    accumulated there is a tick for each update, not for each batch.

    Args:
        trainer: The engine whose process function steps the scheduler's optimizer.
        scheduler: From `pg.build`, or a `pg.Scheduler` of any optimizer.

    Raises:
        HostError: One is not what it should be, or the scheduler follows this trainer already. When the
            trainer runs: a scheduler of Ignite's own writes into the same optimizer.

    Example:
        >>> import paramgroups as pg, torch
        >>> from ignite.engine import create_supervised_trainer
        >>> from paramgroups.integrations import ignite
        >>> model, loader = torch.nn.Linear(2, 1), [(torch.randn(3, 2), torch.randn(3, 1))] * 4
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.linear())
        >>> optimizer, scheduler = ignite.build(model, recipe, loader, max_epochs=2)
        >>> trainer = create_supervised_trainer(model, optimizer, torch.nn.functional.mse_loss)
        >>> ignite.attach(trainer, scheduler)
        >>> _ = trainer.run(loader, max_epochs=1)
        >>> scheduler.rates
        {'default': 0.05}
    """
    _check(trainer, scheduler, "attach")
    ticks = _Ticks(scheduler)
    if trainer.has_event_handler(ticks):
        raise HostError("ignite.attach: this scheduler follows this trainer already, and would tick twice.")
    ticks.listen()
    by_epoch = scheduler.plan.horizon.unit == EPOCH
    trainer.add_event_handler(Events.EPOCH_COMPLETED if by_epoch else Events.ITERATION_COMPLETED, ticks)
    trainer.add_event_handler(Events.STARTED, ticks.begin)


class _Ticks:
    """A tick where there was an update; the same for the same scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._updates: Updates | None = None

    def listen(self) -> None:
        """Note updates from now on."""
        self._updates = Updates(self._scheduler.optimizer)

    def __call__(self) -> None:
        if self._updates is not None and self._updates.take():
            self._scheduler.step()

    def begin(self, trainer: Engine) -> None:
        """A trainer starts, perhaps from a state that was saved between an update and its tick."""
        _check_alone(trainer, self._scheduler)
        if self._scheduler.plan.horizon.unit != EPOCH and self._scheduler.state_dict()["updated"]:
            self._scheduler.step()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ticks) and other._scheduler is self._scheduler

    def __hash__(self) -> int:
        return id(self._scheduler)


def feed(engine: Engine, scheduler: Scheduler, *, prefix: str = "", event: Any = Events.COMPLETED) -> None:
    """Tell a scheduler's controllers what an engine has measured, each time it is done.

    Args:
        engine: An evaluator; or the trainer, with `event=Events.EPOCH_COMPLETED`.
        scheduler: Whose controllers read some of the metrics; others are passed over.
        prefix: Stands before each name, so that `accuracy` of two evaluators are told apart: with
            `prefix="val_"` a controller reads `"val_accuracy"`.
        event: When; metrics have to be attached to the engine before it is fed.

    Raises:
        HostError: One is not what it should be.

    Example:
        >>> import paramgroups as pg, torch
        >>> from ignite.engine import Engine
        >>> from paramgroups.integrations import ignite
        >>> cut = pg.control.plateau("**", "val_loss", patience=0)
        >>> model, recipe = torch.nn.Linear(2, 1), pg.Recipe(optimizer="sgd", lr=1.0, controllers=[cut])
        >>> optimizer, scheduler = pg.build(pg.plan(model, recipe))
        >>> evaluator = Engine(lambda engine, batch: engine.state.metrics.update(loss=1.0))
        >>> ignite.feed(evaluator, scheduler, prefix="val_")
        >>> _ = evaluator.run([0]), evaluator.run([0])
        >>> scheduler.rates
        {'default': 0.1}
    """
    _check(engine, scheduler, "feed")

    def measured(engine: Engine) -> None:
        found = {f"{prefix}{name}": _plain(value) for name, value in engine.state.metrics.items()}
        tell(scheduler, found)

    engine.add_event_handler(event, measured)


def rates(scheduler: Scheduler, *, statistics: bool = False) -> Callable[[Any], dict[str, float]]:
    """An `output_transform` with every group's rate under its name, for any of Ignite's loggers.

    At `Events.ITERATION_STARTED` the rates are those of the update that comes, and statistics those of the
    last one.

    Args:
        scheduler: The scheduler.
        statistics: Whether to tell also norms of gradients and weights, and how far each group moved.

    Raises:
        HostError: It is no scheduler of ours.

    Example:
        >>> import paramgroups as pg, torch
        >>> from paramgroups.integrations import ignite
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 1))
        >>> plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("1", lr_scale=10)]))
        >>> ignite.rates(pg.build(plan)[1])(None)
        {'lr/default': 0.1, 'lr/1': 1.0}
    """
    numbers(scheduler)
    return lambda _: numbers(scheduler, statistics=statistics)


def _check(engine: Any, scheduler: Any, who: str) -> None:
    if not isinstance(engine, Engine):
        raise HostError(f"ignite.{who}: {shown(engine)} is no ignite.engine.Engine.")
    if not isinstance(scheduler, Scheduler):
        raise HostError(
            f"ignite.{who}: {shown(scheduler)} is no pg.Scheduler: pg.build(plan) and ignite.build make one."
        )


def _check_alone(trainer: Engine, scheduler: Scheduler) -> None:
    """Refuse a scheduler of Ignite's beside ours: neither could tell the other's values from its own."""
    for row in trainer._event_handlers.values():  # noqa: SLF001  # Ignite shows its handlers nowhere else
        for handler, *_ in row:
            one = getattr(handler, "_parent", lambda handler=handler: handler)()
            if any(part.optimizer is scheduler.optimizer for part in _parts(one)):
                raise HostError(
                    f"{type(one).__name__} writes into the optimizer that follows a recipe: they would undo "
                    "each other. Take it off the trainer, and write its schedule into the recipe: schedule=…."
                )


def _parts(handler: Any) -> list[ParamScheduler]:
    """What a handler writes with, if it is a scheduler of Ignite's."""
    if not isinstance(handler, (ParamScheduler, ParamGroupScheduler)):
        return []
    inner = getattr(handler, "schedulers", None)
    return [handler] if inner is None else [part for one in inner for part in _parts(one)]


def _batches(loader: Any) -> int:
    try:
        return len(loader)
    except TypeError as error:
        raise HostError(
            f"ignite.build: {shown(loader)} does not know its length. Plan by hand, with the number of "
            "updates: pg.build(pg.plan(model, recipe, steps=…))."
        ) from error


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise HostError(f"ignite.build: {name}={shown(value)}: give a whole number above 0.")
    return value


def _plain(value: Any) -> Any:
    """A metric as a number: Ignite's may be tensors."""
    return value if is_number(value) or not hasattr(value, "item") else value.item()
