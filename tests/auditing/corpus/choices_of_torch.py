"""Faults of plain torch: what decays, how it is grouped, which optimizer for what."""

from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Muon, SparseAdam

from tests.auditing.corpus.cases import DECAYED, Groups, Setup, faulty
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, decay_groups, pretrain, train


@faulty("PG120")
def decay_on_everything() -> Setup:
    model = Classifier()
    return Setup(model, AdamW(model.parameters(), lr=1e-3, weight_decay=0.05))


@faulty("PG120")
def decay_on_batch_norm() -> Setup:
    model = ConvNet()
    return Setup(model, SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4))


@faulty("PG120")
def a_list_of_names_that_knows_another_model() -> Setup:
    model = Classifier()
    no_decay = ["bias", "LayerNorm.weight"]  # here the norm is called backbone.1
    groups: Groups = [
        {
            "params": [p for n, p in model.named_parameters() if not any(w in n for w in no_decay)],
            "weight_decay": 0.01,
        },
        {
            "params": [p for n, p in model.named_parameters() if any(w in n for w in no_decay)],
            "weight_decay": 0.0,
        },
    ]
    return Setup(model, AdamW(groups, lr=1e-3))


@faulty("PG121")
def decay_on_whatever_is_a_matrix() -> Setup:
    model = Language(tied=True)
    groups: Groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    return Setup(model, AdamW(groups, lr=6e-4, betas=(0.9, 0.95)))


@faulty("PG122")
def layer_decay_that_weakens_decay() -> Setup:
    model = Language(depth=6)
    groups = decay_groups(model.lm_head, 0.05, lr=1e-3)[:1] + decay_groups(model.norm, 0.05, lr=1e-3)[1:]
    for number, layer in enumerate(model.layers):
        groups += decay_groups(layer, 0.05, lr=1e-3 * 0.6 ** (6 - number))
    groups.append({"params": model.embed.parameters(), "lr": 1e-3 * 0.6**7, "weight_decay": 0.0})
    return Setup(model, AdamW(groups))


@faulty("PG122", allowed=DECAYED)
def a_slow_backbone_that_hardly_decays() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 1e-5},
        {"params": model.head.parameters(), "lr": 5e-4},
    ]
    return Setup(model, AdamW(groups, weight_decay=0.1))


@faulty("PG123", allowed=DECAYED)
def old_tokens_masked_by_a_hook() -> Setup:
    model = Language()
    mask = torch.zeros(20, 1)
    mask[16:] = 1.0
    model.embed.weight.register_hook(lambda grad: grad * mask)
    return Setup(model, AdamW(model.parameters(), lr=1e-3))


@faulty("PG123", allowed=("PG120",))
def pruned_weights_masked_by_a_hook() -> Setup:
    model = Classifier()
    layers: list[Any] = [model.backbone[0], model.backbone[3]]
    for layer in layers:
        keep = (layer.weight.abs() > 0.1).float()
        layer.weight.register_hook(lambda grad, keep=keep: grad * keep)
    return Setup(model, SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4))


@faulty("PG130")
def a_group_for_each_parameter() -> Setup:
    model = Language(depth=6)
    groups: Groups = [
        {"params": [p], "weight_decay": 0.01 if p.ndim > 1 and "embed" not in n else 0.0, "name": n}
        for n, p in model.named_parameters()
    ]
    return Setup(model, AdamW(groups, lr=1e-4))


@faulty("PG130")
def a_group_for_each_parameter_by_rate() -> Setup:
    model = Language(depth=5)
    groups: Groups = []
    for name, p in model.named_parameters():
        rate = 1e-3 if name.startswith("lm_head") else 2e-4
        groups.append({"params": p, "lr": rate})
    return Setup(model, Adam(groups))


@faulty("PG131")
def a_new_head_at_the_rate_of_what_is_pretrained() -> Setup:
    model = pretrain(ConvNet())
    model.fc = nn.Linear(8, 3)
    return Setup(model, SGD(model.parameters(), lr=1e-3, momentum=0.9))


@faulty("PG131")
def a_pretrained_backbone_loaded_in_part() -> Setup:
    old = pretrain(Classifier(classes=10)).state_dict()
    model = Classifier(classes=4)
    own = model.state_dict()
    model.load_state_dict({n: t for n, t in old.items() if t.shape == own[n].shape}, strict=False)
    return Setup(model, Adam(model.parameters(), lr=2e-5))


@faulty("PG132")
def sparse_gradients_in_adam() -> Setup:
    model = nn.Sequential(nn.Embedding(50, 8, sparse=True), nn.Linear(8, 3))
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@faulty("PG132")
def dense_gradients_in_sparse_adam() -> Setup:
    model = nn.Sequential(nn.Embedding(50, 8, sparse=True), nn.Linear(8, 3))
    return Setup(model, SparseAdam(list(model.parameters()), lr=1e-3))


@faulty("PG133")
def muon_for_whatever_is_a_matrix() -> Setup:
    model = Language()
    matrices = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    optimizers = [Muon(matrices, lr=0.02, weight_decay=0.0), AdamW(others, lr=3e-4, weight_decay=0.0)]
    return Setup(model, optimizers)


@faulty("PG133")
def muon_for_the_head_too() -> Setup:
    model = Classifier()
    vectors = Adam([p for p in model.parameters() if p.ndim == 1], lr=1e-3)
    return Setup(
        model, [Muon([p for p in model.parameters() if p.ndim == 2], lr=0.01, weight_decay=0.0), vectors]
    )


@faulty("PG160")
def a_frozen_backbone_in_training_mode() -> Setup:
    model = ConvNet()
    for p in model.backbone.parameters():
        p.requires_grad = False
    model.train()
    return Setup(model, SGD(model.fc.parameters(), lr=0.01, momentum=0.9))


@faulty("PG160")
def frozen_but_for_the_last_block() -> Setup:
    model = ConvNet()
    for name, p in model.named_parameters():
        p.requires_grad = name.startswith(("backbone.3", "backbone.4", "fc"))
    return Setup(model, Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3))


@faulty("PG161")
def a_frozen_backbone_held_by_eval() -> Setup:
    model = ConvNet()
    model.train()
    model.backbone.requires_grad_(False)
    model.backbone.eval()
    return Setup(model, SGD(model.fc.parameters(), lr=0.01, momentum=0.9))


@faulty("PG162", allowed=("PG102",))
def frozen_after_a_backward() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    train(model, optimizer, 2)
    for p in model.backbone.parameters():
        p.requires_grad = False
    return Setup(model, optimizer)


@faulty("PG170")
def state_of_parameters_of_other_shapes() -> Setup:
    def optimizer_of(model: nn.ModuleList) -> Adam:
        return Adam([p for m in model for p in m.parameters()], lr=1e-3)

    saved = nn.ModuleList([nn.Linear(3, 5), nn.Linear(5, 2)])
    before = optimizer_of(saved)
    saved[1](saved[0](torch.randn(4, 3))).sum().backward()
    before.step()
    model = nn.ModuleList([nn.Linear(5, 2), nn.Linear(3, 5)])
    optimizer = optimizer_of(model)
    optimizer.load_state_dict(before.state_dict())
    return Setup(model, optimizer)


def two_towers(first: str, second: str) -> tuple[nn.ModuleDict, Adam]:
    model = nn.ModuleDict({name: nn.Linear(4, 4) for name in ("query", "key")})
    groups: Groups = [{"params": list(model[name].named_parameters(prefix=name))} for name in (first, second)]
    return model, Adam(groups, lr=1e-3)


@faulty("PG171")
def groups_loaded_in_another_order() -> Setup:
    old, before = two_towers("query", "key")
    (old["query"](torch.randn(2, 4)) + old["key"](torch.randn(2, 4))).sum().backward()
    before.step()
    model, optimizer = two_towers("key", "query")
    optimizer.load_state_dict(before.state_dict())
    return Setup(model, optimizer)


@faulty("PG172")
def state_left_on_another_device() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    train(model, optimizer, 2)
    for state in optimizer.state.values():  # offloaded for an evaluation, and not fetched again
        state["exp_avg"] = state["exp_avg"].to("meta")
        state["exp_avg_sq"] = state["exp_avg_sq"].to("meta")
    return Setup(model, optimizer)


@faulty("PG173")
def a_head_swapped_within_its_group() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters()},
        {"params": model.head.parameters(), "lr": 5e-3},
    ]
    optimizer = Adam(groups, lr=1e-3)
    train(model, optimizer, 3)
    model.head = nn.Linear(16, 7)
    optimizer.param_groups[1]["params"] = list(model.head.parameters())
    return Setup(model, optimizer)


@faulty("PG173")
def a_group_popped_when_it_was_frozen() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.head.parameters()},
        {"params": model.backbone.parameters(), "lr": 1e-4},
    ]
    optimizer = Adam(groups, lr=1e-3)
    train(model, optimizer, 3)
    optimizer.zero_grad()
    model.backbone.requires_grad_(False)
    optimizer.param_groups.pop()
    return Setup(model, optimizer)


class Evolution:
    """Searches without gradients."""

    def __init__(self, model: nn.Module, sigma: float) -> None:
        self.weights = [p.data for p in model.parameters()]
        self.sigma = sigma

    def step(self, reward: float) -> None:
        for weight in self.weights:
            weight.add_(reward * self.sigma * torch.randn_like(weight))


@faulty("PG190")
def an_optimizer_that_is_none() -> Setup:
    model = Classifier()
    return Setup(model, Evolution(model, sigma=0.01))


class Anneal:
    """Says a rate to whoever asks."""

    def __init__(self, rate: float, length: int) -> None:
        self.rate, self.length, self.calls = rate, length, 0

    def step(self) -> float:
        self.calls += 1
        return self.rate * (1 - self.calls / self.length)


@faulty("PG190")
def a_scheduler_of_ones_own_that_holds_no_optimizer() -> Setup:
    model = Classifier()
    return Setup(model, Adam(model.parameters(), lr=1e-3), Anneal(1e-3, 100))
