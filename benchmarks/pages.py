"""The page on speed, made of the kept results.

Run: `python -m benchmarks.pages`.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
Kept = Mapping[str, Any]


def planning(kept: Kept) -> str:
    """The part on plans."""
    c, r = kept["counts"], kept["ratios"]
    slower = r["growth of time / growth of tensors"] * c["tensors"] / c["tensors of a tenth"]
    rows = table(["task", "seconds"], ([name, f"{t:.4f}"] for name, t in kept["median seconds"].items()))
    return f"""# How fast a plan is made

A plan reads the names and shapes of a model, and resolves each combination of matching rules once,
however many parameters share it. So its time grows with the tensors, not with tensors times rules.

Measured on a mixture of {c["tensors"]:,} tensors (61 layers, 256 experts, 3 matrices) on the `meta`
device, with {c["rules"]} rules that make {c["groups"]} groups; medians of one run in which all tasks
take turns, on 2 cores. Beside it the time that timm's layer decay takes for its one rule, and five
passes of `fnmatch.filter` over the names.

{rows}

`plan` is `pg.plan(model, recipe, steps=10_000).groups`: reading the model, all rules, every group. It
takes {r["plan / timm"]:.1f} times as long as timm's one rule, and
{r["plan / list(named_parameters())"]:.1f} times as long as listing the parameters. Ten times the tensors
take {slower:.1f} times as long. `plan.explain(name)` looks one name up, and resolves nothing anew.
"""


def scheduling(kept: Kept) -> str:
    """The part on the scheduler."""
    c, times, ratios = kept["counts"], kept["median seconds"], kept["ratios"]
    names = list(ratios)
    micro = table(
        ["a tick, or an edit", *names],
        ([task, *(f"{times[name][task] * 1e6:,.0f}" for name in names)] for task in times[names[0]]),
    )
    quotients = table(
        ["ratio", *names],
        ([told, *(f"{ratios[name][told]:.2f}" for name in names)] for told in ratios[names[0]]),
    )
    curves = "; ".join(f"{name}: {seconds:.3f} s" for name, seconds in times["plan"].items())
    return f"""# How fast rates are written

`scheduler.step()` of `pg.Scheduler` beside torch's `LambdaLR` with a lambda for each group, on
`torch.optim.AdamW` and `torch.optim.SGD` of one tiny tensor a group; both write the same rates. In
microseconds, medians of one run in which all take turns, on one thread; {c["groups"]:,} groups, and
{c["usual groups"]} as a usual plan has. A turn is many ticks in a row, which find their data in the cache;
"a tick alone" is one that finds the cache cold, as between the updates of a large model.

{micro}

{quotients}

Reading and writing one key of each group is the least that any scheduler does. `step(tick)` jumps to and
fro across the edges of windows. Over {c["steps"]:,} steps: {curves}.
"""


def stepping(kept: Kept) -> str:
    """The part on the optimizer."""
    counts, ratios = kept["counts"], kept["ratios to ours with a rate each"]
    seconds, models = kept["median seconds"], list(kept["counts"])
    sizes = "; ".join(
        f"{name}: {count['tensors']:,} tensors, {count['numbers']:,} numbers"
        for name, count in counts.items()
    )
    asked = table(["ratio", "of", "asked", "measured", "holds"], map(claim, kept["claims"]))
    beside = table(
        ["step / ours with a rate each", *models],
        ([name, *(quotient(ratios[model].get(name)) for model in models)] for name in ratios[models[0]]),
    )
    ours = "; ".join(f"{name}: {seconds[name]['ours, a rate each'] * 1e3:,.2f}" for name in models)
    alone = "; ".join(
        f"{name}: {found * 1e3:,.2f} and {seconds[name]['torch fused, one rate'] * 1e3:,.2f}"
        for name, found in kept["torch fused, one rate, before ours was loaded, seconds"].items()
    )
    changes = kept["changes, median seconds"]
    told = "ours, a rate each, ", "torch fused, one rate, "
    changed = table(
        ["what changes between two steps, ms a step", "ours, a rate each", "torch fused, one rate"],
        ([what, *(f"{changes[who + what] * 1e3:.2f}" for who in told)] for what in after(told[0], changes)),
    )
    host = table(
        ["tensors of one number", "µs a tensor"],
        ([name, f"{found:.2f}"] for name, found in kept["host, microseconds a tensor"].items()),
    )
    first = table(
        ["first step of a process", "seconds"],
        ([name, f"{found:.2f}"] for name, found in kept["first step, seconds"].items()),
    )
    others = "\n".join(f"- {name} {told}" for name, told in kept["peers"].items())
    return f"""# How fast a step is

AdamW in float32 by `pg.Optimizer` on the CPU, with its statistics on unless said, beside torch's three
forms. All contenders step the same parameters with the same gradients and moments, and take turns in one
process on {kept["context"]["threads"]} threads. A ratio is the median over the rounds of one's time by the
other's in the same round. `torch fused, one rate, again` is a second one like the first: how far a thing
differs from itself. The memory floor, `add_ over a large tensor`, is {kept["bytes a number"]} bytes a number
at the bandwidth of an in-place `add_`. GPU: {kept["gpu"]}.

{asked}

{sizes}. A cell above 1 took longer than ours with a rate for every tensor:

{beside}

In milliseconds ours took: {ours}. Torch fused with one rate took, alone in the process before ours was
loaded and beside it: {alone}.

A real loop writes rates, and makes new gradients, between two steps (1,000 x 1,000; that work itself is not
timed):

{changed}

What a step takes beside its kernel grows with the tensors:

{host}

Numba compiles a kernel when it is first used, and keeps it on disk:

{first}

Other packages; none steps all tensors in one launch on a CPU:

{others}
"""


def quoted(kept: Kept) -> list[str]:
    """The rows of the README's table: torch's fused form by ours with a rate each, model by model."""
    ratios, counts = kept["ratios to ours with a rate each"], kept["counts"]
    return [
        f"| {name}: {counts[name]['numbers'] / 1e6:,.0f} million numbers, "
        f"{counts[name]['tensors']:,} tensors "
        f"| {found['torch fused, one rate']:.2f} | {found['torch fused, a rate each']:.2f} |"
        for name, found in ratios.items()
    ]


def claim(row: Mapping[str, Any]) -> list[str]:
    """What was asked of a ratio, and what was measured."""
    held = "yes" if row["held"] else "no"
    return [row["says"], row["model"], row["asked"], f"{row['measured']:.2f}", held]


def after(start: str, names: Iterable[str]) -> list[str]:
    """What follows that start in the names that have it."""
    return [name.removeprefix(start) for name in names if name.startswith(start)]


def quotient(found: float | None) -> str:
    """A number as a cell; a dash where nothing was measured."""
    return "–" if found is None else f"{found:.2f}"


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows of text as a table of a page: words to the left, numbers to the right."""
    headings = list(headings)
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return (
        "\n".join(f"| {' | '.join(line)} |" for line in lines)
        .replace("| --- |", "|---|")
        .replace(" ---: |", "---:|")
    )


PARTS = {"planning": planning, "scheduling": scheduling, "optimizer_step": stepping}


def page() -> str:
    """The page, of the results that are kept."""
    kept = {name: RESULTS / f"{name}.json" for name in PARTS}
    there = {name: path for name, path in kept.items() if path.exists()}
    parts = [PARTS[name](json.loads(path.read_text())) for name, path in there.items()]
    files = " and ".join(f"`benchmarks/results/{path.name}`" for path in there.values())
    return "\n".join([*parts, f"Run it: `make bench`. The numbers are kept in {files}.\n"])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
