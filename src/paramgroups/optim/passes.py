"""One pass over all groups of one update rule: laid out once, and run for as long as nothing has changed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import is_
from typing import Any

import numpy as np
from torch import Tensor

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import Algorithm, Family
from paramgroups.optim.backends.batch import Ints, Sums
from paramgroups.optim.backends.reading import read
from paramgroups.optim.clipping import CLIP_NORM
from paramgroups.optim.columns import Columns
from paramgroups.optim.fetching import sent
from paramgroups.optim.finding import Bools, Found, Groups, are_sharded, look, params_of
from paramgroups.optim.hyperparameters import RATE, SWITCHES, key_of, unpack
from paramgroups.optim.layout import BackendOf, Ground, lay_out
from paramgroups.optim.limits import Passage
from paramgroups.optim.memory import Memory, States
from paramgroups.optim.parts import Part
from paramgroups.optim.rows import Cut, cuts_of, settings_of
from paramgroups.optim.statistics import Told


@dataclass(frozen=True, eq=False)
class Layout:
    """What a pass was laid out for.

    Attributes:
        found: The tensors, without their gradients.
        cuts: The rows with settings of their own.
        rules: The update rule of each group.
        laid: Which tensors have a place in a part.
        parts: The launches.
        states: The states of all parameters, in the optimizer's order.
    """

    found: Found
    cuts: list[Cut]
    rules: list[Algorithm]
    laid: Bools
    parts: list[Part]
    states: list[Any]

    def fits(self, found: Found, cuts: list[Cut], rules: list[Algorithm], states: States) -> bool:
        """Whether it may run again with the same parameters: all that is stepped has its place as it was."""
        return (
            cuts == self.cuts
            and rules == self.rules
            and not (found.active & ~self.laid).any()
            and found.are_as(self.found.param_traits, self.found.grad_traits)
            and len(states) == len(self.states)
            and all(map(is_, states.values(), self.states))
            and all(part.holds for part in self.parts)
        )


@dataclass(frozen=True, eq=False)
class Awake:
    """Which parameters have a rate that is not 0, if only in some rows; and what that was found from."""

    settings: Bools
    lengths: list[int]
    cuts: list[Cut]
    params: Bools

    @classmethod
    def of(cls, settings: Bools, lengths: list[int], cuts: list[Cut], tensors: Sequence[Tensor]) -> "Awake":
        """Find it."""
        params = np.repeat(settings[: len(lengths)], lengths)
        offsets = np.cumsum([0, *lengths])
        places = [int(offsets[rows.group]) + rows.member for rows in cuts]
        covered = Counter[int]()
        for place, rows in zip(places, cuts, strict=True):
            covered[place] += rows.stop - rows.start
        for place, count in covered.items():
            params[place] &= count < tensors[place].shape[0]
        for place, own in zip(places, settings[len(lengths) :].tolist(), strict=True):
            params[place] |= own
        return cls(settings, lengths, cuts, params)

    def fits(self, settings: Bools, lengths: list[int], cuts: list[Cut]) -> bool:
        """Whether it still holds."""
        return lengths == self.lengths and cuts == self.cuts and np.array_equal(settings, self.settings)


class Pass:
    """Steps the groups whose update rules are of one family.

    Args:
        family: The update rules.
        counted: Whether torch's states of it count steps.
        masters: Whether parameters of half precision are kept in float32 beside.
        backend_of: What steps a dtype on a device.
        statistics: Whether each step is summed up.

    Attributes:
        clips: Whether some group has a bound for the norm of its gradients.
    """

    evaluates = False
    clips = False

    def __init__(
        self, family: Family, backend_of: BackendOf, *, counted: bool, masters: bool, statistics: bool
    ) -> None:
        self._family, self._backend_of = family, backend_of
        self._counted, self._masters, self._statistics = counted, masters, statistics
        self._keys = [key for key in family.defaults if key not in SWITCHES]
        self._hypers = list(unpack({key: family.defaults[key] for key in self._keys}))
        self._columns = Columns([*self._keys, CLIP_NORM], self._hypers)
        self._rules: list[Algorithm] = []
        self._changed: set[str] = set()
        self._layout: Layout | None = None
        self._launched: list[Part] = []
        self._awake = Awake.of(np.zeros(0, np.bool_), [], [], [])
        self._groups_of = self._members = np.zeros(0, np.int64)

    def find(self, groups: Groups, states: States) -> None:
        """Look at everything that a step hangs on; what has changed is laid out anew.

        Raises:
            OptimizerError: Something cannot be stepped. Nothing is written then.
        """
        cuts = cuts_of(groups)
        self._read(groups, cuts)
        params, lengths = params_of(groups)
        awake = self._columns.numbers[RATE] != 0.0
        if not self._awake.fits(awake, lengths, cuts):
            self._awake = Awake.of(awake, lengths, cuts, params)
        if self._layout is not None and not self._layout.found.holds(params, lengths):
            self._layout = None
        layout, changed = self._layout, self._changed
        sharded = are_sharded(params) if layout is None else layout.found.sharded
        found = look(params, lengths, self._awake.params, sharded=sharded)
        if layout is None or not layout.fits(found, cuts, self._rules, states):
            self._layout = layout = None  # what was laid out before is not kept beside what comes
            layout, changed = self._lay_out(groups, found, cuts, states), set(self._keys)
        names = [name for name in self._hypers if key_of(name) in changed]
        for part in layout.parts:
            part.fill(self._columns.numbers, names)
            part.take(found, awake)
        self._layout, self._changed = layout, set()

    def outline(self, groups: Groups, states: States) -> None:
        """Make the states of what has a gradient, whatever its rate, and nothing else.

        Raises:
            OptimizerError: Something could not be stepped. No state is made then.
        """
        cuts = cuts_of(groups)
        self._read(groups, cuts)
        params, lengths = params_of(groups)
        awake = np.ones(len(params), np.bool_)
        self._lay_out(groups, look(params, lengths, awake, sharded=are_sharded(params)), cuts, states)

    def _read(self, groups: Groups, cuts: Sequence[Cut]) -> None:
        settings = [*groups, *settings_of(groups, self._keys, (CLIP_NORM,))] if cuts else groups

        def called(place: int) -> str:
            return f"group {place}" if place < len(groups) else str(cuts[place - len(groups)])

        self._changed.update(self._columns.read(settings, called))
        if CLIP_NORM in self._changed:
            self.clips = any(bound is not None for bound in self._columns.values(CLIP_NORM))
        if self._changed - {RATE}:  # also what a step has found that raised then
            self._rules = list(map(self._family.of, groups))
            self._check_rows(settings[len(groups) :], groups, cuts)

    def _check_rows(self, settings: Sequence[dict[str, Any]], groups: Groups, cuts: Sequence[Cut]) -> None:
        """Rows share their tensor's rule, so they differ only in what that reads of each segment."""
        for own, rows in zip(settings, cuts, strict=True):
            whole, rule = groups[rows.group], self._rules[rows.group]
            if self._family.of(own) is rule:
                continue
            for key in self._keys:
                if own[key] != whole[key] and key not in rule.hypers:
                    raise OptimizerError(
                        f"There is {key}={own[key]!r} in {rows}, and {key}={whole[key]!r} in the rest of the "
                        "tensor: it decides what is remembered, so it is the same for all rows. Set it in "
                        "the group."
                    )

    def _lay_out(self, groups: Groups, found: Found, cuts: list[Cut], states: States) -> Layout:
        memory = Memory(states, self._family.starts, self._counted, self._masters)
        each = zip(found.params, found.owners.tolist(), strict=True)
        known = [memory.knows(param, self._rules[owner]) for param, owner in each]
        laid = found.active | np.array(known, np.bool_)
        places = np.flatnonzero(laid)
        offsets = np.cumsum([0, *found.lengths])
        self._groups_of = np.array([*range(len(groups)), *(cut.group for cut in cuts)], np.int64)
        self._members = np.arange(len(found.params)) - offsets[found.owners]
        own: dict[int, list[tuple[Cut, int]]] = {}
        for number, one in enumerate(cuts, len(groups)):
            own.setdefault(int(offsets[one.group]) + one.member, []).append((one, number))
        ground = Ground(found, groups, self._rules, own, memory, self._backend_of, self._statistics)
        parts = lay_out(ground, places.tolist())
        return Layout(_expected(found, places), cuts, self._rules, laid, parts, list(states.values()))

    @property
    def gated(self) -> bool:
        """Whether the device may decide what is stepped: not where norms of a rule's own come first."""
        return all(part.batch.algorithm.trust is None for part in self._parts)

    @property
    def sharded(self) -> bool:
        """Whether parameters are spread over several processes."""
        return self._layout is not None and self._layout.found.sharded

    def measure(self) -> list[Told]:
        """What the gradients are, without a write."""
        return [self._told(part, part.measure()) for part in self._running]

    def step(self, way: Passage, _: object = None) -> list[Told]:
        """Step what was found and is not shut out, with the gradients of each group times a factor."""
        scales = None if way.factors is None else way.factors[self._groups_of]
        gates = None if way.gates is None else way.gates[sent(self._groups_of, way.gates.device)]
        if way.shut.any():
            for part in self._parts:
                part.leave_out(way.shut[self._groups_of])
        self._launched = [*self._running]
        sums = [(part, part.step(scales, gates)) for part in self._launched]
        return [self._told(part, found) for part, found in sums if found is not None]

    def take_back(self, shut: Bools, states: States) -> None:
        """Let what the device left out of the last step be as before."""
        if any([part.take_back(shut[self._groups_of], states) for part in self._launched]):  # noqa: C419  # each
            self._layout = None

    def undo(self, states: States) -> None:
        """Take back the states of what was never stepped: a buffer that is there stands for a step."""
        if any([part.unmake(states) for part in self._parts]):  # noqa: C419  # each of them, not until the first
            self._layout = None

    def drop(self) -> None:
        """Let go of the gradients."""
        for part in self._parts:
            part.drop()

    @property
    def _parts(self) -> Sequence[Part]:
        return self._layout.parts if self._layout else ()

    @property
    def _running(self) -> Iterator[Part]:
        return (part for part in self._parts if part.stepped.any())

    def _told(self, part: Part, sums: Sums) -> Told:
        batch, groups = part.batch, self._groups_of[part.settings]
        members = self._members[part.places][batch.tensor_of]
        return Told(sums, groups, members, part.firsts, part.heights, part.stepped)


def _expected(found: Found, places: Ints) -> Found:
    """What is laid out: gradients that are not there yet are taken to be as their parameters are."""
    params, grads = found.param_traits.copy(), found.grad_traits.copy()
    waiting = places[~found.active[places]]
    params[waiting] = read([found.tensors[place] for place in waiting.tolist()])
    grads[waiting] = params[waiting]
    return replace(found, grads=[], param_traits=params, grad_traits=grads)
