"""Sound set-ups of plain torch: groups, optimizers and wrappers."""

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim import LBFGS, SGD, Adadelta, Adagrad, Adam, AdamW, Muon, Optimizer, SparseAdam
from torch.utils.checkpoint import checkpoint

import paramgroups as pg
from tests.auditing.corpus.cases import Groups, Setup, sound
from tests.auditing.corpus.networks import (
    Block,
    Classifier,
    ConvNet,
    Language,
    cost,
    decay_groups,
    pretrain,
    train,
)


@sound()
def sgd_on_everything() -> Setup:
    model = ConvNet()
    return Setup(model, SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True))


@sound()
def adam_without_decay() -> Setup:
    model = Language()
    return Setup(model, Adam(model.parameters(), lr=3e-4))


@sound()
def decay_for_matrices_alone() -> Setup:
    model = Language()
    return Setup(model, AdamW(decay_groups(model, 0.1), lr=6e-4, betas=(0.9, 0.95)))


@sound()
def a_frozen_backbone_left_out() -> Setup:
    model = Classifier()
    for p in model.backbone.parameters():
        p.requires_grad = False
    return Setup(model, Adam(model.head.parameters(), lr=1e-3))


class HeldStill(ConvNet):
    """Keeps its backbone in evaluation mode, whatever is asked."""

    def train(self, mode: bool = True) -> "HeldStill":  # noqa: FBT001, FBT002  # torch's signature
        super().train(mode)
        self.backbone.eval()
        return self


@sound()
def a_frozen_backbone_that_stays_in_evaluation() -> Setup:
    model = HeldStill()
    model.backbone.requires_grad_(False)
    return Setup(model.train(), SGD(model.fc.parameters(), lr=0.01, momentum=0.9))


class FrozenBatchNorm(nn.Module):
    """Batch norm whose numbers are all buffers, as detection models have it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for name, start in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((width,), start))

    def forward(self, x: torch.Tensor) -> Any:
        numbers: Any = self
        return nn.functional.batch_norm(
            x, numbers.running_mean, numbers.running_var, numbers.weight, numbers.bias
        )


@sound()
def batch_norm_frozen_as_detection_models_have_it() -> Setup:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), FrozenBatchNorm(8), nn.ReLU(), nn.Flatten(), nn.Linear(128, 4)
    )
    model[0].requires_grad_(False)
    return Setup(model, SGD(model[4].parameters(), lr=0.02, momentum=0.9, weight_decay=0.0))


@sound()
def tied_weights_once() -> Setup:
    model = Language(tied=True)
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@sound()
def a_mask_on_gradients_without_decay() -> Setup:
    model = Language()
    mask = torch.zeros(20, 1)
    mask[15:] = 1.0
    model.embed.weight.register_hook(lambda grad: grad * mask)
    return Setup(model, SGD(model.parameters(), lr=0.1))


@sound()
def gradients_clipped_by_a_hook_elsewhere() -> Setup:
    model = Classifier()
    for p in model.parameters():
        p.register_hook(lambda grad: grad.clamp(-1.0, 1.0))
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@sound()
def labels_in_the_groups() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 1e-4, "name": "backbone", "layer_id": 0},
        {"params": model.head.parameters(), "lr": 5e-4, "name": "head", "tag": "fresh", "layer_id": 1},
    ]
    return Setup(model, Adam(groups))


@sound()
def parameters_with_their_names() -> Setup:
    model = Classifier()
    return Setup(model, SGD(model.named_parameters(), lr=0.1, momentum=0.9))


@sound()
def a_tensor_of_its_own_for_each_rate() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": torch.tensor(1e-3)},
        {"params": model.head.parameters(), "lr": torch.tensor(4e-3)},
    ]
    return Setup(model, Adam(groups))


@sound()
def slower_towards_the_input() -> Setup:
    model = Language(depth=4)
    groups: Groups = [{"params": model.embed.parameters(), "lr": 1e-3 * 0.8**5}]
    for number, layer in enumerate(model.layers):
        groups.append({"params": layer.parameters(), "lr": 1e-3 * 0.8 ** (4 - number)})
    groups.append({"params": [*model.norm.parameters(), *model.lm_head.parameters()], "lr": 1e-3})
    return Setup(model, Adam(groups))


@sound()
def slower_towards_the_input_with_decay() -> Setup:
    model = Language(depth=4)
    parts = [*model.layers, nn.ModuleList([model.norm, model.lm_head])]
    groups: Groups = [{"params": model.embed.parameters(), "lr": 1e-3 * 0.8**5, "weight_decay": 0.0}]
    for number, part in enumerate(parts):
        groups += decay_groups(part, 0.05, lr=1e-3 * 0.8 ** (4 - number))
    return Setup(model, AdamW(groups))


@sound()
def biases_at_twice_the_rate() -> Setup:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    weights = [p for n, p in model.named_parameters() if n.endswith("weight")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    groups: Groups = [
        {"params": weights, "weight_decay": 5e-4},
        {"params": biases, "lr": 0.02, "weight_decay": 0.0},
    ]
    return Setup(model, SGD(groups, lr=0.01, momentum=0.9))


@sound()
def a_new_head_ten_times_as_fast() -> Setup:
    model = pretrain(ConvNet())
    model.fc = nn.Linear(8, 3)
    groups: Groups = [
        {"params": model.backbone.parameters(), "lr": 1e-3},
        {"params": model.fc.parameters(), "lr": 1e-2},
    ]
    return Setup(model, SGD(groups, momentum=0.9))


@sound()
def two_optimizers_for_two_networks() -> Setup:
    model = nn.ModuleDict({
        "generator": nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8)),
        "critic": nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)),
    })  # fmt: skip
    generator = Adam(model["generator"].parameters(), lr=1e-4, betas=(0.5, 0.999))
    critic = Adam(model["critic"].parameters(), lr=4e-4, betas=(0.5, 0.999))
    return Setup(model, [generator, critic])


@sound()
def a_criterion_beside_the_model_in_one_list() -> Setup:
    model, criterion = Classifier(), nn.Bilinear(4, 4, 1)
    both = nn.ModuleList([model, criterion])
    groups: Groups = [{"params": model.parameters()}, {"params": criterion.parameters(), "lr": 0.05}]
    return Setup(both, SGD(groups, lr=0.01, momentum=0.9))


@sound()
def lbfgs() -> Setup:
    model = Classifier()
    return Setup(model, LBFGS(model.parameters(), lr=1.0, max_iter=4, line_search_fn="strong_wolfe"))


@sound()
def lbfgs_in_the_middle() -> Setup:
    model = Classifier()
    optimizer = LBFGS(model.parameters(), lr=0.5, history_size=4)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = cost(model)
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    return Setup(model, optimizer)


@sound()
def sparse_adam_for_the_embedding() -> Setup:
    model = nn.Sequential(nn.Embedding(50, 8, sparse=True), nn.Linear(8, 16), nn.Linear(16, 3))
    rest = [*model[1].parameters(), *model[2].parameters()]
    return Setup(model, [SparseAdam(model[0].parameters(), lr=1e-3), Adam(rest, lr=1e-3)])


@sound()
def a_sparse_embedding_in_sgd() -> Setup:
    model = nn.Sequential(nn.EmbeddingBag(50, 8, sparse=True), nn.Linear(8, 3))
    return Setup(model, SGD(model.parameters(), lr=4.0))


@sound()
def adagrad_for_a_sparse_embedding() -> Setup:
    model = nn.Sequential(nn.Embedding(50, 8, sparse=True), nn.Linear(8, 3))
    return Setup(model, Adagrad(model.parameters(), lr=0.01))


@sound()
def muon_for_hidden_matrices() -> Setup:
    model = Language()
    hidden = [p for p in model.layers.parameters() if p.ndim == 2]
    known = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in known]
    return Setup(model, [Muon(hidden, lr=0.02, weight_decay=0.1), AdamW(rest, lr=3e-4, weight_decay=0.0)])


@sound()
def adadelta_at_its_own_rate() -> Setup:
    model = ConvNet()
    return Setup(model, Adadelta(model.parameters(), lr=1.0))


class Scaled(Optimizer):
    """Reads a key of its own."""

    def __init__(self, params: Any, lr: float, my_scale: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "my_scale": my_scale})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        del closure
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad, alpha=-group["lr"] * group["my_scale"])


@sound()
def an_optimizer_that_reads_a_key_of_its_own() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "my_scale": 0.1},
        {"params": model.head.parameters()},
    ]
    return Setup(model, Scaled(groups, lr=0.05))


class Temperature(SGD):
    """SGD with noise; the noise is read from the group and has no default."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(torch.randn_like(p), alpha=group.get("noise", 0.0))
        return loss


@sound()
def an_optimizer_that_asks_for_a_key() -> Setup:
    model = Classifier()
    groups: Groups = [
        {"params": model.backbone.parameters(), "noise": 1e-4},
        {"params": model.head.parameters()},
    ]
    return Setup(model, Temperature(groups, lr=0.05, momentum=0.9))


@sound()
def compiled() -> Setup:
    model: Any = torch.compile(Classifier(), backend="eager")
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@sound()
def compiled_after_the_optimizer() -> Setup:
    model = Classifier()
    optimizer = AdamW(decay_groups(model, 0.05), lr=1e-3)
    compiled: Any = torch.compile(model, backend="eager")
    return Setup(compiled, optimizer)


@sound()
def data_parallel() -> Setup:
    model = nn.DataParallel(Classifier())
    return Setup(model, SGD(model.parameters(), lr=0.1, momentum=0.9))


class Remembered(Language):
    """Computes its blocks again on the way back."""

    def forward(self, tokens: torch.Tensor) -> Any:
        x = self.embed(tokens)
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=False)
        return self.lm_head(self.norm(x))


@sound()
def blocks_computed_again() -> Setup:
    model = Remembered()
    optimizer = Adam(model.parameters(), lr=1e-3)
    train(model, optimizer, 4)
    return Setup(model, optimizer)


@sound()
def weight_norm_in_parametrizations() -> Setup:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(8, 16)), nn.ReLU(), nn.Linear(16, 2))
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@sound()
def one_block_used_twice() -> Setup:
    shared = Block(16)
    model = nn.Sequential(nn.Linear(8, 16), shared, shared, nn.Linear(16, 2))
    return Setup(model, Adam(model.parameters(), lr=1e-3))


@sound()
def built_by_this_library() -> Setup:
    model = Classifier()
    rules = [pg.rule(":norm | :bias", weight_decay=0.0), pg.rule("head", lr_scale=10)]
    schedule = pg.schedules.warmup("10%").then(pg.schedules.cosine(end=0.1))
    recipe = pg.Recipe(optimizer="adamw", lr=3e-4, weight_decay=0.05, schedule=schedule, rules=rules)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=60))
    train(model, optimizer, 7, scheduler.step)
    return Setup(model, optimizer, scheduler)


@sound()
def thawed_later_by_this_library() -> Setup:
    model = ConvNet()
    thaw = pg.rule("backbone", trainable=False, until="20%")
    recipe = pg.Recipe(optimizer="sgd", lr=0.05, schedule=pg.schedules.cosine(), rules=[thaw])
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=50))
    train(model, optimizer, 3, scheduler.step)
    return Setup(model, optimizer, scheduler)
