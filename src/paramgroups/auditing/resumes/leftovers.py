"""What a load by position leaves over: parameters of which nothing is saved, and state that nobody reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from paramgroups.auditing.resumes.kinds import UNMATCHED
from paramgroups.auditing.resumes.positions import Positions
from paramgroups.errors import Finding, listing
from paramgroups.optim.remembered import LATER, differ, is_familiar, needs_of, settings_known


def leftovers(found: Positions) -> Iterator[Finding]:
    """Trainable parameters of which nothing was saved, and state that another class has left."""
    if (strange := _other_class(found)) is not None:
        yield strange
        return
    if not any(member.state for member in found.saved.members):
        return
    learns = _learning(found)
    rows = zip(found.names, found.params, found.saved.members, strict=True)
    names = [name for name, param, member in rows if not member.state and learns(param)]
    if names:
        message = (
            f"Of {len(names):,} trainable parameters nothing is saved, of {len(found.names) - len(names):,} "
            f"others there is: {listing(names)}. They were frozen or without gradients then."
        )
        fix = "If they were thawed since, warm them up: a group of their own with a schedule of its own."
        yield UNMATCHED.finding(message, fix, names)


def _learning(found: Positions) -> Callable[[Tensor], bool]:
    """Tells what is trained, as far as gradients and state of the live run do."""
    known = found.optimizer.state
    stateful = bool(known) and any(known.get(one) for one in found.params)
    graded = any(one.grad is not None for one in found.params)

    def learns(param: Tensor) -> bool:
        idle = (stateful and not known.get(param)) or (graded and param.grad is None)
        return param.requires_grad and not idle

    return learns


def _other_class(found: Positions) -> Finding | None:
    """What is to be told where another class was saved, whose state this one cannot read."""
    cls = type(found.optimizer)
    if not is_familiar(cls):
        return None
    for group, saved, places in zip(found.groups, found.saved.groups, _spans(found.sizes), strict=True):
        states = [found.saved.members[place].state for place in places]
        needs = needs_of(cls, group.settings, 2)
        strange = needs is not None and any(state and needs.lacking(state) for state in states)
        if (strange or _unlike(saved, group.settings)) and differ(saved, group.settings, cls):
            held = next((listing(map(str, state)) for state in states if state), "nothing")
            message = (
                f"What was saved is of another optimizer than {cls.__name__}: it remembers {held}. The "
                "groups take over the other's settings, and the load or the next step ends with an error, or "
                "goes by them."
            )
            fix = (
                f"Resume with the class that was saved, or begin {cls.__name__} anew: do not load its state."
            )
            return UNMATCHED.finding(message, fix, found.names)
    return None


def _unlike(saved: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether each has settings that the other lacks, as those of two classes do."""
    theirs, mine = ((group.keys() & settings_known()) - LATER for group in (saved, live))
    return bool(theirs - mine) and bool(mine - theirs)


def _spans(sizes: Sequence[int]) -> Iterator[range]:
    start = 0
    for size in sizes:
        yield range(start, start + size)
        start += size
