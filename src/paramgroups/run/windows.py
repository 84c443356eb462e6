"""What is frozen now and then: tensors, or rows of one, and when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from paramgroups.planning import Group
from paramgroups.planning.cascade import Cascade
from paramgroups.planning.profile import Profile

ALWAYS = ((0.0, True),)


@dataclass
class Piece:
    """What is frozen at the same times.

    Attributes:
        trained: When it is trained.
        moments: What the optimizer remembers of it when it is frozen.
        rows: The rows that it is; None for all.
        live: Whether it is trained now; None before the first tick.
        kept: Whether it is frozen now, and remembered.
    """

    trained: Cascade
    moments: Cascade
    rows: slice | None = None
    live: bool | None = None
    kept: bool = False

    def turn(self, tick: float) -> bool:
        """Go to a tick; whether it was trained before, and is frozen and forgotten from here on."""
        before, self.live = self.live, bool(self.trained.at(tick))
        if before or self.live:
            self.kept = not self.live and self.moments.at(tick) == "keep"
        return bool(before) and not self.live and not self.kept


@dataclass
class Windowed:
    """Tensors of one group that are frozen now and then.

    Attributes:
        place: The group's place in the optimizer.
        tensors: The tensors; one alone where its rows have times of their own.
        pieces: When they are trained, or some of their rows.
    """

    place: int
    tensors: list[torch.Tensor]
    pieces: list[Piece]

    @property
    def begun(self) -> bool:
        """Whether they have been at a tick."""
        return any(piece.live is not None for piece in self.pieces)

    @property
    def live(self) -> bool:
        """Whether they are trained now, or some of their rows."""
        return any(piece.live for piece in self.pieces)

    @property
    def kept(self) -> bool:
        """Whether the optimizer is to remember them, or some of their rows."""
        return any(piece.live or piece.kept for piece in self.pieces)

    def turn(self, tick: float) -> list[Piece]:
        """Go to a tick; what is frozen and forgotten from here on."""
        return [piece for piece in self.pieces if piece.turn(tick)]


def windows_of(
    place: int, group: Group, tensors: Sequence[torch.Tensor], names: Sequence[str]
) -> list[Windowed]:
    """What of a group is frozen now and then: tensors of which rows are frozen apart have their own times.

    Args:
        place: The group's place in the optimizer.
        group: The plan's group.
        tensors: Its tensors, as the optimizer holds them.
        names: Their names.
    """
    pairs = list(zip(tensors, names, strict=False))
    together = [tensor for tensor, name in pairs if name not in group.apart]
    found = [Windowed(place, together, [_piece(group.profile)])] if together else []
    for tensor, name in pairs:
        if name in group.apart:
            found.append(Windowed(place, [tensor], list(_rows(group, name, len(tensor)))))
    return [one for one in found if any(piece.trained.pieces != ALWAYS for piece in one.pieces)]


def _rows(group: Group, name: str, count: int) -> Iterator[Piece]:
    """The rows of a tensor, those of their own and those between."""
    end = 0
    for one in sorted((one for one in group.segments if one.name == name), key=lambda one: one.start):
        if end < one.start:
            yield _piece(group.profile, slice(end, one.start))
        yield _piece(one.profile, slice(one.start, one.stop))
        end = one.stop
    if end < count:
        yield _piece(group.profile, slice(end, count))


def _piece(profile: Profile, rows: slice | None = None) -> Piece:
    return Piece(profile.trainable, profile.moments, rows)
