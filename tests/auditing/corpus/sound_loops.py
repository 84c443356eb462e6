"""Sound set-ups of plain torch in the middle of training, the scheduler stepped as it should be."""

from typing import Any

import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tests.auditing.corpus.cases import Groups, Setup, sound
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, cost, decay_groups, train
from tests.auditing.corpus.worlds import alone


@sound()
def a_tick_for_each_step() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=300)
    train(model, optimizer, 40, scheduler.step)
    return Setup(model, optimizer, scheduler, {"steps": 300})


@sound()
def a_tick_for_each_epoch() -> Setup:
    model = ConvNet()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=4, gamma=0.1)
    for _ in range(6):
        train(model, optimizer, 5)
        scheduler.step()
    return Setup(model, optimizer, scheduler, {"epochs": 12, "steps_per_epoch": 5})


@sound()
def within_the_first_epoch() -> Setup:
    model = Classifier()
    optimizer = AdamW(decay_groups(model, 0.05), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=10)
    train(model, optimizer, 25)
    return Setup(model, optimizer, scheduler, {"epochs": 10, "steps_per_epoch": 40})


@sound()
def within_the_first_epoch_without_a_horizon() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = StepLR(optimizer, step_size=10)
    train(model, optimizer, 8)
    return Setup(model, optimizer, scheduler)


@sound()
def gradients_gathered_over_four_batches() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = OneCycleLR(optimizer, max_lr=1e-3, total_steps=30)
    for number in range(48):
        (cost(model) / 4).backward()
        if (number + 1) % 4 == 0:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    return Setup(model, optimizer, scheduler, {"steps": 30})


@sound()
def between_backward_and_step() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    train(model, optimizer, 3)
    optimizer.zero_grad()
    cost(model).backward()
    return Setup(model, optimizer)


@sound()
def a_plateau_fed_with_losses() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    for loss in (1.0, 0.9, 0.95, 0.96, 0.97, 0.8):
        train(model, optimizer, 4)
        scheduler.step(loss)
    return Setup(model, optimizer, scheduler)


@sound()
def wound_forward_after_a_resume() -> Setup:
    def started() -> tuple[Classifier, SGD, LambdaLR]:
        model = Classifier()
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
        return model, optimizer, LambdaLR(optimizer, lambda epoch: 0.95**epoch)

    old, before, schedule = started()
    train(old, before, 7, schedule.step)
    model, optimizer, scheduler = started()
    model.load_state_dict(old.state_dict())
    optimizer.load_state_dict(before.state_dict())
    for _ in range(7):
        scheduler.step()
    return Setup(model, optimizer, scheduler)


@sound()
def resumed_in_the_right_order() -> Setup:
    def started() -> tuple[Language, AdamW, CosineAnnealingLR]:
        model = Language()
        optimizer = AdamW(decay_groups(model, 0.1), lr=1e-3)
        return model, optimizer, CosineAnnealingLR(optimizer, T_max=50)

    old, before, schedule = started()
    train(old, before, 9, schedule.step)
    model, optimizer, scheduler = started()
    model.load_state_dict(old.state_dict())
    optimizer.load_state_dict(before.state_dict())
    scheduler.load_state_dict(schedule.state_dict())
    return Setup(model, optimizer, scheduler, {"steps": 50})


@sound()
def an_average_kept_beside_the_model() -> Setup:
    model = Classifier()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    optimizer = Adam(model.parameters(), lr=1e-3)
    train(model, optimizer, 5, lambda: average.update_parameters(model))
    return Setup(model, optimizer)


@sound()
def scaled_for_half_precision() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = CosineAnnealingLR(optimizer, T_max=100)
    scaler = torch.amp.GradScaler("cpu")
    for _ in range(5):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = cost(model)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
    return Setup(model, optimizer, scheduler)


@sound()
def one_process_of_many() -> Setup:
    world, model = alone(Classifier())
    optimizer = Adam(model.parameters(), lr=1e-3)
    return Setup(model, optimizer, held=world)


@sound()
def thawed_with_a_schedule_built_anew() -> Setup:
    model: Any = Classifier()
    model.backbone.requires_grad_(False)
    train(model, Adam(model.head.parameters(), lr=1e-3), 10)
    model.backbone.requires_grad_(True)
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 1e-4},
        {"params": model.head.parameters(), "lr": 5e-4},
    ]
    optimizer = Adam(groups)
    scheduler = CosineAnnealingLR(optimizer, T_max=20)
    train(model, optimizer, 5, scheduler.step)
    return Setup(model, optimizer, scheduler, {"steps": 20})
