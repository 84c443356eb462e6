"""Sound set-ups that look odd: memory shared without overlap, rules of every kind, losses with habits."""

from typing import Any

import torch
from torch import nn
from torch.optim import (
    ASGD,
    LBFGS,
    SGD,
    Adadelta,
    Adafactor,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

import paramgroups as pg
from tests.auditing.corpus.cases import Groups, Setup, sound
from tests.auditing.corpus.folders import Folder
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, cost, decay_groups, train
from tests.auditing.corpus.resumes import plain, resumed, trained
from tests.auditing.corpus.transformers_idioms import bert, step
from tests.auditing.corpus.trials import loss, tried


@sound()
def all_weights_in_one_buffer() -> Setup:
    model = Classifier()
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    start = 0
    for p in model.parameters():
        p.data = flat[start : start + p.numel()].view_as(p)
        start += p.numel()
    return Setup(model, SGD(model.parameters(), lr=0.1, momentum=0.9))


@sound()
def layers_of_no_width() -> Setup:
    model = nn.ModuleList([Classifier(), nn.Embedding(0, 8), nn.Embedding(0, 8)])
    return Setup(model, SGD(model.parameters(), lr=0.1))


@sound()
def a_temperature_of_its_own() -> Setup:
    class Contrastive(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.logit_scale = nn.Parameter(torch.tensor(2.6592))

        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x) * self.logit_scale.exp()

    model = Contrastive()
    return Setup(model, AdamW(decay_groups(model, 0.2), lr=5e-4, betas=(0.9, 0.98), eps=1e-6))


class Spectral(nn.Module):
    """Weights that are complex numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.3 * torch.randn(8, 4, dtype=torch.cfloat))

    def forward(self, x: torch.Tensor) -> Any:
        return (x.to(torch.cfloat) @ self.weight).abs()

    def example(self) -> torch.Tensor:
        return torch.randn(6, 8)


@sound()
def complex_weights() -> Setup:
    model = Spectral()
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@sound()
def a_few_steps_of_complex_weights() -> Setup:
    model = Spectral()
    return tried(model, Adam(model.parameters(), lr=1e-3))


@sound()
def batch_norm_without_parameters() -> Setup:
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16, affine=False), nn.ReLU(), nn.Linear(16, 3))
    return Setup(model.train(), SGD(model.parameters(), lr=0.05, momentum=0.9))


@sound()
def a_frozen_teacher_held_in_evaluation() -> Setup:
    class Distilled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student, self.teacher = ConvNet(), ConvNet().requires_grad_(False)

        def train(self, mode: bool = True) -> "Distilled":  # noqa: FBT001, FBT002  # torch's signature
            super().train(mode)
            self.teacher.eval()
            return self

    model = Distilled().train()
    return Setup(model, SGD(model.student.parameters(), lr=0.1, momentum=0.9))


@sound()
def a_rule_of_each_kind_at_its_own_rate() -> Setup:
    rules: list[Any] = [ASGD, Adadelta, Adafactor, Adamax, NAdam, RAdam, RMSprop, Rprop]
    model = nn.ModuleList(nn.Linear(8, 8) for _ in rules)
    return Setup(model, [rule(part.parameters()) for rule, part in zip(rules, model, strict=True)])


@sound()
def sgd_that_climbs() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.01, maximize=True)
    train(model, optimizer, 3)
    return Setup(model, optimizer)


@sound()
def adam_in_one_kernel() -> Setup:
    model = Classifier()
    optimizer = AdamW(decay_groups(model, 0.1), lr=1e-3, fused=True, amsgrad=True)
    train(model, optimizer, 3)
    return Setup(model, optimizer)


@sound()
def double_precision() -> Setup:
    model = Classifier().double()
    return Setup(model, Adam(model.parameters(), lr=1e-4))


@sound()
def groups_added_one_by_one() -> Setup:
    model = Language()
    optimizer = Adam(model.lm_head.parameters(), lr=1e-3)
    optimizer.add_param_group({"params": model.norm.parameters()})
    for layer in model.layers:
        optimizer.add_param_group({"params": layer.parameters(), "lr": 5e-4})
    optimizer.add_param_group({"params": model.embed.parameters(), "lr": 3e-4})
    return Setup(model, optimizer, CosineAnnealingLR(optimizer, T_max=100), {"steps": 100})


@sound()
def a_few_steps_of_lbfgs() -> Setup:
    model = Classifier()
    return tried(model, LBFGS(model.parameters(), lr=0.1, max_iter=3))


@sound()
def a_few_steps_under_a_plateau() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    return tried(model, optimizer, ReduceLROnPlateau(optimizer, patience=2))


@sound()
def a_few_steps_under_one_cycle_in_the_middle() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = OneCycleLR(optimizer, max_lr=1e-3, total_steps=40)
    train(model, optimizer, 10, scheduler.step)
    return tried(model, optimizer, scheduler)


def loss_that_scales_its_batch(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, targets = batch
    inputs.mul_(0.5)
    return loss(model, (inputs, targets))


@sound()
def a_loss_that_writes_into_its_batch() -> Setup:
    model = Classifier()
    return tried(model, Adam(model.parameters(), lr=1e-3), by=loss_that_scales_its_batch)


def loss_with_noise(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, targets = batch
    return loss(model, (nn.functional.dropout(inputs + 0.1 * torch.randn_like(inputs), 0.2), targets))


@sound()
def a_loss_that_draws() -> Setup:
    model = ConvNet()
    return tried(model, SGD(model.parameters(), lr=0.01, momentum=0.9), by=loss_with_noise)


@sound()
def a_few_steps_with_gradients_left_over() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    train(model, optimizer, 3)
    cost(model).backward()
    return tried(model, optimizer)


@sound()
def resumed_from_a_folder_of_the_trainer() -> Setup:
    def started() -> tuple[Any, Any, Any]:
        model = bert()
        optimizer = Adam(model.parameters(), lr=1e-4)
        return model, optimizer, LinearLR(optimizer, 1.0, 0.1, total_iters=50)

    folder = Folder()
    old, before, schedule = started()
    step(old, before, 4, schedule)
    old.save_pretrained(folder.path)
    torch.save(before.state_dict(), folder.path / "optimizer.pt")
    torch.save(schedule.state_dict(), folder.path / "scheduler.pt")
    model, optimizer, scheduler = started()
    return Setup(model, optimizer, scheduler, {"checkpoint": folder.path}, held=folder)


@sound()
def resumed_from_what_was_loaded() -> Setup:
    model = Classifier()
    return Setup(model, plain(model), options={"checkpoint": trained(plain)})


def warmed(optimizer: Any) -> SequentialLR:
    warm = LinearLR(optimizer, start_factor=0.1, total_iters=4)
    return SequentialLR(optimizer, [warm, CosineAnnealingLR(optimizer, T_max=36)], milestones=[4])


@sound()
def resumed_behind_a_warmup() -> Setup:
    def make(model: Any) -> SGD:
        groups: Groups = [
            {"params": model.backbone.parameters(), "lr": 0.01},
            {"params": model.head.parameters()},
        ]
        return SGD(groups, lr=0.1, momentum=0.9)

    model = Classifier()
    optimizer = make(model)
    return resumed(model, optimizer, trained(make, scheduler_of=warmed), warmed(optimizer), steps=40)


@sound()
def saved_by_this_library() -> Setup:
    def started() -> tuple[Any, Any, Any]:
        model = Classifier()
        recipe = pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.cosine(end=0.1), momentum=0.9)
        return model, *pg.build(pg.plan(model, recipe, steps=30))

    folder = Folder()
    path = folder.path / "run.pg"
    old, before, schedule = started()
    train(old, before, 5, schedule.step)
    pg.save(path, model=old, optimizer=before, scheduler=schedule)
    model, optimizer, scheduler = started()
    return Setup(model, optimizer, scheduler, {"checkpoint": path}, held=folder)


class Warmup:
    """A factor that remembers what it was asked last."""

    def __init__(self, length: int) -> None:
        self.length, self.asked, self.last = length, 0, -1

    def __call__(self, step: int) -> float:
        self.asked, self.last = self.asked + 1, step
        return min(1.0, (step + 1) / self.length)


@sound()
def a_factor_that_remembers() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = LambdaLR(optimizer, Warmup(20))
    train(model, optimizer, 6, scheduler.step)
    return Setup(model, optimizer, scheduler)


class MomentumContrast(nn.Module):
    """Moves its second encoder after its first, in every forward, as momentum contrast does."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = Classifier(), Classifier().requires_grad_(False)

    def forward(self, x: torch.Tensor) -> Any:
        with torch.no_grad():
            for q, k in zip(self.query.parameters(), self.key.parameters(), strict=True):
                k.mul_(0.99).add_(q, alpha=0.01)
            target = self.key(x)
        return self.query(x) * target

    def example(self) -> torch.Tensor:
        return self.query.example()


@sound()
def an_encoder_that_follows_another() -> Setup:
    model = MomentumContrast()
    return tried(model, SGD(model.query.parameters(), lr=0.03, momentum=0.9))
