"""The same by the Trainer as it is: groups and steps counted by hand, and no thaw; its log has one rate."""

from data import digits
from torch.optim import AdamW
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification, set_seed
from transformers import get_cosine_schedule_with_warmup as cosine

IMAGES = {"image_size": 8, "patch_size": 2, "num_channels": 1, "num_labels": 10}
SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}


def depth(name: str) -> int:
    """For this architecture; for another it is wrong without a word."""
    return 0 if "embeddings" in name else int(name.split(".")[2]) + 1 if "layers" in name else 4


def main() -> float:
    """Train, and tell the accuracy on digits that were held out."""
    set_seed(0)
    train, held = (set_of.tensors for set_of in digits())
    rows = [{"pixel_values": image, "labels": label} for image, label in zip(*train, strict=True)]
    model = ViTForImageClassification(ViTConfig(**IMAGES, **SMALL))
    groups = []
    for name, one in model.named_parameters():
        decay = 0.0 if one.ndim == 1 or "embeddings" in name else 0.05
        groups.append({"params": [one], "lr": 4e-3 * 0.9 ** (4 - depth(name)), "weight_decay": decay})
    optimizer, steps = AdamW(groups), 8 * -(-len(rows) // 32)
    scheduler = cosine(optimizer, num_warmup_steps=steps // 10, num_training_steps=steps)
    args = TrainingArguments(
        num_train_epochs=8, per_device_train_batch_size=32, logging_steps=43, use_cpu=True
    )
    Trainer(model, args, train_dataset=rows, optimizers=(optimizer, scheduler)).train()
    accuracy = float((model.eval()(held[0]).logits.argmax(1) == held[1]).float().mean())
    print(f"accuracy on held-out digits: {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
