"""Tables of the kept results, as pages show them."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmarks.hosted import AGAIN, OURS, PLAIN

Kept = Mapping[str, Any]

MEGA = 1e6
MARKER = re.compile(r"<!-- table: (\w+) -->\n(?:(?:(?!<!--).*\n)*<!-- end: \1 -->\n)?")
"""A line that names a table; once it is filled, also the table and the line that ends it."""


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows of text as a table of a page: words to the left, numbers to the right."""
    headings = list(headings)
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return (
        "\n".join(f"| {' | '.join(line)} |" for line in lines)
        .replace("| --- |", "|---|")
        .replace(" ---: |", "---:|")
    )


def asked(kept: Kept) -> str:
    """What was asked of ratios, and what was measured."""
    return table(["ratio", "of", "asked", "measured", "holds"], map(claim, kept["claims"]))


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


def freezing(kept: Kept) -> str:
    """What a training step takes and keeps with a frozen backbone, model by model."""
    return "\n\n".join(frozen(kept, model) for model in kept["batches"])


def frozen(kept: Kept, model: str) -> str:
    """The ways of freezing it, each with its time and with what is in memory."""
    seconds, sizes = kept["median seconds"][model], kept["bytes"][model]
    parts = list(next(iter(sizes.values())))
    return table(
        [f"{model}, {kept['batches'][model]}", "ms a step", "/ by hand", *(f"{part}, MB" for part in parts)],
        (
            [
                way,
                f"{seconds[way] * 1e3:.1f}",
                quotient(kept["ratios to by hand"][model][way]),
                *(f"{sizes[way][part] / MEGA:,.1f}" for part in parts),
            ]
            for way in seconds
        ),
    )


def guards(kept: Kept) -> str:
    """What each set of guards adds to a step, in all groupings."""
    ratios, more = kept["ratios to none"], kept["microseconds more"]
    names = list(ratios)
    return table(
        ["guards on / off (µs more)", *names],
        ([told, *(added(ratios[name], more[name], told) for name in names)] for told in more[names[0]]),
    )


def added(ratios: Mapping[str, float], more: Mapping[str, float], told: str) -> str:
    """How many times as long a step takes, and how much longer."""
    return f"{ratios[told]:.3f} ({more[told]:,.0f})" if told in more else quotient(None)


def many_ranks(kept: Kept) -> str:
    """What each rank does by itself, and what messages take as they are worked out."""
    ranks, tensors = (f"{kept['counts'][what]:,}" for what in ("ranks", "tensors"))
    alone = table(
        [f"one of {ranks} ranks, {tensors} tensors", "seconds"],
        ([what, f"{found:.3f}"] for what, found in kept["seconds"].items()),
    )
    real = kept["real processes, seconds by bytes"]
    here = table(
        ["bytes that are summed here", *(f"{count} processes, ms" for count in real)],
        ([f"{int(size):,}", *(f"{real[count][size] * 1e3:.2f}" for count in real)] for size in real["2"]),
    )
    said = table(
        [f"a message on {ranks} ranks", "bytes", "ring, ms", "tree, ms"],
        (
            [name, f"{found['bytes']:,}", *(f"{found[way] * 1e3:,.1f}" for way in ("ring", "tree"))]
            for name, found in kept["worked out"].items()
        ),
    )
    a, b = kept["constants"]["latency"] * 1e6, kept["constants"]["bandwidth"] / MEGA
    return f"{alone}\n\n{here}\n\nSo a = {a:,.0f} µs and b = {b:,.0f} MB a second here.\n\n{said}"


def checkpoints(kept: Kept) -> str:
    """What saving and loading take, beside torch's."""
    times = kept["median seconds"]
    seconds = table(
        [f"{kept['model']}, {kept['bytes'] / 1e9:.2f} GB", "seconds"],
        ([name, f"{found:.2f}"] for name, found in times.items()),
    )
    peaks = table(
        ["peak memory / the state", "ratio"],
        ([name, quotient(found)] for name, found in kept["peak memory / state"].items()),
    )
    return "\n\n".join([asked(kept), seconds, peaks])


def auditing(kept: Kept) -> str:
    """How long a static audit takes."""
    first = kept["first seconds"]
    return table(
        ["model", "asked", "measured", "holds", "the first time"],
        ([*claim(row)[1:], f"{first[row['model']]:.2f}"] for row in kept["claims"]),
    )


def watching(kept: Kept) -> str:
    """What a watch costs, of a whole training step; and how far two trainings without one are apart."""
    told = (
        f"{name}: {kept['microseconds of its own'][name]:,.0f} µs of its own in a step of "
        f"{seconds['not watched'] * 1e3:,.1f} ms; a second training without a watch, "
        f"{kept['ratios to not watched'][name]['not watched, again']:.3f}"
        for name, seconds in kept["median seconds"].items()
    )
    return f"{asked(kept)}\n\n{'. '.join(told)}."


def hosting(kept: Kept) -> str:
    """What of a step in a host is ours, and how long whole steps are by a recipe and without one."""
    steps = kept["median seconds"]
    told = (
        f"{name}: {more:,.0f} µs of our own in a step of {steps[name][PLAIN] * 1e3:,.0f} ms; whole steps by "
        f"a recipe / {PLAIN}, {kept['ratios'][name][OURS]:.3f}, and of a second one like it, "
        f"{kept['ratios'][name][AGAIN]:.3f}"
        for name, more in kept["microseconds of our own"].items()
    )
    return f"{asked(kept)}\n\n{'. '.join(told)}."


def corpus(kept: Kept) -> str:
    """What the audit finds of the corpus."""
    headings = ["set-ups with a fault", "sound ones", "codes", "found", "missed", "false alarms"]
    counts = [f"{kept[name]:,}" for name in ("faulty", "sound", "codes", "found", "missed", "false_alarms")]
    shares = [f"{kept[name]:.3f}" for name in ("precision", "recall")]
    return table([*headings, "precision", "recall"], [[*counts, *shares]])


def survey(kept: Kept) -> str:
    """What the audit finds of real code, and what checking by hand showed."""
    rows = (
        [name, ", ".join(dict.fromkeys(one["code"] for one in findings)) or "nothing"]
        for name, findings in kept["found"].items()
    )
    showed = (f"- {one['of']} …, {one['code']}: {one['showed']}." for one in kept["checked"])
    return "\n\n".join([table(["set-up", "found"], rows).replace("---:", "---"), "\n".join(showed)])


def findings(kept: Kept) -> str:
    """Every kind of finding: what, why, and an example of what is said."""
    return "\n\n".join(_kind(code, one) for code, one in kept["kinds"].items())


def _kind(code: str, kept: Kept) -> str:
    told = f"### {code}\n**{kept['title']}** ({kept['severity']}). {kept['why']}"
    return f"{told}\n\n```text\n{kept['example']}\n```"


TABLES: Mapping[str, Callable[[Kept], str]] = {
    "freezing": freezing,
    "guards": guards,
    "many_ranks": many_ranks,
    "checkpoints": checkpoints,
    "auditing": auditing,
    "watching": watching,
    "hosting": hosting,
    "corpus": corpus,
    "survey": survey,
    "findings": findings,
}
"""The tables that pages name, each of the results of that name."""


def filled(text: str, tables: Mapping[str, str]) -> str:
    r"""A page with the tables that it names, where they are there.

    >>> print(filled("<!-- table: speed -->\n\nEnd.", {"speed": "| 2.00 |"}))
    <!-- table: speed -->
    <BLANKLINE>
    | 2.00 |
    <BLANKLINE>
    <!-- end: speed -->
    <BLANKLINE>
    End.
    """

    def put(found: re.Match[str]) -> str:
        name = found[1]
        kept = f"<!-- table: {name} -->\n\n{tables.get(name)}\n\n<!-- end: {name} -->\n"
        return kept if name in tables else found[0]

    return MARKER.sub(put, text)
