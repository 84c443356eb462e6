"""Slips that a quick change of a sound script leaves behind, and changes that leave none."""

import copy
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    LambdaLR,
    LinearLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from tests.auditing.corpus.cases import DECAYED, Groups, Setup, faulty, sound
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, cost, decay_groups, pretrain, train
from tests.auditing.corpus.transformers_idioms import bert, llama, transformers


@faulty("PG101")
def layers_that_a_range_forgets() -> Setup:
    model = Language(depth=4)
    groups: Groups = [{"params": model.layers[i].parameters(), "lr": 1e-4 * 2**i} for i in range(1, 4)]
    groups.append(
        {"params": [*model.embed.parameters(), *model.norm.parameters(), *model.lm_head.parameters()]}
    )
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG101")
def a_block_added_when_the_network_grew() -> Setup:
    model = Language(depth=2)
    optimizer = Adam(model.parameters(), lr=1e-3)
    train(model, optimizer, 3)
    model.layers.append(copy.deepcopy(model.layers[-1]))
    return Setup(model, optimizer)


@faulty("PG103")
def the_best_model_put_back_as_a_copy() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = CosineAnnealingLR(optimizer, T_max=100)
    train(model, optimizer, 3, scheduler.step)
    best = copy.deepcopy(model)
    train(model, optimizer, 3, scheduler.step)
    return Setup(best, optimizer, scheduler)


@faulty("PG105")
def the_norms_in_their_own_group_and_in_the_rest() -> Setup:
    model = Language()
    norms = [p for n, p in model.named_parameters() if "norm" in n]
    decay = Adam([p for p in model.parameters() if p.ndim > 1], lr=1e-3)
    rest = Adam([*norms, *(p for p in model.parameters() if p.ndim == 1)], lr=1e-3)
    return Setup(model, [decay, rest])


@faulty("PG111")
def a_rate_under_the_name_of_a_config() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr_factor": 0.1},
        {"params": model.head.parameters()},
    ]
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG111")
def a_clip_that_the_optimizer_does_not_know() -> Setup:
    model = Classifier()
    groups: Groups = [{"params": model.parameters(), "max_grad_norm": 1.0}]
    return Setup(model, SGD(groups, lr=0.1, momentum=0.9))


@faulty("PG110")
def betas_one_by_one() -> Setup:
    model = Classifier()
    groups: Groups = [{"params": model.parameters(), "beta": (0.9, 0.95)}]
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG112")
def decay_as_text() -> Setup:
    model = Classifier()
    groups: Groups = [{"params": model.parameters(), "weight_decay": "0.01"}]
    return Setup(model, SGD(groups, lr=0.1))


@faulty("PG114")
def a_rate_that_a_config_left_at_zero() -> Setup:
    model = Language()
    settings: dict[str, Any] = {"lr": 0}
    return Setup(model, Adam(model.parameters(), **settings))


@faulty("PG120", allowed=DECAYED)
def a_filter_by_the_word_bias_alone() -> Setup:
    model = bert()
    groups: Groups = [
        {"params": [p for n, p in model.named_parameters() if "bias" not in n], "weight_decay": 0.01},
        {"params": [p for n, p in model.named_parameters() if "bias" in n], "weight_decay": 0.0},
    ]
    return Setup(model, AdamW(groups, lr=3e-5))


@faulty("PG123", allowed=DECAYED)
def rows_zeroed_after_they_are_gathered() -> Setup:
    model = llama()
    fresh = torch.zeros(60, 1)
    fresh[55:] = 1

    def keep_old(p: torch.Tensor) -> None:
        assert p.grad is not None
        p.grad.mul_(fresh)

    model.model.embed_tokens.weight.register_post_accumulate_grad_hook(keep_old)
    return Setup(model, AdamW(model.parameters(), lr=1e-4))


@faulty("PG131")
def one_small_rate_for_all_of_a_new_task() -> Setup:
    model = pretrain(Language())
    model.lm_head = nn.Linear(16, 5)
    return Setup(model, AdamW(decay_groups(model, 0.01), lr=2e-5))


@faulty("PG140")
def a_plateau_of_the_optimizer_before() -> Setup:
    model = Classifier()
    scheduler = ReduceLROnPlateau(SGD(model.parameters(), lr=0.1), patience=3)
    return Setup(model, SGD(model.parameters(), lr=0.1, momentum=0.9), scheduler)


@faulty("PG140")
def a_warmup_whose_second_part_is_of_another() -> Setup:
    model = Classifier()
    first, second = SGD(model.parameters(), lr=0.1), SGD(model.parameters(), lr=0.1, momentum=0.9)
    warm = LinearLR(first, start_factor=0.1, total_iters=5)
    after = SequentialLR(first, [warm, CosineAnnealingLR(first, T_max=45)], milestones=[5])
    return Setup(model, second, after)


@faulty("PG141")
def a_triangle_over_two_rates() -> Setup:
    model = ConvNet()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 1e-3},
        {"params": model.fc.parameters(), "lr": 4e-3},
    ]
    optimizer = SGD(groups, momentum=0.9)
    return Setup(model, optimizer, CyclicLR(optimizer, 5e-4, 4e-3, step_size_up=20, mode="triangular2"))


@faulty("PG144")
def a_factor_read_from_the_group_that_it_sets() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=1.0)

    def halve(epoch: int) -> float:
        now = float(optimizer.param_groups[0]["lr"])
        return now / 2 if epoch and epoch % 10 == 0 else now

    return Setup(model, optimizer, LambdaLR(optimizer, halve))


@faulty("PG147")
def a_rate_raised_by_hand_for_the_head() -> Setup:
    model = Classifier()
    groups: Groups = [{"params": model.backbone.parameters()}, {"params": model.head.parameters()}]
    optimizer = SGD(groups, lr=0.05, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=5, gamma=0.5)
    train(model, optimizer, 7, scheduler.step)
    optimizer.param_groups[1]["lr"] = 0.2
    return Setup(model, optimizer, scheduler)


@faulty("PG148")
def a_head_added_under_restarts() -> Setup:
    model = ConvNet()
    optimizer = SGD(model.backbone.parameters(), lr=0.05, momentum=0.9)
    scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=10)
    optimizer.add_param_group({"params": model.fc.parameters(), "lr": 0.1})
    return Setup(model, optimizer, scheduler)


@faulty("PG151")
def a_plateau_nobody_feeds() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = ReduceLROnPlateau(optimizer, patience=2)
    train(model, optimizer, 200)
    return Setup(model, optimizer, scheduler, {"epochs": 40, "steps_per_epoch": 10})


@faulty("PG152")
def stepped_by_each_of_four_processes() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 10, 500)
    for _ in range(30):
        train(model, optimizer, 1)
        for _ in range(4):
            scheduler.step()
    return Setup(model, optimizer, scheduler)


@faulty("PG149", allowed=("PG154", "PG155"))
def a_linear_schedule_that_is_over() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 2, 20)
    train(model, optimizer, 30, scheduler.step)
    return Setup(model, optimizer, scheduler, {"steps": 60})


@sound()
def a_best_model_kept_beside() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    train(model, optimizer, 3)
    best = copy.deepcopy(model.state_dict())
    train(model, optimizer, 3)
    model.load_state_dict(best)
    return Setup(model, optimizer)


@sound()
def a_block_added_with_its_group() -> Setup:
    model = Language(depth=2)
    optimizer = Adam(model.parameters(), lr=1e-3)
    train(model, optimizer, 3)
    model.layers.append(copy.deepcopy(model.layers[-1]))
    optimizer.add_param_group({"params": model.layers[-1].parameters()})
    return Setup(model, optimizer)


@sound()
def the_head_made_smaller_in_place() -> Setup:
    model = Classifier()
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@sound()
def a_small_rate_for_everything_after_a_probe() -> Setup:
    model = pretrain(ConvNet())
    model.fc = nn.Linear(8, 3)
    train(model, SGD(model.fc.parameters(), lr=0.1), 20)
    optimizer = SGD(model.parameters(), lr=1e-3, momentum=0.9)
    return Setup(model, optimizer, CosineAnnealingLR(optimizer, T_max=50), {"epochs": 50})


@sound()
def a_plateau_after_a_warmup() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    warm = LinearLR(optimizer, start_factor=0.1, total_iters=5)
    plateau = ReduceLROnPlateau(optimizer, patience=2, factor=0.5)
    train(model, optimizer, 8, warm.step)
    for loss in (1.0, 1.1, 1.2, 1.3):
        train(model, optimizer, 2)
        plateau.step(loss)
    return Setup(model, optimizer, [warm, plateau])


@sound()
def gradients_set_to_nothing_before_the_audit() -> Setup:
    model = Language(tied=True)
    optimizer = AdamW(decay_groups(model, 0.1), lr=1e-3)
    scheduler = transformers.get_cosine_schedule_with_warmup(optimizer, 5, 100)
    for _ in range(7):
        cost(model).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad(set_to_none=False)
    return Setup(model, optimizer, scheduler, {"steps": 100})
