"""A language model learns half of a manual, adapters and norms the rest: LoRA+ is one line, norms another."""

import torch
from data import manual
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

import paramgroups as pg
from paramgroups.schedules import cosine, warmup

SHAPE = {"vocab_size": 256, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
WHOLE = pg.Recipe(optimizer="adamw", lr=3e-3, schedule=cosine())
NORMS = pg.rule(":norm", lr_scale=20, weight_decay=0.0, group="norms")
CURVE, RULES = warmup("5%").then(cosine()), [*pg.recipes.lora_plus(16), NORMS]


def train(model: torch.nn.Module, rows: torch.Tensor, recipe: pg.Recipe, steps: int = 100) -> None:
    """As many steps as are said; before them the table of groups is printed."""
    print(plan := pg.plan(model, recipe, steps=steps))
    optimizer, scheduler = pg.build(plan)
    for batch in (rows[torch.randint(len(rows), (16,))] for _ in range(steps)):
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()


def main() -> float:
    """The loss on what was held out."""
    torch.manual_seed(0)
    (rows, held), model = manual(), LlamaForCausalLM(LlamaConfig(num_attention_heads=4, **SHAPE))
    train(model, rows[::2], WHOLE)
    adapters = LoraConfig(r=8, target_modules="all-linear", modules_to_save=["input_layernorm", "model.norm"])
    model = get_peft_model(model, adapters)
    train(model, rows[1::2], pg.Recipe(optimizer="adamw", lr=2e-3, schedule=CURVE, rules=RULES))
    return float(model(input_ids=held, labels=held).loss.detach())


if __name__ == "__main__":
    print(f"loss {main():.3f}")
