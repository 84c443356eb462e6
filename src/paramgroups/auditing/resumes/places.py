"""What torch's `load_state_dict` would do, which goes by position: without doing it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from paramgroups.auditing.memories import misshapen, shapes_of
from paramgroups.auditing.resumes.kinds import RECUT, REGROUPED, REORDERED
from paramgroups.auditing.resumes.leftovers import leftovers
from paramgroups.auditing.resumes.positions import Positions
from paramgroups.auditing.resumes.values import overwritten, saved_base
from paramgroups.auditing.subject import Group, number
from paramgroups.errors import Finding, counted, listing

NAMED = (
    "Build the groups as they were saved: named = dict(model.named_parameters()); groups = [{'params': "
    "[(name, named[name]) for name in group['param_names']]} for group in saved['param_groups']]; or resume "
    "by pg.load, which goes by names."
)
UNNAMED = (
    "Build the groups as they were saved, with the same parameters in the same order; or load by names: "
    "pg.Optimizer(model.named_parameters(), …).load_state_dict(pg.name_state(saved, names)), with the names "
    "in the saved order."
)


def by_places(found: Positions) -> Iterator[Finding]:
    """What loading by position would do."""
    if found.saved.sizes != found.sizes:
        yield _recut(found)
        return
    moved, shifted = _by_names(found)
    swapped = _swapped(found) if found.saved.names is None and not shifted else []
    yield from _regrouped(found, moved, swapped)
    yield from _reordered(found, shifted)
    told = {*moved, *shifted, *chain.from_iterable(group.names for group in swapped)}
    yield from _misshapen(found, told)
    yield from leftovers(found)
    if not (moved or swapped):
        pairs = zip(found.groups, found.saved.groups, strict=True)
        yield from overwritten(found.subject, found.run, pairs)


def _recut(found: Positions) -> Finding:
    """Torch compares the numbers of groups, and of the parameters in each."""
    message = (
        f"The saved optimizer has {_cut(found.saved.sizes)}, and here {_cut(found.sizes)}: load_state_dict "
        "raises ValueError."
    )
    then = {name for name in found.then or () if name is not None}
    new = [name for name in found.names if name not in then] if then else []
    if new:
        message += f" Not among the saved ones: {listing(new)}."
    return RECUT.finding(message, _fix(found), new)


def _fix(found: Positions) -> str:
    return NAMED if found.saved.names else UNNAMED


def _cut(sizes: Sequence[int]) -> str:
    groups = "groups" if len(sizes) != 1 else "group"
    return f"{len(sizes):,} {groups} of {listing((f'{size:,}' for size in sizes), 8)} parameters"


def _by_names(found: Positions) -> tuple[dict[str, str], dict[str, str]]:
    """Whose group was another, and what else would get another's state: each with the saved name there."""
    if found.then is None:
        return {}, {}
    homes = {name: place for name, place in zip(found.then, found.places, strict=True) if name is not None}
    moved, shifted = {}, {}
    for name, then, place in zip(found.names, found.then, found.places, strict=True):
        if then is None or then == name:
            continue
        if homes.get(name, place) != place:
            moved[name] = then
        else:
            shifted[name] = then
    return moved, shifted


def _swapped(found: Positions) -> list[Group]:
    """Groups whose saved values, or name, are those of another: all are the same, in another order."""
    pairs = list(zip(found.groups, found.saved.groups, strict=True))
    for then, now in (
        ([_title(saved) for _, saved in pairs], [_title(group.settings) for group, _ in pairs]),
        (
            [(saved_base(saved), number(saved.get("weight_decay"))) for _, saved in pairs],
            [(group.base, group.value("weight_decay")) for group, _ in pairs],
        ),
    ):
        rounded = [_rounded(one) for one in then], [_rounded(one) for one in now]
        if rounded[0] != rounded[1] and Counter(rounded[0]) == Counter(rounded[1]):
            return [group for group, was, is_now in zip(found.groups, *rounded, strict=True) if was != is_now]
    return []


def _title(settings: object) -> object:
    return settings.get("name") if hasattr(settings, "get") else None


def _rounded(one: object) -> str:
    numbers = one if isinstance(one, tuple) else (one,)
    return " ".join(f"{part:.6g}" if isinstance(part, float) else str(part) for part in numbers)


def _regrouped(found: Positions, moved: dict[str, str], swapped: list[Group]) -> Iterator[Finding]:
    if moved:
        message = (
            f"By another grouping than the saved one, {counted(len(moved), 'parameter')} would take the "
            f"values and the state of what stood in their places: {_pairs(moved)}."
        )
        yield REGROUPED.finding(message, _fix(found), moved)
    elif swapped:
        places = {id(group): place for place, group in enumerate(found.groups)}
        lines = [
            f"{group.label} has lr {_shown(group.base)}, {_shown(saved_base(saved))} was saved in its place"
            for group in swapped
            for saved in [found.saved.groups[places[id(group)]]]
        ]
        message = f"The saved groups are these in another order: {listing(lines)}."
        names = chain.from_iterable(group.names for group in swapped)
        yield REGROUPED.finding(message, _fix(found), names)


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _reordered(found: Positions, shifted: dict[str, str]) -> Iterator[Finding]:
    if shifted:
        whence = "names in the saved state" if found.saved.names else "order of the saved weights"
        what = counted(len(shifted), "parameter")
        message = f"{what} would get the state of others, by the {whence}: {_pairs(shifted)}."
        yield REORDERED.finding(message, _fix(found), shifted)


def _pairs(wrong: dict[str, str]) -> str:
    return listing(f"{name} that of {then}" for name, then in wrong.items())


def _misshapen(found: Positions, told: set[str]) -> Iterator[Finding]:
    """State that has the shape of something else than of what it would be given to."""
    shapes = shapes_of(found.params)
    odd: dict[str, str] = {}
    for name, param, member in zip(found.names, found.params, found.saved.members, strict=True):
        if name not in told:
            for key, shape in misshapen(member.state, param, type(found.optimizer), shapes):
                odd.setdefault(name, f"{name} {tuple(param.shape)} the {key} of {shape}")
    if odd:
        message = (
            f"{counted(len(odd), 'parameter')} would get a state of another shape: {listing(odd.values())}."
        )
        yield REORDERED.finding(message, _fix(found), odd)
