"""How much memory a step takes for a while, beyond what is there before and after it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PEAK = "5"
"""What resets the peak, written to Linux's `clear_refs`."""
KIB = 1_024


def extra_bytes(task: Callable[[], Any]) -> int | None:
    """The peak of this process's memory while a task runs, less what it has before.

    Args:
        task: What is run once; it has run before, so that what it keeps is there.

    Returns:
        Bytes, to some pages; None where the system does not tell.
    """
    try:
        RESET.write_text(PEAK)
    except OSError:
        return None
    before = resident("VmRSS")
    task()
    return max(0, resident("VmHWM") - before)


def resident(key: str) -> int:
    """What this process has in memory now, or had at its peak, in bytes."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * KIB for line in lines if line.startswith(key))
