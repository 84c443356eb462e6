"""STEP: what an optimizer reads. This layer has never heard of rules."""

from paramgroups.optim.classes import OptimizerClass, optimizer_class, torch_optimizers
from paramgroups.optim.hyperparameters import domain_of, is_finite, is_number, pack, unpack

__all__ = [
    "OptimizerClass",
    "domain_of",
    "is_finite",
    "is_number",
    "optimizer_class",
    "pack",
    "torch_optimizers",
    "unpack",
]
