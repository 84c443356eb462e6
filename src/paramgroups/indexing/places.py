"""Where each tensor of a model stands: a walk over the modules that gives canonical names."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import nn

from paramgroups.errors import ModelError
from paramgroups.indexing.wrappers import steps, submodules, tensor_segment, tensors

MAX_PLACES = 1_000_000


class Place:
    """One path that leads to a module; a shared module has several."""

    __slots__ = ("module", "parent", "path", "raw")

    def __init__(self, module: nn.Module, path: str, raw: str, parent: "Place | None") -> None:
        self.module = module
        self.path = path
        self.raw = raw
        self.parent = parent

    def __repr__(self) -> str:
        return f"<Place {self.path!r}: {type(self.module).__name__}>"

    @property
    def raw_path(self) -> str:
        """The path as torch writes it, with the segments of all wrappers."""
        return self.raw if self.parent is None else join(self.parent.raw_path, self.raw)


class Found(NamedTuple):
    """One name of one tensor, and where it stands."""

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
        ModelError: It is no module, or shared modules lead to more than a million paths.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(f"{type(model).__name__} is no torch.nn.Module, so it has no parameters to index.")
    todo = [Place(model, "", "", None)]
    seen: set[int] = set()
    count = 0
    while todo:
        place = todo.pop()
        count += 1
        if count > MAX_PLACES:
            raise ModelError(
                f'More than {MAX_PLACES:,} paths lead to the modules of this model; "{place.path}" is one. '
                "Modules that share modules multiply their paths: share fewer of them."
            )
        if id(place.module) in seen and _within_itself(place):
            continue
        seen.add(id(place.module))
        yield place
        if submodules(place.module):
            todo.extend(reversed(_below(place)))


def _below(place: Place) -> list[Place]:
    path = place.path
    dotted = path + "." if path else ""
    return [
        Place(module, dotted + segments if segments else path, raw, place)
        for segments, raw, module in steps(place.module)
    ]


def _within_itself(place: Place) -> bool:
    above = place.parent
    while above is not None:
        if above.module is place.module:
            return True
        above = above.parent
    return False


def found(walk: Iterable[Place]) -> Iterator[Found]:
    """Every name of every tensor at these places; each name once.

    The first tensor in the model's order has the canonical name. Where another's name would be the same (a
    wrapper with a tensor of its own beside the wrapped one's), that one keeps the segments of its wrappers.
    """
    taken: dict[str, nn.Parameter] = {}
    for place in walk:
        for key, tensor in tensors(place.module).items():
            if tensor is None:
                continue
            name = join(place.path, tensor_segment(place.module, key))
            known = taken.get(name)
            if known is tensor:
                continue
            if known is not None:
                name = _distinguished(place, key, tensor, taken)
            taken[name] = tensor
            yield Found(name, tensor, place, key)


def _distinguished(place: Place, key: str, tensor: nn.Parameter, taken: dict[str, nn.Parameter]) -> str:
    name = join(place.raw_path, key)
    if name in taken:
        raise ModelError(
            f'Two tensors of this model are both called "{name}": one within its wrappers, one in the model. '
            "Rename one of the two attributes."
        )
    return name


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
    return ((one.name, one.tensor) for one in found(places(model)))
