"""Feedback: (its state, an observation) -> (its state, rules). It never touches an optimizer.

A controller is named in the recipe, `controllers=[plateau("head", "val_loss")]`, so that its groups exist
from the start; the scheduler asks it in `observe`.
"""

from paramgroups.control.asking import ask
from paramgroups.control.given import function
from paramgroups.control.greed import greedy
from paramgroups.control.making import MAKERS
from paramgroups.control.plateaus import plateau
from paramgroups.rules import Controller, Observation

__all__ = ["MAKERS", "Controller", "Observation", "ask", "function", "greedy", "plateau"]
