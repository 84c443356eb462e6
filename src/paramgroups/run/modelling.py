"""What a model holds by canonical names, whatever wraps it: for a checkpoint, and from one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from paramgroups.errors import CheckpointError, ModelError, listing, nearest
from paramgroups.indexing.places import Place, found, join, places
from paramgroups.indexing.wrappers import class_of, loaded, wrapped
from paramgroups.run.masking import FLATTENING, wrapper_of

EXTRA = "_extra_state"
"""Under what torch keeps what a module saves beside its tensors."""


class Held(NamedTuple):
    """A tensor of a model, with all its names; the first is the canonical one."""

    names: tuple[str, ...]
    tensor: Tensor

    @property
    def told(self) -> str:
        """Its dtype and shape."""
        return f"{self.tensor.dtype} {tuple(self.tensor.shape)}".removeprefix("torch.")


def held_by(model: nn.Module) -> list[Held]:
    """The parameters and the persistent buffers of a model, each tensor once.

    Raises:
        ModelError: It is no module, has tensors without shape or values, or holds what no tensor tells.
    """
    walk = list(places(model))
    _check_tells(walk)
    named: dict[str, Tensor] = {one.name: one.tensor for one in found(walk)}
    for name, raw, buffer in _buffers(walk):
        taken = named.setdefault(name, buffer)
        if taken is not buffer:
            named[raw] = buffer
    _check_values(named)
    ties: dict[int, list[str]] = {}
    for name, tensor in named.items():
        ties.setdefault(id(tensor), []).append(name)
    return [Held(tuple(names), named[names[0]]) for names in ties.values()]


def extras_of(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that save something beside their tensors, by canonical path."""
    own = nn.Module.get_extra_state
    return {
        place.path: place.module
        for place in places(model)
        if class_of(place.module).get_extra_state is not own  # type: ignore[attr-defined]  # of a module
    }


def _buffers(walk: Iterable[Place]) -> Iterator[tuple[str, str, Tensor]]:
    """Each persistent buffer, with its canonical name and with that which torch gives it."""
    for place in walk:
        module = place.module
        passing = module._non_persistent_buffers_set  # noqa: SLF001  # torch has no public view of it
        for key, buffer in module._buffers.items():  # noqa: SLF001  # `named_buffers` would hide ties
            if buffer is not None and key not in passing:
                yield join(place.path, key), join(place.raw_path, key), buffer


FLAT = (
    "FullyShardedDataParallel holds pieces of flattened parameters, which no name tells. Shard by "
    "fully_shard, or save by torch.distributed.checkpoint."
)


def check_whole(tensors: Sequence[Tensor]) -> None:
    """Refuse pieces that do not tell what they are of, also where no model is given.

    Raises:
        ModelError: FSDP1 has flattened some.
    """
    if wrapper_of(tensors) == FLATTENING:
        raise ModelError(FLAT)


def _check_tells(walk: Iterable[Place]) -> None:
    flat = loaded("torch.distributed.fsdp", "FullyShardedDataParallel")
    for place in walk:
        module, cls = place.module, class_of(place.module)
        if flat is not None and issubclass(cls, flat):
            raise ModelError(FLAT)
        own = cls._save_to_state_dict is not nn.Module._save_to_state_dict  # type: ignore[attr-defined]  # noqa: SLF001
        if own and not wrapped(cls):
            _check_saves(place, module)


def _check_saves(place: Place, module: nn.Module) -> None:
    """A module that saves itself in a way of its own, such as a quantised one, may hold more than tensors."""
    saves: dict[str, Any] = {}
    module._save_to_state_dict(saves, "", True)  # noqa: SLF001  # as torch does
    known = {*module._parameters, *module._buffers, EXTRA}  # noqa: SLF001  # all that it holds
    if more := [key for key in saves if key not in known]:
        raise ModelError(
            f'"{place.path}" is a {type(module).__name__}, which saves {listing(more)}: neither parameters '
            "nor buffers. Save this model by torch.save(model.state_dict(), …), and the rest by pg.save."
        )


def _check_values(named: Mapping[str, Tensor]) -> None:
    if lazy := [name for name, tensor in named.items() if is_lazy(tensor)]:
        raise ModelError(
            f"{len(lazy)} tensors have no shape yet: {listing(lazy)}. Run the model once on an example."
        )
    if meta := [name for name, tensor in named.items() if tensor.is_meta]:
        raise ModelError(
            f"{len(meta)} tensors are on meta and have no values: {listing(meta)}. Give the model some "
            'first: model.to_empty(device="cpu").'
        )


class Stored(NamedTuple):
    """A model's tensor in a file: all its names, its dtype and its shape."""

    names: tuple[str, ...]
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def told(self) -> str:
        """Its dtype and shape."""
        return f"{self.dtype} {self.shape}".removeprefix("torch.")


@dataclass(frozen=True)
class Fitted:
    """What of a saved model was taken over, all by name.

    Attributes:
        kept: The tensors that hold what was saved.
        missing: Those that the checkpoint does not know: they are as they were.
        unexpected: Those of the checkpoint that are not here.
        reshaped: Those of another shape or kind of number: what was saved, and what is here.
        cast: Those of another precision, which were rounded or widened: likewise.
        parted: Those that are one tensor here and were several: they hold what the first name's had.
    """

    kept: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[tuple[str, str, str], ...] = ()
    cast: tuple[tuple[str, str, str], ...] = ()
    parted: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What is to be told, besides what was kept."""
        told = {
            "here, and not in the checkpoint": self.missing,
            "in the checkpoint, and not here": self.unexpected,
            "of another shape": [f"{name} ({then} there, {now} here)" for name, then, now in self.reshaped],
            "tied here, and of several tensors there": self.parted,
            "of another precision": [f"{name} ({then} there, {now} here)" for name, then, now in self.cast],
        }
        return [f"{len(names):,} {what}: {listing(names)}" for what, names in told.items() if names]

    def check(self) -> None:
        """Refuse what does not fit wholly.

        Raises:
            CheckpointError: Something is missing, too much, or of another shape.
        """
        wrong = Fitted((), self.missing, self.unexpected, self.reshaped, (), self.parted).lines
        if not wrong:
            return
        known = self.unexpected or self.kept
        near = [nearest(self.missing[0], known)] if self.missing and known else []
        last = [*near, "Nothing was loaded. To take what fits by name and shape: strict=False."]
        what = "\n  ".join(["The model is not the saved one:", *wrong])
        raise CheckpointError(f"{what}\n{' '.join(last)}")


Pairs = list[tuple[str, Tensor]]


def fit(stored: Iterable[Stored], held: Iterable[Held]) -> tuple[Fitted, Pairs]:
    """Which saved tensor goes where, by names and aliases.

    Args:
        stored: What was saved.
        held: What the model holds.

    Returns:
        What is to be told of it; and each saved tensor's canonical name with the tensor that it goes to.
    """
    stored, held = list(stored), list(held)
    by_name = {name: one for one in stored for name in one.names}
    found = [(one, _there(one, by_name)) for one in held]
    known = [(one, there[0]) for one, there in found if there]
    pairs = [(one, then) for one, then in known if _alike(then, one.tensor)]
    used = {then.names[0] for _, there in found for then in there}
    fitted = Fitted(
        kept=tuple(one.names[0] for one, _ in pairs),
        missing=tuple(one.names[0] for one, there in found if not there),
        unexpected=tuple(one.names[0] for one in stored if one.names[0] not in used),
        reshaped=_told((one, then) for one, then in known if not _alike(then, one.tensor)),
        cast=_told((one, then) for one, then in pairs if then.dtype is not one.tensor.dtype),
        parted=tuple(one.names[0] for one, there in found if len(there) > 1),
    )
    return fitted, [(then.names[0], one.tensor) for one, then in pairs]


def _there(one: Held, by_name: Mapping[str, Stored]) -> list[Stored]:
    """What was saved under its names."""
    return list(dict.fromkeys(by_name[name] for name in one.names if name in by_name))


def _told(pairs: Iterable[tuple[Held, Stored]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((one.names[0], then.told, one.told) for one, then in pairs)


def _alike(then: Stored, now: Tensor) -> bool:
    """Whether one may be written over the other: as many numbers of the same kind."""
    return then.shape == tuple(now.shape) and _kind(then.dtype) == _kind(now.dtype)


def _kind(dtype: torch.dtype) -> tuple[bool, bool, bool]:
    return dtype.is_floating_point, dtype.is_complex, dtype is torch.bool
