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


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows of text as a table of a page: words to the left, numbers to the right."""
    headings = list(headings)
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return (
        "\n".join(f"| {' | '.join(line)} |" for line in lines)
        .replace("| --- |", "|---|")
        .replace(" ---: |", "---:|")
    )


PARTS = {"planning": planning, "scheduling": scheduling}


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
