"""How long the first step of a process takes: kernels are compiled, or read from Numba's cache on disk.

Run: `python -m benchmarks.first_step`; it prints the seconds of one process. `measured` starts such processes
with a cache of their own.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.contenders import Held, our_adamw
from benchmarks.shapes import thousand

ROOT = Path(__file__).parents[1]
OFF = "--off"


def measured() -> dict[str, float]:
    """Seconds of the first step with an empty cache and with a full one, with and without statistics."""
    with tempfile.TemporaryDirectory() as cache:
        return {
            f"{told}, {found}": first_step(cache, *arguments)
            for told, arguments in {"with statistics": (), "without statistics": (OFF,)}.items()
            for found in ("empty cache", "full cache")
        }


def first_step(cache: str, *arguments: str) -> float:
    """Seconds of the first step in a process with this cache."""
    done = subprocess.run(  # noqa: S603 - it runs this file
        [sys.executable, "-m", "benchmarks.first_step", *arguments],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    """Print the seconds of the first step in this process."""
    optimizer = Held.of(thousand()).optimizer(our_adamw(statistics=OFF not in sys.argv))
    start = time.perf_counter()
    optimizer.step()
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
