"""Set-ups as users of timm, and of the code that grew around it, write them."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from tests.auditing.corpus.cases import DECAYED, SPREAD, Groups, Setup, faulty, sound
from tests.support import import_timm

import_timm()

from timm.layers import BatchNormAct2d  # noqa: E402  # loads only after torchvision's operators are there
from timm.models import VisionTransformer  # noqa: E402  # likewise
from timm.models.resnet import BasicBlock, ResNet  # noqa: E402  # likewise
from timm.optim import create_optimizer_v2, param_groups_layer_decay, param_groups_weight_decay  # noqa: E402  # likewise
from timm.scheduler import CosineLRScheduler, StepLRScheduler  # noqa: E402  # likewise


def vit(classes: int = 4) -> Any:
    return VisionTransformer(
        img_size=8, patch_size=4, embed_dim=16, depth=3, num_heads=2, num_classes=classes
    )


def resnet() -> Any:
    return ResNet(BasicBlock, (1, 1, 1, 1), num_classes=4, channels=(4, 4, 8, 8), stem_width=4)


def decayed(model: Any, rate: float) -> Any:
    """Groups of layer decay; what the model asks to be left out of weight decay is."""
    skipped = model.no_weight_decay()
    return param_groups_layer_decay(model, 0.05, no_weight_decay_list=skipped, layer_decay=rate)


def learn(model: Any, optimizer: Any, steps: int, after: Callable[[int], Any]) -> None:
    for number in range(steps):
        optimizer.zero_grad()
        model(torch.randn(2, 3, 8, 8)).square().mean().backward()
        optimizer.step()
        after(number + 1)


@faulty("PG111")
def layer_decay_without_the_one_who_reads_it() -> Setup:
    model = vit()
    groups = decayed(model, 0.65)
    return Setup(model, AdamW(groups, lr=1e-3))


@faulty("PG111")
def layer_decay_under_a_schedule_of_torch() -> Setup:
    model = vit()
    groups = decayed(model, 0.75)
    optimizer = AdamW(groups, lr=5e-4)
    return Setup(model, optimizer, CosineAnnealingLR(optimizer, T_max=100))


@faulty("PG111")
def scales_by_hand_that_nobody_reads() -> Setup:
    model = vit()
    scales = {
        n: 0.7 ** (3 - int(n.split(".")[1])) if n.startswith("blocks") else 1.0
        for n, _ in model.named_parameters()
    }
    groups: dict[float, dict[str, Any]] = {}
    for name, p in model.named_parameters():
        scale = scales[name]
        groups.setdefault(scale, {"params": [], "lr_scale": scale})["params"].append(p)
    return Setup(model, Adam(list(groups.values()), lr=1e-3))


@faulty("PG141", allowed=DECAYED)
def a_warmup_that_starts_all_at_one_rate() -> Setup:
    model = vit()
    head = {id(p) for p in model.head.parameters()}
    body = [p for p in model.parameters() if id(p) not in head]
    optimizer = Adam([{"params": body, "lr": 1e-4}, {"params": model.head.parameters(), "lr": 1e-3}])
    scheduler = CosineLRScheduler(optimizer, t_initial=50, warmup_t=5, warmup_lr_init=1e-5)
    return Setup(model, optimizer, scheduler)


@faulty("PG142")
def a_floor_above_the_body() -> Setup:
    model = resnet()
    head = {id(p) for p in model.fc.parameters()}
    body = [p for p in model.parameters() if id(p) not in head]
    optimizer = SGD(
        [{"params": body, "lr": 1e-5}, {"params": model.fc.parameters(), "lr": 5e-4}], momentum=0.9
    )
    return Setup(model, optimizer, CosineLRScheduler(optimizer, t_initial=30, lr_min=1e-4))


@faulty("PG160")
def a_frozen_stem() -> Setup:
    model = resnet()
    for part in (model.conv1, model.bn1, model.layer1):
        for p in part.parameters():
            p.requires_grad = False
    model.train()
    return Setup(model, SGD((p for p in model.parameters() if p.requires_grad), lr=0.01, momentum=0.9))


@faulty("PG160")
def a_frozen_norm_with_its_activation() -> Setup:
    stem = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), BatchNormAct2d(4)).requires_grad_(False)
    model = torch.nn.Sequential(stem, torch.nn.Flatten(), torch.nn.Linear(144, 2))
    return Setup(model, SGD(model[2].parameters(), lr=0.01))


@faulty("PG103")
def the_classifier_reset_after_the_optimizer() -> Setup:
    model = vit()
    optimizer = create_optimizer_v2(model, opt="sgd", lr=0.01, weight_decay=0.0, momentum=0.9)
    model.reset_classifier(4)
    return Setup(model, optimizer)


@faulty("PG120")
def decay_on_norms_too() -> Setup:
    model = resnet()
    return Setup(
        model,
        create_optimizer_v2(model, opt="momentum", lr=0.05, weight_decay=1e-4, filter_bias_and_bn=False),
    )


@faulty("PG130", allowed=DECAYED + SPREAD)
def a_group_for_each_parameter() -> Setup:
    model = vit()
    groups: Groups = []
    for name, p in model.named_parameters():
        rate = 1e-3 if name.startswith("head") else 5e-4
        groups.append({"params": [p], "lr": rate, "weight_decay": 0.0 if p.ndim < 2 else 0.05, "name": name})
    return Setup(model, AdamW(groups))


@faulty("PG140")
def a_schedule_of_the_optimizer_before() -> Setup:
    model = resnet()
    scheduler = CosineLRScheduler(SGD(model.parameters(), lr=0.05), t_initial=30)
    return Setup(model, SGD(model.parameters(), lr=0.05, momentum=0.9), scheduler)


@faulty("PG144")
def a_schedule_that_reads_what_it_writes() -> Setup:
    model = resnet()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = LambdaLR(
        optimizer, lambda epoch: optimizer.param_groups[-1]["lr"] / 0.1 * (0.9 if epoch else 1.0)
    )
    learn(model, optimizer, 3, lambda _: scheduler.step())
    return Setup(model, optimizer, scheduler)


@sound()
def weight_decay_for_matrices() -> Setup:
    model = resnet()
    optimizer = SGD(param_groups_weight_decay(model, weight_decay=5e-5), lr=0.1, momentum=0.9, nesterov=True)
    return Setup(
        model, optimizer, CosineLRScheduler(optimizer, t_initial=60, warmup_t=5, warmup_lr_init=1e-4)
    )


@sound()
def layer_decay_and_its_scheduler() -> Setup:
    model = vit()
    groups = decayed(model, 0.75)
    optimizer = AdamW(groups, lr=5e-4)
    scheduler = CosineLRScheduler(optimizer, t_initial=50, warmup_t=5, warmup_lr_init=1e-6, lr_min=1e-6)
    return Setup(model, optimizer, scheduler)


@sound()
def layer_decay_and_its_scheduler_after_some_epochs() -> Setup:
    model = vit()
    optimizer = create_optimizer_v2(model, opt="adamw", lr=5e-4, weight_decay=0.05, layer_decay=0.7)
    scheduler = CosineLRScheduler(optimizer, t_initial=20, lr_min=1e-6)
    learn(model, optimizer, 6, scheduler.step)
    return Setup(model, optimizer, scheduler)


@sound()
def steps_by_updates() -> Setup:
    model = resnet()
    optimizer = create_optimizer_v2(model, opt="momentum", lr=0.05, weight_decay=1e-4)
    scheduler = StepLRScheduler(optimizer, decay_t=10, decay_rate=0.5, warmup_t=3, t_in_epochs=False)
    learn(model, optimizer, 7, scheduler.step_update)
    return Setup(model, optimizer, scheduler)


def scaled_by_hand(optimizer: Any, rate: float, progress: float) -> None:
    """As the fine-tuning loops of masked autoencoders do it: the loop reads the scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * (1 - progress) * group["lr_scale"]


@sound()
def layer_decay_and_a_loop_that_reads_it() -> Setup:
    model = vit()
    optimizer = AdamW(decayed(model, 0.75), lr=5e-4)
    scaled_by_hand(optimizer, 5e-4, 0.0)
    learn(model, optimizer, 4, lambda number: scaled_by_hand(optimizer, 5e-4, number / 100))
    return Setup(model, optimizer)


@sound()
def lamb_of_timm() -> Setup:
    model = vit()
    return Setup(model, create_optimizer_v2(model, opt="lamb", lr=5e-3, weight_decay=0.02))
