"""What is compared: AdamW by torch's three forms, by others' classes, by ours; all on the same tensors."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from benchmarks.measure import Turn
from benchmarks.peers import PEERS
from benchmarks.shapes import Shapes
from paramgroups.optim.optimizer import Optimizer

RATE, APART = 1e-3, 1e-6
"""The rate of the first group, and how far apart the rates of two neighbours are."""
LARGEST = 1.0
UNREACHED = 1e9
"""Torch's clipping rewrites the gradients: with a bound that is never reached it multiplies them by 1."""
LARGE = 50_000_000

FORMS: Mapping[str, Mapping[str, Any]] = {
    "torch for-loop": {"foreach": False},
    "torch foreach": {"foreach": True},
    "torch fused": {"fused": True},
}
ALL = 0
RATES = {"one rate": 1, "14 rates": 14, "a rate each": ALL}
"""How many groups; each has a rate of its own."""
FLOOR = "add_ over a large tensor"

Groups = list[dict[str, Any]]
Make = Callable[[Groups], torch.optim.Optimizer]
Made = TypeVar("Made", bound=torch.optim.Optimizer)
Preparation = Callable[[torch.optim.Optimizer], None]


@dataclass(frozen=True)
class Held:
    """What all contenders share: parameters, their gradients and their moments are there once."""

    params: list[nn.Parameter]
    moments: dict[nn.Parameter, dict[str, Tensor]]

    @classmethod
    def of(cls, shapes: Shapes) -> "Held":
        """Random parameters and gradients of these shapes, and moments as after some steps."""
        return cls.holding([nn.Parameter(torch.randn(shape) * 0.02) for shape in shapes])

    @classmethod
    def holding(cls, params: list[nn.Parameter]) -> "Held":
        """These parameters, with random gradients, and moments as after some steps."""
        for param in params:
            param.grad = torch.randn_like(param) * 1e-2
        return cls(params, {param: moments_of(param) for param in params})

    def groups(self, count: int = ALL) -> Groups:
        """So many groups of neighbours, each with a rate of its own; unless told, one a tensor."""
        count = count or len(self.params)
        edges = [len(self.params) * place // count for place in range(count + 1)]
        members = [self.params[start:stop] for start, stop in pairwise(edges)]
        return [{"params": found, "lr": RATE + APART * place} for place, found in enumerate(members)]

    def optimizer(self, make: Make, count: int = ALL) -> torch.optim.Optimizer:
        """An optimizer of these groups, on the shared moments; it counts its steps alone."""
        return self.lend(make(self.groups(count)))

    def lend(self, made: Made) -> Made:
        """Give an optimizer of these parameters the shared moments."""
        for param, moments in self.moments.items():
            made.state[param] = {"step": torch.tensor(1.0), **moments}
        return made


def moments_of(param: Tensor) -> dict[str, Tensor]:
    """The two means that AdamW keeps of gradients like the one there is."""
    return {
        "exp_avg": torch.randn_like(param) * 1e-3,
        "exp_avg_sq": torch.full_like(param, 1e-4),
    }


def torch_adamw(form: str) -> Make:
    """Torch's class, in one of its forms."""
    return lambda groups: torch.optim.AdamW(groups, **FORMS[form])


def our_adamw(**settings: Any) -> Make:
    """Ours on the CPU."""
    return lambda groups: Optimizer(groups, "adamw", backend="cpu", **settings)


def contenders(held: Held, large: Tensor, often: int) -> dict[str, Turn]:
    """All that is timed on every model.

    Args:
        held: The tensors.
        large: What the bandwidth of memory is measured with.
        often: How many steps a turn has.
    """
    found = {
        f"{name}, {rates}": held.optimizer(make, count).step
        for name, make in makes().items()
        for rates, count in RATES.items()
    }
    steps: dict[str, Callable[[], Any]] = {
        **found,
        "torch fused, one rate, again": held.optimizer(torch_adamw("torch fused"), 1).step,
        "ours, a rate each, clipped": held.optimizer(our_adamw(clip_norm=LARGEST)).step,
        "torch fused, one rate, clipped": partial(clipped, held, found["torch fused, one rate"]),
    }
    return {
        **{name: Turn(step, often=often) for name, step in steps.items()},
        FLOOR: Turn(partial(large.add_, 1e-9)),
    }


def makes() -> dict[str, Make]:
    """The optimizers that are timed with each number of rates."""
    return {
        **{form: torch_adamw(form) for form in FORMS},
        "ours": our_adamw(),
        "ours without statistics": our_adamw(statistics=False),
    }


def clipped(held: Held, step: Callable[[], Any]) -> None:
    """Torch's clipping, followed by a step."""
    torch.nn.utils.clip_grad_norm_(held.params, UNREACHED)
    step()


def variants(shapes: Shapes, often: int) -> dict[str, Turn]:
    """What a real loop changes between two steps: rates that a scheduler writes, gradients that are new.

    Writing and making them comes before what is timed. Each variant has tensors of its own, so that what one
    changes is not what the next one finds.
    """
    found = {told: pair_of(Held.of(shapes), before, often) for told, before in PREPARATIONS.items()}
    return {f"{name}, {told}": turn for told, pair in found.items() for name, turn in pair.items()}


def pair_of(held: Held, before: Preparation, often: int) -> dict[str, Turn]:
    """Ours and torch's best, each prepared before every step."""
    ours, theirs = held.optimizer(our_adamw()), held.optimizer(torch_adamw("torch fused"), 1)
    return {
        name: Turn(optimizer.step, partial(before, optimizer), often)
        for name, optimizer in {"ours, a rate each": ours, "torch fused, one rate": theirs}.items()
    }


def leave(_optimizer: torch.optim.Optimizer) -> None:
    """Change nothing."""


def write_rates(optimizer: torch.optim.Optimizer) -> None:
    """Write each group's rate, as a scheduler does."""
    for group in optimizer.param_groups:
        group["lr"] *= 0.9999


def renew_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Put new tensors in the place of the gradients, as `zero_grad` and `backward` do."""
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = param.grad.clone()


PREPARATIONS: Mapping[str, Preparation] = {
    "same rates and gradients": leave,
    "rates written": write_rates,
    "new gradients": renew_gradients,
}


def peers(held: Held, often: int) -> dict[str, Turn]:
    """Others' classes with one rate, as far as they are installed."""
    return {
        f"{name}, one rate": Turn(make(held.params, RATE).step, often=often)
        for name, make in installed_peers()
    }


def installed_peers() -> Iterator[tuple[str, Callable[..., torch.optim.Optimizer]]]:
    """Those that can be imported."""
    for name, peer in PEERS.items():
        made = peer.find()
        if made is not None:
            yield name, made
