"""The page on speed, made of the kept results, and tables of them on other pages.

Run: `python -m benchmarks.pages`.
"""

import json
from pathlib import Path

from benchmarks.measure import RESULTS
from benchmarks.tables import TABLES, Kept, after, asked, filled, freezing, guards, quotient, table

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "speed.md"


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

{asked(kept)}

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


def thawing(kept: Kept) -> str:
    """The part on what is frozen."""
    return f"""# How fast a step is with a frozen backbone

Forward, backward, the optimizer's step and the scheduler's, in real models of random weights, on
{kept["context"]["threads"]} threads. Each way has a model of its own; all take turns in one process. By hand
is as one writes it in torch: `requires_grad_(False)`, batch norms in evaluation, torch's fused AdamW of the
head alone. That saves all that autograd can save, so a rule can at best do as much.

{asked(kept)}

Megabytes are counted: the storages that autograd saves for backward beside the model itself, gradients after
backward, and what the optimizer remembers. `by hand, again` is a second one like the first.

{freezing(kept)}

Masks save nothing of backward, as gradients flow, but nothing is remembered of what is frozen. A rate of 0
and gradients of 0 save nothing at all. A rule with a window saves the same as one without, as long as it
freezes.
"""


def guarding(kept: Kept) -> str:
    """The part on guards."""
    counts = "; ".join(f"{name}: {count}" for name, count in kept["groups"].items())
    return f"""# How fast guards are

`optimizer.step()`, whose hooks do the guards' work, and `scheduler.step()`, on a sentence encoder as large as
MiniLM-L6, on {kept["context"]["threads"]} threads; and a training step: forward and backward of
{kept["batch"]} before these two. An optimizer for each set of guards steps the same parameters with the same
gradients and moments; all take turns in one process, their windows are full, and no limit is ever reached.
Groups: {counts}.

{asked(kept)}

A cell is the ratio to no guards, and in brackets the microseconds that a step takes longer. What guards
before an update cost is one more pass over the gradients, whatever their number. `rollback` and `all` have a
share of a snapshot's time, as one is kept every {kept["every"]} steps.

{guards(kept)}
"""


def sharding(kept: Kept) -> str:
    """The part on parameters that are spread over processes."""
    seconds, ratios = kept["median seconds"], kept["ratios to torch fused, one rate"]
    models = list(seconds)
    times = table(
        ["ms a step (/ torch fused, one rate)", *models],
        (
            [name, *(f"{seconds[model][name] * 1e3:,.1f} ({ratios[model][name]:.2f})" for model in models)]
            for name in seconds[models[0]]
        ),
    )
    return f"""# How fast a step is under fully_shard

AdamW on shards that `fully_shard` cut over {kept["processes"]} processes with gloo between them, a thread in
each. All contenders step the same shards with the same gradients and moments, and take turns; before each
step the processes wait for each other, untimed, and what counts is the slower of the two. With statistics on,
ours sums them over the processes in one message a step.

{asked(kept)}

{times}

`clipped` is `clip_norm` in the recipe, one message before the step, beside torch's `clip_grad_norm_` and its
step. What many ranks cost is on the page on [many machines](many_machines.md).
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


PARTS = {
    "planning": planning,
    "scheduling": scheduling,
    "optimizer_step": stepping,
    "freezing": thawing,
    "guards": guarding,
    "sharded_step": sharding,
}


def page() -> str:
    """The page, of the results that are kept."""
    kept = {name: RESULTS / f"{name}.json" for name in PARTS}
    there = {name: path for name, path in kept.items() if path.exists()}
    parts = [PARTS[name](json.loads(path.read_text())) for name, path in there.items()]
    files = " and ".join(f"`benchmarks/results/{path.name}`" for path in there.values())
    return "\n".join([*parts, f"Run it: `make bench`. The numbers are kept in {files}.\n"])


def tables() -> dict[str, str]:
    """The tables that other pages show, of the results that are kept."""
    kept = {name: RESULTS / f"{name}.json" for name in TABLES}
    return {name: TABLES[name](json.loads(path.read_text())) for name, path in kept.items() if path.exists()}


def others() -> dict[Path, str]:
    """The other pages, with the tables that they name."""
    there, pages = tables(), sorted(DOCS.glob("*.md"))
    return {path: filled(path.read_text(), there) for path in pages if path != PAGE}


def main() -> None:
    """Write the pages."""
    PAGE.write_text(page())
    for path, text in others().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
