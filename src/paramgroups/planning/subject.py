"""A plan as its checks see it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from paramgroups.errors import Finding
from paramgroups.indexing import Row
from paramgroups.planning.groups import Group
from paramgroups.planning.matching import Match
from paramgroups.planning.profile import Profile
from paramgroups.planning.resolution import Resolution


@dataclass(frozen=True)
class Subject:
    """A plan as its checks see it: groups, and the trained parameters with their base rate and decay."""

    resolution: Resolution
    groups: Sequence[Group]

    def trained(self) -> Iterator[tuple[Row, float, float]]:
        """Every parameter that is ever trained, with its base rate and decay."""
        for group in self.groups:
            decay = float(group.courses["weight_decay"].base) if "weight_decay" in group.courses else 0.0
            for name in group.names:
                yield self.resolution.index[name], group.lr, decay

    def members(self) -> Iterator[tuple[Profile, tuple[str, ...]]]:
        """Each profile with the parameters that have it; rows of one as `embed.weight[10:20]`."""
        rows = self.resolution.index.rows
        whole: list[list[str]] = [[] for _ in self.resolution.profiles]
        for row, number in zip(rows, self.resolution.numbers.tolist(), strict=True):
            whole[number].append(row.name)
        yield from zip(self.resolution.profiles, map(tuple, whole), strict=True)
        for position, parts in self.resolution.segments.items():
            for segment, profile in parts:
                yield profile, (f"{rows[position].name}[{segment.start}:{segment.stop}]",)

    def names(self, match: Match) -> tuple[str, ...]:
        """The parameters of which a rule matches something."""
        return tuple(self.resolution.index.rows[position].name for position in match.positions)


Check = Callable[[Subject], Iterator[Finding]]
