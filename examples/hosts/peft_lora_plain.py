"""The same by PEFT's helper: norms learn as fast as B, groups have no names, and one of them no members."""

import torch
from data import manual
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from torch.optim import AdamW, Optimizer
from transformers import LlamaConfig, LlamaForCausalLM, get_cosine_schedule_with_warmup

SHAPE = {"vocab_size": 256, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}


def train(
    model: torch.nn.Module, rows: torch.Tensor, optimizer: Optimizer, warm: int, steps: int = 100
) -> None:
    """As many steps as are said."""
    scheduler = get_cosine_schedule_with_warmup(optimizer, warm, steps)
    for batch in (rows[torch.randint(len(rows), (16,))] for _ in range(steps)):
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()


def main() -> float:
    """The loss on what was held out."""
    torch.manual_seed(0)
    (rows, held), model = manual(), LlamaForCausalLM(LlamaConfig(num_attention_heads=4, **SHAPE))
    train(model, rows[::2], AdamW(model.parameters(), lr=3e-3), warm=0)
    adapters = LoraConfig(r=8, target_modules="all-linear", modules_to_save=["input_layernorm", "model.norm"])
    model = get_peft_model(model, adapters)
    optimizer = create_loraplus_optimizer(model, AdamW, lr=2e-3, loraplus_lr_ratio=16)
    train(model, rows[1::2], optimizer, warm=5)
    return float(model(input_ids=held, labels=held).loss.detach())


if __name__ == "__main__":
    print(f"loss {main():.3f}")
