"""How long `scheduler.step()` takes: 1,000 groups, beside torch's LambdaLR with 1,000 lambdas.

Run: `python -m benchmarks.scheduling`. The results are kept in `benchmarks/results/scheduling.json`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

import paramgroups as pg
from benchmarks.measure import interleaved, save, show
from paramgroups.schedules import cosine

GROUPS, USUAL = 1_000, 14
STEPS = 10_000
ENDS = (0.0, 0.1, 0.2)
ROUNDS, BATCH, CURVES = 15, 50, 7
AGREE = 1e-12
OPTIMIZERS = ("adamw", "sgd")
CLASSES = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}

Factor = Callable[[float], float]


class Course(NamedTuple):
    """A schedule, and the same as a lambda."""

    ours: Any
    factor: Factor


class Case(NamedTuple):
    """Both schedulers of the same rates, each on an optimizer of its own."""

    ours: pg.Scheduler
    torch: LambdaLR


class Many(nn.Module):
    """Tiny parameters `p.0`, `p.1`, …: as many groups as there are tensors."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.p = nn.ParameterList(torch.zeros(1) for _ in range(count))


def course(end: float, length: int) -> Course:
    """A cosine to a share `end` over so many steps."""

    def factor(step: float) -> float:
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * step / length))

    return Course(cosine(end=end, length=length), factor)


def shared(count: int) -> list[Course]:
    """Three schedules, each of a third."""
    few = [course(end, STEPS) for end in ENDS]
    return [few[len(few) * place // count] for place in range(count)]


def all_different(count: int) -> list[Course]:
    """A schedule of its own for each."""
    return [course(0.0, STEPS - place) for place in range(count)]


def place_of(row: pg.Row) -> int:
    """Which of the parameters it is."""
    return int(row.name.rpartition(".")[2])


def scheduled(courses: Sequence[Course]) -> list[pg.Rule]:
    """A rule for each schedule, with all that share it."""
    members: dict[Any, list[int]] = {}
    for place, found in enumerate(courses):
        members.setdefault(found.ours, []).append(place)
    return [
        pg.rule(f"p.{{{places[0]}..{places[-1]}}}", schedule=schedule) for schedule, places in members.items()
    ]


def planned(model: Many, optimizer: str, rules: Sequence[pg.Rule]) -> pg.Plan:
    """A plan of as many groups as there are parameters: each has a rate of its own."""
    rate = pg.per_parameter("place", lambda row: 1 + place_of(row) / GROUPS)
    recipe = pg.Recipe(optimizer=optimizer, lr=1e-3, rules=[pg.rule("**", lr_scale=rate), *rules])
    return pg.plan(model, recipe, epochs=STEPS)  # a tick is no update, so many may follow one another


def scheduler_of(plan: pg.Plan, model: Many) -> pg.Scheduler:
    """Ours, on a torch optimizer."""
    return pg.Scheduler(CLASSES[str(plan.recipe.optimizer)](plan.param_groups(model)), plan, model)


def case(optimizer: str, courses: Sequence[Course]) -> Case:
    """Both schedulers, which have to write the same rates."""
    model, twin = Many(len(courses)), Many(len(courses))
    ours = scheduler_of(planned(model, optimizer, scheduled(courses)), model)
    places = [int(str(group["param_names"][0]).rpartition(".")[2]) for group in ours.optimizer.param_groups]
    groups = [{"params": [twin.p[place]], "lr": 1e-3 * (1 + place / GROUPS)} for place in places]
    theirs = LambdaLR(CLASSES[optimizer](groups), [courses[place].factor for place in places])
    return checked(Case(ours, theirs))


def checked(found: Case) -> Case:
    """The same, stepped a few times and compared.

    Raises:
        ValueError: They differ.
    """
    for _ in range(3):
        update(found)
        steps(found.ours, 1)
        steps(found.torch, 1)
        pairs = zip(found.ours.get_last_lr(), found.torch.get_last_lr(), strict=True)
        if not all(math.isclose(one, other, rel_tol=AGREE) for one, other in pairs):
            raise ValueError("The two write different rates: nothing to compare.")
    return found


def windowed(optimizer: str) -> pg.Scheduler:
    """A thousand groups, of which some are frozen for a while and others slowed."""
    model = Many(GROUPS)
    frozen = pg.rule(f"p.{{0..{GROUPS // 4}}}", trainable=False, until="30%")
    slowed = pg.rule(f"p.{{{GROUPS // 2}..{GROUPS - 1}}}", lr_scale=0.1, start="20%", until="60%")
    return scheduler_of(planned(model, optimizer, [*scheduled(shared(GROUPS)), frozen, slowed]), model)


def steps(scheduler: Any, count: int = BATCH) -> None:
    """So many ticks in a row, all but the first with their data in the cache."""
    for _ in range(count):
        scheduler.step()


def jumps(scheduler: pg.Scheduler) -> None:
    """As many ticks, to and fro across the windows' edges."""
    for place in range(BATCH):
        scheduler.step(STEPS // 2 if place % 2 else STEPS // 10)


def edit(scheduler: pg.Scheduler) -> None:
    """Cut the rate of one group."""
    scheduler.scale(f"p.{GROUPS // 2}", 0.999)


def floor(groups: Sequence[dict[str, Any]]) -> None:
    """Read and write one key of each group, as often."""
    for _ in range(BATCH):
        for group in groups:
            group["lr"] = group["lr"]  # that is what is timed


def update(schedulers: Iterable[Any], count: int = 1) -> None:
    """So many updates of each optimizer; there are no gradients, so nothing is written."""
    for scheduler in schedulers:
        for _ in range(count):
            scheduler.optimizer.step()


def curves(plan: pg.Plan) -> list[list[Any]]:
    """The rates of all groups at all steps."""
    return [plan.curve(group.names[0]) for group in plan.groups]


def compared(optimizer: str) -> dict[str, Case]:
    """What is timed beside LambdaLR."""
    return {
        f"{GROUPS:,} groups, 3 schedules": case(optimizer, shared(GROUPS)),
        f"{GROUPS:,} groups, all different": case(optimizer, all_different(GROUPS)),
        f"{USUAL} groups, 3 schedules": case(optimizer, shared(USUAL)),
    }


def measured(optimizer: str) -> dict[str, float]:
    """Seconds for a tick of each scheduler on such an optimizer, and for an edit."""
    cases, stepped, jumped = compared(optimizer), windowed(optimizer), windowed(optimizer)
    ticking: dict[str, Callable[[], Any]] = {
        f"{GROUPS:,} groups, windows: step()": partial(steps, stepped),
        f"{GROUPS:,} groups, windows: step(tick), to and fro": partial(jumps, jumped),
        f"{GROUPS:,} groups: read and write one key": partial(
            floor, windowed(optimizer).optimizer.param_groups
        ),
    }
    for name, found in cases.items():
        ticking[f"{name}: pg.Scheduler"] = partial(steps, found.ours)
        ticking[f"{name}: LambdaLR"] = partial(steps, found.torch)
    first = cases[f"{GROUPS:,} groups, 3 schedules"]
    alone = {
        f"{GROUPS:,} groups, 3 schedules, a tick alone: pg.Scheduler": partial(steps, first.ours, 1),
        f"{GROUPS:,} groups, 3 schedules, a tick alone: LambdaLR": partial(steps, first.torch, 1),
    }
    edits = {f"{GROUPS:,} groups: scale one": partial(edit, windowed(optimizer))}
    driven = [stepped, jumped, *(one for found in cases.values() for one in found)]
    update(driven)  # torch and we warn of a tick before the first update
    times = interleaved(ticking | alone | edits, ROUNDS)
    return {name: seconds / (BATCH if name in ticking else 1) for name, seconds in times.items()}


def ratios_of(times: Mapping[str, float]) -> dict[str, float]:
    """What is told of the times: how many times faster than LambdaLR, and how much slower than the least."""
    many = f"{GROUPS:,} groups"
    pairs = {
        name.removesuffix(": LambdaLR"): (seconds, times[name.replace("LambdaLR", "pg.Scheduler")])
        for name, seconds in times.items()
        if name.endswith("LambdaLR")
    }
    told = {f"{name}: LambdaLR / pg.Scheduler": theirs / ours for name, (theirs, ours) in pairs.items()}
    least = times[f"{many}: read and write one key"]
    shared_step = times[f"{many}, 3 schedules: pg.Scheduler"]
    jump, step = (times[f"{many}, windows: {way}"] for way in ("step(tick), to and fro", "step()"))
    return told | {
        f"{many}, 3 schedules: LambdaLR / read and write one key": pairs[f"{many}, 3 schedules"][0] / least,
        f"{many}, 3 schedules: pg.Scheduler / read and write one key": shared_step / least,
        f"{many}, windows: step(tick) / step()": jump / step,
        f"{many}: scale one / step()": times[f"{many}: scale one"] / shared_step,
    }


def main() -> None:
    """Measure, print and keep the results."""
    torch.set_num_threads(1)
    seconds = {name: measured(name) for name in OPTIMIZERS}
    ratios = {name: ratios_of(times) for name, times in seconds.items()}
    plan = planned(Many(USUAL), "adamw", scheduled(shared(USUAL)))
    seconds["plan"] = interleaved({f"plan.curve of {USUAL} groups": partial(curves, plan)}, CURVES)
    counts = {"groups": GROUPS, "usual groups": USUAL, "steps": STEPS, "schedules": len(ENDS)}
    path = save("scheduling", {"counts": counts, "median seconds": seconds, "ratios": ratios})
    for title, table in (*seconds.items(), *((f"{name}, ratios", found) for name, found in ratios.items())):
        show(**{title: table})
    print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
