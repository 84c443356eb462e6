"""Which parameter of the model a saved name is of, through wrappers' prefixes and parts of other models."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from torch import nn

from paramgroups.indexing import named_parameters

WRAPPING = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""The segments that wrappers of torch write into names."""
PROBES = 8


class Aligned(NamedTuple):
    """Saved names beside the model's.

    Attributes:
        names: The canonical name of each saved one that is known here.
        there: Whether the saved names are of a larger model, of which this one is a part.
        here: Whether the model here is larger, and the saved one a part of it.
    """

    names: Mapping[str, str]
    there: bool = False
    here: bool = False


def spellings(model: nn.Module) -> dict[str, str]:
    """The canonical name for every name that a parameter has, ours and torch's."""
    ours = [(name, id(one)) for name, one in named_parameters(model)]
    canonical: dict[int, str] = {}
    for name, which in ours:
        canonical.setdefault(which, name)
    theirs = [(name, id(one)) for name, one in model.named_parameters(remove_duplicate=False)]
    return {name: canonical[which] for name, which in (*theirs, *ours) if which in canonical}


def align(saved: Collection[str], known: Mapping[str, str]) -> Aligned:
    """The canonical names of saved names.

    Args:
        saved: The names in a checkpoint.
        known: The canonical name for every spelling that is known.

    Example:
        >>> dict(align(["_orig_mod.0.weight", "1.bias"], {"0.weight": "0.weight"}).names)
        {'_orig_mod.0.weight': '0.weight'}
        >>> align(["net.0.weight", "loss.scale"], {"0.weight": "0.weight"}).there
        True
    """
    plain = _known({name: name for name in saved}, known)
    if 2 * len(plain) >= min(len(saved), len(set(known.values()))):
        return Aligned(plain)
    deeper = _prefix(saved, known)
    within = _known({name: name.removeprefix(deeper) for name in saved if name.startswith(deeper)}, known)
    higher = _prefix(known, saved)
    around = _known({name: higher + name for name in saved}, known)
    if len(within) > max(len(plain), len(around)):
        return Aligned(within, there=True)
    return Aligned(around, here=True) if len(around) > len(plain) else Aligned(plain)


def _known(spelled: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    found = {name: known.get(one) or known.get(_cut(one)) for name, one in spelled.items()}
    return {name: one for name, one in found.items() if one is not None}


def _cut(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPING)


def _prefix(longer: Iterable[str], shorter: Collection[str]) -> str:
    """What stands most often before some of the shorter names."""
    probes = list(shorter)[:PROBES]
    found = Counter(name[: -len(probe)] for name in longer for probe in probes if name.endswith(f".{probe}"))
    return found.most_common(1)[0][0] if found else ""
