"""Faults that only a few real steps show: a loss, or a batch, is handed over."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tests.auditing.corpus.cases import DECAYED, Groups, Setup, faulty, sound
from tests.auditing.corpus.networks import Classifier, ConvNet, Language
from tests.auditing.corpus.transformers_idioms import bert


def loss(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, targets = batch
    logits = model(inputs)
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


def tried(model: Any, optimizer: Any, scheduler: Any = None, *, by: Any = loss) -> Setup:
    inputs = model.example()
    shape = inputs.shape if inputs.dtype == torch.long else inputs.shape[:1]
    batch = (inputs, torch.arange(shape.numel()).reshape(shape) % 3)
    return Setup(model, optimizer, scheduler, {"loss": by, "batch": batch})


class DecayFirst(Optimizer):
    """Decays before it looks whether there is a gradient."""

    def __init__(self, params: Any, lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        del closure
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(1 - group["lr"] * group["weight_decay"])
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad)


@faulty("PG201", allowed=("PG102", "PG120"))
def frozen_weights_that_decay() -> Setup:
    model = Classifier()
    model.backbone.requires_grad_(False)
    return tried(model, DecayFirst(model.parameters(), lr=0.05, weight_decay=0.01))


class Standardized(nn.Module):
    """Keeps a running mean of what it sees."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, x: torch.Tensor) -> Any:
        mean: Any = self.mean
        if self.training:
            with torch.no_grad():
                mean.mul_(0.9).add_(0.1 * x.mean(0))
        return (x - mean) * self.scale


@faulty("PG202")
def statistics_of_ones_own_in_a_frozen_part() -> Setup:
    model = Classifier()
    model.backbone.insert(1, Standardized(16))
    model.backbone.requires_grad_(False)
    return tried(model, SGD(model.head.parameters(), lr=0.01))


@faulty("PG160", "PG202")
def batch_norm_of_a_frozen_backbone() -> Setup:
    model = ConvNet()
    model.backbone.requires_grad_(False)
    return tried(model.train(), SGD(model.fc.parameters(), lr=0.01))


class FirstGroupOnly(SGD):
    """Forgets that there may be more than one group."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        del closure
        group = self.param_groups[0]
        for p in group["params"]:
            p.sub_(group["lr"] * p.grad)


@faulty("PG203")
def an_optimizer_that_knows_one_group() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters()},
        {"params": model.head.parameters(), "lr": 0.05},
    ]
    return tried(model, FirstGroupOnly(groups, lr=0.01))


class Auxiliary(Classifier):
    """Has a second head that nobody asks."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = nn.Linear(16, 4)


@faulty("PG204")
def a_head_that_is_never_asked() -> Setup:
    model = Auxiliary()
    return tried(model, Adam(model.parameters(), lr=1e-3))


class Detached(Classifier):
    """Cuts the graph where it should not."""

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.backbone(x).detach())


@faulty("PG204")
def a_backbone_behind_a_detach() -> Setup:
    model = Detached()
    return tried(model, SGD(model.parameters(), lr=0.01, momentum=0.9))


@faulty("PG205")
def steps_as_large_as_the_weights() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 0.01},
        {"params": model.head.parameters(), "lr": 0.8},
    ]
    return tried(model, SGD(groups))


@faulty("PG206", allowed=("PG203",))
def steps_that_nobody_sees() -> Setup:
    model = Classifier()
    return tried(model, SGD(model.parameters(), lr=1e-7))


def loss_of_a_logarithm(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, _ = batch
    return -torch.log(model(inputs).relu() - 1e3).mean()


@faulty("PG207")
def a_logarithm_of_what_is_negative() -> Setup:
    model = Classifier()
    return tried(model, Adam(model.parameters(), lr=1e-4), by=loss_of_a_logarithm)


def loss_in_pixels(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, targets = batch
    return functional.mse_loss(model(inputs)[:, 0], 10.0 * targets)


def loss_that_overflows(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, _ = batch
    logits: torch.Tensor = model(inputs)
    return (100 + 10 * logits).exp().mean()


@faulty("PG207")
def an_exponential_that_overflows() -> Setup:
    model = Classifier()
    return tried(model, SGD(model.parameters(), lr=1e-3), by=loss_that_overflows)


@faulty("PG208", allowed=("PG205", "PG207"))
def a_regression_that_runs_away() -> Setup:
    class Line(nn.Linear):
        def example(self) -> torch.Tensor:
            return 3 * torch.randn(6, 8)

    model = Line(8, 1)
    return tried(model, SGD(model.parameters(), lr=0.2), by=loss_in_pixels)


@faulty("PG123", "PG209", allowed=DECAYED)
def old_rows_that_decay_behind_their_mask() -> Setup:
    model = Language()
    keep = torch.zeros(20, 1)
    keep[16:] = 1.0
    model.embed.weight.register_hook(lambda grad: grad * keep)
    return tried(model, AdamW(model.parameters(), lr=1e-3, weight_decay=0.1))


@faulty("PG204")
def a_loss_of_the_first_model_whatever_is_handed_over() -> Setup:
    model = ConvNet()
    return tried(model, SGD(model.parameters(), lr=0.01), by=lambda _, batch: loss(model, batch))


@sound()
def a_few_steps_of_a_classifier() -> Setup:
    model = Classifier()
    return tried(model, Adam(model.parameters(), lr=1e-3))


@sound()
def a_few_steps_of_a_convolutional_network() -> Setup:
    model = ConvNet()
    return tried(model, SGD(model.parameters(), lr=0.01, momentum=0.9))


@sound()
def a_few_steps_of_a_language_model() -> Setup:
    model = Language(tied=True)
    return tried(model, Adam(model.parameters(), lr=3e-4))


@sound()
def a_few_steps_beside_a_frozen_backbone() -> Setup:
    model = Classifier()
    model.backbone.requires_grad_(False)
    return tried(model, SGD(model.head.parameters(), lr=0.01))


@sound()
def a_few_steps_of_a_warmup_from_nothing() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    return tried(model, optimizer, LambdaLR(optimizer, lambda step: min(1.0, step / 10)))


@sound()
def a_mask_that_holds() -> Setup:
    model = Language()
    keep = torch.zeros(20, 1)
    keep[16:] = 1.0
    model.embed.weight.register_hook(lambda grad: grad * keep)
    return tried(model, Adam(model.parameters(), lr=1e-3))


@sound()
def a_batch_of_transformers() -> Setup:
    model = bert()
    batch = {"input_ids": torch.randint(1, 50, (2, 6)), "labels": torch.tensor([0, 1])}
    return Setup(model, Adam(model.parameters(), lr=1e-4), options={"batch": batch})
