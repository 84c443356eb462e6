"""Advice on a plan: what resolves, but is seldom meant."""

from collections.abc import Iterator
from statistics import median

from paramgroups.errors import Finding, listing
from paramgroups.planning.freezing_checks import FREEZING
from paramgroups.planning.groups import Courses, Group, RowSegment
from paramgroups.planning.idle import idle_rules, told
from paramgroups.planning.norm_checks import BATCH_NORM, NORMS
from paramgroups.planning.numbers import decimal
from paramgroups.planning.subject import Check, Subject
from paramgroups.planning.turn_checks import TURNS

WIDE = 100
STRONG = 0.001
"""So much of a weight is more than decay is meant to take in a step."""
SPARED = ("norm", "bias", "embedding")


def check(subject: Subject) -> list[Finding]:
    """All findings, in the order of `CHECKS`."""
    return [finding for look in CHECKS for finding in look(subject)]


def everything_frozen(subject: Subject) -> Iterator[Finding]:
    """Nothing is ever trained."""
    if not subject.groups:
        names = tuple(row.name for row in subject.resolution.index)
        message = f"All {len(names):,} parameters are frozen for the whole run."
        yield Finding(
            "PG001", "error", message, "Take trainable=False off some rule, or set requires_grad.", names
        )


def no_schedule(subject: Subject) -> Iterator[Finding]:
    """No rate has a schedule."""
    if subject.groups and not any(
        t and t.schedule for g in subject.groups for _, t in g.courses["lr"].timings
    ):
        message = "No rate has a schedule: all stay as they are to the end."
        yield Finding("PG002", "advice", message, 'Give one: schedule=warmup("5%").then(cosine()).')


def rates_far_apart(subject: Subject) -> Iterator[Finding]:
    """One rate is more than a hundred times another."""
    rates = sorted((group for group in subject.groups if group.lr > 0), key=lambda group: group.lr)
    if rates and rates[-1].lr > WIDE * rates[0].lr:
        low, high = rates[0], rates[-1]
        message = (
            f'The rate of "{high.name}" is {decimal(high.lr)}, {high.lr / low.lr:,.0f} times '
            f'that of "{low.name}", {decimal(low.lr)}.'
        )
        fix = "If that is meant, well; if the low one should stand still, freeze it: trainable=False."
        yield Finding("PG003", "warning", message, fix, (*low.names, *high.names))


def decay_on_spared(subject: Subject) -> Iterator[Finding]:
    """Weight decay on norms, biases or embeddings."""
    decayed = [row for row, rate, decay in subject.trained() if decay > 0 and rate > 0]
    for role in SPARED:
        names = tuple(row.name for row in decayed if row.role == role)
        if names:
            count = f"{len(names):,} parameter{'s' * (len(names) != 1)}"
            message = f"Weight decay acts on {count} of role {role}: {listing(names, 3)}."
            fix = f'Spare them: pg.rule(":{role}", weight_decay=0.0).'
            yield Finding("PG004", "advice", message, fix, names)


def fast_batch_norm(subject: Subject) -> Iterator[Finding]:
    """Batch norm learns faster than what it normalises."""
    trained = list(subject.trained())
    norms = [(row, rate) for row, rate, _ in trained if BATCH_NORM in row.module_bases]
    others = [rate for row, rate, _ in trained if row.role in ("conv", "linear", "weight", "attention")]
    fast = [(row, rate) for row, rate in norms if others and rate > median(others)]
    if fast:
        message = f"Batch norm learns at up to {decimal(max(r for _, r in fast))}, faster than most weights."
        fix = 'Give it their rate or a smaller one: pg.rule("@_BatchNorm", lr_scale=0.1).'
        yield Finding("PG005", "advice", message, fix, tuple(row.name for row, _ in fast))


def slow_head(subject: Subject) -> Iterator[Finding]:
    """A head that is not the fastest."""
    trained = list(subject.trained())
    heads = [(row, rate) for row, rate, _ in trained if "head" in row.roles and "embedding" not in row.roles]
    others = [rate for row, rate, _ in trained if "head" not in row.roles]
    slow = [(row, rate) for row, rate in heads if others and rate < max(others)]
    if slow:
        lowest = decimal(min(rate for _, rate in slow))
        message = f"The head learns at {lowest}, other parts at up to {decimal(max(others))}."
        fix = 'A new head wants the largest rate: pg.rule(":head", lr_scale=10).'
        yield Finding("PG006", "advice", message, fix, tuple(row.name for row, _ in slow))


def decay_follows_rate(subject: Subject) -> Iterator[Finding]:
    """A rate that is scaled down takes its weight decay down with it."""
    decayed = [(row.name, rate, decay) for row, rate, decay in subject.trained() if decay > 0 and rate > 0]
    rates = {rate for _, rate, _ in decayed}
    strength = {rate * decay for _, rate, decay in decayed}
    if len(rates) > 1 and max(strength) > 10 * min(strength):
        weak = min(strength)
        names = tuple(name for name, rate, decay in decayed if rate * decay == weak)
        message = (
            "torch's optimizers multiply weight decay by the rate: it shrinks weights by "
            f"{decimal(max(strength))} a step at large rates, by {decimal(weak)} in {listing(names, 3)}."
        )
        fix = (
            'If all should decay alike, let it not follow the rate, decay="independent" in the recipe, with '
            f"what a step is to take, weight_decay={decimal(max(strength))}; or scale it the other way, "
            "weight_decay_scale=10 beside lr_scale=0.1."
        )
        yield Finding("PG007", "advice", message, fix, names)


def idle(subject: Subject) -> Iterator[Finding]:
    """A rule that matches, and changes nothing."""
    for match in idle_rules(subject.resolution):
        fix = "Take it out, or look whether another rule undoes it, or whether it acts before the end."
        yield Finding("PG008", "advice", told(match), fix, subject.names(match))


def only_frozen(subject: Subject) -> Iterator[Finding]:
    """A rule that acts on nothing that is ever trained."""
    trained = {name for group in subject.groups for name in group.names}
    for match in subject.resolution.matches:
        names = subject.names(match)
        meant = match.rule.missing == "ignore" or not match.rule.hyperparameters
        if names and not meant and not trained.intersection(names):
            message = (
                f'Rule {match.number} "{match.rule.selector.written}" gives values to {len(names):,} '
                f"parameters of which none is ever trained: {listing(names, 3)}."
            )
            fix = 'Train them, pg.rule("…", trainable=True) or requires_grad_(True), or take the rule out.'
            yield Finding("PG009", "warning", message, fix, names)


def never_begun(subject: Subject) -> Iterator[Finding]:
    """Parts of a schedule that wait for an end of training which nobody has told."""
    if subject.resolution.profiler.horizon.ticks is not None:
        return
    waiting: dict[str, list[str]] = {}
    for group in subject.groups:
        for _, timing in (piece for course in group.courses.values() for piece in course.timings):
            if timing is not None and (parts := timing.waiting):
                told = f"{listing(map(repr, parts))} of {timing.schedule!r}"
                waiting.setdefault(told, []).extend(group.names)
    for told, names in waiting.items():
        message = f"Training has no known end, so {told} will not begin until it is told."
        fix = "Plan with steps= or epochs=, or tell the end in time: scheduler.extend(steps=…)."
        yield Finding("PG011", "advice", message, fix, tuple(names))


def strong_decay(subject: Subject) -> Iterator[Finding]:
    """Decay that does not follow the rate, and was not made small for that."""
    found: dict[str, float] = {}
    for group in subject.groups:
        targets: list[Group | RowSegment] = [group, *group.segments]
        for one in targets:
            if one.profile.independent and (most := _most_decay(one.profile.courses)) > STRONG:
                found |= dict.fromkeys(one.names, most)
    if found:
        message = (
            'decay="independent" takes weight_decay × the schedule\'s factor off a weight in every step: '
            f"up to {max(found.values()):.2%} of {listing(found, 3)}."
        )
        fix = (
            "It stands for the product lr × weight_decay: write that, such as weight_decay=0.00001 for "
            "lr=0.0001 and a coupled weight_decay=0.1."
        )
        yield Finding("PG017", "warning", message, fix, tuple(found))


def _most_decay(courses: Courses) -> float:
    """The largest part of a weight that decay takes in one step."""
    rate, decay = courses["lr"], courses["weight_decay"]
    ticks = {tick for course in (rate, decay) for tick, _ in course.extremes()}
    return max(float(rate.at(tick) * decay.at(tick)) for tick in ticks)


CHECKS: tuple[Check, ...] = (
    everything_frozen,
    no_schedule,
    rates_far_apart,
    decay_on_spared,
    fast_batch_norm,
    slow_head,
    decay_follows_rate,
    idle,
    only_frozen,
    never_begun,
    strong_decay,
    *FREEZING,
    *NORMS,
    *TURNS,
)
