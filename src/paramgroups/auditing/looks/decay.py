"""Weight decay: on what it should not fall, and how strong it is."""

from collections.abc import Callable, Iterator
from dis import Instruction, get_instructions
from functools import partial
from types import FunctionType
from typing import Any

from torch import Tensor

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.looks.samples import sampled
from paramgroups.auditing.steppers import is_decoupled, rule_of
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.errors import Finding, counted, listing
from paramgroups.indexing import Row

VECTORS = Kind(
    "PG120", "advice", "weight decay on norms or biases",
    "Decay draws norms to 0, where they switch off what they scale, and biases are too few to overfit.",
)  # fmt: skip
TABLES = Kind(
    "PG121", "advice", "weight decay on embeddings",
    "Decay shrinks the rows of rare tokens at every step, and a gradient restores them only now and then.",
)  # fmt: skip
WEAKENED = Kind(
    "PG122", "advice", "decay that is weakened with the rate",
    "A decoupled decay is multiplied by its group's rate: what learns slowly also decays slowly.",
)  # fmt: skip
MASKED = Kind(
    "PG123", "advice", "a hook masks a gradient, and decay or momentum goes on",
    "A step with gradient 0 still decays the weight, and still moves it by what momentum remembers.",
)  # fmt: skip

SPREAD = 10.0
MEMORIES = ("exp_avg", "momentum_buffer")
HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
MASKS = frozenset(
    {"mul", "mul_", "masked_fill", "masked_fill_", "where", "index_fill", "index_fill_", "zero_", "fill_"}
    | {"index_copy", "index_copy_", "index_select", "scatter", "scatter_", "zeros_like", "multiply"}
)
"""By these names of functions a hook sets parts of a gradient to 0."""


def vectors(subject: Subject) -> Iterator[Finding]:
    """Norms and biases that decay."""
    names = _decayed(subject, lambda row: not row.roles.isdisjoint(("norm", "bias")))
    if names:
        message = f"Weight decay acts on {len(names):,} of the norms and biases: {listing(names)}."
        fix = 'Give them a group with "weight_decay": 0.0, or pg.rule(":norm | :bias", weight_decay=0.0).'
        yield VECTORS.finding(message, fix, names)


def tables(subject: Subject) -> Iterator[Finding]:
    """Embeddings that decay."""
    names = _decayed(subject, lambda row: "embedding" in row.roles and "bias" not in row.roles)
    if names:
        message = f"Weight decay acts on {counted(len(names), 'embedding')}: {listing(names)}."
        fix = (
            'Give them a group with "weight_decay": 0.0, or the rule pg.rule(":embedding", weight_decay=0.0).'
        )
        yield TABLES.finding(message, fix, names)


def weakened(subject: Subject) -> Iterator[Finding]:
    """Equal decays whose rates lie far apart."""
    for groups in _equally_decayed(subject):
        rates = [rate for group in groups if (rate := group.base)]
        if max(rates) > SPREAD * min(rates) * (1 + 1e-9):
            slow = [group for group in groups if group.base and max(rates) > SPREAD * group.base]
            decay = slow[0].value("weight_decay")
            message = (
                f"weight_decay is {decay:g} in {len(groups)} groups whose rates go from {min(rates):g} to "
                f"{max(rates):g}: what a step takes off the slowest is {max(rates) / min(rates):,.0f} times "
                "less than what it takes off the fastest."
            )
            fix = (
                "If each should decay alike, scale the decay against the rate before the scheduler is built: "
                'for group in [g for g in optimizer.param_groups if g["lr"] > 0]: '
                f'group["weight_decay"] *= {max(rates):g} / group["lr"].'
            )
            held = {id(group) for group in slow}
            names = [row.name for group, row, _ in subject.trained if id(group) in held]
            yield WEAKENED.finding(message, fix, names)


def masked(subject: Subject) -> Iterator[Finding]:
    """Gradients that a hook masks, of weights that move without them."""
    if subject.plan is not None:
        return
    names = [
        row.name
        for group, row, tensor in subject.trained
        if _is_masked(tensor) and (_decays(group) or _remembers(group, tensor))
    ]
    if names:
        message = (
            f"A hook masks the gradient of {listing(names)}, and the optimizer decays the weights or "
            "remembers gradients of before."
        )
        fix = (
            "Give the rows that train settings of their own, "
            f'pg.rule("{names[0]}[…:]", …) with pg.Optimizer, or write the old values back after each step.'
        )
        yield MASKED.finding(message, fix, names)


def _decayed(subject: Subject, wanted: Callable[[Row], bool]) -> list[str]:
    """The parameters of a sort that a step shrinks."""
    if subject.plan is not None:
        return []
    decayed = {id(group) for group in subject.groups if _decays(group)}
    found = (row for group, row, _ in subject.trained if id(group) in decayed and wanted(row))
    return list(dict.fromkeys(row.name for row in found))


def _decays(group: Group) -> bool:
    return (group.value("weight_decay") or 0.0) > 0 and group.base != 0


def _equally_decayed(subject: Subject) -> list[list[Group]]:
    """Groups of one rule and one decay, where that is multiplied by the rate alone."""
    if subject.plan is not None:
        return []
    live = {id(group): group for group, _, _ in subject.trained}
    found: dict[Any, list[Group]] = {}
    for group in live.values():
        if _decays(group) and group.base and is_decoupled(group):
            key = (id(group.optimizer), rule_of(group), group.value("weight_decay"))
            found.setdefault(key, []).append(group)
    return list(found.values())


def _remembers(group: Group, tensor: Tensor) -> bool:
    """Whether a memory of gradients is nowhere 0, so that it began before the mask."""
    state = group.optimizer.state.get(tensor) or {}
    kept = (sampled(state[key]) for key in MEMORIES if isinstance(state.get(key), Tensor))
    return group.base != 0 and any(numbers is not None and bool(numbers.all()) for numbers in kept)


def _is_masked(tensor: Tensor) -> bool:
    hooks = [hook for name in HOOKS for hook in (getattr(tensor, name, None) or {}).values()]
    return any(_masks(hook) for hook in hooks)


def _masks(hook: Any) -> bool:
    """Whether a hook can set parts of a gradient to 0: it multiplies, writes into it, or fills it.

    One that clips, counts or reports does not.
    """
    while isinstance(hook, partial):
        hook = hook.func
    function = getattr(hook, "__func__", hook)
    if not isinstance(function, FunctionType):
        function = vars(type(hook)).get("__call__")
    if not isinstance(function, FunctionType):
        return getattr(hook, "__name__", "") in MASKS
    return not MASKS.isdisjoint(function.__code__.co_names) or _writes(list(get_instructions(function)))


def _writes(code: list[Instruction]) -> bool:
    """Whether a function writes into what it is given, or multiplies it by more than a constant."""
    for before, last, one in zip(code, code[1:], code[2:], strict=False):
        constant = "LOAD_CONST" in (before.opname, last.opname)
        if one.opname == "STORE_SUBSCR" or (one.argrepr in ("*", "*=") and not constant):
            return True
    return False


KINDS = (VECTORS, TABLES, WEAKENED, MASKED)
CHECKS: tuple[Check, ...] = (vectors, tables, weakened, masked)
