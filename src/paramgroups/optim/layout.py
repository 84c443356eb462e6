"""How the tensors of a step are sorted into launches: once, for as long as they stay what they are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import Algorithm
from paramgroups.optim.backends import Batch, plan_chunks
from paramgroups.optim.backends.batch import Backend, Ints
from paramgroups.optim.backends.choosing import COMPILED
from paramgroups.optim.finding import Found, local, reals
from paramgroups.optim.memory import HALVES, Counts, Memory, lack, reach
from paramgroups.optim.parts import Part, RowCount, plain
from paramgroups.optim.rows import Cut
from paramgroups.optim.shards import Run, runs_of

BackendOf = Callable[[torch.device, torch.dtype], Backend]


class Kind(NamedTuple):
    """What tensors have in common that one launch steps."""

    rule: Algorithm
    device: str
    dtype: torch.dtype
    grad_dtype: torch.dtype
    strided: bool
    turn: int
    backend: Backend


class Segments(NamedTuple):
    """Pieces of tensors, in the tensors' order.

    Attributes:
        tensor_of: Which tensor each is of.
        starts: Its first number there.
        counts: How many numbers it has.
        settings: Which settings it has.
        firsts: The first of its rows in the whole tensor.
        rows: How many rows it is, wherever they are.
    """

    tensor_of: Ints
    starts: Ints
    counts: Ints
    settings: Ints
    firsts: Ints
    rows: Ints


@dataclass(frozen=True, eq=False)
class Ground:
    """What launches are laid out from.

    Attributes:
        found: What a step found.
        groups: The groups, whose settings tell how states begin.
        rules: The update rule of each.
        cuts: By the place of a tensor, its rows with settings of their own, and which those are.
        memory: The states.
        backend_of: What steps a dtype on a device.
        statistics: Whether steps are summed up.
    """

    found: Found
    groups: Sequence[Mapping[str, Any]]
    rules: Sequence[Algorithm]
    cuts: Mapping[int, list[tuple[Cut, int]]]
    memory: Memory
    backend_of: BackendOf
    statistics: bool


def lay_out(ground: Ground, places: Sequence[int]) -> list[Part]:
    """Sort tensors into launches, and make the states that they lack.

    Args:
        ground: What there is.
        places: The places of the parameters that may be stepped.

    Raises:
        OptimizerError: A gradient, a state or a setting cannot be stepped. No state is made then.
    """
    found = ground.found
    check_once(found)
    turns = turns_of([found.tensors[place] for place in places])
    kinds: dict[Kind, list[int]] = {}
    for place, turn in zip(places, turns, strict=True):
        param, rule = found.tensors[place], ground.rules[found.owners[place]]
        grad = found.grads[place] if found.active[place] else None
        check_gradient(param, param if grad is None else grad)
        if grad is not None:
            check_memory(param, grad)
        ground.memory.check(found.params[place], rule)
        if param is not found.params[place]:
            check_shard(rule)
        kinds.setdefault(_kind(param, grad, rule, turn, ground.backend_of), []).append(place)
    ordered = sorted(kinds.items(), key=lambda item: item[0].turn)
    return [_part(kind, np.array(mine), ground) for kind, mine in ordered]


def _kind(param: Tensor, grad: Tensor | None, rule: Algorithm, turn: int, backend_of: BackendOf) -> Kind:
    given = param if grad is None else grad
    strided = is_strided(param) or is_strided(given) or param.is_complex()
    odd = param.dtype if given.dtype in COMPILED else given.dtype  # the one that a backend may not know
    backend = backend_of(param.device, odd)
    return Kind(rule, str(param.device), param.dtype, given.dtype, strided, turn, backend)


def _part(kind: Kind, places: Ints, ground: Ground) -> Part:
    rule, memory, owners = kind.rule, ground.memory, ground.found.owners[places]
    params = [ground.found.params[place] for place in places.tolist()]
    tensors = [ground.found.tensors[place] for place in places.tolist()]
    settings = [ground.groups[owner] for owner in owners.tolist()]
    before = [set(memory.states.get(param, ())) for param in params]
    counters = memory.counters(params, rule)
    states = [memory.of(param, rule, own) for param, own in zip(params, settings, strict=True)]
    masters = memory.masters and kind.dtype in HALVES
    stepped = [local(memory.master_of(param)) for param in params] if masters else tensors
    keys = memory.keys(rule, mastered=masters)
    dicts = [memory.states[param] for param in params] if keys else []
    columns = [[plain(local(state)) for state in column] for column in zip(*states, strict=True)]
    own = [ground.cuts.get(place, []) for place in places.tolist()]
    wholes = [{key: float(numbers[at]) for key, numbers in counters.items()} for at in range(len(params))]
    each = zip(params, wholes, own, strict=True)
    known = [memory.row_counts(param, rule, whole, cut=bool(cuts)) for param, whole, cuts in each]
    segments = cut(params, owners, own, known)
    batch = _batch(kind, stepped, columns, segments)
    batch.statistics = ground.statistics
    return Part(
        batch=batch,
        backend=kind.backend,
        params=params,
        tensors=tensors,
        made=[
            (param, memory.states.get(param, {}).keys() - keys)
            for param, keys in zip(params, before, strict=True)
        ],
        places=places,
        settings=segments.settings,
        firsts=segments.firsts,
        heights=segments.rows,
        rows=_rows(segments, known, dicts),
        pieces=batch.chunks,
        counters=counters,
        dicts=dicts,
        kept={key: [state[key] for state in dicts] for key in keys},
        strided=kind.strided,
        masters=masters,
    )


def _batch(kind: Kind, params: list[Tensor], states: list[list[Tensor]], segments: Segments) -> Batch:
    kinds = (params[0].dtype, kind.grad_dtype, *(row[0].dtype for row in states))
    begins = [[tensor.data_ptr() for tensor in row] for row in (params, params, *states)]
    return Batch(
        algorithm=kind.rule,
        dtypes=tuple(map(real, kinds)),
        params=params,
        grads=[],
        states=states,
        starts=segments.starts,
        counts=segments.counts,
        tensor_of=segments.tensor_of,
        hypers=np.ones((len(segments.counts), len(kind.rule.hypers))),
        steps=np.ones(len(segments.counts)),
        chunks=plan_chunks(segments.counts),
        addresses=None if kind.strided else np.array(begins, np.int64),
    )


def real(dtype: torch.dtype) -> torch.dtype:
    """The dtype of a complex number's parts."""
    return dtype.to_real() if dtype.is_complex else dtype


def cut(
    params: Sequence[Tensor],
    owners: Ints,
    cuts: Sequence[Sequence[tuple[Cut, int]]],
    counts: Sequence[Counts],
) -> Segments:
    """Cut tensors where rows have settings of their own, or were stepped as often as no others.

    Of a tensor that is spread over several processes, the part here is cut as the whole is: rows that are
    elsewhere are segments too, of no numbers, so that all processes count alike.

    Args:
        params: The tensors.
        owners: The settings of each.
        cuts: Of each its rows with others, and which those are.
        counts: What is counted of each of its rows by itself.

    Example:
        >>> segments = cut([torch.zeros(5, 2)], np.array([0]), [[(Cut(0, 0, 1, 3), 7)]], [{}])
        >>> segments.starts.tolist(), segments.counts.tolist(), segments.settings.tolist()
        ([0, 2, 6], [2, 4, 4], [0, 7, 0])
    """
    each = zip(params, owners.tolist(), cuts, counts, strict=True)
    rows = [(place, *piece) for place, one in enumerate(each) for piece in _pieces(*one)]
    return Segments(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))


def _pieces(
    param: Tensor, owner: int, cuts: Sequence[tuple[Cut, int]], counts: Counts
) -> list[tuple[int, int, int, int, int]]:
    """Start, count and settings of each piece of what is here of a tensor; its first row, and how many."""
    total, rows = reals(local(param)), param.shape[0] if param.dim() else 1
    if not param.numel() or not (cuts or counts):
        return [(0, total, owner, 0, rows)]
    settings, runs = np.full(rows, owner), runs_of(param)
    for one, own in cuts:
        settings[one.start : one.stop] = own
    size = total // max(1, sum(run.rows for run in runs))
    found = []
    for start, stop in pairwise(_edges(settings, counts, runs)):
        here = next((slot for run in runs if (slot := run.of(start, stop)).stop), slice(0, 0))
        count = (here.stop - here.start) * size
        found.append((here.start * size, count, int(settings[start]), start, stop - start))
    return found


def _edges(settings: Ints, counts: Counts, runs: Sequence[Run]) -> list[int]:
    """Where one piece ends and the next begins."""
    differs = settings[1:] != settings[:-1]
    for numbers in counts.values():
        differs |= np.diff(numbers.numpy()) != 0
    ends = (end for run in runs for end in (run.start, run.start + run.rows))
    return sorted({0, *(np.flatnonzero(differs) + 1).tolist(), *ends, len(settings)})


def _rows(segments: Segments, counts: Sequence[Counts], dicts: Sequence[Any]) -> list[RowCount]:
    """The segments of tensors whose rows are counted one by one."""
    found = []
    for number, place in enumerate(segments.tensor_of.tolist()):
        if known := counts[place]:
            start = int(segments.firsts[number])
            rows = slice(start, start + int(segments.rows[number]))
            found.append(RowCount(number, known, rows, dicts[place]))
    return found


def is_strided(tensor: Tensor) -> bool:
    """Whether a tensor is no plain run of numbers."""
    return tensor.is_neg() or not tensor.is_contiguous()


def turns_of(tensors: Iterable[Tensor]) -> list[int]:
    """Which of several launches steps each tensor: those that share memory are stepped in their order.

    >>> both = torch.zeros(4)
    >>> turns_of([both, torch.zeros(2), both[2:]])
    [0, 0, 1]
    """
    spans = [_span(tensor) for tensor in tensors]
    turns = [0] * len(spans)
    for cluster in _clusters(spans):
        places = sorted(cluster)
        starts, stops = (np.array([spans[place][end] for place in places]) for end in (1, 2))
        found = np.zeros(len(places), np.int64)
        for here, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            shared = (starts[:here] < stop) & (stops[:here] > start)
            found[here] = found[:here][shared].max(initial=-1) + 1
            turns[places[here]] = int(found[here])
    return turns


def _clusters(spans: Sequence[tuple[str, int, int]]) -> list[list[int]]:
    """Those whose memory overlaps, if only by way of others."""
    clusters: list[list[int]] = []
    known, end = "", 0
    for place in sorted(range(len(spans)), key=lambda place: spans[place]):
        device, start, stop = spans[place]
        if device == known and start < end:
            clusters[-1].append(place)
        else:
            clusters.append([place])
        known, end = device, max(stop, end) if device == known else stop
    return [cluster for cluster in clusters if len(cluster) > 1]


def _span(tensor: Tensor) -> tuple[str, int, int]:
    """The device of a tensor, and where its memory begins and ends."""
    if not tensor.numel() or tensor.layout is not torch.strided:
        return str(tensor.device), 0, 0
    start = tensor.data_ptr()
    return str(tensor.device), start, start + reach(tensor) * tensor.element_size()


def check_once(found: Found) -> None:
    """Refuse a parameter that is there twice: it would be stepped by one of its groups alone.

    Raises:
        OptimizerError: One is.
    """
    if len(set(map(id, found.params))) == len(found.params):
        return
    homes: dict[int, list[int]] = {}
    for param, owner in zip(found.params, found.owners.tolist(), strict=True):
        homes.setdefault(id(param), []).append(owner)
    groups = next(owners for owners in homes.values() if len(owners) > 1)
    raise OptimizerError(
        f"A parameter is in the groups {' and '.join(map(str, groups))}: it was put there since. Take it "
        "out of all but one."
    )


def check_gradient(param: Tensor, grad: Tensor) -> None:
    """Refuse a gradient that no rule can be applied with.

    Raises:
        OptimizerError: It is sparse, complex where its parameter is not, or of another shape or device.
    """
    if grad.layout is not torch.strided or param.layout is not torch.strided:
        is_param = param.layout is not torch.strided
        odd = f"a {param.layout} parameter" if is_param else f"a {grad.layout} gradient"
        raise OptimizerError(
            f"A parameter of shape {tuple(param.shape)}: {odd}, and a pass steps dense ones. Make the layer "
            'without sparse=True, or give its group another optimizer: optimizer="sparseadam".'
        )
    if (grad.shape, grad.device, grad.is_complex()) != (param.shape, param.device, param.is_complex()):
        raise OptimizerError(
            f"A {param.dtype} parameter of shape {tuple(param.shape)} on {param.device} has a {grad.dtype} "
            f"gradient of shape {tuple(grad.shape)} on {grad.device}: it was replaced since. "
            "Set its grad to None first."
        )


def check_shard(rule: Algorithm) -> None:
    """Refuse what needs the whole of a tensor that is spread over several processes.

    Raises:
        OptimizerError: The rule needs its norms.
    """
    if rule.trust is not None:
        raise OptimizerError(
            "A parameter is spread over several processes, and here is a part of it: the norms that "
            f"{rule.name} needs would be taken from that alone. Leave the parameter whole (fully_shard with "
            "ignored_params), or name another optimizer."
        )


def check_memory(param: Tensor, grad: Tensor) -> None:
    """Refuse what has no memory to be stepped in, which a kernel would read and write all the same.

    Raises:
        OptimizerError: There is none, several numbers share a place, or the storage of one was freed, or made
            smaller than the tensor is.
    """
    if param.is_meta:
        raise OptimizerError(
            f"A parameter of shape {tuple(param.shape)} is on meta, where there are no numbers to step. "
            'Move the model first: model.to_empty(device="cpu").'
        )
    if any(size > 1 and stride == 0 for size, stride in zip(param.shape, param.stride(), strict=True)):
        raise OptimizerError(
            f"A parameter of shape {tuple(param.shape)} was expanded: several of its numbers are at one "
            "place in memory. Make it of param.clone()."
        )
    for what, tensor in (("parameter", param), ("gradient", grad)):
        if lacking := lack(tensor):
            raise OptimizerError(
                f"A parameter of shape {tuple(param.shape)}: the storage of the {what} has {lacking}. It was "
                "freed since, or resized. Restore it, or set its grad to None."
            )
