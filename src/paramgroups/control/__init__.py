"""Feedback: (its state, an observation) -> (its state, rules). It never touches an optimizer.

A controller is named in the recipe, `controllers=[plateau("head", "val_loss")]`, so that its groups exist
from the start; the scheduler asks it in `observe`. A guard is one that is fed by the updates themselves.
"""

from paramgroups.control.asking import ask
from paramgroups.control.divergences import divergence
from paramgroups.control.finite import nonfinite
from paramgroups.control.given import function
from paramgroups.control.greed import greedy
from paramgroups.control.guarding import Gate, Guard, Report, Verdict
from paramgroups.control.judging import gate_of, judge, saved
from paramgroups.control.making import MAKERS
from paramgroups.control.plateaus import plateau
from paramgroups.control.ratios import ratio
from paramgroups.control.rollbacks import rollback
from paramgroups.control.spikes import spike
from paramgroups.control.stops import stop
from paramgroups.rules import Controller, Observation

__all__ = [
    "MAKERS",
    "Controller",
    "Gate",
    "Guard",
    "Observation",
    "Report",
    "Verdict",
    "ask",
    "divergence",
    "function",
    "gate_of",
    "greedy",
    "judge",
    "nonfinite",
    "plateau",
    "ratio",
    "rollback",
    "saved",
    "spike",
    "stop",
]
