"""What a plan says and a dialect cannot: one list of it all, and words to let it go by."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from paramgroups.errors import HostError, listing, nearest, shown
from paramgroups.optim.hyperparameters import CLIPPING
from paramgroups.planning import Plan
from paramgroups.planning.groups import Group

Loss = Literal[
    "schedule", "schedules", "windows", "rows", "controllers", "optimizers", "clipping", "frozen", "values"
]  # fmt: skip
Also = Mapping[Loss, Iterable[str]]
"""What one dialect cannot say besides, by its word."""


def refuse_lost(plan: Plan, host: str, lose: Collection[Loss], also: Also = MappingProxyType({})) -> None:
    """Refuse to write a plan of which the dialect cannot say all.

    Args:
        plan: The plan.
        host: Whose dialect it is.
        lose: What may be lost, by the words of the list.
        also: What this dialect cannot say besides.

    Raises:
        HostError: Something would be lost that is not named; or what is named is none of the words.
    """
    words = get_args(Loss)
    if unknown := [word for word in lose if word not in words]:
        raise HostError(f"{host}.write: lose has {shown(unknown[0])}. {nearest(str(unknown[0]), words)}")
    found = {word: tuple(find(plan)) for word, find in LOSSES.items()}
    found |= {word: tuple(told) for word, told in also.items()}
    lost = {word: told for word, told in found.items() if told and word not in lose}
    if lost:
        lines = "".join(f"\n  {word}: {listing(told)}." for word, told in lost.items())
        raise HostError(
            f"{host}.write: {host} cannot say all that this plan says.{lines}\n"
            f"  To write the rest and lose these: lose={(*lose, *lost)!r}."
        )


def _schedule(plan: Plan) -> Iterator[str]:
    if "lr" in dict(plan.recipe.schedules):
        yield f"{dict(plan.recipe.schedules)['lr']!r} of all; a trainer has its own"


def _schedules(plan: Plan) -> Iterator[str]:
    common = dict(plan.recipe.schedules)
    for group in plan.groups:
        for name, course in group.courses.items():
            found = {piece.schedule for _, piece in course.timings if piece is not None}
            if found - ({common.get("lr")} if name == "lr" else set()):
                yield f'of {name} in "{group.name}"'


def _windows(plan: Plan) -> Iterator[str]:
    for group in plan.groups:
        pieces = [course.told.pieces for course in group.courses.values()]
        if any(len(found) > 1 for found in (*pieces, group.profile.trainable.pieces)):
            yield f'"{group.name}"'


def _each(holds: Callable[[Group], bool]) -> Callable[[Plan], Iterator[str]]:
    return lambda plan: (f'"{group.name}"' for group in plan.groups if holds(group))


def _optimizers(plan: Plan) -> Iterator[str]:
    names = dict.fromkeys(group.profile.optimizer.name for group in plan.groups)
    yield from names if len(names) > 1 else ()


LOSSES: dict[Loss, Callable[[Plan], Iterator[str]]] = {
    "schedule": _schedule,
    "schedules": _schedules,
    "windows": _windows,
    "rows": lambda plan: (segment.title for group in plan.groups for segment in group.segments),
    "controllers": lambda plan: (controller.title for controller in plan.given.controllers),
    "optimizers": _optimizers,
    "clipping": _each(lambda group: any(group.courses[name].base != off for name, off in CLIPPING.items())),
}
"""By the word for it, what finds it in a plan."""


def frozen_by_rules(plan: Plan) -> list[str]:
    """The parameters that rules freeze for good, while the model has them trainable."""
    return [row.name for row in plan.frozen if row.trainable]
