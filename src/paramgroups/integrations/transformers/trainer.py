"""A Trainer that trains by a recipe, and what makes one of any other."""

from typing import Any

from torch import Tensor, nn
from transformers import Trainer
from transformers.trainer_utils import has_length

from paramgroups.errors import HostError, shown
from paramgroups.indexing.flags import restore
from paramgroups.integrations.metrics import asked_of, tell
from paramgroups.integrations.recipes import Named, recipe_of
from paramgroups.integrations.transformers.arguments import check_ways, warn
from paramgroups.integrations.transformers.callback import LOSS, OwnCallback, RecipeCallback
from paramgroups.integrations.transformers.weights import lacking, load_converted
from paramgroups.planning import Plan, plan
from paramgroups.rules import Recipe
from paramgroups.run import Scheduler, build
from paramgroups.run.holding import is_held, release


class RecipeMixin:
    """A Trainer that trains by a recipe: `class Mine(RecipeMixin, SomeTrainer)`.

    When `train()` begins, the recipe is planned with the Trainer's own number of updates and of updates in
    an epoch, so `"10%"` and `"2 epochs"` are what they say. Each `train()` plans anew, also after one that
    was interrupted, and when it is over `requires_grad` is everywhere what the user had made it.

    Args:
        *given: As the Trainer takes them.
        recipe: A recipe, or the path of one in TOML; `args.recipe` unless given.
        statistics: Whether to log also what each last update was, as `RecipeCallback` says.
        depth: What lies how deep, where the model's structure does not say; as `pg.plan` takes it.
        **named: As the Trainer takes them; not `optimizers` or `optimizer_cls_and_kwargs`.

    Raises:
        HostError: There is no recipe, or two; an optimizer is given beside it; or the Trainer is to train in
            a way in which an optimizer does not see the parameters (DeepSpeed, FSDP1, SageMaker).
        FileError: The recipe's file cannot be read, or holds none.

    Example:
        >>> from transformers import Trainer
        >>> class Ours(RecipeMixin, Trainer):
        ...     "Any Trainer, such as TRL's, in the place of the second."
    """

    def __init_subclass__(cls, **named: Any) -> None:
        """Refuse an order of classes in which the Trainer's own methods would hide ours."""
        super().__init_subclass__(**named)
        order = cls.__mro__
        if Trainer in order and order.index(Trainer) < order.index(RecipeMixin):
            raise _late(cls)

    args: Any
    accelerator: Any
    callback_handler: Any
    model: Any
    model_wrapped: Any
    is_fsdp_enabled: Any
    optimizer_cls_and_kwargs: Any
    optimizer: Any
    lr_scheduler: Any
    state: Any

    def __init__(
        self,
        *given: Any,
        recipe: Named | None = None,
        statistics: bool = False,
        depth: Any = None,
        **named: Any,
    ) -> None:
        if not isinstance(self, Trainer):
            raise _late(type(self))
        self._named_recipe, self._depth = recipe, depth
        self._plan: Plan | None = None
        self._length: dict[str, int | None] | None = None
        self._loss: Any = None
        self._told: Any = None
        self._lacking: list[str] = []
        super().__init__(*given, **named)
        self._check_optimizers()
        check_ways(self)
        self._told = warn(self.args, self._recipe())
        self.callback_handler.add_callback(OwnCallback(statistics=statistics))
        self._put_first()

    @property
    def plan(self) -> Plan:
        """The plan of the training, or of the coming one; `print` it to see the groups before you train.

        Raises:
            ParamGroupsError: The recipe does not fit the model, or the length of the training.
        """
        return self._plan if self._plan is not None else self._planned()

    def train(self, *given: Any, **named: Any) -> Any:
        """Train, as the Trainer does; what the plan froze is let go of at the end, whatever the end is.

        Raises:
            ParamGroupsError: The recipe does not fit the model, or the length of the training.
            StoppedError: A guard has ended the training.
        """
        self._let_go()
        self.model_wrapped = self.model  # DDP knows whose gradients it exchanges from when it wraps
        try:
            return super().train(*given, **named)  # type: ignore[misc]  # the Trainer beside it
        finally:
            self._let_go()

    def set_initial_training_values(self, args: Any, dataloader: Any, *more: Any) -> Any:
        """How long training is, as the Trainer finds it; the plan is made with that."""
        found = super().set_initial_training_values(args, dataloader, *more)  # type: ignore[misc]  # the Trainer beside it
        each = found[1] if has_length(dataloader) else None
        self._length = {"steps": max(found[-1], 1), "steps_per_epoch": each}
        return found

    def create_optimizer(self, model: nn.Module | None = None) -> Any:
        """Plan, and make the optimizer and the scheduler that the plan asks for; always anew."""
        check_ways(self)
        self._let_go()
        self._plan = self._planned()
        self._told = warn(self.args, self._plan.given, self._told)
        self._put_first()
        live = self.model if model is None else model
        self._plan.freeze(live)
        self.optimizer, self.lr_scheduler = build(self._plan, live)
        self._loss = 0.0 if LOSS in asked_of(self._plan) else None
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Scheduler:  # noqa: ARG002  # the host's signature
        """The scheduler of the plan; `create_optimizer` has made it."""
        if self.is_fsdp_enabled:  # which has replaced every tensor since
            bare = getattr(self.optimizer, "optimizer", self.optimizer)
            self.lr_scheduler = Scheduler(bare, self.plan, self.model)
        found: Scheduler = self.lr_scheduler
        return found

    def create_optimizer_and_scheduler(self, num_training_steps: int) -> None:
        """Plan for so many updates; `train()` plans anew."""
        self._length = {"steps": num_training_steps, "steps_per_epoch": None}
        super().create_optimizer_and_scheduler(num_training_steps)  # type: ignore[misc]  # the Trainer beside it

    def training_step(self, *given: Any, **named: Any) -> Tensor:
        """Forward and backward; controllers that read `"loss"` are told it before the update."""
        loss: Tensor = super().training_step(*given, **named)  # type: ignore[misc]  # the Trainer beside it
        if self._loss is not None:
            self._loss = self._loss + loss  # of accumulated batches the Trainer gives shares
            if self.accelerator.sync_gradients:
                told, self._loss = self._loss, 0.0
                tell(self.lr_scheduler, {LOSS: float(told)})
        return loss

    def _load_from_checkpoint(self, resume_from_checkpoint: str, *more: Any) -> None:
        """All of the weights, also those that are saved under other names."""
        self._lacking = []
        super()._load_from_checkpoint(resume_from_checkpoint, *more)  # type: ignore[misc]  # the Trainer beside it
        if self._lacking:
            load_converted(self.model, resume_from_checkpoint, self._lacking)

    def _load_best_model(self) -> None:
        """Likewise."""
        self._lacking = []
        super()._load_best_model()  # type: ignore[misc]  # the Trainer beside it
        if self._lacking:
            load_converted(self.model, self.state.best_model_checkpoint, self._lacking)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Note what was not loaded, instead of a line in the log."""
        self._lacking = lacking(self.model, load_result.missing_keys)
        if not self._lacking:
            super()._issue_warnings_after_load(load_result)  # type: ignore[misc]  # the Trainer beside it

    @property
    def _who(self) -> str:
        return type(self).__name__

    def _recipe(self) -> Recipe:
        """The recipe that is named: in the arguments it may change between trainings."""
        asked = (self._named_recipe, getattr(self.args, "recipe", None))
        found = [recipe_of(one, self._who) for one in asked if one is not None]
        if not found:
            raise HostError(f"{self._who} has no recipe. Give recipe=, or RecipeArguments(recipe=…).")
        if found[0] != found[-1]:
            raise HostError(
                f"{self._who}: recipe= is one, and args.recipe={shown(self.args.recipe)} another. Give one."
            )
        return found[0]

    def _planned(self) -> Plan:
        if self._length is None:
            self.set_initial_training_values(self.args, self.get_train_dataloader())  # type: ignore[attr-defined]  # the Trainer's
        length, self._length = self._length or {}, None
        return plan(self.model, self._recipe(), pins=self._pins(), depth=self._depth, **length)

    def _pins(self) -> Any:
        """What the plan of the training that goes on here had measured; nothing where one begins."""
        if not self.state.global_step:
            return None
        saved = self.state.stateful_callbacks.get(OwnCallback.__name__)
        return None if saved is None else saved["attributes"]["pins"]

    def _let_go(self) -> None:
        """Leave the model as the user had it before a plan froze anything."""
        restore(self.model.parameters())
        for module in [one for one in self.model.modules() if is_held(one)]:
            release(module, training=self.model.training)

    def _put_first(self) -> None:
        """Before the callbacks that report, which see what is in a log by then."""
        callbacks = self.callback_handler.callbacks
        callbacks.sort(key=lambda one: not isinstance(one, OwnCallback))
        if any(isinstance(one, RecipeCallback) for one in callbacks[1:]):
            raise HostError(f"{self._who} has a RecipeCallback of its own. Leave yours out.")

    def _check_optimizers(self) -> None:
        given = {"optimizers": self.optimizer, "optimizer_cls_and_kwargs": self.optimizer_cls_and_kwargs}
        given["optimizers"] = given["optimizers"] or self.lr_scheduler
        for name, value in given.items():
            if value is not None:
                raise HostError(
                    f"{self._who}: {name}= and a recipe both say what optimizes. Leave {name}= out; or, with "
                    "optimizers=pg.build(plan), take a plain Trainer and RecipeCallback."
                )


def _late(cls: type) -> HostError:
    named = next((one.__name__ for one in cls.__bases__ if issubclass(one, Trainer)), "Trainer")
    return HostError(
        f"{cls.__name__} needs a Trainer after the mixin, whose methods come first: "
        f"class {cls.__name__}(RecipeMixin, {named})."
    )


class RecipeTrainer(RecipeMixin, Trainer):
    """The `Trainer` of transformers, by a recipe.

    Its arguments and what it raises are those of `RecipeMixin`.

    Example:
        >>> import paramgroups as pg, torch
        >>> from tempfile import TemporaryDirectory
        >>> from transformers import BertConfig, BertForSequenceClassification, TrainingArguments
        >>> small = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
        >>> model = BertForSequenceClassification(BertConfig(vocab_size=9, intermediate_size=4, **small))
        >>> rows = [{"input_ids": torch.tensor([1, 2, 3]), "labels": 1}] * 32
        >>> recipe = pg.Recipe(optimizer="adamw", lr=1e-3, rules=[pg.rule("classifier", lr_scale=10)])
        >>> with TemporaryDirectory() as folder:
        ...     args = TrainingArguments(folder, num_train_epochs=3, use_cpu=True)
        ...     trainer = RecipeTrainer(model, args, train_dataset=rows, recipe=recipe)
        ...     print(trainer.plan)
        Plan of 25 parameters in 2 groups, 12 steps
        group       tensors  numbers     lr  weight_decay
        default          23    2,256  0.001          0.01
        classifier        2       10   0.01          0.01
    """
