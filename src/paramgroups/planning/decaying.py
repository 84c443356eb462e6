"""Weight decay that does not follow the rate: what stands in the groups then, and for which optimizers."""

from collections.abc import Mapping
from dataclasses import replace

from paramgroups.errors import PlanError
from paramgroups.optim import OptimizerClass, is_number
from paramgroups.planning.course import Course

DECAY = "weight_decay"
SWITCH = "decoupled_weight_decay"
DECOUPLED = ("adafactor", "lion", "muon")
"""Those that take `lr x weight_decay` of a weight, and have no switch for it."""

Courses = Mapping[str, Course]


def independent(courses: Courses) -> dict[str, Course]:
    """Courses in which weight decay is divided by the base rate, whatever has become of that.

    An optimizer multiplies it by the rate, of which only the schedule's factor is left: that is the decay of
    arXiv 1711.05101, `w - eta_t wd w`.
    """
    found = dict(courses)
    if DECAY in found and all(is_number(value) for _, value in found[DECAY].chain.pieces):
        found[DECAY] = replace(found[DECAY], divisor=found["lr"].chain)
    return found


def check_decoupled(optimizer: OptimizerClass, courses: Courses, who: str) -> None:
    """Refuse decay that is to be independent of the rate where it is not the rate alone that scales it.

    Args:
        optimizer: Who steps the parameters.
        courses: Their hyperparameters.
        who: What they are called.

    Raises:
        PlanError: The optimizer puts decay into the gradient, or into what it remembers of gradients.
    """
    if DECAY in courses and not _is_zero(courses[DECAY]) and (reason := _unfit(optimizer, courses)):
        raise PlanError(
            f'decay="independent" of "{who}" needs an optimizer that takes lr x weight_decay off a weight, '
            f'no more and no less, and {optimizer.name} {reason}. Name "adamw", "lion" or "muon", '
            f'give adam, nadam or radam {SWITCH}=True, or leave decay="coupled".'
        )


def _unfit(optimizer: OptimizerClass, courses: Courses) -> str:
    """Why an optimizer cannot; nothing where it can. Its own switch tells, where it has one."""
    if SWITCH in courses:
        decoupled = all(value is True for _, value in courses[SWITCH].chain.pieces)
        return "" if decoupled else f"adds it to the gradient unless {SWITCH}=True"
    if optimizer.named == "sgd":
        # Without momentum the gradient's part is the weight's: w - lr (g + wd w) = (1 - lr wd) w - lr g.
        return "" if _is_zero(courses["momentum"]) else "gathers it in its momentum: only momentum=0 does"
    return "" if optimizer.named in DECOUPLED else "adds it to the gradient, or is not known not to"


def _is_zero(course: Course) -> bool:
    return not any(value for _, value in course.chain.pieces)
