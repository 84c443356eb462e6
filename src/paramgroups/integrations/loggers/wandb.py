"""A log in a run of Weights & Biases."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

import wandb

from paramgroups.errors import HostError, shown

AXIS = "step"
"""What numbers are drawn over."""

SECTION = re.compile(r"[\w-]+")
"""Names that W&B does not take for a pattern or a path."""


class WandB:
    """Write numbers as rows of a run's history, and texts as panels of HTML that show them as they are.

    Numbers are drawn over their own `"step"`, and never over W&B's counter, which each `run.log` of yours
    raises: W&B drops what is told of a step that the counter has passed.

    Args:
        run: The run, as `wandb.init(…)` gave it, which stays open when this is closed; the present one
            unless given.

    Raises:
        HostError: It is no run, or there is none.
    """

    def __init__(self, run: Any = None) -> None:
        found = wandb.run if run is None else run
        if not isinstance(found, wandb.Run):
            what = "no run is open" if found is None else f"{shown(found)} is no run"
            raise HostError(f"WandB: {what}. Give what wandb.init(project=…) returns.")
        self._run = found
        self._drawn: set[str] = set()

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Log numbers as one row."""
        for name in found:
            self._draw(name.partition("/")[0], "/" in name)
        self._run.log({**found, AXIS: step})

    def text(self, name: str, text: str, step: int | None) -> None:
        """Log a text as a panel."""
        panel = wandb.Html(f"<pre>{escape(text)}</pre>", inject=False)
        self._run.log({name: panel} if step is None else {name: panel, AXIS: step})

    def close(self) -> None:
        """The run is the user's."""

    def _draw(self, section: str, several: bool) -> None:  # noqa: FBT001  # it is asked by place, once
        """Tell W&B once for each section what its numbers are drawn over."""
        pattern = f"{section}/*" if several else section
        if pattern not in self._drawn and SECTION.fullmatch(section):
            self._run.define_metric(pattern, step_metric=AXIS)
        self._drawn.add(pattern)
