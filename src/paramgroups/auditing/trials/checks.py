"""What real steps on copies tell: what moved, what did not, and by how much."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from statistics import median

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.steppers import searches
from paramgroups.auditing.subject import Group, Subject
from paramgroups.auditing.trials.copying import inside
from paramgroups.auditing.trials.trial import Trial, Tried
from paramgroups.errors import Finding, counted, listing

MOVED = Kind(
    "PG201", "error", "frozen parameters that a step moves",
    "Frozen weights are to stay as they are; a gradient that is left over, decay or momentum moves them.",
)  # fmt: skip
DRIFTED = Kind(
    "PG202", "warning", "statistics of a frozen part that move",
    "Frozen weights were trained with the statistics they had; other ones make them compute something else.",
)  # fmt: skip
STOOD = Kind(
    "PG203", "warning", "parameters that have gradients and stand still",
    "Backward is paid for them, and nothing comes of it.",
)  # fmt: skip
WITHOUT = Kind(
    "PG204", "warning", "parameters without a gradient",
    "What the loss does not depend on is never trained: a part that is not called, a detach, a no_grad.",
)  # fmt: skip
HUGE = Kind(
    "PG205", "warning", "steps nearly as large as the weights",
    "About a thousandth of the weights a step is usual; a tenth soon loses what they were.",
)  # fmt: skip
TINY = Kind(
    "PG206", "advice", "steps too small to matter",
    "Float32 tells numbers apart that differ by a ten-millionth: much of such a step is lost in rounding.",
)  # fmt: skip
NONFINITE = Kind(
    "PG207", "error", "a loss or gradients that are not finite",
    "One NaN or infinity in a gradient makes NaN of all that is stepped with it.",
)  # fmt: skip
GREW = Kind(
    "PG208", "warning", "a loss that grows tenfold in a few steps",
    "On one batch again and again a loss should fall; where it grows like this, steps overshoot.",
)  # fmt: skip
UNMASKED = Kind(
    "PG209", "warning", "rows behind a gradient mask that move",
    "A mask on the gradient does not hold back decay, nor momentum from before.",
)  # fmt: skip

LARGEST, SMALLEST = 0.1, 1e-7
"""Of a step's update, by the norm of the weights."""
TIMES = 10.0
VISIBLE = 1e-6
"""Of a weight: float32 does not lose an update of this size. A gradient that makes a smaller one may be what
rounding makes of 0, as that of a bias which a softmax cancels."""
SETTLED = 0.5
"""A part of the rate that was asked for, below which a warm-up is no standstill."""
LEAST_LOSS = 1e-6
HALF = ("float16", "bfloat16")


def moved(_: Subject, trial: Trial) -> Iterator[Finding]:
    """Frozen parameters that a step moved."""
    names = [name for name, one in trial.tried.items() if one.moved_frozen]
    if names:
        told = counted(len(names), "frozen parameter")
        message = f"{_steps(trial)} moved {told}: {listing(names)}."
        fix = (
            "Leave them out of the optimizer, [p for p in model.parameters() if p.requires_grad], and set "
            "parameter.grad = None when you freeze."
        )
        yield MOVED.finding(message, fix, names)


def drifted(subject: Subject, trial: Trial) -> Iterator[Finding]:
    """Running statistics that moved, of modules all whose parameters are frozen."""
    if trial.drifted:
        model, told = inside(subject.model), counted(len(trial.drifted), "frozen module")
        message = f"{_steps(trial)} moved the running statistics of {told}: {listing(trial.drifted)}."
        fix = "Hold them in evaluation, after each model.train(): module.eval()."
        own = {
            id(one) for path in trial.drifted for one in model.get_submodule(path).parameters(recurse=False)
        }
        names = [name for name, one in subject.tensors.items() if id(one) in own]
        yield DRIFTED.finding(message, fix, names)


def stood(subject: Subject, trial: Trial) -> Iterator[Finding]:
    """Trainable parameters that had gradients and did not move."""
    usual = _median([one for tried in trial.tried.values() for one in tried.gradients if one])
    names = []
    for group, row, _ in subject.trained:
        rate, one = group.base, trial.tried[row.name]
        weight = one.weights[0] / row.numel**0.5 if one.weights and row.numel else 0.0
        least = usual * VISIBLE if row.dtype in HALF or not rate else weight * VISIBLE / rate
        if not one.moved and _had(one, least):
            names.append(row.name)
    if names:
        message = (
            f"{counted(len(names), 'parameter')} had gradients and a rate above 0, and {_steps(trial)} did "
            f"not move them: {listing(names)}."
        )
        fix = (
            "Look whether the optimizer's step comes to their group, and whether their dtype holds an update "
            "of this size: bfloat16 weights want a float32 copy, pg.Optimizer(..., master_weights=True)."
        )
        yield STOOD.finding(message, fix, names)


def without(_: Subject, trial: Trial) -> Iterator[Finding]:
    """Trainable parameters that no step gave a gradient."""
    live = {name: one for name, one in trial.tried.items() if one.live}
    never = [name for name, one in live.items() if all(found is None for found in one.gradients)]
    naught = [name for name, one in live.items() if _naught(one)]
    if never and len(never) == len(live):
        message = (
            f"None of the {len(live):,} trainable parameters had a gradient: the loss is not of the model."
        )
        fix = (
            "Compute it with the model that is handed in: loss=lambda model, batch: criterion(model(batch))."
        )
        yield WITHOUT.finding(message, fix, never)
    elif names := [*never, *naught]:
        told = [f"{len(never):,} had none" if never else "", f"{len(naught):,} only zeros" if naught else ""]
        message = (
            f"{len(names):,} of {len(live):,} trainable parameters had no gradient in these {trial.steps} "
            f"steps with this batch ({', '.join(filter(None, told))}): {listing(names)}."
        )
        fix = "Look whether forward uses them, and no detach() or no_grad() cuts them off; else freeze them."
        yield WITHOUT.finding(message, fix, names)


def huge(subject: Subject, trial: Trial) -> Iterator[Finding]:
    """Groups whose steps are large beside their weights."""
    for group in subject.groups:
        ratio = trial.ratio(group, of=lambda name: subject.row(name).role != "bias")
        if ratio is not None and ratio > LARGEST and not searches(group.optimizer):
            rate = group.base or group.value("lr")
            message = f"A step changes the weights of {group.label} by {ratio:.2g} of their norm"
            fix = "Lower its rate"
            if rate is not None:
                message += f", at a rate of {rate:.3g}"
                fix += f"; about {rate * 0.01 / ratio:.1g} would change a hundredth"
            yield HUGE.finding(f"{message}.", f"{fix}.", _of(group.names, trial))


def tiny(subject: Subject, trial: Trial) -> Iterator[Finding]:
    """Groups whose steps are lost beside their weights."""
    for group in subject.groups:
        ratio = trial.ratio(group, asked_for=True)
        if ratio is not None and 0 < ratio < SMALLEST and not _begins(subject, group, trial):
            message = f"A step changes the weights of {group.label} by {ratio:.1g} of their norm."
            fix = "Raise its rate, or freeze it and save the work."
            yield TINY.finding(message, fix, _of(group.names, trial))


def nonfinite(_: Subject, trial: Trial) -> Iterator[Finding]:
    """A loss or gradients with NaN or infinity."""
    names = [name for name, one in trial.tried.items() if not all(map(math.isfinite, _seen(one)))]
    if names or not all(map(math.isfinite, trial.losses)):
        told = [f"the losses were {_told(trial.losses)}"] if trial.losses else []
        if names:
            what = counted(len(names), "parameter")
            told.append(f"{what} had gradients that are not finite: {listing(names)}")
        message = ", and ".join(told)
        fix = (
            "Look for a log, a division or a root of 0, for float16 without a GradScaler, and for bad "
            "numbers in the batch."
        )
        yield NONFINITE.finding(f"{message[0].upper()}{message[1:]}.", fix, names)


def grew(_: Subject, trial: Trial) -> Iterator[Finding]:
    """A loss that grew by a lot."""
    if not trial.losses:
        return
    first, last = trial.losses[0], trial.losses[-1]
    if first > LEAST_LOSS and math.isfinite(last) and last > TIMES * first:
        message = f"The losses on this one batch were {_told(trial.losses)}."
        yield GREW.finding(message, "Lower the rates, or warm them up: pg.schedules.warmup.")


def unmasked(_: Subject, trial: Trial) -> Iterator[Finding]:
    """Rows that a hook masks and that moved."""
    found = {name: count for name, one in trial.tried.items() if (count := _moved_behind(one))}
    if found:
        rows = listing(f"{count:,} of {name}" for name, count in found.items())
        message = (
            f"Hooks make the gradients of some rows 0, and {_steps(trial)} moved them all the same: {rows}."
        )
        fix = (
            "Give such a tensor's group weight_decay=0 and clear its state, or say it by rows: "
            'pg.rule("embed.weight[:32000]", trainable=False).'
        )
        yield UNMASKED.finding(message, fix, found)


def _had(one: Tried, least: float) -> bool:
    """Whether it had more than such a gradient at a step whose rate was about what was asked for."""
    return any(
        gradient is not None and gradient > least and (share is None or share >= SETTLED)
        for gradient, share in zip(one.gradients, one.shares, strict=False)  # one that raised has no share
    )


def _median(found: list[float]) -> float:
    return median(found) if found else 0.0


def _begins(subject: Subject, group: Group, trial: Trial) -> bool:
    """Whether a matrix of it is 0 yet, as a low-rank adapter's is, so that others wait for it."""
    tried = [(subject.row(name), trial.tried[name]) for name in group.names if name in trial.tried]
    return any(row.ndim > 1 and one.live and one.fresh for row, one in tried)


def _naught(one: Tried) -> bool:
    """Whether its gradients were there and 0 throughout, though what it waits for had time to move."""
    live = [share for share in one.shares[:-1] if share != 0]
    return bool(live) and one.raw is None and all(found == 0 for found in one.gradients)


def _moved_behind(one: Tried) -> int:
    if one.raw is None or one.left is None or one.rows is None:
        return 0
    return int((one.raw & ~one.left & one.rows).sum())


def _seen(one: Tried) -> Iterator[float]:
    return (found for found in chain(one.gradients, one.updates) if found is not None)


def _of(names: Iterable[str], trial: Trial) -> list[str]:
    return [name for name in names if name in trial.tried]


def _steps(trial: Trial) -> str:
    return counted(trial.steps, "step")


def _told(losses: Iterable[float]) -> str:
    return ", ".join(f"{one:.3g}" for one in losses)


TrialCheck = Callable[[Subject, Trial], Iterator[Finding]]
KINDS = (MOVED, DRIFTED, STOOD, WITHOUT, HUGE, TINY, NONFINITE, GREW, UNMASKED)
CHECKS: tuple[TrialCheck, ...] = (
    moved,
    drifted,
    stood,
    without,
    huge,
    tiny,
    nonfinite,
    grew,
    unmasked,
)
