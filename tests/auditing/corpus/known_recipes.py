"""Set-ups after recipes that many projects share, and slips in them."""

from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    MultiStepLR,
    OneCycleLR,
)
from torch.optim.swa_utils import SWALR, AveragedModel

from tests.auditing.corpus.cases import Groups, Setup, faulty, sound
from tests.auditing.corpus.networks import Classifier, ConvNet, Language, cost, decay_groups, pretrain, train
from tests.auditing.corpus.peft_idioms import peft, trainable
from tests.auditing.corpus.transformers_idioms import bert, llama, step
from tests.auditing.corpus.worlds import alone


@faulty("PG101", allowed=("PG103", "PG104"))
def weight_norm_after_the_optimizer() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-3)
    parametrizations.weight_norm(model.head)
    return Setup(model, optimizer)


@faulty("PG101", "PG105")
def the_generator_handed_over_twice() -> Setup:
    model = nn.ModuleDict({"generator": nn.Linear(4, 8), "critic": nn.Linear(8, 1)})
    generator = Adam(model["generator"].parameters(), lr=1e-4, betas=(0.5, 0.999))
    critic = Adam(model["generator"].parameters(), lr=1e-4, betas=(0.5, 0.999))
    return Setup(model, [generator, critic])


@faulty("PG142")
def a_floor_above_the_only_rate() -> Setup:
    model = Classifier()
    optimizer = Adam(model.parameters(), lr=1e-5)
    return Setup(model, optimizer, CosineAnnealingLR(optimizer, T_max=50, eta_min=5e-5))


@faulty("PG149")
def one_cycle_for_the_first_epoch() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = {"scheduler": OneCycleLR(optimizer, max_lr=0.05, total_steps=50), "interval": "step"}
    return Setup(model, optimizer, scheduler, {"epochs": 5, "steps_per_epoch": 50})


@faulty("PG153", allowed=("PG154",))
def a_warmup_of_whole_numbers() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.01)
    return Setup(model, optimizer, LambdaLR(optimizer, lambda step: step // 100), {"steps": 3000})


@faulty("PG115")
def a_head_and_a_backbone_with_an_exponent_lost() -> Setup:
    model = Language()
    head = {id(p) for p in model.lm_head.parameters()}
    groups: Groups = [
        {"params": [p for p in model.parameters() if id(p) not in head], "lr": 1e-7},
        {"params": model.lm_head.parameters(), "lr": 1e-4},
    ]
    return Setup(model, Adam(groups))


@faulty("PG160")
def only_the_biases_of_a_network_with_batch_norm() -> Setup:
    model = pretrain(ConvNet())
    model.backbone.requires_grad_(False)
    model.fc.weight.requires_grad_(False)
    return Setup(model.train(), SGD([model.fc.bias], lr=0.01))


@sound()
def a_linear_probe_behind_batch_norm() -> Setup:
    model: Any = pretrain(Classifier())
    model.requires_grad_(False)
    model.head = nn.Sequential(nn.BatchNorm1d(16, affine=False, eps=1e-6), nn.Linear(16, 3))
    return Setup(model.train(), SGD(model.head.parameters(), lr=0.1, momentum=0.9, weight_decay=0.0))


@sound()
def only_biases() -> Setup:
    model = bert()
    for name, p in model.named_parameters():
        p.requires_grad = name.endswith("bias") or name.startswith("classifier")
    return Setup(model, Adam(trainable(model), lr=4e-4))


@sound()
def only_norms() -> Setup:
    model = pretrain(Language())
    model.requires_grad_(False)
    norms = [p for m in model.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters()]
    for p in norms:
        p.requires_grad = True
    return Setup(model, Adam(norms, lr=1e-3))


@sound()
def prompts_before_the_text() -> Setup:
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    model = peft.get_peft_model(llama(), config)
    return Setup(model, Adam(trainable(model), lr=3e-2))


@sound()
def vectors_that_rescale() -> Setup:
    config = peft.IA3Config(
        target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]
    )
    model = peft.get_peft_model(llama(), config)
    return Setup(model, AdamW(trainable(model), lr=3e-3, weight_decay=0.0))


@sound()
def three_groups_of_a_detector() -> Setup:
    model = ConvNet()
    norms = [m.weight for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    optimizer = SGD(biases, lr=0.01, momentum=0.937, nesterov=True)
    optimizer.add_param_group({"params": weights, "weight_decay": 5e-4})
    optimizer.add_param_group({"params": norms, "weight_decay": 0.0})
    scheduler = LambdaLR(optimizer, lambda epoch: (1 - epoch / 100) * 0.99 + 0.01)
    for _ in range(4):
        train(model, optimizer, 3)
        scheduler.step()
    return Setup(model, optimizer, scheduler, {"epochs": 100})


@sound()
def rates_and_decay_written_at_each_step() -> Setup:
    model = Language()
    optimizer = AdamW(decay_groups(model, 0.04), lr=5e-4)

    def write(number: int) -> None:
        for place, group in enumerate(optimizer.param_groups):
            group["lr"] = 5e-4 * min(1.0, (number + 1) / 10)
            if place == 0:
                group["weight_decay"] = 0.04 + 0.01 * number

    for number in range(5):
        write(number)
        train(model, optimizer, 1)
    return Setup(model, optimizer)


class Sharpness(Optimizer):
    """Climbs first, then steps another optimizer."""

    def __init__(self, params: Any, base: Any, rho: float = 0.05, **settings: Any) -> None:
        super().__init__(params, {"rho": rho, "adaptive": False, **settings})
        self.base_optimizer = base(self.param_groups, **settings)
        self.param_groups = self.base_optimizer.param_groups
        self.defaults.update(self.base_optimizer.defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        scale = [group["rho"] * (2.0 if group["adaptive"] else 1.0) for group in self.param_groups]
        self.base_optimizer.step(closure)
        assert scale


@sound()
def an_optimizer_around_another() -> Setup:
    model = Classifier()
    optimizer = Sharpness(model.parameters(), SGD, lr=0.05, momentum=0.9)
    return Setup(model, optimizer, CosineAnnealingLR(optimizer.base_optimizer, T_max=100))


class Lookahead:
    """Steps back to where it was, now and then; no optimizer by class."""

    def __init__(self, optimizer: Any, k: int = 5) -> None:
        self.optimizer, self.k, self.number = optimizer, k, 0

    @property
    def param_groups(self) -> Any:
        return self.optimizer.param_groups

    @property
    def state(self) -> Any:
        return self.optimizer.state

    def step(self) -> None:
        self.number += 1
        self.optimizer.step()


@sound()
def an_optimizer_held_by_a_plain_class() -> Setup:
    model = Classifier()
    optimizer = Lookahead(Adam(model.parameters(), lr=1e-3))
    return Setup(model, optimizer, CosineAnnealingLR(optimizer.optimizer, T_max=100))


@sound()
def float_masters_of_a_half_model() -> Setup:
    model = Classifier().half()
    masters = [nn.Parameter(p.detach().float()) for p in model.parameters()]
    return Setup(model, Adam(masters, lr=1e-4))


@sound()
def state_split_over_processes() -> Setup:
    world, model = alone(Classifier())
    # torch warns when this module is loaded
    sharding = import_module("torch.distributed.optim").ZeroRedundancyOptimizer
    optimizer = sharding(model.parameters(), optimizer_class=Adam, lr=1e-3)
    return Setup(model, optimizer, held=world)


@sound()
def a_step_within_backward() -> Setup:
    model = Language(depth=4)
    optimizers = {p: Adam([p], lr=1e-3, foreach=False) for p in model.parameters()}

    def apply(p: torch.Tensor) -> None:
        optimizers[p].step()  # type: ignore[index]  # torch hands over the parameter itself
        optimizers[p].zero_grad()  # type: ignore[index]  # likewise

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(apply)
    cost(model).backward()
    return Setup(model, list(optimizers.values()))


@sound()
def averaging_after_a_cosine() -> Setup:
    model = Classifier()
    average = AveragedModel(model)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    cosine, averaging = CosineAnnealingLR(optimizer, T_max=10), SWALR(optimizer, swa_lr=0.05)
    train(model, optimizer, 6, cosine.step)
    for _ in range(3):
        train(model, optimizer, 1)
        average.update_parameters(model)
        averaging.step()
    return Setup(model, optimizer, [cosine, averaging])


@sound()
def two_schedules_one_after_the_other() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    smooth, steps = ExponentialLR(optimizer, gamma=0.9), MultiStepLR(optimizer, milestones=[3, 8], gamma=0.1)
    for _ in range(5):
        train(model, optimizer, 2)
        smooth.step()
        steps.step()
    return Setup(model, optimizer, [smooth, steps])


@sound()
def restarts_within_epochs() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=5)
    for epoch in range(2):
        for number in range(8):
            train(model, optimizer, 1)
            scheduler.step(epoch + number / 8)
    return Setup(model, optimizer, scheduler)


@sound()
def batch_norm_synchronized_after_the_optimizer() -> Setup:
    network = ConvNet()
    optimizer = SGD(network.parameters(), lr=0.1, momentum=0.9)
    model = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return Setup(model, optimizer)


@sound()
def pruned_in_the_middle() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    train(model, optimizer, 3)
    prune.l1_unstructured(model.head, "weight", amount=0.3)
    train(model, optimizer, 2)
    return Setup(model, optimizer)


@sound()
def a_language_model_trained_further() -> Setup:
    model = llama(tie_word_embeddings=True)
    optimizer = AdamW(decay_groups(model, 0.1), lr=3e-4, betas=(0.9, 0.95))
    scheduler = CosineAnnealingLR(optimizer, T_max=200, eta_min=3e-5)
    step(model, optimizer, 5, scheduler)
    return Setup(model, optimizer, scheduler, {"steps": 200})
