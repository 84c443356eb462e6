"""What the audit is tried on: small training set-ups as people write them, each with one fault or none."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import nn

FILES = (
    "plain_torch",
    "choices_of_torch",
    "loops_of_torch",
    "sound_torch",
    "sound_loops",
    "schedules_of_torch",
    "sound_schedules",
    "sound_corners",
    "known_recipes",
    "slips",
    "transformers_idioms",
    "timm_idioms",
    "lightning_idioms",
    "peft_idioms",
    "resumes",
    "trials",
)

Groups = list[dict[str, Any]]
"""Parameter groups as torch takes them."""

DECAYED = ("PG120", "PG121")
"""Advice that stands beside every AdamW with its default decay on all parameters."""
SPREAD = ("PG122",)
"""Advice that stands beside AdamW's decay where the rates of groups lie far apart."""


@dataclass(frozen=True)
class Setup:
    """What a user hands to the audit.

    Attributes:
        model: The model.
        optimizer: The optimizer, or several.
        scheduler: The scheduler, several, or Lightning's dict.
        options: Further arguments of `pg.audit`.
        held: What has to live as long as the set-up does, such as a folder that is removed with it.
    """

    model: nn.Module
    optimizer: Any
    scheduler: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    held: Any = None


Maker = Callable[[], Setup]


@dataclass(frozen=True)
class Case:
    """A set-up and what is wrong with it.

    Attributes:
        name: The file and the function that make it.
        make: Makes it anew.
        codes: What has to be found; empty for a sound one.
        allowed: What may be said beside it.
    """

    name: str
    make: Maker
    codes: frozenset[str]
    allowed: frozenset[str]

    def build(self) -> Setup:
        """The same set-up each time; what torch warns of, users have seen and gone on."""
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.make()


_CASES: dict[str, Case] = {}


def _register(codes: tuple[str, ...], allowed: tuple[str, ...]) -> Callable[[Maker], Maker]:
    def keep(make: Maker) -> Maker:
        name = f"{make.__module__.rpartition('.')[2]}.{make.__name__}"
        _CASES[name] = Case(name, make, frozenset(codes), frozenset(allowed))
        return make

    return keep


def faulty(*codes: str, allowed: tuple[str, ...] = ()) -> Callable[[Maker], Maker]:
    """Register a set-up in which something is wrong; several codes where one fault shows in several ways."""
    return _register(codes, allowed)


def sound(*, allowed: tuple[str, ...] = ()) -> Callable[[Maker], Maker]:
    """Register a set-up in which nothing is wrong."""
    return _register((), allowed)


def cases() -> tuple[Case, ...]:
    """All set-ups, file by file."""
    for file in FILES:
        import_module(f"tests.auditing.corpus.{file}")
    return tuple(_CASES.values())
