"""Where each tensor of a model stands: a walk over the modules that gives canonical names."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from paramgroups.errors import ModelError
from paramgroups.indexing.pause import collector_paused
from paramgroups.indexing.wrappers import Step, class_of, steps, submodules, tensors, wrapped

MAX_PLACES = 1_000_000
MAX_NESTING = 300


class Place:
    """One path that leads to a module; a shared module has several.

    Attributes:
        module: What stands there.
        path: Its canonical path; a wrapper and what it holds have the same.
        segment: What the path is longer by than the parent's; `""` within a wrapper.
        raw: The same as torch writes it.
        parent: The place above; None for the model itself.
        at: Its position in the walk.
        nesting: How many places are above it.
    """

    __slots__ = ("at", "module", "nesting", "parent", "path", "raw", "segment")

    def __init__(self, step: Step, parent: "Place | None") -> None:
        self.segment, self.raw, self.module = step
        self.parent = parent
        above, segment = "" if parent is None else parent.path, self.segment
        self.path: str = f"{above}.{segment}" if above and segment else above or segment
        self.nesting: int = 0 if parent is None else parent.nesting + 1
        self.at = 0

    def __repr__(self) -> str:
        return f"<Place {self.path!r}: {type(self.module).__name__}>"

    @property
    def raw_path(self) -> str:
        """The path as torch writes it, with the segments of all wrappers."""
        return self.raw if self.parent is None else join(self.parent.raw_path, self.raw)


class Found(NamedTuple):
    """One name of one tensor, where it stands, and its own name there."""

    name: str
    tensor: nn.Parameter
    place: Place
    key: str


def join(path: str, segment: str) -> str:
    """A path one segment longer; an empty side adds no dot."""
    return f"{path}.{segment}" if path and segment else path or segment


def places(model: nn.Module) -> Iterator[Place]:
    """Every path to every module, parents first, in the model's order; a cycle is entered once.

    Raises:
        ModelError: It is no module, or its modules lead to too many paths, or to too deep ones.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(f"{type(model).__name__} is no torch.nn.Module, so it has no parameters to index.")
    todo = [Place(("", "", model), None)]
    seen: set[int] = set()
    count = 0
    while todo:
        place = todo.pop()
        module = place.module
        if id(module) in seen and _within_itself(place):
            continue
        seen.add(id(module))
        place.at = count
        count += 1
        yield place
        if submodules(module):
            _refuse_endless(place)
            below = [Place(step, place) for step in steps(module)]
            below.reverse()
            todo += below


def _refuse_endless(place: Place) -> None:
    if place.at > MAX_PLACES:
        raise ModelError(
            f'More than {MAX_PLACES:,} paths lead to the modules of this model; "{place.path}" is one. '
            "Modules that share modules multiply their paths: share fewer of them."
        )
    if place.nesting > MAX_NESTING:
        raise ModelError(
            f"The modules of this model are nested more than {MAX_NESTING} deep: {place.path[:60]}…. "
            "Hold them side by side, in a ModuleList."
        )


def _within_itself(place: Place) -> bool:
    above = place.parent
    while above is not None:
        if above.module is place.module:
            return True
        above = above.parent
    return False


def found(walk: Iterable[Place]) -> list[Found]:
    """Every name of every tensor at these places, in their order; each name once.

    The first name of a tensor is the canonical one. Where a wrapper has a tensor of its own that would be
    called as one within it, the one within keeps the name, as it had it before it was wrapped, and the
    wrapper's own is set apart by the wrapper's class: `head.weight` and `MyWrapper.head.weight`.

    Raises:
        ModelError: Two tensors cannot be told apart in this way.
    """
    known: dict[str, Found] = {}
    for place in walk:
        own = tensors(place.module)
        if not own:
            continue
        dotted = f"{place.path}." if place.path else ""
        behind = isinstance(place.module, ParametrizationList)
        for key, tensor in own.items():
            if tensor is None:
                continue
            # The one tensor behind a parametrized name has that name.
            name = place.path if behind and key == "original" else dotted + key
            if name not in known:
                known[name] = Found(name, tensor, place, key)
            elif known[name].tensor is not tensor:
                _set_apart(known, Found(name, tensor, place, key))
    return list(known.values())


def _set_apart(known: dict[str, Found], one: Found) -> None:
    inner, outer = sorted((known[one.name], one), key=lambda held: -len(held.place.raw_path))
    wrapper: Place | None = outer.place
    while wrapper is not None and not wrapped(class_of(wrapper.module)):
        wrapper = wrapper.parent
    kind = type(wrapper.module).__name__ if wrapper is not None else ""
    above = wrapper.path if wrapper is not None else ""
    name = join(join(above, kind), one.name.removeprefix(f"{above}.") if above else one.name)
    if name in known:
        raise ModelError(
            f'Two tensors of this model are both called "{name}": {inner.place.raw_path or "the model"} and '
            f"{outer.place.raw_path or 'the model'} each hold one. Rename one of the two attributes."
        )
    known[one.name] = inner
    known[name] = outer._replace(name=name)


@collector_paused()
def named_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Every canonical name with its tensor, aliases included, in the model's order.

    The names are those that `index` gives, the same before and after DistributedDataParallel, FSDP,
    `torch.compile`, activation checkpointing, parametrizations and PEFT. A tied tensor comes once for each
    of its names; the first is the canonical one.

    Args:
        model: Any module; no tensor's values are read.

    Raises:
        ModelError: It is no module, or two of its tensors cannot be told apart by name.

    Example:
        >>> from torch import nn
        >>> [name for name, _ in named_parameters(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))]
        ['0.weight', '0.bias']
    """
    return iter([(one.name, one.tensor) for one in found(places(model))])
