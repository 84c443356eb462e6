"""Logs of a plain training loop: named rates, statistics, events, findings and the plan, by one protocol.

`TensorBoard`, `WandB` and `MLflow` are in the modules of these names, each of which imports its package.
"""

from paramgroups.integrations.loggers.csv_files import CSV
from paramgroups.integrations.loggers.memory import Memory
from paramgroups.integrations.loggers.protocol import Log
from paramgroups.integrations.loggers.recording import Recorder

__all__ = ["CSV", "Log", "Memory", "Recorder"]
