"""A part of a pass: the tensors that one launch steps."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from operator import is_, itemgetter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paramgroups.optim.backends.batch import NONFINITE, Backend, Batch, Floats, Ints, Sums
from paramgroups.optim.backends.reading import watching
from paramgroups.optim.backends.traits import ADDRESS
from paramgroups.optim.fetching import Fetched, sent
from paramgroups.optim.finding import Bools, Found, local
from paramgroups.optim.hyperparameters import RATE
from paramgroups.optim.memory import BY_ROW, STEP, Counts, States

TRUST = "trust"

Numbers = dict[str, Floats]


class RowCount(NamedTuple):
    """A segment whose rows are counted by themselves.

    Attributes:
        segment: Its number.
        counts: What is counted of each row of its tensor.
        rows: Which of them are in it.
        state: Where the optimizer keeps the counts.
    """

    segment: int
    counts: Counts
    rows: slice
    state: dict[str, Any]


@dataclass
class Part:
    """The tensors that one launch steps, and their segments.

    Attributes:
        batch: What is handed to the backend.
        backend: Who steps it.
        params: The optimizer's parameters.
        tensors: What is here of each; the batch has copies of them, or masters, where those are stepped.
        made: What was made for this part, and no step has written yet: parameters, and keys of their states.
        places: Where its tensors stand among all parameters.
        settings: Which settings each segment has.
        pieces: All chunks of its segments.
        counters: One number of each tensor, of which the states hold views.
        dicts: The states of its tensors as the optimizer has them.
        kept: What is in there, by key.
        firsts: The first row of each segment in its whole tensor.
        heights: How many rows each segment is, wherever they are.
        rows: The segments whose rows are counted by themselves.
        strided: Whether the tensors are no plain runs of real numbers, and are stepped as copies.
        masters: Whether float32 forms of the parameters are stepped.
    """

    batch: Batch
    backend: Backend
    params: list[Tensor] = field(repr=False)
    tensors: list[Tensor] = field(repr=False)
    made: list[tuple[Tensor, Collection[str]]] = field(repr=False)
    places: Ints
    settings: Ints
    pieces: Ints = field(repr=False)
    counters: dict[str, Tensor] = field(repr=False)
    dicts: list[dict[str, Any]] = field(repr=False)
    kept: dict[str, list[Any]] = field(repr=False)
    firsts: Ints = field(repr=False)
    heights: Ints = field(repr=False)
    rows: list[RowCount] = field(repr=False)
    strided: bool = False
    masters: bool = False

    def __post_init__(self) -> None:
        counted = self.counters.keys()  # views of a tensor of ours
        kept = [local(one) for key, tensors in self.kept.items() if key not in counted for one in tensors]
        self._unmoved = watching(kept)
        self._first = np.searchsorted(self.batch.tensor_of, np.arange(len(self.places)))
        self._segments = np.ones(len(self.settings), np.bool_)
        self._tensors = np.ones(len(self.places), np.bool_)
        self._stepped = self._both(range(len(self.params)))
        self._earlier: list[tuple[Floats, Floats]] = []
        self._hoped: list[tuple[Tensor, Collection[str]]] = []  # made for a step that may not have been

    @property
    def holds(self) -> bool:
        """Whether the optimizer's states are still those that were laid out, and where they were."""
        for row in self.rows:
            if any(row.state.get(f"{BY_ROW}{key}") is not numbers for key, numbers in row.counts.items()):
                return False
        try:
            same = all(
                all(map(is_, map(itemgetter(key), self.dicts), tensors)) for key, tensors in self.kept.items()
            )
        except KeyError:
            return False
        return same and self._unmoved()

    def fill(self, numbers: Numbers, names: Iterable[str]) -> None:
        """Take over hyperparameters that are others than before."""
        for name in names:
            if name in self.batch.algorithm.hypers:
                self.batch.hypers[:, self.batch.algorithm.hypers.index(name)] = numbers[name][self.settings]

    def take(self, found: Found, awake: Bools) -> None:
        """Take what is stepped: the tensors that are active, and of them the segments that are awake."""
        self._earlier, self._hoped = [], []
        self._choose(found, awake)
        everything = len(self.places) == len(found.params)
        grads = found.grads if everything else [found.grads[place] for place in self.places.tolist()]
        batch = self.batch
        if self.strided:  # of the others some may be sparse
            active = found.active[self.places].tolist()
            each = zip(grads, active, strict=True)
            grads = [plain(grad) if here and grad is not None else None for grad, here in each]
        batch.grads = grads
        if batch.addresses is not None:
            batch.addresses[1] = found.grad_traits[self.places, ADDRESS]
        steps = self.counters[STEP].numpy()[batch.tensor_of]
        np.add(steps, 1.0, out=batch.steps)
        for row in self.rows:
            batch.steps[row.segment] = row.counts[STEP][row.rows.start] + 1.0
        for name in batch.algorithm.scalars:
            column = batch.algorithm.hypers.index(name)
            batch.hypers[:, column] = self.counters[name].numpy()[batch.tensor_of]
            for row in self.rows:
                batch.hypers[row.segment, column] = row.counts[name][row.rows.start]

    def leave_out(self, shut: Bools) -> None:
        """Take what has some of the settings out of what was taken."""
        self._narrow(self._segments & ~shut[self.settings])

    def _choose(self, found: Found, awake: Bools) -> None:
        segments = awake[self.settings]
        if not found.whole:
            segments = segments & found.active[self.places][self.batch.tensor_of]
        self._narrow(segments)

    def _narrow(self, segments: Bools) -> None:
        if not np.array_equal(segments, self._segments):
            self._segments = segments
            self.batch.chunks = self.pieces[segments[self.pieces[:, 0]]]
            self._tensors = np.bincount(self.batch.tensor_of, segments, len(self.places)) > 0
            self._stepped = self._both(np.flatnonzero(self._tensors).tolist())

    def _both(self, places: Iterable[int]) -> list[Tensor]:
        """The parameters at some places, and what is here of them where that is not all."""
        pairs = [(self.params[place], self.tensors[place]) for place in places]
        return [param for param, _ in pairs] + [tensor for param, tensor in pairs if tensor is not param]

    @property
    def stepped(self) -> Bools:
        """Which segments are stepped."""
        return self._segments

    def measure(self) -> Sums:
        """What the gradients are: see `Backend.measure`."""
        return self.backend.measure(self.batch)

    def step(self, scales: Floats | None, gates: Tensor | None = None) -> Sums | None:
        """Step all that was taken, with gradients multiplied by one number for each of the settings.

        Args:
            scales: The numbers.
            gates: They, where the device has decided them and nobody was told: what is below 0 is not
                stepped, and `take_back` is to follow.
        """
        if self.strided and not self.masters:  # now: a part before may have written the same memory
            self.batch.params = [plain(tensor) for tensor in self.tensors]
        self.batch.scales = None if scales is None else scales[self.settings]
        self.batch.gates = None if gates is None else gates[sent(self.settings, gates.device)]
        self._earlier = [] if gates is None else self._counted()
        if self.batch.algorithm.trust is not None:
            self._rehearse()
        if self.masters:
            self._renew_masters()
        if self.made:  # what is left out stays to be unmade
            stepped = set(map(id, self._stepped))
            self._hoped = [one for one in self.made if id(one[0]) in stepped]
            self.made = [one for one in self.made if id(one[0]) not in stepped]
        sums = self.backend.step(self.batch)
        self._advance()
        if self.strided or self.masters:
            self._copy_back()
        # a kernel writes past autograd, which is to tell when something that it keeps was written
        torch.autograd.graph.increment_version(self._stepped)
        return sums

    def _counted(self) -> list[tuple[Floats, Floats]]:
        """All that is counted, and what it is now."""
        counts = [*self.counters.values(), *(numbers for row in self.rows for numbers in row.counts.values())]
        return [(numbers.numpy(), numbers.numpy().copy()) for numbers in counts]

    def take_back(self, shut: Bools, states: States) -> bool:
        """Count what has some of the settings as before the last step, from which the device left it out.

        Args:
            shut: The settings.
            states: All states.

        Returns:
            Whether states were taken away, which were made for that step.
        """
        if not self._earlier:  # an error came before its launch
            return False
        segments = self._segments & shut[self.settings]
        out = np.bincount(self.batch.tensor_of, segments, len(self.places)) > 0
        counts, rows = self._earlier[: len(self.counters)], self._earlier[len(self.counters) :]
        for numbers, earlier in counts:
            numbers[out] = earlier[out]
        of = [row.segment for row in self.rows for _ in row.counts]
        for segment, (numbers, earlier) in zip(of, rows, strict=True):
            if out[self.batch.tensor_of[segment]]:
                numbers[:] = earlier
        lost = {id(self.params[place]) for place in np.flatnonzero(out).tolist()}
        self.made += [one for one in self._hoped if id(one[0]) in lost]
        self._hoped, self._earlier = [], []
        return self.unmake(states)

    def unmake(self, states: States) -> bool:
        """Take the states away that no step has written yet; whether there were any."""
        for param, keys in self.made:
            for key in keys:
                states[param].pop(key, None)
            if keys and not states[param]:
                del states[param]
        return any(keys for _, keys in self.made)

    def drop(self) -> None:
        """Let go of gradients, which would live on here when they are set to None."""
        self.batch.grads = []
        if self.strided and not self.masters:
            self.batch.params = self.tensors

    def _rehearse(self) -> None:
        """Find the ratio of trust of each tensor, from the norms of a step with rate 1."""
        batch, rule = self.batch, self.batch.algorithm
        rate, trust = rule.hypers.index(RATE), rule.hypers.index(TRUST)
        rates = batch.hypers[:, rate].copy()
        batch.hypers[:, rate] = batch.hypers[:, trust] = 1.0
        try:
            sums = batch_sums(self.backend.rehearse(batch))
        finally:
            batch.hypers[:, rate] = rates
        if batch.scales is not None:
            sums[:, 0] *= batch.scales**2
        count = len(self.places)
        wholes = np.array([np.bincount(batch.tensor_of, column, count) for column in sums.T[:NONFINITE]])
        rows = np.column_stack([wholes.T, batch.hypers[self._first]]).tolist()
        ratios = [rule.trust(*row) for row in rows] if rule.trust is not None else []
        batch.hypers[:, trust] = np.array(ratios)[batch.tensor_of]

    def _advance(self) -> None:
        rule, tensors = self.batch.algorithm, self._tensors
        if rule.advance is not None:
            after = rule.advance(self.batch.steps, *self.batch.hypers.T)
            for name, numbers in zip(rule.scalars, map(np.asarray, after), strict=True):
                self.counters[name].numpy()[tensors] = numbers[self._first][tensors]
                for row in self._stepped_rows:
                    row.counts[name][row.rows] = float(numbers[row.segment])
        self.counters[STEP].numpy()[tensors] += 1.0
        for row in self._stepped_rows:
            row.counts[STEP][row.rows] += 1.0

    @property
    def _stepped_rows(self) -> list[RowCount]:
        return [row for row in self.rows if self._segments[row.segment]]

    def _renew_masters(self) -> None:
        """Whoever wrote a parameter since, to load or to clamp it, is followed."""
        for place in np.flatnonzero(self._tensors).tolist():
            param, master = self.tensors[place], self.batch.params[place]
            torch.where(master.to(param.dtype) == param, master, param.float(), out=master)

    def _copy_back(self) -> None:
        for place in np.flatnonzero(self._tensors).tolist():
            param, numbers = self.tensors[place], self.batch.params[place]
            param.copy_((torch.view_as_complex(numbers) if param.is_complex() else numbers).view(param.shape))


def batch_sums(sums: Sums | Fetched) -> Floats:
    """Sums as an array; those on a device are waited for."""
    if isinstance(sums, Fetched):
        return sums.numbers
    return sums.double().cpu().numpy() if isinstance(sums, Tensor) else sums


def plain(tensor: Tensor) -> Tensor:
    """A tensor as a plain run of real numbers: a view where it is one, else a copy."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).contiguous()
