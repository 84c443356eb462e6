"""What the tests of a pass share: parameters, groups, and a pass that steps them as an optimizer does."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.backends.choosing import backend_of
from paramgroups.optim.hyperparameters import CLIPPING
from paramgroups.optim.limits import Passage
from paramgroups.optim.memory import UNCOUNTED
from paramgroups.optim.parts import Part
from paramgroups.optim.passes import Layout, Pass
from paramgroups.optim.statistics import Told

Params = list[nn.Parameter]
Group = dict[str, Any]


def given(
    *numbers: float, grad: Sequence[float] | float = 1.0, dtype: torch.dtype = torch.float64
) -> nn.Parameter:
    """A parameter of these numbers, and its gradient."""
    param = nn.Parameter(torch.tensor(numbers, dtype=dtype))
    param.grad = torch.as_tensor(grad, dtype=dtype).expand(param.shape).clone()
    return param


def grown(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Params:
    """Parameters of random numbers; whoever asks again after the same seed gets the same."""
    params = [nn.Parameter(torch.randn(shape, dtype=torch.float64).to(dtype)) for shape in shapes]
    feed(params)
    return params


def feed(*models: Sequence[Tensor]) -> None:
    """The same new gradients for all."""
    for twins in zip(*models, strict=True):
        grad = torch.randn(twins[0].shape, dtype=torch.float64)
        for param in twins:
            param.grad = grad.to(param.dtype)


class Walker:
    """Groups that a pass steps.

    Args:
        name: The update rule.
        groups: What is said of each group; what is not, is as the rule has it.
        backend: Who steps them.
        masters: Whether half precision is kept in float32 beside.
    """

    def __init__(self, name: str, *groups: Group, backend: str | None = None, masters: bool = False) -> None:
        self.groups: list[Group] = [{**ALGORITHMS[name].defaults, **CLIPPING, **group} for group in groups]
        self.states: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.walked = Pass(
            ALGORITHMS[name],
            partial(backend_of, forced=backend),
            counted=name not in UNCOUNTED,
            masters=masters,
            statistics=True,
        )

    @torch.no_grad()
    def step(self, factors: Sequence[float] | None = None) -> list[Told]:
        """One step, as the optimizer makes it."""
        scales = None if factors is None else np.array(factors, np.float64)
        try:
            self.walked.find(self.groups, self.states)
            return self.walked.step(Passage(np.zeros(len(self.groups), np.bool_), scales))
        finally:
            self.walked.drop()

    @torch.no_grad()
    def find(self) -> list[Part]:
        """The parts that the next step would be made of."""
        self.walked.find(self.groups, self.states)
        self.walked.drop()
        return self.layout.parts

    @property
    def layout(self) -> Layout:
        """What was laid out last."""
        assert self.walked._layout is not None
        return self.walked._layout
