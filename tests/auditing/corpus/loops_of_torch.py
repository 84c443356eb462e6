"""Faults of plain torch that show in the middle of training: what is stepped, when, and on what."""

import threading
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    StepLR,
)

import paramgroups as pg
from tests.auditing.corpus.cases import Setup, faulty
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, cost, decay_groups, train
from tests.auditing.corpus.worlds import alone


@faulty("PG140")
def the_optimizer_made_again_after_its_scheduler() -> Setup:
    model = Classifier()
    optimizer: Any = SGD(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, step_size=30)
    optimizer = AdamW(decay_groups(model, 0.05), lr=1e-3)
    return Setup(model, optimizer, scheduler)


@faulty("PG140")
def schedulers_of_two_optimizers_mixed_up() -> Setup:
    model = nn.ModuleDict({"generator": nn.Linear(4, 8), "critic": nn.Linear(8, 1)})
    generator = Adam(model["generator"].parameters(), lr=1e-4, betas=(0.5, 0.999))
    critic = Adam(model["critic"].parameters(), lr=4e-4, betas=(0.5, 0.999))
    schedule = ExponentialLR(Adam(model["critic"].parameters(), lr=4e-4), gamma=0.99)
    return Setup(model, [generator, critic], [ExponentialLR(generator, gamma=0.99), schedule])


@faulty("PG147")
def a_rate_set_by_hand_under_a_schedule() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=50)
    train(model, optimizer, 5, scheduler.step)
    for group in optimizer.param_groups:
        group["lr"] = 5e-4
    return Setup(model, optimizer, scheduler)


@faulty("PG147")
def a_rate_halved_on_a_plateau_under_a_schedule() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = LambdaLR(optimizer, lambda epoch: 0.95**epoch)
    train(model, optimizer, 4, scheduler.step)
    optimizer.param_groups[0]["lr"] *= 0.5
    return Setup(model, optimizer, scheduler)


@faulty("PG147")
def a_schedule_built_between_two_loads() -> Setup:
    model = Classifier()
    before = SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = LinearLR(before, start_factor=0.1, total_iters=20)
    train(model, before, 6, schedule.step)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.load_state_dict(before.state_dict())
    scheduler = LinearLR(optimizer, start_factor=0.1, total_iters=20)
    scheduler.load_state_dict(schedule.state_dict())
    return Setup(model, optimizer, scheduler)


def thawed_at_epoch_five(model: ConvNet, scheduler_of: Any) -> Setup:
    model.backbone.requires_grad_(False).eval()
    optimizer = SGD(model.fc.parameters(), lr=0.01, momentum=0.9)
    scheduler = scheduler_of(optimizer)
    train(model, optimizer, 5, scheduler.step)
    model.backbone.requires_grad_(True).train()
    optimizer.add_param_group({"params": model.backbone.parameters(), "lr": 0.001})
    return Setup(model, optimizer, scheduler)


@faulty("PG148")
def thawed_under_a_step_schedule() -> Setup:
    return thawed_at_epoch_five(ConvNet(), lambda optimizer: StepLR(optimizer, step_size=30))


@faulty("PG148")
def thawed_under_a_lambda() -> Setup:
    return thawed_at_epoch_five(ConvNet(), lambda optimizer: LambdaLR(optimizer, lambda epoch: 0.95**epoch))


@faulty("PG148")
def thawed_under_one_cycle() -> Setup:
    return thawed_at_epoch_five(ConvNet(), lambda optimizer: OneCycleLR(optimizer, 0.01, total_steps=40))


@faulty("PG150")
def the_schedule_first_in_every_epoch() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
    scheduler.step()  # as it was before torch 1.1
    cost(model).backward()
    return Setup(model, optimizer, scheduler)


@faulty("PG150")
def wound_forward_in_a_new_run() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = ExponentialLR(optimizer, gamma=0.97)
    for _ in range(12):
        scheduler.step()
    return Setup(model, optimizer, scheduler)


@faulty("PG151")
def a_schedule_nobody_steps() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=400)
    train(model, optimizer, 200)
    return Setup(model, optimizer, scheduler, {"steps": 400})


@faulty("PG151")
def a_schedule_nobody_steps_for_many_epochs() -> Setup:
    model = Classifier()
    optimizer = AdamW(decay_groups(model, 0.05), lr=1e-3)
    scheduler = StepLR(optimizer, step_size=10)
    train(model, optimizer, 150)
    return Setup(model, optimizer, scheduler, {"epochs": 30, "steps_per_epoch": 10})


@faulty("PG152")
def ticked_with_every_micro_batch() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=1000)
    for number in range(80):
        (cost(model) / 4).backward()
        if (number + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
    return Setup(model, optimizer, scheduler)


@faulty("PG152")
def ticked_eight_times_an_update() -> Setup:
    model = Language()
    optimizer = AdamW(decay_groups(model, 0.1), lr=1e-3)
    scheduler = LinearLR(optimizer, start_factor=1.0, end_factor=0.1, total_iters=400)
    for number in range(96):
        (cost(model) / 8).backward()
        if (number + 1) % 8 == 0:
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
    return Setup(model, optimizer, scheduler, {"steps": 400})


@faulty("PG155")
def a_cosine_that_rises_again() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=20)
    train(model, optimizer, 26, scheduler.step)
    return Setup(model, optimizer, scheduler)


@faulty("PG155")
def a_cycle_at_its_end() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = OneCycleLR(optimizer, max_lr=0.05, total_steps=15)
    train(model, optimizer, 15, scheduler.step)
    return Setup(model, optimizer, scheduler)


@faulty("PG163")
def thawed_inside_data_parallel_processes() -> Setup:
    network = Language()
    network.layers.requires_grad_(False)
    world, model = alone(network)
    optimizer = Adam(model.parameters(), lr=1e-4)
    network.layers.requires_grad_(True)
    return Setup(model, optimizer, held=world)


@faulty("PG162", allowed=("PG102",))
def an_embedding_frozen_between_backward_and_step() -> Setup:
    model = Language()
    optimizer = Adam(model.parameters(), lr=1e-3)
    cost(model).backward()
    model.embed.weight.requires_grad_(False)
    return Setup(model, optimizer)


@faulty("PG191")
def a_model_that_cannot_be_copied() -> Setup:
    model: Any = Classifier()
    model.lock = threading.Lock()
    batch = (torch.randn(6, 8), torch.randn(6, 4))
    return Setup(model, Adam(model.parameters(), lr=1e-3), options={"loss": squares, "batch": batch})


def squares(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    inputs, targets = batch
    return nn.functional.mse_loss(model(inputs), targets)


@faulty("PG191")
def a_loss_that_cannot_be_taken() -> Setup:
    model = Classifier()
    batch = (torch.randn(6, 9), torch.randn(6, 4))  # nine features where the model reads eight
    return Setup(model, Adam(model.parameters(), lr=1e-3), options={"loss": squares, "batch": batch})


@faulty("PG192")
def a_silence_that_was_needed_once() -> Setup:
    model = Classifier()
    optimizer = AdamW(decay_groups(model, 0.05), lr=1e-3)
    known = pg.silence("PG120", reason="the norms decay as in the paper")
    return Setup(model, optimizer, options={"silence": [known]})
