"""A log in a run of MLflow."""

import re
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import mlflow
from mlflow.entities import Metric, Run
from mlflow.tracking import MlflowClient

from paramgroups.errors import HostError, shown

MOST = 1000
"""Numbers that MLflow takes at once."""

LONGEST = 200
"""Characters of a name: MLflow takes 250."""

ROWS = re.compile(r"\[(\d+):(\d+)\]\Z")
LIKE_ROWS = re.compile(r" rows \d+-\d+\Z")
REFUSED = re.compile(r"[^A-Za-z0-9_. -]")


class MLflow:
    """Write numbers as metrics of a run, and texts as artifacts: `plan/00000000.txt`.

    MLflow takes few characters in a name. Rows, `"lr/embed.weight[10:20]"`, become `"lr/embed.weight rows
    10-20"`; what else it does not take, and any further `/`, becomes `_`, followed by a digest of the name,
    so that two names never become one (`safe_name`).

    Args:
        run: The run, as `mlflow.start_run()` or a client's `create_run` gave it, which stays open when this
            is closed; the active one unless given.
        client: Whose tracking server it is on; that of `mlflow.set_tracking_uri` unless given.

    Raises:
        HostError: It is no run, or there is none.
    """

    def __init__(self, run: Run | None = None, client: MlflowClient | None = None) -> None:
        found = mlflow.active_run() if run is None else run
        if not isinstance(found, Run):
            what = "no run is active" if found is None else f"{shown(found)} is no run"
            raise HostError(f"MLflow: {what}. Give what mlflow.start_run() returns.")
        self._run: str = found.info.run_id
        self._client: Any = client if client is not None else MlflowClient()
        self._told: dict[str, str] = {}

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Log metrics."""
        now = int(time.time() * 1000)
        metrics = [Metric(safe_name(name), value, now, step) for name, value in found.items()]
        for start in range(0, len(metrics), MOST):
            self._client.log_batch(self._run, metrics=metrics[start : start + MOST])

    def text(self, name: str, text: str, step: int | None) -> None:
        """Log a text as an artifact; several of one name and step are one."""
        file = f"{safe_name(name)}.txt" if step is None else f"{safe_name(name)}/{step:08d}.txt"
        told = self._told.get(file)
        text = text if told is None else f"{told}\n{text}"
        self._client.log_text(self._run, text, file)
        self._told[file] = text

    def close(self) -> None:
        """The run is the user's."""


def safe_name(name: str) -> str:
    """A name that MLflow takes, on every system; others for other names.

    Example:
        >>> safe_name("lr/embed.weight"), safe_name("lr/embed.weight[10:20]")
        ('lr/embed.weight', 'lr/embed.weight rows 10-20')
        >>> safe_name("lr/a/b")
        'lr/a_b 1f047056'
    """
    section, slash, rest = ROWS.sub(r" rows \1-\2", name).partition("/")
    safe = REFUSED.sub("_", section) + slash + REFUSED.sub("_", rest)
    fits = safe == section + slash + rest and not LIKE_ROWS.search(name) and len(safe) <= LONGEST
    if fits and section.strip(" .") and (rest.strip(" .") or not slash):
        return safe
    return f"{safe[:LONGEST].strip(' ./')} {sha256(name.encode()).hexdigest()[:8]}".strip()
