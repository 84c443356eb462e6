"""The model that the design writes about, and real ones, small."""

from typing import Any

import torch
from torch import nn

import paramgroups as pg
from tests.support import import_peft, import_transformers


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc2(self.fc1(x).relu())
        return out


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(width), Mlp(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.mlp(self.norm(x))
        return out


class Net(nn.Module):
    """An embedding of 32,064 rows, a stem, four blocks, a head: depths 0, 0, 1 to 4, 5."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(32_064, width)
        self.stem = nn.Linear(width, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(4))
        self.head = nn.Linear(width, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.stem(self.embed(tokens))
        for block in self.blocks:
            x = block(x)
        out: torch.Tensor = self.head(x.mean(1))
        return out


def small() -> nn.Sequential:
    """`0` linear, `1` norm, `2` the head."""
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 2))


def planned(*rules: pg.Rule, model: nn.Module | None = None, steps: int = 100, **said: Any) -> pg.Plan:
    settings: dict[str, Any] = {"optimizer": "adamw", "lr": 0.1} | said
    return pg.plan(model or small(), pg.Recipe(rules=rules, **settings), steps=steps)


def backward(model: nn.Module) -> None:
    model(torch.arange(8.0).reshape(2, 4)).square().mean().backward()


SMALL = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 20}
TOWER = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 2}


def made(kind: str, config: str, **settings: Any) -> nn.Module:
    transformers = import_transformers()
    model: nn.Module = getattr(transformers, kind)(getattr(transformers, config)(**settings))
    return model


def bert() -> nn.Module:
    return made("BertForSequenceClassification", "BertConfig", num_hidden_layers=3, **SMALL)


def gpt2() -> nn.Module:
    return made("GPT2LMHeadModel", "GPT2Config", n_layer=2, n_embd=8, n_head=2, vocab_size=20)


def vit() -> nn.Module:
    return made("ViTForImageClassification", "ViTConfig", image_size=8, patch_size=4, **TOWER)


def resnet() -> nn.Module:
    return made(
        "ResNetForImageClassification",
        "ResNetConfig",
        embedding_size=4,
        hidden_sizes=[4, 8],
        depths=[2, 1],
        layer_type="basic",
    )


def t5() -> nn.Module:
    settings = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_heads": 2, "vocab_size": 20}
    return made("T5ForConditionalGeneration", "T5Config", num_layers=2, num_decoder_layers=2, **settings)


def clip() -> nn.Module:
    text = {**TOWER, "vocab_size": 20, "max_position_embeddings": 8}
    vision = {**TOWER, "num_hidden_layers": 3, "image_size": 8, "patch_size": 4}
    return made("CLIPModel", "CLIPConfig", text_config=text, vision_config=vision, projection_dim=8)


def lora(model: nn.Module, **settings: Any) -> nn.Module:
    peft = import_peft()
    adapted: nn.Module = peft.get_peft_model(model, peft.LoraConfig(r=2, **settings))
    return adapted


def go(optimizer: torch.optim.Optimizer, scheduler: pg.Scheduler, ticks: int) -> None:
    """So many updates, each with its tick."""
    for _ in range(ticks):
        optimizer.step()
        scheduler.step()


def rates(optimizer: torch.optim.Optimizer) -> list[float]:
    """The rate that stands in each group."""
    return [group["lr"] for group in optimizer.param_groups]


def built(model: nn.Module, *rules: pg.Rule, **said: Any) -> tuple[torch.optim.Optimizer, pg.Scheduler]:
    """An optimizer and a scheduler of a plan with a fast last layer."""
    settings: dict[str, Any] = {"optimizer": "sgd", "schedule": pg.schedules.linear()} | said
    return pg.build(planned(pg.rule("2", lr_scale=10), *rules, model=model, **settings))
