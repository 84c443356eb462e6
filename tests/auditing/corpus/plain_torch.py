"""Faults of plain torch: who is in the groups, and what the groups say."""

import copy
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from tests.auditing.corpus.cases import DECAYED, SPREAD, Groups, Setup, faulty
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, decay_groups, train


@faulty("PG101")
def only_the_head_is_handed_over() -> Setup:
    model = ConvNet()
    return Setup(model, SGD(model.fc.parameters(), lr=0.01, momentum=0.9))


@faulty("PG101")
def filtered_then_unfrozen() -> Setup:
    model = ConvNet()
    for p in model.backbone.parameters():
        p.requires_grad = False
    optimizer = Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
    for p in model.backbone.parameters():  # at epoch 5
        p.requires_grad = True
    return Setup(model, optimizer)


@faulty("PG101")
def a_parameter_of_the_module_itself_is_missed() -> Setup:
    class Pooled(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.cls_token = nn.Parameter(torch.randn(1, 8))

    model = Pooled()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 1e-4},
        {"params": model.head.parameters()},
    ]
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG101")
def names_that_miss_the_norms() -> Setup:
    model = Language()
    layers = [p for n, p in model.named_parameters() if n.startswith("layers.")]
    rest = [p for n, p in model.named_parameters() if "embed" in n or "head" in n]
    return Setup(model, Adam([{"params": layers, "lr": 2e-4}, {"params": rest, "lr": 3e-4}]))


@faulty("PG102")
def frozen_parameters_handed_over_with_the_rest() -> Setup:
    model = Classifier()
    model.backbone.requires_grad_(False)
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@faulty("PG103")
def a_new_head_after_the_optimizer() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.01)
    model.head = nn.Linear(16, 4)
    return Setup(model, optimizer)


@faulty("PG101", allowed=("PG104", "PG103"))
def a_head_of_other_classes_after_the_optimizer() -> Setup:
    model = Classifier(classes=10)
    optimizer = SGD(model.parameters(), lr=0.01)
    model.head = nn.Linear(16, 3)
    return Setup(model, optimizer)


@faulty("PG103")
def weights_assigned_after_the_optimizer() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    saved = Classifier().state_dict()
    model.load_state_dict(saved, assign=True)
    return Setup(model, optimizer)


@faulty("PG103")
def the_copy_is_trained_and_the_first_is_stepped() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    model = copy.deepcopy(model)
    return Setup(model, optimizer)


@faulty("PG103")
def laid_out_after_the_optimizer() -> Setup:
    with torch.device("meta"):
        model = Language()
    optimizer = Adam(model.parameters(), lr=1e-3)
    model.to_empty(device="cpu")
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    return Setup(model, optimizer)


@faulty("PG104")
def a_criterion_beside_the_model() -> Setup:
    model, centers = Classifier(), nn.Parameter(torch.randn(11, 3))
    return Setup(model, SGD([*model.parameters(), centers], lr=0.05, momentum=0.9))


@faulty("PG105")
def the_head_twice_in_one_group() -> Setup:
    model = Classifier()
    return Setup(model, SGD(list(model.parameters()) + list(model.head.parameters()), lr=0.05))


@faulty("PG105")
def tied_weights_gathered_module_by_module() -> Setup:
    model = Language(tied=True)
    gathered = [p for m in model.modules() for p in m.parameters(recurse=False)]
    return Setup(model, Adam(gathered, lr=1e-3))


@faulty("PG105")
def one_encoder_in_two_optimizers() -> Setup:
    model = nn.ModuleDict(
        {"encoder": nn.Linear(8, 16), "actor": nn.Linear(16, 3), "critic": nn.Linear(16, 1)}
    )
    actor = Adam([*model["encoder"].parameters(), *model["actor"].parameters()], lr=3e-4)
    critic = Adam([*model["encoder"].parameters(), *model["critic"].parameters()], lr=1e-3)
    return Setup(model, [actor, critic])


@faulty("PG106")
def a_generator_used_twice() -> Setup:
    model = Classifier()
    weights = (p for p in model.parameters())
    groups: Groups = [{"params": weights}, {"params": weights, "lr": 1e-4}]
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG106")
def a_name_that_is_not_there() -> Setup:
    model = Classifier()
    head = [p for n, p in model.named_parameters() if "classifier" in n]
    base = [p for n, p in model.named_parameters() if "classifier" not in n]
    groups: Groups = [{"params": base}, {"params": head, "lr": 0.05}]
    return Setup(model, SGD(groups, lr=0.01))


@faulty("PG107")
def tied_by_data() -> Setup:
    model = Language()
    model.lm_head.weight.data = model.embed.weight.data
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@faulty("PG107")
def tied_by_a_parameter_around_the_same_data() -> Setup:
    model = Language()
    model.lm_head.weight = nn.Parameter(model.embed.weight.data)
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@faulty("PG108", allowed=("PG102",))
def the_flag_set_on_the_module() -> Setup:
    model: Any = Classifier()
    for p in model.parameters():
        p.requires_grad = False
    model.head.requires_grad = True
    return Setup(model, SGD(model.parameters(), lr=0.01))


@faulty("PG110", allowed=DECAYED)
def a_letter_swapped() -> Setup:
    model = Classifier()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    groups: Groups = [{"params": decayed}, {"params": plain, "weigth_decay": 0.0}]
    return Setup(model, AdamW(groups, lr=1e-3, weight_decay=0.05))


@faulty("PG110", allowed=DECAYED)
def the_key_of_an_older_adam() -> Setup:
    model = Classifier()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    groups: Groups = [
        {"params": decayed, "weight_decay_rate": 0.01},
        {"params": plain, "weight_decay_rate": 0.0},
    ]
    return Setup(model, AdamW(groups, lr=1e-3))


@faulty("PG110")
def momentum_without_its_end() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters()},
        {"params": model.head.parameters(), "momentun": 0.5},
    ]
    return Setup(model, SGD(groups, lr=0.01, momentum=0.9))


@faulty("PG111")
def a_multiplier_of_another_framework() -> Setup:
    model = ConvNet()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr_mult": 0.1},
        {"params": model.fc.parameters()},
    ]
    return Setup(model, SGD(groups, lr=0.01, momentum=0.9))


@faulty("PG111", allowed=DECAYED)
def a_decay_multiplier() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "decay_mult": 1.0},
        {"params": [p for p in model.parameters() if p.ndim == 1], "decay_mult": 0.0},
    ]
    return Setup(model, SGD(groups, lr=0.01, weight_decay=1e-4))


@faulty("PG112")
def a_rate_as_yaml_reads_it() -> Setup:
    model = Classifier()
    config: dict[str, Any] = {"lr": "1e-4"}
    groups: Groups = [{"params": model.backbone.parameters(), **config}, {"params": model.head.parameters()}]
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG112")
def a_rate_below_zero() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": -1e-3},
        {"params": model.head.parameters()},
    ]
    return Setup(model, SGD(groups, lr=1e-2))


@faulty("PG112")
def a_rate_of_no_number() -> Setup:
    model = Classifier()
    best = torch.tensor([]).mean().item()  # the mean of an empty search
    groups: Groups = [
        {"params": model.backbone.parameters()},
        {"params": model.head.parameters(), "lr": best},
    ]
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG112")
def a_beta_of_one() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "betas": (0.9, 1.01)},
        {"params": model.head.parameters()},
    ]
    return Setup(model, Adam(groups, lr=1e-3))


@faulty("PG113")
def one_tensor_for_all_rates() -> Setup:
    model = Classifier()
    groups: Groups = [{"params": m.parameters()} for m in (model.backbone, model.head)]
    return Setup(model, Adam(groups, lr=torch.tensor(1e-3)))


@faulty("PG113")
def one_tensor_for_the_rates_of_decay_groups() -> Setup:
    model = Language()
    return Setup(model, AdamW(decay_groups(model, 0.1), lr=torch.tensor(3e-4)))


@faulty("PG114")
def frozen_by_a_rate_of_zero() -> Setup:
    model = Classifier()
    groups: Groups = [{"params": model.backbone.parameters(), "lr": 0.0}, {"params": model.head.parameters()}]
    optimizer = SGD(groups, lr=0.05, momentum=0.9)
    train(model, optimizer, 3)
    return Setup(model, optimizer)


@faulty("PG115", allowed=SPREAD)
def a_head_a_thousand_times_faster() -> Setup:
    model = ConvNet()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 1e-5},
        {"params": model.fc.parameters(), "lr": 1e-2},
    ]
    return Setup(model, SGD(groups, momentum=0.9))


@faulty("PG116")
def the_rate_of_sgd_in_adam() -> Setup:
    model = Language(width=32)
    return Setup(model, Adam(model.parameters(), lr=0.5))


@faulty("PG116")
def a_rate_scaled_for_large_batches_of_sgd() -> Setup:
    model = ConvNet()
    rate = 0.1 * 4096 / 256
    return Setup(model, torch.optim.NAdam(model.parameters(), lr=rate))


@faulty("PG117")
def bfloat16_at_a_rate_it_cannot_hold() -> Setup:
    model = Language().bfloat16()
    return Setup(model, AdamW(model.parameters(), lr=1e-6, weight_decay=0.0))


@faulty("PG118")
def norms_ten_times_as_fast() -> Setup:
    model = Classifier()
    vectors = [p for p in model.parameters() if p.ndim == 1]
    matrices = [p for p in model.parameters() if p.ndim > 1]
    return Setup(model, Adam([{"params": matrices, "lr": 1e-4}, {"params": vectors, "lr": 1e-3}]))


class Sloppy(Optimizer):
    """A hand-written optimizer that knows a rate alone."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        del closure
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad)


@faulty("PG111")
def a_decay_that_ones_own_optimizer_does_not_read() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    return Setup(model, Sloppy(groups, lr=0.01))
