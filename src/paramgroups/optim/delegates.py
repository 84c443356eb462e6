"""Optimizers of other classes that step some groups for ours: all they work on is lent for the call."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor

from paramgroups.errors import OptimizerError, listing, shown
from paramgroups.optim.memory import States

Group = dict[str, Any]
Closure = Callable[[], Any]

OWN_KEYS = frozenset({"params", "param_names", "name", "optimizer", "rows", "clip_norm", "clip_alone"})
"""Keys of a group that are ours: a constructor's argument of the same name means something else."""

PLACEHOLDER = 1e-3
"""The rate that a class is made with where its group is at 0, as a warm-up begins: some refuse that."""

HOOKED = torch.optim.Optimizer.profile_hook_step(torch.optim.Optimizer.step).__code__
"""What torch wraps around the step of a class when it is first made, to call hooks."""


class Delegate:
    """An optimizer of another class that steps some groups: it borrows them and their state for each call.

    Between calls it has neither groups nor state, so that replacing them (as loading does) reaches it. What a
    class keeps on itself, as LBFGS does its list of parameters, stays with it: make a new one when the
    parameters change. Hooks that torch calls for every optimizer are not called for it, except where the
    `step` of a subclass calls that of its base: torch counts that as a step of its own.

    Args:
        cls: Its class. Its constructor is given what it asks for by name from the first group.
        groups: The groups that it will step, complete. It is made of copies; keys that it adds to them are
            added to these.
        states: The optimizer's state. What the class makes at once, as Adagrad does, is put there for
            parameters that have none.

    Attributes:
        cls: Its class.
        needs_closure: Whether its `step` cannot do without one.

    Raises:
        OptimizerError: The class refuses the groups, wants an argument that they have not, or does not work
            on the groups that it is given.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> group, states = {"params": [weight], "lr": 0.5}, defaultdict(dict)
        >>> delegate = Delegate(torch.optim.Adamax, [group], states)
        >>> weight.grad = torch.ones(2)
        >>> delegate.step([group], states, [weight])
        >>> weight.tolist(), sorted(states[weight])
        ([0.5, 0.5], ['exp_avg', 'exp_inf', 'step'])
    """

    def __init__(self, cls: type[torch.optim.Optimizer], groups: Sequence[Group], states: States) -> None:
        self.cls = cls
        self._made: Any = _make(cls, groups)
        self._step = _unhooked(self._made)
        self.needs_closure = bool(_required(self._step))
        for group, made in zip(groups, self._made.param_groups, strict=True):
            for key, value in made.items():
                if isinstance(value, Tensor) and isinstance(group.get(key), float):
                    group[key] = value  # a class that works on tensors alone makes one of each number
                group.setdefault(key, value)
        for param, state in self._made.state.items():
            if state and not states.get(param):
                states[param] = state
        self._give_back()

    def step(
        self,
        groups: Sequence[Group],
        states: States,
        stepped: Collection[Tensor],
        *,
        scales: Mapping[Tensor, float] | None = None,
        closure: Closure | None = None,
    ) -> Any:
        """Step some parameters of these groups.

        All other gradients are hidden meanwhile, and groups of which nothing is stepped are not lent; where
        none is, nothing happens. The class runs with autograd on, as if called alone. One that needs a
        closure may move parameters without a gradient too, as LBFGS does along directions that it remembers:
        these are copied before and set back.

        Args:
            groups: The groups that it was made of, or what has replaced them. The class may write there.
            states: The optimizer's state, where a missing one is made when asked for. It writes there.
            stepped: Which parameters are stepped.
            scales: What gradients are multiplied by, 1 where missing. The parameters' own are left as they
                are: the class sees copies.
            closure: Computes the loss anew, with gradients as they really are; afterwards those are hidden
                and scaled again.

        Returns:
            What the class returns.

        Raises:
            OptimizerError: The class needs a closure, and there is none.
            Exception: Whatever the class raises. Gradients are back in place then, and nothing is lent any
                more; a note tells which groups may be written in part.
        """
        chosen = set(map(id, stepped))
        used = [group for group in groups if not chosen.isdisjoint(map(id, group["params"]))]
        if not used:
            return None
        if self.needs_closure and closure is None:
            raise OptimizerError(
                f"{self.cls.__name__} steps groups {_names(used)}, and evaluates the loss itself: "
                "call optimizer.step(closure)."
            )
        view = _view(used, chosen, scales or {})
        still = view.hidden if self.needs_closure else ()
        try:
            with torch.enable_grad(), self.lent(used, states), unmoved(still):
                return view.call(self._step, self._made, closure)
        except Exception as error:
            error.add_note(
                f"{self.cls.__name__} was stepping groups {_names(used)}: their parameters and state may be "
                "written in part. Gradients are as they were."
            )
            raise

    @contextmanager
    def lent(self, groups: Sequence[Group], states: States) -> Iterator[Any]:
        """The optimizer itself with groups and state in it, for what else the class can do than `step`.

        Args:
            groups: As for `step`.
            states: As for `step`.
        """
        self._made.param_groups, self._made.state = list(groups), states
        try:
            yield self._made
        finally:
            self._give_back()

    def _give_back(self) -> None:
        self._made.param_groups, self._made.state = [], defaultdict(dict)


@dataclass(frozen=True)
class _View:
    """Gradients as a delegate sees them.

    Attributes:
        hidden: Parameters whose gradient it does not see.
        scaled: Parameters of whose gradient it sees a multiple.
        kept: The real gradients, while it looks.
    """

    hidden: list[Tensor]
    scaled: dict[Tensor, float]
    kept: list[tuple[Tensor, Tensor]]

    def call(self, step: Callable[..., Any], made: Any, closure: Closure | None) -> Any:
        try:
            self._mask()
            return step(made) if closure is None else step(made, self._evaluates(closure))
        finally:
            self._unmask()

    def _evaluates(self, closure: Closure) -> Closure:
        def evaluate() -> Any:
            self._unmask()
            try:
                return closure()
            finally:
                self._mask()

        return evaluate

    def _mask(self) -> None:
        both = (*self.hidden, *self.scaled)
        self.kept.extend((param, param.grad) for param in both if param.grad is not None)
        for param, grad in self.kept:
            param.grad = grad * self.scaled[param] if param in self.scaled else None

    def _unmask(self) -> None:
        for param, grad in self.kept:
            param.grad = grad
        self.kept.clear()


def _view(groups: Iterable[Group], chosen: Collection[int], scales: Mapping[Tensor, float]) -> _View:
    params = [param for group in groups for param in group["params"]]
    hidden = [param for param in params if id(param) not in chosen]
    given = {param: scales[param] for param in params if id(param) in chosen and param in scales}
    return _View(hidden, {param: scale for param, scale in given.items() if scale != 1.0}, [])


@contextmanager
def unmoved(params: Iterable[Tensor]) -> Iterator[None]:
    """Set back what is written meanwhile."""
    before = [(param, param.detach().clone()) for param in params]
    try:
        yield
    finally:
        for param, copy in before:
            param.detach().copy_(copy)


def _make(cls: type[torch.optim.Optimizer], groups: Sequence[Group]) -> Any:
    settings = _settings(cls, groups)
    try:
        made = _made_of(cls, groups, settings)
    except Exception as error:
        guilty = [group for group in groups if not _takes(cls, group, settings)] or groups
        raise OptimizerError(
            f"optimizer={cls.__name__} refuses groups {_names(guilty)}: {error}. Give them another "
            "optimizer, or settings that it takes."
        ) from error
    _check_borrows(cls, made, groups)
    return made


def _made_of(cls: Callable[..., Any], groups: Iterable[Group], settings: Mapping[str, Any]) -> Any:
    return cls([{**group, "params": list(group["params"])} for group in groups], **settings)


def _takes(cls: type[torch.optim.Optimizer], group: Group, settings: Mapping[str, Any]) -> bool:
    try:
        _made_of(cls, [group], settings)
    except Exception:  # noqa: BLE001  # a class may refuse with any
        return False
    return True


def _settings(cls: type[torch.optim.Optimizer], groups: Sequence[Group]) -> Group:
    """What the constructor asks for by name: some read it outside of groups, as Adagrad does its start."""
    first = groups[0] if groups else {}
    asked = list(signature(cls).parameters)[1:]
    settings = {name: first[name] for name in asked if name in first and name not in OWN_KEYS}
    if "lr" in settings and settings["lr"] == 0:
        settings["lr"] = PLACEHOLDER
    if missing := [name for name in _required(cls) if name not in settings]:
        raise OptimizerError(
            f"optimizer={cls.__name__} cannot be made: its groups have no {listing(missing)}. "
            "Give its other arguments a default, for example in a subclass."
        )
    return settings


def _required(function: Callable[..., Any]) -> list[str]:
    """The arguments after the first that have no default."""
    several = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    after = list(signature(function).parameters.values())[1:]
    return [each.name for each in after if each.default is Parameter.empty and each.kind not in several]


def _check_borrows(cls: type[torch.optim.Optimizer], made: Any, groups: Sequence[Group]) -> None:
    """Refuse a class that works on what is its own: it would obey no rate, its state would not be saved.

    And one that is told when training begins, and evaluation, as `schedulefree` has it: nobody would tell it.
    """
    if all(callable(getattr(cls, name, None)) for name in ("train", "eval")):
        raise OptimizerError(
            f"optimizer={cls.__name__} is to be told by train() and eval() when weights are trained and when "
            f"they are used, and is not within reach here. Step it itself: theirs = {cls.__name__}("
            "plan.param_groups()), and pg.Scheduler(theirs, plan)."
        )
    given, found = (_layout(some) for some in (groups, getattr(made, "param_groups", ())))
    inner = [name for name, value in vars(made).items() if isinstance(value, torch.optim.Optimizer)]
    if given != found or inner:
        why = f"has an optimizer of its own ({listing(inner)})" if inner else "lays out groups of its own"
        raise OptimizerError(
            f"optimizer={cls.__name__} {why}, where it must step the groups that it is given. "
            "Give a class whose step reads self.param_groups and self.state."
        )


def _layout(groups: Iterable[Group]) -> list[list[int]]:
    return [list(map(id, group["params"])) for group in groups]


def _unhooked(made: Any) -> Callable[..., Any]:
    """The step of its class without the hooks of all optimizers, which are called for ours already.

    A class that has hooked itself is stepped with all of them, rather than without its own.
    """
    step: Callable[..., Any] = type(made).step
    own = made._optimizer_step_pre_hooks or made._optimizer_step_post_hooks  # noqa: SLF001  # torch's only names
    while not own and getattr(step, "__code__", None) is HOOKED:
        step = step.__wrapped__  # type: ignore[attr-defined]  # as functools.wraps leaves it
    return step


def _names(groups: Iterable[Group]) -> str:
    return listing(shown(group["name"]) if "name" in group else f"({_members(group)})" for group in groups)


def _members(group: Group) -> str:
    names = group.get("param_names") or [f"shape {tuple(param.shape)}" for param in group["params"]]
    return listing(map(str, names), limit=3)
