"""Training set-ups of real code, as their authors make them: what the survey of the audit looks at."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from tempfile import mkdtemp
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler, swa_utils
from torch.utils.data import DataLoader, TensorDataset

from tests.support import import_peft, import_timm, import_transformers

STEPS = 1000


@dataclass(frozen=True)
class Surveyed:
    """A set-up, and what else an audit is told of it."""

    model: nn.Module
    optimizer: Any
    scheduler: Any = None
    asked: dict[str, Any] = field(default_factory=dict)


SMALL: dict[str, dict[str, Any]] = {
    "BertForSequenceClassification": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    "DistilBertForSequenceClassification": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "GPT2LMHeadModel": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "LlamaForCausalLM": {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 2, "vocab_size": 100,
    },
    "Qwen2ForCausalLM": {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 2, "vocab_size": 100,
    },
    "T5ForConditionalGeneration": {"d_model": 32, "d_ff": 64, "num_layers": 2, "num_heads": 2, "d_kv": 16},
    "BartForConditionalGeneration": {
        "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    },
    "ViTForImageClassification": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    "ResNetForImageClassification": {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 1]},
    "Wav2Vec2ForCTC": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
        "conv_dim": (32, 32), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
    },
}  # fmt: skip
"""Ten architectures of transformers, small."""


def trainer(name: str) -> Surveyed:
    """What transformers' Trainer builds for a model, with weight decay as most scripts ask for."""
    host = import_transformers()
    torch.manual_seed(0)
    made = getattr(host, name)
    model = made(made.config_class(**SMALL[name]))
    folder = mkdtemp()
    arguments = host.TrainingArguments(
        output_dir=folder, weight_decay=0.01, warmup_steps=100, report_to=[], use_cpu=True, max_steps=STEPS
    )
    training = host.Trainer(model=model, args=arguments)
    training.create_optimizer_and_scheduler(num_training_steps=STEPS)
    return Surveyed(model, training.optimizer, training.lr_scheduler, {"steps": STEPS})


class Net(nn.Module):
    """A backbone with batch norm and a layer norm, and a head that begins with a layer norm."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.LayerNorm(8))
        self.head = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The head of the backbone's features."""
        out: torch.Tensor = self.head(self.backbone(x))
        return out


def backbone_finetuning(epochs: int, thaw: int) -> Surveyed:
    """Lightning's BackboneFinetuning after some epochs; it thaws the backbone at the start of one."""
    import_transformers()  # its shim for torchvision, which Lightning loads
    warnings.simplefilter("ignore")
    import lightning.pytorch as pl  # noqa: PLC0415  # it takes five seconds
    from lightning.pytorch.callbacks import BackboneFinetuning  # noqa: PLC0415  # likewise

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            net = Net()
            self.backbone, self.head = net.backbone, net.head

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
            x, y = batch
            return nn.functional.cross_entropy(self.head(self.backbone(x)), y)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=1e-3)

    torch.manual_seed(0)
    data = TensorDataset(torch.randn(32, 4), torch.randint(0, 2, (32,)))
    callback = BackboneFinetuning(unfreeze_backbone_at_epoch=thaw, lambda_func=lambda _: 1.5, verbose=False)
    training = pl.Trainer(
        max_epochs=epochs, callbacks=[callback], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=mkdtemp(),
    )  # fmt: skip
    module = Module()
    training.fit(module, DataLoader(data, batch_size=8))
    return Surveyed(module, training.optimizers[0])


def lora_plus(**settings: Any) -> Surveyed:
    """PEFT's helper for LoRA+, on a small Llama."""
    peft, host = import_peft(), import_transformers()
    from peft.optimizers import create_loraplus_optimizer  # noqa: PLC0415  # peft needs the shim first

    torch.manual_seed(0)
    model = host.LlamaForCausalLM(host.LlamaConfig(**SMALL["LlamaForCausalLM"]))
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], **settings)
    adapted = peft.get_peft_model(model, config)
    optimizer = create_loraplus_optimizer(
        model=adapted, optimizer_cls=torch.optim.AdamW, lr=5e-5, loraplus_lr_ratio=16
    )
    return Surveyed(adapted, optimizer)


def timm_finetuning(*, scheduled: bool) -> Surveyed:
    """The layer decay of timm, with and without its own scheduler."""
    timm = import_timm()
    from timm.optim import create_optimizer_v2  # noqa: PLC0415  # timm needs the shim first
    from timm.scheduler import CosineLRScheduler  # noqa: PLC0415  # likewise

    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", depth=2, num_classes=10)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05, layer_decay=0.75)
    if scheduled:
        scheduler = CosineLRScheduler(optimizer, t_initial=30, warmup_t=5, warmup_lr_init=1e-6, lr_min=0.0)
        return Surveyed(model, optimizer, scheduler, {"epochs": 30})
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    return Surveyed(model, optimizer, scheduler, {"epochs": 30})


def resnet() -> Any:
    """A small residual network with a new head."""
    torch.manual_seed(0)
    return import_timm().create_model("resnet10t", num_classes=2)


def per_parameter_options() -> Surveyed:
    """torch.optim's page: a rate for the base, another for the classifier."""
    model = nn.ModuleDict({"base": nn.Linear(8, 8), "classifier": nn.Linear(8, 2)})
    groups: list[dict[str, Any]] = [
        {"params": model["base"].parameters(), "lr": 1e-2},
        {"params": model["classifier"].parameters()},
    ]
    return Surveyed(model, torch.optim.SGD(groups, lr=1e-3, momentum=0.9))


def bias_decay() -> Surveyed:
    """torch.optim's page: decay on weights alone, by names."""
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    biases = [p for name, p in model.named_parameters() if "bias" in name]
    others = [p for name, p in model.named_parameters() if "bias" not in name]
    groups: list[dict[str, Any]] = [{"params": others}, {"params": biases, "weight_decay": 0}]
    return Surveyed(model, torch.optim.SGD(groups, weight_decay=1e-2, lr=1e-2))


def transfer_finetuning() -> Surveyed:
    """The tutorial on transfer learning: all of the network, StepLR."""
    model = resnet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    return Surveyed(model, optimizer, scheduler, {"epochs": 25})


def transfer_fixed() -> Surveyed:
    """The tutorial on transfer learning: the network as a fixed feature extractor."""
    model = resnet()
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 2)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.001, momentum=0.9)
    return Surveyed(model, optimizer, lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1), {"epochs": 25})


def chained() -> Surveyed:
    """torch.optim's page: two schedulers, one after the other in each epoch."""
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    first = lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    second = lr_scheduler.MultiStepLR(optimizer, milestones=[30, 80], gamma=0.1)
    return Surveyed(model, optimizer, [first, second], {"epochs": 100})


def averaging() -> Surveyed:
    """torch.optim's page: stochastic weight averaging after a cosine."""
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=300)
    return Surveyed(model, optimizer, [cosine, swa_utils.SWALR(optimizer, swa_lr=0.05)], {"epochs": 300})


def one_cycle() -> Surveyed:
    """The page of OneCycleLR, on two groups with rates of their own."""
    model = nn.ModuleDict({"base": nn.Linear(8, 8), "classifier": nn.Linear(8, 2)})
    groups: list[dict[str, Any]] = [
        {"params": model["base"].parameters(), "lr": 1e-3},
        {"params": model["classifier"].parameters()},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, steps_per_epoch=100, epochs=10)
    return Surveyed(model, optimizer, scheduler, {"steps": STEPS})


def warmed() -> Surveyed:
    """The page of SequentialLR: a warm-up, then an exponential."""
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    parts = [lr_scheduler.ConstantLR(optimizer, 0.1, 20), lr_scheduler.ExponentialLR(optimizer, gamma=0.9)]
    return Surveyed(model, optimizer, lr_scheduler.SequentialLR(optimizer, parts, [20]), {"epochs": 100})


def in_backward() -> Surveyed:
    """The tutorial on stepping in backward: an optimizer for each parameter."""
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    return Surveyed(model, [torch.optim.Adam([p], foreach=False) for p in model.parameters()])


def adversarial() -> Surveyed:
    """The tutorial on DCGAN: two networks, two optimizers."""
    networks = nn.ModuleDict({"generator": nn.Linear(8, 8), "discriminator": nn.Linear(8, 1)})
    both = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in networks.values()]
    return Surveyed(networks, both)


SURVEYED: dict[str, Callable[[], Surveyed]] = {
    **{f"transformers Trainer, {name}": partial(trainer, name) for name in SMALL},
    "Lightning BackboneFinetuning, before the thaw": lambda: backbone_finetuning(1, 1),
    "Lightning BackboneFinetuning, after the thaw": lambda: backbone_finetuning(3, 1),
    "Lightning BackboneFinetuning, thawed at once": lambda: backbone_finetuning(1, 0),
    "PEFT create_loraplus_optimizer": lora_plus,
    "PEFT create_loraplus_optimizer, a norm in modules_to_save": lambda: lora_plus(modules_to_save=["norm"]),
    "timm layer decay, timm's scheduler": lambda: timm_finetuning(scheduled=True),
    "timm layer decay, torch's scheduler": lambda: timm_finetuning(scheduled=False),
    "torch.optim: per-parameter options": per_parameter_options,
    "torch.optim: decay on weights alone": bias_decay,
    "torch tutorial: transfer learning, all layers": transfer_finetuning,
    "torch tutorial: transfer learning, fixed features": transfer_fixed,
    "torch.optim: two schedulers in turn": chained,
    "torch.optim: weight averaging": averaging,
    "torch.optim: OneCycleLR on two groups": one_cycle,
    "torch.optim: SequentialLR": warmed,
    "torch tutorial: a step in backward": in_backward,
    "torch tutorial: DCGAN": adversarial,
}
