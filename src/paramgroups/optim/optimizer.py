"""The optimizer: a rate of its own for every tensor, in one pass."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.backends.choosing import check_backend
from paramgroups.optim.carried import Carried, log
from paramgroups.optim.carrying import by_parameter, carry
from paramgroups.optim.checking import check_keys, check_settings, check_together, check_values
from paramgroups.optim.classes import Named
from paramgroups.optim.clipping import factors_of
from paramgroups.optim.hyperparameters import CLIPPING, RATE
from paramgroups.optim.jobs import Closure, Job, Options, jobs_of
from paramgroups.optim.limits import Limit, Outcome
from paramgroups.optim.naming import Known
from paramgroups.optim.outlining import is_outline
from paramgroups.optim.rows import ROWS
from paramgroups.optim.saved import as_state
from paramgroups.optim.sharing import Pieces, Sharing, sharing_of
from paramgroups.optim.statistics import Statistics
from paramgroups.optim.turns import Turn

OPTIMIZER = "optimizer"
"""The key of a group that another optimizer steps than the rest."""

SHARED = (RATE, "weight_decay")
"""What every class means the same by, so that it is checked of other classes too."""

OURS = (OPTIMIZER, ROWS, *CLIPPING)
"""What groups of torch's own optimizers have not."""

MADE_OF = ("_known", "_main", "_options", "_said", "_skipped")
LAST = "_turn"
"""What a copy of an optimizer is made of, and where its last step is."""

KEYS = (*OURS, "params", "param_names", "name", "initial_lr")
"""What any group may have beside its optimizer's settings."""


class Optimizer(torch.optim.Optimizer):
    """Step all groups in one pass, however many rates there are.

    It is a torch optimizer: `param_groups` is read at each step, the state has torch's keys, and both can be
    loaded from and into torch's own class of the same name. Where torch's would step it, a parameter that is
    frozen (`requires_grad=False`) or has rate 0 is not: neither it nor its state is written, none is made.
    A parameter of half precision has its state in float32.

    A group may hold, beside its optimizer's settings:

    - `optimizer`: who steps it, if not the one of all others: an update rule of ours, any class of
      `torch.optim` by its lower-case name, or a class.
    - `rows`: rows of its tensors with settings of their own, a list of
      `{"name": "embed.weight", "start": 0, "stop": 10, "lr": 0.1}`; `param_names` tells which tensor that is.
    - `clip_norm`: a bound for the norm of the gradients of all groups that have the same bound, as
      `torch.nn.utils.clip_grad_norm_` scales them, though they are not written; with `clip_alone=True` for
      that of the group alone.

    Args:
        params: Parameters or groups of them, as for any torch optimizer.
        optimizer: The update rule: `"adamw"`, `"adam"`, `"sgd"`, `"lion"`, `"rmsprop"`, `"adagrad"`,
            `"nadam"`, `"radam"`, `"lamb"`, `"lars"`; any other class of `torch.optim` by its lower-case name,
            or a class, which then steps in our place.
        backend: `"cpu"` (Numba), `"cuda"` (Triton) or `"torch"` (anywhere, slower); unless given, each tensor
            is stepped by the fastest that is installed for it.
        statistics: Whether each step is summed up for `statistics()`.
        skip_nonfinite: Whether a step is left out altogether where a gradient is infinite or NaN.
        master_weights: Whether parameters of half precision are kept and stepped in float32 beside.
        **settings: Defaults of the groups, under torch's names; what is unset is as torch has it.

    Attributes:
        limits: What gradients must be for a step to be made of them; whoever guards a run puts them there.
        sharing: Which plain tensors are parts of others in several processes, as a `pg.Scheduler`
            finds of FSDP1.
        carried: What the last state that was loaded had of these parameters; None before.

    Raises:
        OptimizerError: There is no such optimizer or backend, it reads no such setting, or a value is out of
            its domain.

    Example:
        >>> import torch
        >>> from paramgroups.optim.optimizer import Optimizer
        >>> weight, bias = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
        >>> optimizer = Optimizer([{"params": [weight]}, {"params": [bias], "lr": 0.25}], "sgd", lr=0.5)
        >>> (weight.sum() + bias.sum()).backward()
        >>> optimizer.step()
        >>> weight.tolist(), bias.tolist()
        ([0.5, 0.5], [0.75, 0.75])
        >>> round(optimizer.statistics()["1"].update_ratio, 3)
        0.25
    """

    carried: Carried | None = None
    sharing: Pieces | None = None

    def __init__(  # noqa: PLR0913  # a name for each thing that is asked
        self,
        params: Iterable[Any],
        optimizer: Named = "adamw",
        *,
        backend: str | None = None,
        statistics: bool = True,
        skip_nonfinite: bool = False,
        master_weights: bool = False,
        **settings: Any,
    ) -> None:
        check_backend(backend)
        self._known = Known()
        self._main = self._known.name_of(optimizer)
        self._options = Options(backend, statistics, skip_nonfinite, master_weights)
        own = {**self._known.defaults(self._main), **CLIPPING}
        check_settings(self._main, settings, own)
        self._said = settings
        self._skipped = 0
        self._held: set[int] | None = set()
        self._forget()
        super().__init__(params, own | settings)
        self._held = None
        self._assigned()  # other classes refuse here what they do not step

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, as torch does; its values are checked.

        Raises:
            OptimizerError: A value is out of its domain, there is no such optimizer, or it refuses the group.
                The group is not added then.
        """
        group = dict(param_group)
        name = self._main
        if OPTIMIZER in group:
            name = group[OPTIMIZER] = self._known.name_of(group[OPTIMIZER])
        defaults = self._known.defaults(name)
        check_keys(name, group, [*defaults, *KEYS])
        whole = {**CLIPPING, **defaults, **self._said_of(defaults), **group}
        given = group if name == self._main else whole
        self._append(given)
        added = self.param_groups[-1]
        for key in self.defaults.keys() - defaults.keys() - CLIPPING.keys() - group.keys():
            del added[key]  # it is of another optimizer
        try:
            read = defaults if name in ALGORITHMS else {key: 0.0 for key in SHARED if key in defaults}
            check_values(added, read, "a group that is added")
            if name in ALGORITHMS:
                check_together(name, ALGORITHMS[name].check(added))
            factors_of([added], np.zeros(1))  # refuses what is no bound
            if self._held is None:
                self._assigned()
        except OptimizerError:
            self.param_groups.pop()
            raise

    def _append(self, group: dict[str, Any]) -> None:
        """Add a group as torch does, which compares it with all others: for 50,000 that takes minutes.

        While the optimizer is made, tensors that are there twice are looked for at once.
        """
        others = self.param_groups
        if self._held is None:
            super().add_param_group(group)
            return
        self.param_groups = others[:1]
        try:
            super().add_param_group(group)
            added = self.param_groups.pop()
        finally:
            self.param_groups = others
        held = set(map(id, added["params"]))
        if held & self._held:
            super().add_param_group(group)  # torch says what is wrong
        self._held |= held
        others.append(added)

    @torch._disable_dynamo  # type: ignore[attr-defined]  # noqa: SLF001  # as torch's own: to trace a pass is no use
    def step(self, closure: Closure | None = None) -> Any:
        """Step all parameters that are trained, have a gradient, and a rate that is not 0.

        Args:
            closure: Computes the loss anew, as torch's optimizers take it.

        Raises:
            OptimizerError: A gradient, a state or a setting cannot be stepped. Nothing is written then.
        """
        self.settle()
        jobs, losses = self._assigned(), []
        if is_outline(self, closure):
            with torch.no_grad():
                return self._outline(jobs)

        def evaluate() -> Any:
            with torch.enable_grad():
                losses.append(closure() if closure is not None else None)
            return losses[-1]

        if closure is not None and not all(job.stepper.evaluates for job in jobs):
            evaluate()
            jobs = self._assigned()  # it may have changed who steps
        with torch.no_grad():
            self._step(jobs, None if closure is None else evaluate)
        return losses[0] if losses else None

    @property
    def evaluates(self) -> bool:
        """Whether a class evaluates the loss itself, so that nobody else sees its gradients."""
        return any(job.stepper.evaluates for job in self._assigned())

    @property
    def tells(self) -> bool:
        """Whether each step is summed up for `statistics`."""
        return self._options.statistics

    def statistics(self, by: str = "group") -> Mapping[str, Statistics]:
        """What the last step has done: norms of gradients, weights and updates, and what was not finite.

        They are summed in the pass itself, each in one fixed order. On a GPU they stay there until they are
        read here.

        Args:
            by: `"group"`, `"parameter"`, or `"segment"`, which tells rows with settings of their own apart.

        Returns:
            By name; what was not stepped is left out. Groups without a name have their number, parameters
            without one `"group[place]"`. Of what was held back by a limit, what its gradients were. What is
            spread over processes is told whole by group, and else as far as it is here.

        Raises:
            OptimizerError: The optimizer was made with `statistics=False`, or there is no such view.
        """
        if not self._options.statistics:
            raise OptimizerError(
                "This optimizer was made with statistics=False, so that its steps were not summed up. "
                "Leave it out."
            )
        return self._turn.statistics(by)

    @property
    def skipped(self) -> int:
        """How many steps were left out altogether since it was made."""
        self.settle()
        return self._skipped + self._turn.skipped

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """What became of each limit in the last step."""
        self.settle()
        return self._turn.outcomes

    def settle(self) -> None:
        """Take in what was decided about the last step where the gradients are.

        On a GPU the host goes on without it, and asks before the next step, and where it is read. Whoever
        reads or writes `state` by hand between two steps, with clipping or limits there, asks first.
        """
        self._turn.settle()

    def state_dict(self) -> dict[str, Any]:
        """As torch has it; what is changed in a group's rows later does not change it."""
        self.settle()
        saved = super().state_dict()
        for group in saved["param_groups"]:
            if group.get(ROWS):
                group[ROWS] = [dict(row) for row in group[ROWS]]
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` of this optimizer or another gave; `carried` tells what of it was taken.

        Parameters are told by their names, so that groups may be others now; where neither side has names,
        by their places, as torch has it. A group whose parameters were one group then has its values (rows
        and bounds but from torch's own, which have none); any other keeps its own. Who steps a group stays
        as it is; another class goes on with what means the same to both. Where torch rounds the state of
        half-precision parameters to their dtype, it stays float32.

        Args:
            state_dict: As torch has it, of this class or of any other.

        Raises:
            CheckpointError: It is no such state, a damaged one, or one without names where there are some
                here. Nothing is loaded then.
        """

        def take(_: Any, state: dict[str, Any]) -> dict[str, Any]:
            steppers = [self._known.stepper(one.get(OPTIMIZER) or self._main) for one in self.param_groups]
            taken, self.carried = carry(state, self.param_groups, steppers)
            return by_parameter(taken, self.param_groups)

        skipped = self.skipped
        last = self.register_load_state_dict_pre_hook(take)  # after those of users, which may change it
        try:
            super().load_state_dict(as_state(state_dict))
        finally:
            last.remove()
        self._forget()
        self._skipped = skipped
        if self.carried is not None:
            log(self.carried)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made of; it lays out passes of its own."""
        self.settle()
        return {**super().__getstate__(), **{name: vars(self)[name] for name in (*MADE_OF, LAST)}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What is loaded has other tensors, and may lack a setting that was added since it was saved."""
        super().__setstate__(state)
        self._held = None
        self._forget()
        self._turn: Turn = state.get(LAST) or Turn()
        for group in self.param_groups:
            self._fill(group)

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """Whether GradScaler leaves unscaling to the step: not where other classes see the gradients."""
        return all(group.get(OPTIMIZER, self._main) in ALGORITHMS for group in self.param_groups)

    def _forget(self) -> None:
        """Nothing that was found before holds any more."""
        self._asked: list[Any] = []
        self._jobs: list[Job] = []
        self._sharing: Sharing | None = None
        self._turn = Turn()
        self.limits: Sequence[Limit] = ()

    def _assigned(self) -> list[Job]:
        """Who steps which groups, found anew where it has changed."""
        asked = [group.get(OPTIMIZER) for group in self.param_groups]
        if asked != self._asked:
            for group in self.param_groups:
                if group.get(OPTIMIZER) is not None:
                    self._fill(group)
            asked = [group.get(OPTIMIZER) for group in self.param_groups]
            names = [self._main if name is None else name for name in asked]
            self._jobs = jobs_of(names, self.param_groups, self.state, self._known, self._options)
            self._asked = asked
        return self._jobs

    def _fill(self, group: dict[str, Any]) -> None:
        """Give a group what its optimizer reads and it lacks; that one it keeps by name."""
        if group.get(OPTIMIZER) is not None:
            group[OPTIMIZER] = self._known.name_of(group[OPTIMIZER])
        defaults = self._known.defaults(group.get(OPTIMIZER) or self._main)
        for key, value in {**CLIPPING, **defaults, **self._said_of(defaults)}.items():
            group.setdefault(key, value)

    def _said_of(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """What was said when this was made of settings that an optimizer reads."""
        return {key: value for key, value in self._said.items() if key in {**defaults, **CLIPPING}}

    def _outline(self, jobs: Sequence[Job]) -> None:
        """Make the state of all that has a gradient, as a step would; nothing else is written or told."""
        for job in jobs:
            job.outline(self.param_groups, self.state)

    def _step(self, jobs: Sequence[Job], closure: Closure | None) -> None:
        self._skipped = self.skipped
        scale = 1.0 / _number(getattr(self, "grad_scale", None), 1.0)
        self._turn = turn = Turn([*self.param_groups], scale)
        if _number(getattr(self, "found_inf", None), 0.0):
            turn.skipped = True
            return
        try:
            for job in jobs:
                job.find(self.param_groups, self.state)
            self._sharing = self._shared(jobs)
            turn.make(jobs, self._limits(jobs), self._sharing, self.state, closure)
            if self._sharing is not None and self._options.statistics:
                turn.message = self._sharing.send(turn.told)
            turn.fetch()
        finally:
            for job in jobs:
                job.stepper.drop()
                job.stepper.undo(self.state)

    def _shared(self, jobs: Sequence[Job]) -> Sharing | None:
        """Who else holds parts of the parameters; None where all is here."""
        spread = self.sharing is not None or any([job.stepper.sharded for job in jobs])  # noqa: C419  # faster
        return sharing_of(self.param_groups, self.sharing, self._sharing) if spread else None

    def _limits(self, jobs: Sequence[Job]) -> Sequence[Limit] | None:
        """What gradients must be; None where nothing is asked of them, and they are not looked at before."""
        limits = [*self.limits]
        if self._options.skip_nonfinite:
            limits.append(Limit(tuple(range(len(self.param_groups)))))
        return limits if limits or any(job.stepper.clips for job in jobs) else None


def _number(value: Any, default: float) -> float:
    """What GradScaler has put on the optimizer for the call, if it has."""
    return default if value is None else float(value)
