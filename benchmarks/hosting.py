"""What paramgroups takes of a training step in a host: transformers' Trainer and Lightning.

The model is a sentence encoder as large as MiniLM-L6, with batches of 32 sentences. Three trainings take
turns in one process, a few updates each: one by a recipe with a rate of its own for the head and a schedule,
two in the host's own plain style with its AdamW and its schedule. All log at every update, which is more than
is usual. A step is timed from where its batch begins to where the next begins, so that all is in it that the
host does in between.

Our own time is taken by the clock around what the host or the optimizer calls of ours: the tick, the hooks at
an update, the callback's methods. Whole steps of a model of this size differ by more on a busy machine.

Run: `python -m benchmarks.hosting`. The results are kept in `benchmarks/results/hosting.json`.
With `--quick` it is a trial, and keeps nothing.
"""

import logging
import sys
import tempfile
import warnings
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.claims import Claim, claimed, tell_claims
from benchmarks.hosted import HOSTS, PLAIN, SENTENCES, TOKENS, WITH
from benchmarks.measure import Times, medians, paired, save, show

ROUNDS = 9
BOUND = 1.01
CLAIMS = [Claim(f"{WITH} / {PLAIN}", host, (WITH,), PLAIN, BOUND) for host in HOSTS]


def more_of(times: Times) -> float:
    """Microseconds of a step that are ours.

    Example:
        >>> more_of({PLAIN: [1.0, 2.0, 3.0], WITH: [1.5, 3.0, 3.5]})
        500000.0
    """
    return median(one - off for one, off in zip(times[WITH], times[PLAIN], strict=True)) * 1e6


def measured(*, quick: bool) -> dict[str, Any]:
    """All that is measured."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what hosts say of a machine without a GPU
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        times = {name: turns(Path(folder), 1 if quick else ROUNDS) for name, turns in HOSTS.items()}
    return {
        "batch": f"{SENTENCES} sentences of {TOKENS} tokens, logged at every update",
        "claims": list(claimed(times, CLAIMS)),
        "median seconds": {name: medians(found) for name, found in times.items()},
        "ratios": {
            name: {told: paired(found, told, PLAIN) for told in found} for name, found in times.items()
        },
        "microseconds of our own": {name: more_of(found) for name, found in times.items()},
    }


def main() -> None:
    """Measure, print, and keep the results unless it is a trial."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    for part in ("median seconds", "ratios"):
        show(**{f"{name}, {part}": told for name, told in found[part].items()})
    show(**{"microseconds of our own": found["microseconds of our own"]})
    tell_claims(found["claims"])
    if not quick:
        path = save("hosting", found)
        print(f"kept in {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
