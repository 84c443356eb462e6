"""Norms and biases that learn faster than the weights beside them."""

from collections.abc import Iterator
from typing import NamedTuple

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.steppers import rule_of
from paramgroups.auditing.subject import Check, Subject
from paramgroups.errors import Finding, listing
from paramgroups.indexing import Row

FASTER = Kind(
    "PG118", "warning", "a norm or a bias learns faster than the weight beside it",
    "It shifts and scales what the weight gives, so that the weight runs after it.",
)  # fmt: skip

TWICE = 2.0 * (1 + 1e-9)
"""Twice the rate for biases is an old habit, and harmless."""
VECTORS = frozenset({"norm", "bias"})
NO_MEASURE = frozenset({"lora_B", *VECTORS})
"""A `lora_B` has a higher rate for a reason of its own."""


class Rated(NamedTuple):
    """A parameter with the rule that steps it, and the rate that was asked for."""

    row: Row
    rule: str
    rate: float


def faster(subject: Subject) -> Iterator[Finding]:
    """Norms and biases at more than twice the rate of every weight beside them."""
    rated = [] if subject.plan is not None else _rated(subject)
    beside = _fastest_beside(rated)
    top = _fastest_tables(rated)
    found = [
        (one, other)
        for one in rated
        if VECTORS & one.row.roles
        and (other := _weight_beside(one, beside)) is not None
        and one.rate > TWICE * other
        and one.rate > top.get(one.rule, 0.0)
    ]
    if found:
        (first, other), names = found[0], [one.row.name for one, _ in found]
        message = (
            f'"{first.row.name}" learns at {first.rate:g}, and the weight beside it at {other:g}. So it is '
            f"with {len(names):,} norms and biases: {listing(names)}."
        )
        fix = (
            "Give each the rate of its weight. PEFT's LoRA+ helper puts all vectors at the rate of lora_B; "
            'the rule pg.rule(":lora_B", lr_scale=16) raises lora_B alone.'
        )
        yield FASTER.finding(message, fix, dict.fromkeys(names))


def _rated(subject: Subject) -> list[Rated]:
    """What is trained; nothing where no rate is twice another."""
    known = {id(one): (rule_of(one), rate) for one in subject.groups if (rate := one.base) and rate > 0}
    rates = [rate for _, rate in known.values()]
    if not rates or max(rates) <= TWICE * min(rates):
        return []
    trained = ((known.get(id(group)), row) for group, row, _ in subject.trained)
    return [Rated(row, *found) for found, row in trained if found is not None]


def _fastest_beside(rated: list[Rated]) -> dict[tuple[str, str], float]:
    """The highest rate of a weight in each module, those within it included; by the rule that steps it."""
    fastest: dict[tuple[str, str], float] = {}
    for row, rule, rate in rated:
        if row.ndim > 1 and NO_MEASURE.isdisjoint(row.roles):
            for path in _above(row.name):
                if fastest.get((rule, path), 0.0) < rate:
                    fastest[rule, path] = rate
    return fastest


def _fastest_tables(rated: list[Rated]) -> dict[str, float]:
    """The highest rate of an embedding, by the rule that steps it.

    Vectors and embeddings at one rate, above that of matrices, are how rates go with width in muP (arXiv
    2203.03466).
    """
    tables = [one for one in rated if "embedding" in one.row.roles]
    return {
        rule: max(one.rate for one in tables if one.rule == rule) for rule in {one.rule for one in tables}
    }


def _weight_beside(one: Rated, beside: dict[tuple[str, str], float]) -> float | None:
    """The highest rate in the module of a parameter; where it holds no weight, in the one around it."""
    module = one.row.name.rpartition(".")[0]
    own = beside.get((one.rule, module))
    return beside.get((one.rule, module.rpartition(".")[0])) if own is None else own


def _above(name: str) -> Iterator[str]:
    while name:
        name = name.rpartition(".")[0]
        yield name


KINDS = (FASTER,)
CHECKS: tuple[Check, ...] = (faster,)
