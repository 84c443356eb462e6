"""Optimizers that do not suit what they step."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.steppers import is_one_pass, is_torch, rule_of
from paramgroups.auditing.subject import Check, Group, Subject
from paramgroups.errors import Finding, listing

UNSUITED = Kind(
    "PG132", "error", "sparse gradients where dense ones are stepped, or dense ones where sparse are",
    "The first step that meets such a gradient raises, and trains nothing.",
)  # fmt: skip
NO_MATRIX = Kind(
    "PG133", "advice", "Muon on an embedding or a head",
    "Muon makes all directions of an update equally long, which suits matrices between hidden layers; rows "
    "of an embedding or a head are met rarely and apart. Its authors step those with AdamW.",
)  # fmt: skip

SPARSE = "sparseadam"
TAKES = frozenset({"sgd", "adagrad", "lbfgs", SPARSE})
"""Rules of torch that take sparse gradients."""
WITHOUT_DECAY = frozenset({"sgd", "adagrad"})
"""Those of them that refuse them where they decay."""
MUON = "muon"
DENSE_MODULES = "torch.nn."


def unsuited(subject: Subject) -> Iterator[Finding]:
    """Gradients of a layout that the rule does not take."""
    sparse, dense = _layouts(subject.modules)
    if not sparse and all(rule_of(group) != SPARSE for group in subject.groups):
        return
    refused, spread = [], []
    for group, row, tensor in subject.trained:
        found = _layout(tensor, sparse, dense)
        if found == torch.sparse_coo and _refuses(group):
            refused.append((group, row.name))
        elif found == torch.strided and rule_of(group) == SPARSE:
            spread.append((group, row.name))
    if refused:
        what = _shown(refused[0][0])
        fix = "Make the layer without sparse=True, or step its weight with torch.optim.SparseAdam beside."
        yield _finding(f"{what} takes no sparse gradients, and those of", refused, fix)
    if spread:
        fix = "Step what is dense with another optimizer, and leave to SparseAdam the layers of sparse=True."
        yield _finding("SparseAdam takes sparse gradients alone, and not those of", spread, fix)


def no_matrix(subject: Subject) -> Iterator[Finding]:
    """Embeddings and heads that Muon steps."""
    if subject.plan is not None:
        return
    names = [
        row.name
        for group, row, _ in subject.trained
        if row.ndim > 1 and not row.roles.isdisjoint(("embedding", "head")) and _is_muon(group)
    ]
    if names:
        message = f"Muon steps {listing(names)}, which are embeddings or output layers."
        fix = (
            'Hand them to AdamW, as pg.rule(":embedding | :head", optimizer="adamw", lr=3e-4) does in a '
            "recipe of Muon."
        )
        yield NO_MATRIX.finding(message, fix, names)


def _finding(told: str, found: list[tuple[Group, str]], fix: str) -> Finding:
    names = list(dict.fromkeys(name for _, name in found))
    ending = " are sparse" if "no sparse" in told else ""
    return UNSUITED.finding(f"{told} {listing(names)}{ending}.", fix, names)


def _shown(group: Group) -> str:
    decay = " with weight_decay" if rule_of(group) in WITHOUT_DECAY else ""
    return f"{type(group.optimizer).__name__}{decay}"


def _layouts(modules: Iterable[nn.Module]) -> tuple[set[int], set[int]]:
    """The weights whose gradients are sparse, and those of torch's layers whose are not, by identity."""
    sparse, dense = set[int](), set[int]()
    for module in modules:
        own: Any = module._parameters  # noqa: SLF001  # `parameters` would hide ties
        if type(module).__module__.startswith(DENSE_MODULES):
            chosen = sparse if getattr(module, "sparse", False) is True else dense
            chosen |= {id(one) for one in own.values() if one is not None}
    return sparse - dense, dense - sparse


def _layout(tensor: Tensor, sparse: set[int], dense: set[int]) -> torch.layout | None:
    """How the gradient of a parameter is laid out; None where it is not known."""
    if tensor.grad is not None:
        return tensor.grad.layout
    if id(tensor) in sparse:
        return torch.sparse_coo
    return torch.strided if id(tensor) in dense else None


def _refuses(group: Group) -> bool:
    rule = rule_of(group)
    if is_one_pass(group.optimizer):
        return rule != SPARSE
    decays = rule in WITHOUT_DECAY and bool(group.value("weight_decay"))
    return is_torch(group.optimizer) and (rule not in TAKES or decays)


def _is_muon(group: Group) -> bool:
    own = group.settings
    return rule_of(group) == MUON and own.get("use_muon", True) is True and not own.get("use_fallback")


KINDS = (UNSUITED, NO_MATRIX)
CHECKS: tuple[Check, ...] = (unsuited, no_matrix)
