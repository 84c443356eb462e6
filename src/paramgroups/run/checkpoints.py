"""Checkpoints: a model, its optimizer and its scheduler in one file, by name."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from os import PathLike
from pathlib import Path as FilePath
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from paramgroups._version import __version__
from paramgroups.errors import CheckpointError, ParamGroupsError, RuleError, listing
from paramgroups.optim.shards import is_spread
from paramgroups.run import preferring
from paramgroups.run.carrying import load_memory
from paramgroups.run.contents import MODEL, OPTIMIZER, SCHEDULER, Contents, read_contents
from paramgroups.run.filing import Reader, opened, path_of, told_of, write
from paramgroups.run.gathering import Company, Finder, Gathering, is_first, read_into
from paramgroups.run.labelling import labelled, numbered, with_names
from paramgroups.run.loaded import Loaded, recipe_diff
from paramgroups.run.modelling import EXTRA, Pairs, check_whole, extras_of, fit, held_by
from paramgroups.run.packing import pack, unpack
from paramgroups.run.reconciling import reconciled
from paramgroups.run.scheduler import Scheduler

KINDS = {MODEL: nn.Module, OPTIMIZER: Optimizer, SCHEDULER: Scheduler}
"""What may be saved, and what it must be."""

LOAD = "load"
"""The cause of what `values=` has made hold."""

Path = str | PathLike[str]


def save(
    path: Path,
    *,
    model: nn.Module | None = None,
    optimizer: Optimizer | None = None,
    scheduler: Scheduler | None = None,
) -> None:
    """Write a checkpoint: one safetensors file with all that a run goes on from, by name.

    The file takes the place of an earlier one when all of it is on the disk: a kill at any moment leaves the
    old or the new one whole. It holds tensors and JSON, each byte under a checksum, and no code. The model's
    tensors have their canonical names, whatever wraps it, tied ones once; the scheduler's plan goes along as
    a recipe in TOML. Where each of several processes has all of the model, the first writes, and no message
    is sent; where tensors are spread over them, all make the same call.

    Args:
        path: The file.
        model: The model: its parameters and persistent buffers.
        optimizer: Any torch optimizer.
        scheduler: A `pg.Scheduler`, with its journal and what its controllers and guards remember.

    Raises:
        FileError: The file cannot be written; what stood there before stands there still.
        CheckpointError: Nothing is to be saved, or something is that no file of ours holds.
        ModelError: The model has tensors without values, or holds what no tensor tells.

    Example:
        >>> import paramgroups as pg, tempfile, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
        >>> plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1), steps=100)
        >>> optimizer, scheduler = pg.build(plan)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = folder + "/last.safetensors"
        ...     pg.save(path, model=model, optimizer=optimizer, scheduler=scheduler)
        ...     loaded = pg.load(path, model=model, optimizer=optimizer, scheduler=scheduler)
        >>> loaded.model.kept
        ('0.weight', '0.bias')
    """
    target = path_of(path)
    given = {MODEL: model, OPTIMIZER: optimizer, SCHEDULER: scheduler}
    _check_given("save", given)
    if all(one is None for one in given.values()):
        raise CheckpointError(
            "pg.save: nothing is to be saved. Give model=, optimizer=, scheduler=, or some."
        )
    trained = list(_trained(model, optimizer, scheduler))
    check_whole(trained)
    if not any(map(is_spread, trained)):
        if is_first(trained):
            write(target, *_composed(model, optimizer, scheduler))
        return
    company = Company(trained)
    with company.together() as held:
        said, tensors = _composed(model, optimizer, scheduler)
        held += [[name, list(one.shape), is_spread(one)] for name, one in tensors.items()]
    gathering = Gathering(tensors.values())
    with company.together():
        try:
            if company.place == 0:
                write(target, said, tensors, gathering.whole)
        finally:
            gathering.finish()


def load(  # noqa: PLR0913  # what may be loaded, and how
    path: Path,
    *,
    model: nn.Module | None = None,
    optimizer: Optimizer | None = None,
    scheduler: Scheduler | None = None,
    values: preferring.Choice = preferring.RECIPE,
    strict: bool = True,
) -> Loaded:
    """Read a checkpoint into a model, an optimizer and a scheduler that were made as before, or otherwise.

    All is matched by name and shape. The checkpoint gives the state, and the recipe of today the rates:
    where the two differ, the report says so. Everything is read and checked before anything is written, so
    that where one of them is refused all three are as they were. Of several processes all make the same call.

    Args:
        path: The file.
        model: The model.
        optimizer: The optimizer; what it remembers of parameters that are not here, or have another shape,
            is left, and said in the report.
        scheduler: The scheduler; the groups hold the saved tick's values at once.
        values: Whose values hold where the recipe of today and the checkpoint differ: `"recipe"`,
            `"checkpoint"`, or that by hyperparameter, `{"lr": "checkpoint"}`. A value of the checkpoint is a
            factor on top of the schedule from then on, and an event of the journal. Rows of a tensor with
            values of their own have those of the recipe.
        strict: Whether the model must have the very tensors that were saved; else what fits by name and
            shape is taken.

    Returns:
        What was taken over, and what differs; printed, a report. With nothing to load it tells what the
        file says, such as the recipe.

    Raises:
        FileError: The file cannot be read.
        CheckpointError: It is no checkpoint, of a newer version, or damaged; it does not hold what is asked
            for; or that does not fit. Nothing is loaded then.
        ParamGroupsError: The model, or what was decided in the saved run, cannot be read.

    Example:
        >>> import paramgroups as pg, tempfile, torch
        >>> def start(lr):
        ...     model = torch.nn.Sequential(torch.nn.Linear(4, 2))
        ...     return model, *pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=lr), steps=100))
        >>> folder = tempfile.TemporaryDirectory()
        >>> model, optimizer, scheduler = start(lr=0.1)
        >>> pg.save(folder.name + "/last", model=model, optimizer=optimizer, scheduler=scheduler)
        >>> model, optimizer, scheduler = start(lr=0.2)
        >>> loaded = pg.load(folder.name + "/last", model=model, optimizer=optimizer, scheduler=scheduler)
        >>> loaded.recipe_diff
        ('-lr = 0.1', '+lr = 0.2')
        >>> [(one.hyper, one.then, one.now) for one in loaded.optimizer.values]
        [('lr', 0.1, 0.2)]
        >>> folder.cleanup()
    """
    given = {MODEL: model, OPTIMIZER: optimizer, SCHEDULER: scheduler}
    _check_given("load", given)
    preferring.check_choice(values)
    trained, target = list(_trained(model, optimizer, scheduler)), path_of(path)
    check_whole(trained)
    company = Company(trained)
    read_whole = company.count == 1 and not any(map(is_spread, trained))
    with ExitStack() as open_file:
        with company.together():
            reader = open_file.enter_context(opened(target))
            with told_of(target):
                contents = read_contents(reader)
                contents.check_asked(name for name, one in given.items() if one is not None)
                reader.check(company.share(_to_check(reader, given, read_whole=read_whole)))
        loading = _Loading(company, target, reader, contents, values)
        return loading.load(model, optimizer, scheduler, strict=strict)


class _Loading:
    """One checkpoint on its way into what was given."""

    def __init__(  # all that a load has to do with
        self, company: Company, path: FilePath, reader: Reader, contents: Contents, values: preferring.Choice
    ) -> None:
        self.company, self.path, self.reader = company, path, reader
        self.contents, self.values = contents, values
        told = None if contents.horizon is None else str(contents.horizon)
        self.report = Loaded(str(path), contents.library, contents.recipe, told)

    def load(
        self,
        model: nn.Module | None,
        optimizer: Optimizer | None,
        scheduler: Scheduler | None,
        *,
        strict: bool,
    ) -> Loaded:
        """Everything that can be refused comes before the first write to the model, and is undone."""
        with ExitStack() as undo:
            with self.company.together(), told_of(self.path):
                pairs = self._fit(model, strict=strict)
                self._states(model, optimizer, scheduler, undo)
                self._take_extras(model, undo)
            undo.pop_all()
        with self.company.together(), told_of(self.path):
            for name, tensor in pairs:
                read_into(self.reader, f"{MODEL}/{name}", tensor)
        return self.report

    def _states(
        self,
        model: nn.Module | None,
        optimizer: Optimizer | None,
        scheduler: Scheduler | None,
        undo: ExitStack,
    ) -> None:
        """Load the optimizer, and then the scheduler, which writes its values into it."""
        live = [] if optimizer is None else optimizer.param_groups
        groups = with_names(live, live, model)
        saved = None if optimizer is None else numbered(self._tree(OPTIMIZER, groups))
        run = None if scheduler is None else self._tree(SCHEDULER, scheduler.optimizer.param_groups)
        self.reader.settle()
        if optimizer is not None:
            undo.callback(_put_back, optimizer, dict(vars(optimizer)))
        if scheduler is not None:
            undo.callback(scheduler.load_state_dict, scheduler.state_dict())
        if optimizer is not None:
            carried = _guarded(partial(load_memory, optimizer, groups), saved)
            self._tell(optimizer=carried)
        if scheduler is not None:
            self._resume(scheduler, run)
        if optimizer is not None and saved is not None:
            self._prefer(saved["param_groups"], optimizer, scheduler)

    def _tell(self, **parts: Any) -> None:
        self.report = replace(self.report, **parts)

    def _fit(self, model: nn.Module | None, *, strict: bool) -> Pairs:
        """What of the file goes where in the model."""
        if model is None:
            return []
        fitted, pairs = fit(self.contents.stored, held_by(model))
        if strict:
            fitted.check()
        self._tell(model=fitted)
        return pairs

    def _tree(self, name: str, groups: Any) -> Any:
        return unpack(self.contents.trees[name], Finder(self.reader, groups))

    def _resume(self, scheduler: Scheduler, run: Any) -> None:
        """Go on where the saved scheduler stood; tell what is planned otherwise now."""
        found, plan = reconciled(run, scheduler.state_dict()), scheduler.plan
        told = {
            "controllers that begin anew": found.begun,
            "controllers of the checkpoint that are no more": found.left,
        }
        lines = [f"{what}: {listing(titles)}" for what, titles in told.items() if titles]
        if self.contents.horizon not in (None, plan.horizon):
            lines.insert(0, f"planned for {plan.horizon} now, and for {self.contents.horizon} then")
        now = _recipe(scheduler)
        same = now is None or self.contents.recipe is None
        diff = () if same else recipe_diff(str(self.contents.recipe), str(now))
        _guarded(scheduler.load_state_dict, found.state)
        self._tell(told=tuple(lines), recipe_diff=diff)

    def _prefer(self, groups: Any, optimizer: Optimizer, scheduler: Scheduler | None) -> None:
        """Let the chosen side's values hold, and tell where the sides differ."""
        then = preferring.values_of(groups)
        found = preferring.wanted(self.values, then, optimizer)
        if scheduler is None:
            preferring.write_values(found, optimizer)
        elif found:
            self._tell(events=scheduler._overwrite(found, LOAD))  # noqa: SLF001  # of one house
        known = (
            self.report.optimizer,
            getattr(optimizer, "carried", None),
            getattr(scheduler, "carried", None),
        )
        carried = next((one for one in known if one is not None), None)
        self._tell(optimizer=None if carried is None else carried.beside(optimizer.param_groups))

    def _take_extras(self, model: nn.Module | None, undo: ExitStack) -> None:
        """Give modules what they saved beside their tensors."""
        here = {} if model is None else extras_of(model)
        for path, module in here.items():
            if path in self.contents.extra:
                state = unpack(self.contents.extra[path], self.reader.fetch)
                self.reader.settle()
                undo.callback(module.set_extra_state, module.get_extra_state())
                _guarded(module.set_extra_state, state)


def _check_given(call: str, given: dict[str, Any]) -> None:
    for name, one in given.items():
        if one is not None and not isinstance(one, KINDS[name]):
            wanted = {MODEL: "torch.nn.Module", OPTIMIZER: "torch optimizer", SCHEDULER: "pg.Scheduler"}[name]
            raise CheckpointError(f"pg.{call}: {name}= is a {type(one).__name__}, and no {wanted}.")


def _trained(
    model: nn.Module | None, optimizer: Optimizer | None, scheduler: Scheduler | None
) -> Iterator[Tensor]:
    """The tensors by which the processes are known that train them."""
    if model is not None:
        yield from (*model.parameters(), *model.buffers())
    for one in (optimizer, None if scheduler is None else scheduler.optimizer):
        if one is not None:
            yield from (param for group in one.param_groups for param in group["params"])


def _composed(
    model: nn.Module | None, optimizer: Optimizer | None, scheduler: Scheduler | None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a file says, and its tensors: the model's first."""
    said: dict[str, Any] = {"library": __version__}
    parts: dict[str, dict[str, Tensor]] = {name: {} for name in KINDS}
    # The scheduler first: what its guards make of the last update may take weights back.
    if scheduler is not None:
        said[SCHEDULER], parts[SCHEDULER] = pack(scheduler.state_dict(), SCHEDULER)
        said["plan"] = _planned(scheduler)
    if optimizer is not None:
        state = optimizer.state_dict()
        state["param_groups"] = with_names(state["param_groups"], optimizer.param_groups, model)
        said[OPTIMIZER], parts[OPTIMIZER] = pack(labelled(state), OPTIMIZER)
    if model is not None:
        said[MODEL], parts[MODEL] = _modelled(model)
    return said, {name: one for part in parts.values() for name, one in part.items()}


def _to_check(reader: Reader, given: dict[str, Any], *, read_whole: bool) -> list[str]:
    """The tensors that are compared beforehand: what is read whole before it is loaded, is compared then."""
    whole = tuple(f"{name}/" for name in (OPTIMIZER, SCHEDULER) if read_whole and given[name] is not None)
    return [name for name in reader.entries if not (whole and name.startswith(whole))]


def _modelled(model: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    held = held_by(model)
    extra = {path: module.get_extra_state() for path, module in extras_of(model).items()}
    packed, tensors = pack(extra, f"{MODEL}/{EXTRA}")
    named = {f"{MODEL}/{one.names[0]}": one.tensor for one in held}
    return {"names": {one.names[0]: [*one.names[1:]] for one in held}, "extra": packed}, named | tensors


def _planned(scheduler: Scheduler) -> dict[str, Any]:
    return {"recipe": _recipe(scheduler), "horizon": asdict(scheduler.plan.horizon)}


def _recipe(scheduler: Scheduler) -> str | None:
    """The recipe as TOML; a class of the user's in it cannot be written so."""
    try:
        return scheduler.plan.recipe.to_toml()
    except RuleError:
        return None


def _guarded(load: Callable[[Any], Any], state: Any) -> Any:
    """Load a state; whatever torch makes of a strange one is an error of ours."""
    try:
        return load(state)
    except ParamGroupsError:
        raise
    except Exception as error:  # a state may be anything, and so may be what is made of it
        raise CheckpointError(f"The saved state does not fit: {error!r}. Nothing was loaded.") from error


def _put_back(optimizer: Optimizer, held: dict[str, Any]) -> None:
    """Loading puts new dicts in the place of an optimizer's; those from before are as they were."""
    vars(optimizer).clear()
    vars(optimizer).update(held)
