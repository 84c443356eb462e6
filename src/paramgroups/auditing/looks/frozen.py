"""What is frozen and moves all the same: statistics, left-over gradients, processes that disagree."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parallel import DistributedDataParallel

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.steppers import is_one_pass
from paramgroups.auditing.subject import Check, Subject
from paramgroups.errors import Finding, counted, listing

LIVE = Kind(
    "PG160", "warning", "batch norm is live in a frozen part",
    "Its running statistics follow the new batches, while the weights around them stay as they were: what "
    "the frozen part gives drifts.",
)  # fmt: skip
UNHELD = Kind(
    "PG161", "advice", "batch norm of a frozen part is held by eval() alone",
    "The next model.train(), which training loops call each epoch and after each validation, undoes it.",
)  # fmt: skip
LEFT = Kind(
    "PG162", "error", "a gradient is left over on a frozen parameter",
    "Optimizers step what has a gradient, whether it requires one or not: the next step moves it, and each "
    "one after that until the gradient is cleared.",
)  # fmt: skip
DISAGREEING = Kind(
    "PG163", "error", "what is trained has changed since DistributedDataParallel wrapped the model",
    "It averages the gradients of what was trainable then: what is thawed later gets other gradients in each "
    "process, and what is frozen later makes it wait.",
)  # fmt: skip


SHADOWS = frozenset({"teacher", "target", "momentum", "ema", "key", "k", "avg", "average", "shadow"})
"""Words for a part that follows another without being trained, and may well follow its statistics."""


class Norms:
    """The norms with running statistics, of a frozen part, of a model of which something trains."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @cached_property
    def found(self) -> list[tuple[str, Any]]:
        """Each with its path."""
        subject = self.subject
        if not any(one.requires_grad for one in subject.tensors.values()):
            return []
        found: list[tuple[str, Any]] = []
        if not any(map(_is_counting, subject.modules)):
            return found
        above = None
        for path, module in subject.model.named_modules():
            if _is_counting(module):
                around = subject.model.get_submodule(path.rpartition(".")[0])
                if _is_frozen(module, around, above) and not self._is_twin(path, module):
                    found.append((path, module))
            own = _weight(module)
            above = above if own is None else own
        return found

    def _is_twin(self, path: str, module: nn.Module) -> bool:
        """Whether it is the shadow of what is trained, as a key encoder is, or waits for its turn."""
        if any(id(one) in self._waiting for one in module.parameters()):
            return True
        segments = path.split(".")
        return any(
            not SHADOWS.isdisjoint(segment.lower().split("_")) and _but(segments, place) in self._trained
            for place, segment in enumerate(segments)
        )

    @cached_property
    def _trained(self) -> frozenset[tuple[str, ...]]:
        """The paths of the norms that are trained, each without one of its segments."""
        paths = [
            path.split(".")
            for path, module in self.subject.model.named_modules()
            if isinstance(module, _NormBase) and any(one.requires_grad for one in module.parameters())
        ]
        return frozenset(_but(path, place) for path in paths for place in range(len(path)))

    @cached_property
    def _waiting(self) -> frozenset[int]:
        """What an optimizer holds of which nothing is trained now, as that of a discriminator."""
        trained = {id(group.optimizer) for group, _, _ in self.subject.trained}
        if not trained:
            return frozenset()
        waiting = (group for group in self.subject.groups if id(group.optimizer) not in trained)
        return frozenset(id(tensor) for group in waiting for tensor in group.params)

    def names(self, modules: list[tuple[str, Any]]) -> list[str]:
        """The parameters of some of them."""
        known = self.subject.names
        own = (id(one) for _, module in modules for one in module.parameters(recurse=False))
        return [known[one] for one in own if one in known]


def live(subject: Subject) -> Iterator[Finding]:
    """Norms of a frozen part that are in training mode."""
    norms = Norms(subject)
    found = [(path, module) for path, module in norms.found if module.training]
    if found:
        message = (
            f"In frozen parts {counted(len(found), 'batch norm')} in training mode, so that running "
            f"statistics move: {listing([path for path, _ in found])}."
        )
        fix = (
            "Keep them in evaluation, after each model.train() anew: norm.eval(). Or freeze by a rule, and "
            'not by requires_grad_(False): pg.rule("backbone", trainable=False) holds them there.'
        )
        yield LIVE.finding(message, fix, norms.names(found))


def unheld(subject: Subject) -> Iterator[Finding]:
    """Norms of a frozen part that the next `train()` sets in motion."""
    norms = Norms(subject)
    if not subject.model.training:
        return
    found = [
        (path, one) for path, one in norms.found if not one.training and not _is_held(subject.model, path)
    ]
    if found:
        message = (
            f"In frozen parts {counted(len(found), 'batch norm')} in evaluation by eval() alone: "
            f"{listing([path for path, _ in found])}."
        )
        fix = (
            "Override train() of the model so that it calls eval() on them, or "
            'pg.recipes.frozen_norms("@_BatchNorm"), which holds them.'
        )
        yield UNHELD.finding(message, fix, norms.names(found))


def left(subject: Subject) -> Iterator[Finding]:
    """Frozen members of groups that have a gradient."""
    names = [
        row.name
        for group, row, tensor in subject.members
        if not tensor.requires_grad and tensor.grad is not None and not is_one_pass(group.optimizer)
    ]
    if names:
        message = f"{len(names):,} frozen parameters in groups have a gradient: {listing(names)}."
        fix = "Clear it when you freeze: parameter.requires_grad_(False); parameter.grad = None."
        yield LEFT.finding(message, fix, dict.fromkeys(names))


def disagreeing(subject: Subject) -> Iterator[Finding]:
    """Wrapped models of which another number of parameters is trained than when they were wrapped."""
    for module in subject.modules:
        if isinstance(module, DistributedDataParallel):
            then, now = _counted(module)
            if then != now:
                message = (
                    f"DistributedDataParallel was told of {then:,} trainable parameters; now {now:,} are."
                )
                fix = "Freeze and thaw first, then wrap (anew): DistributedDataParallel(model.module)."
                yield DISAGREEING.finding(message, fix)


def _but(segments: Sequence[str], place: int) -> tuple[str, ...]:
    return (*segments[:place], "", *segments[place + 1 :])


def _is_counting(module: nn.Module) -> bool:
    """Whether a module has running statistics that a forward pass in training mode moves."""
    return (
        isinstance(module, _NormBase)
        and module.track_running_stats
        and module.running_mean is not None
        and module.momentum != 0
    )


def _is_frozen(module: nn.Module, around: nn.Module, above: nn.Parameter | None) -> bool:
    """Whether neither a norm nor the weight that gives what it normalises is trained.

    One without parameters of its own is of the part that holds it, such as a head.
    """
    own = list(module.parameters(recurse=False)) or list(around.parameters())
    return bool(own) and not any(one.requires_grad for one in own) and not _is_trained(above)


def _is_trained(weight: nn.Parameter | None) -> bool:
    return weight is not None and weight.requires_grad


def _weight(module: nn.Module) -> nn.Parameter | None:
    """The last matrix that a module itself holds."""
    own = [one for one in module.parameters(recurse=False) if one.ndim > 1]
    return own[-1] if own else None


def _is_held(model: nn.Module, path: str) -> bool:
    """Whether anything on the way to a module has a `train` of its own."""
    chain: list[Any] = [model]
    for segment in path.split("."):
        chain.append(chain[-1]._modules[segment])  # noqa: SLF001  # no public view by segment
    return any(
        "train" in vars(one) or not type(one).train.__module__.startswith("torch.") for one in chain
    )  # fmt: skip


def _counted(module: Any) -> tuple[int, int]:
    """How many parameters it averages, and how many it would if it wrapped now."""
    now = {id(one) for one in module._module_parameters if one.requires_grad}  # noqa: SLF001  # no public view
    return int(module._get_ddp_logging_data()["num_parameter_tensors"]), len(now)  # noqa: SLF001  # likewise


KINDS = (LIVE, UNHELD, LEFT, DISAGREEING)
CHECKS: tuple[Check, ...] = (live, unheld, left, disagreeing)
