"""A few real steps on copies: what moved, by how much, and what had a gradient."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from paramgroups.auditing.drifting import copied_statistics, moved_statistics
from paramgroups.auditing.kinds import LONGEST
from paramgroups.auditing.subject import Subject
from paramgroups.auditing.trials.copying import Copies, UncopiedError, carry_hooks, copies_of, hooks_of
from paramgroups.auditing.trials.keeping import shielded, undisturbed
from paramgroups.auditing.trials.losing import NoLossError, evaluation
from paramgroups.auditing.trials.stepping import Seat, note_rows, take_step
from paramgroups.auditing.trials.trial import Trial, Tried


def try_steps(subject: Subject, loss: Callable[..., Any] | None, batch: Any, steps: int = 3) -> Trial:
    """Take a few steps on copies of the model, the optimizers and the schedulers.

    What was handed in stays as it is, bit by bit, and so do all random generators.

    Args:
        subject: What is audited.
        loss: A function of a model and a batch that gives the loss; None where the model gives it.
        batch: What the loss is of.
        steps: How many steps.

    Raises:
        PlanError: The loss is no function.
        ModelError: It gives no number.
    """
    evaluate = evaluation(loss, batch)
    trial = Trial(steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a copy of an optimizer has not the step that torch looks for
        try:
            with undisturbed(subject.model, loss):
                _try(evaluate, subject, trial)
        except UncopiedError as error:
            trial.untaken = (str(error),)
        except NoLossError:
            raise
        except Exception as error:  # noqa: BLE001  # the loss and the optimizers are foreign code
            told = f"{type(error).__name__}: {str(error)[:LONGEST]}"
            at = f"Step {trial.steps + 1} of {steps}" if trial.steps < steps else "The loss after all steps"
            trial.untaken += (f"{at} ended with {told}",)
    return trial


def _try(evaluate: Callable[[nn.Module], Tensor], subject: Subject, trial: Trial) -> None:
    copies = copies_of(subject)
    trial.untaken = copies.untaken
    known = [*subject.tensors.values(), *(one for group in subject.groups for one in group.params)]
    with shielded(known):
        _take(copies, evaluate, subject, trial)


def _take(copies: Copies, evaluate: Callable[[nn.Module], Tensor], subject: Subject, trial: Trial) -> None:
    seats = list(_seats(copies, subject))
    trial.tried = {seat.name: seat.tried for seat in seats}
    _carry_hooks(subject, copies, trial)
    for _ in range(trial.asked):
        before = copied_statistics(copies.model)
        trial.losses.append(take_step(copies, seats, evaluate))
        trial.drifted = tuple(dict.fromkeys([*trial.drifted, *moved_statistics(before)]))
    with torch.no_grad():
        trial.losses.append(float(evaluate(copies.model)))


def _seats(copies: Copies, subject: Subject) -> Iterator[Seat]:
    for group, settings, tensors in copies.members:
        for name, tensor in zip(group.names, tensors, strict=True):
            if name in subject.tensors:
                yield Seat(name, tensor, group, settings, Tried())


def _carry_hooks(subject: Subject, copies: Copies, trial: Trial) -> None:
    """Hooks act on the copies as on what was copied; what gradients are before them is noted."""
    for tensor in {id(one): one for group in subject.groups for one in group.params}.values():
        before, after = hooks_of(tensor)
        tried = trial.tried.get(subject.names.get(id(tensor), ""))
        if before and tried is not None and tensor.requires_grad:
            copies.made[id(tensor)].register_hook(_noting(tried))
        if before or after:
            carry_hooks(tensor, copies.made)


def _noting(tried: Tried) -> Callable[[Tensor], None]:
    def note(gradient: Tensor) -> None:
        tried.raw = note_rows(tried.raw, gradient)

    return note
