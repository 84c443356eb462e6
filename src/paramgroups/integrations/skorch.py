"""skorch: networks of torch as estimators of scikit-learn, which train themselves in `fit`."""

import inspect
from typing import Any

import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, LRScheduler, PassthroughScoring
from skorch.callbacks.scoring import ScoringBase
from torch import nn

from paramgroups.errors import HostError, listing, shown
from paramgroups.integrations.conflicts import Passed, warn_of
from paramgroups.integrations.logs import numbers
from paramgroups.integrations.metrics import tell
from paramgroups.integrations.recipes import recipe_of
from paramgroups.integrations.updates import Updates
from paramgroups.optim import optimizer_class
from paramgroups.planning import plan
from paramgroups.rules import Recipe
from paramgroups.run import build

DEFAULTS = {name: one.default for name, one in inspect.signature(NeuralNet.__init__).parameters.items()}
SCORES = (ScoringBase, PassthroughScoring)
PREFIX = "recipe"


class Waiting:
    """Stands for an optimizer or a scheduler until the length of training is known; keeps what is loaded."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """What was loaded last; empty before."""
        return self._state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep a state for the one who comes."""
        self._state = state_dict

    def pass_on(self, to: Any) -> None:
        """Give the one who has come what was loaded."""
        if self._state:
            to.load_state_dict(self._state)


class WaitingOptimizer(Waiting, torch.optim.Optimizer):
    """The same as a torch optimizer, as skorch wants one when a net is initialized; it never steps."""

    def __init__(self, params: list[torch.Tensor]) -> None:
        Waiting.__init__(self)
        torch.optim.Optimizer.__init__(self, params or [torch.zeros(0)], {})

    def __getstate__(self) -> Any:
        return super().__getstate__() | {"_state": self._state}  # torch pickles its own attributes alone


class Feedback(Callback):
    """Tells the controllers what an epoch has measured; it stands behind the last callback that scores."""

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """The row of the history is complete but for what comes later in the list of callbacks."""
        tell(net.scheduler_, net.history[-1])


class RecipeNet(NeuralNet):
    """A net whose parameters are trained by a recipe.

    The length of training is `max_epochs` times the batches of the training split: each `fit` and
    `partial_fit` trains so much more. Once a first epoch has begun, `optimizer_` and `scheduler_` are those
    of `pg.build`. The history has every group's rate at the beginning of each epoch, under its name;
    controllers read it (`valid_loss`) at the end of each. Any other net takes this in as its first base:
    `class Mine(RecipeNet, NeuralNetBinaryClassifier)`.

    Args:
        *args: As `NeuralNet` takes them.
        recipe: A recipe, the path of its file, or a function that returns one; its arguments are then
            parameters of the net, `recipe__head=10`, as those of the module are. `pg.Recipe` is such a
            function: `recipe=pg.Recipe, recipe__optimizer="adamw", recipe__lr=1e-3`.
        depth: What lies how deep, where the module's structure does not say; as `pg.plan` takes it.
        **kwargs: As `NeuralNet` takes them. `lr` and `optimizer__…` are passed over, with a warning.

    Raises:
        HostError: When initialized: `recipe` is none, a second optimizer is asked for, or a callback writes
            rates too. When trained: the loader does not know its length.
        ParamGroupsError: When trained: the recipe does not fit the module.

    Example:
        >>> import numpy as np, paramgroups as pg, torch
        >>> from paramgroups.integrations.skorch import RecipeRegressor
        >>> recipe = pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.linear())
        >>> net = RecipeRegressor(torch.nn.Linear, module__in_features=2, module__out_features=1,
        ...     recipe=recipe, max_epochs=2, verbose=0)
        >>> net = net.fit(np.zeros((20, 2), dtype="float32"), np.zeros((20, 1), dtype="float32"))
        >>> net.history[:, "lr/default"]
        [0.1, 0.05]
    """

    prefixes_: list[str] = [*NeuralNet.prefixes_, PREFIX]  # noqa: RUF012  # skorch's own, with one more
    cuda_dependent_attributes_: list[str] = ["scheduler_"]  # noqa: RUF012  # it is pickled with its optimizer

    def __init__(self, *args: Any, recipe: Any, depth: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recipe, self.depth = recipe, depth
        self.updates_: Updates | None = None

    def updates_of(self, batches: int) -> int:
        """How many updates an epoch of so many batches has; to be overridden with `train_step`."""
        return batches

    def initialize_callbacks(self) -> Any:
        """Those that were asked for, and the one that feeds controllers."""
        super().initialize_callbacks()
        if writers := [name for name, one in self.callbacks_ if isinstance(one, LRScheduler)]:
            raise HostError(
                f"{type(self).__name__}: callback {listing(writers)} writes rates, and so does the recipe. "
                "Take it away, and write the recipe a schedule=…, or a controller: pg.control.plateau."
            )
        places = [place for place, (_, one) in enumerate(self.callbacks_) if isinstance(one, SCORES)]
        self.callbacks_.insert(max(places, default=-1) + 1, ("recipe_feedback", Feedback()))
        return self

    def initialize_optimizer(self, *_: Any, **__: Any) -> Any:
        """The length of training is not known yet: what is loaded waits for it."""
        self._check_arguments(self._recipe())
        self.scheduler_: Any = Waiting()
        self.optimizer_: Any = WaitingOptimizer([one for _, one in self.get_all_learnable_params()])
        return self

    def set_params(self, **kwargs: Any) -> Any:
        """Set parameters; another recipe is planned when training next begins, and the optimizer made anew.

        Raises:
            HostError: A rate is to be set of a net that a recipe trains.
        """
        wrong = [name for name in kwargs if name == "lr" or name.startswith("optimizer")]
        if wrong and self.initialized_:
            raise HostError(
                f"{type(self).__name__}.set_params({wrong[0]}=…): the recipe gives the rates. While it "
                "trains, edit them: net.scheduler_.scale(selector, factor); for another fit set recipe=."
            )
        own = {name: one for name, one in kwargs.items() if name == PREFIX or name.startswith(f"{PREFIX}__")}
        self.__dict__.update(own)
        super().set_params(**{name: value for name, value in kwargs.items() if name not in own})
        if self.initialized_ and own:
            self.initialize_optimizer()  # as skorch does where its optimizer is to be another
        return self

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **kwargs: Any) -> Any:  # noqa: N803  # skorch's name
        """Train for some epochs more."""
        self.epochs_ = self.max_epochs if epochs is None else epochs
        try:
            return super().fit_loop(X, y, epochs, **kwargs)
        finally:
            if self.updates_ is not None:
                self.updates_.end()
            self.updates_ = None

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        """The first of some: now the length of training is known."""
        super().on_epoch_begin(net, dataset_train=dataset_train, **kwargs)
        if self.updates_ is None:
            self._begin(self.updates_of(self._batches(dataset_train)))
            self.updates_ = Updates(self.optimizer_)
        for name, value in numbers(self.scheduler_).items():
            self.history.record(name, value)

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002  # skorch's form
        """A tick, if there was an update."""
        super().on_batch_end(net, batch=batch, training=training, **kwargs)
        if training and self.updates_ is not None and self.updates_.take():
            self.scheduler_.step()

    def trim_for_prediction(self) -> Any:
        """Forget what only training needs, the scheduler too."""
        super().trim_for_prediction()
        self.scheduler_ = None

    def __getstate__(self) -> Any:
        return super().__getstate__() | {"updates_": None}

    def _begin(self, each: int) -> None:
        if isinstance(self.scheduler_, Waiting):
            done = self.scheduler_.state_dict().get("last_epoch", 0)
            self._build(done + self.epochs_ * each, each)
            return
        steps = self.scheduler_.last_epoch + self.epochs_ * each
        if steps != self.scheduler_.plan.replay(self.scheduler_.journal).horizon.ticks:
            self.scheduler_.extend(steps=steps)

    def _build(self, steps: int, each: int) -> None:
        model, waited = self._whole(), (self.optimizer_, self.scheduler_)
        planned = plan(model, self._recipe(), steps=steps, steps_per_epoch=each, depth=self.depth)
        made = build(planned, model)
        for one, found in zip(waited, made, strict=True):
            one.pass_on(found)
        self.optimizer_, self.scheduler_ = made

    def _whole(self) -> nn.Module:
        """All that is trained: the module, or several with a criterion that learns, by their names."""
        parts: dict[str, Any] = {name: getattr(self, f"{name}_") for name in self._modules + self._criteria}
        found = {
            name: one
            for name, one in parts.items()
            if isinstance(one, nn.Module) and any(True for _ in one.parameters())
        }
        return next(iter(found.values())) if len(found) == 1 else nn.ModuleDict(found)

    def _batches(self, dataset: Any) -> int:
        try:
            batches = len(self.get_iterator(dataset, training=True))
        except TypeError as error:
            raise HostError(
                f"{type(self).__name__}: the loader of {shown(dataset)} does not know its length, so the "
                "recipe's schedules have none. Give the data set a __len__."
            ) from error
        if not batches:
            raise HostError(
                f"{type(self).__name__}: the loader of {shown(dataset)} has no batch to train on. Let "
                "batch_size be smaller, or drop_last be off."
            )
        return batches

    def _recipe(self) -> Recipe:
        given = self.get_params_for(PREFIX)
        if not callable(self.recipe):
            if given:
                raise HostError(
                    f"{PREFIX}__{next(iter(given))}= is given, and recipe= is no function that takes it. "
                    "Give a function that returns a recipe."
                )
            return recipe_of(self.recipe, type(self).__name__)
        try:
            call = inspect.signature(self.recipe).bind(**given)
        except TypeError as error:
            raise HostError(f"{type(self).__name__}: recipe={shown(self.recipe)}: {error}.") from error
        return recipe_of(self.recipe(*call.args, **call.kwargs), type(self).__name__)

    def _check_arguments(self, recipe: Recipe) -> None:
        ours, asked = optimizer_class(recipe.optimizer).named, optimizer_class(self.optimizer)
        if self.optimizer is not DEFAULTS["optimizer"] and asked.named != ours:
            raise HostError(
                f"{type(self).__name__}: optimizer={asked.name}, and the recipe says {shown(ours)}. Take "
                "optimizer= away, or write it into the recipe."
            )
        passed = [Passed("lr", self.lr, "lr")] if self.lr != DEFAULTS["lr"] else []
        given = self.get_params_for("optimizer")
        passed += [Passed(f"optimizer__{name}", value, _said(name)) for name, value in given.items()]
        warn_of(type(self).__name__, passed)


def _said(name: str) -> str:
    return "rules" if name == "param_groups" else name


class RecipeClassifier(RecipeNet, NeuralNetClassifier):
    """`NeuralNetClassifier`, trained by a recipe."""


class RecipeRegressor(RecipeNet, NeuralNetRegressor):
    """`NeuralNetRegressor`, trained by a recipe."""
