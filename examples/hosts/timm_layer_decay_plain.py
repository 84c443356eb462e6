"""Layer decay in timm's own way: one schedule for all, and rates by number."""

import torch
from data import digits
from timm.models import create_model
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

TINY = {"img_size": 8, "patch_size": 4, "in_chans": 1, "depth": 3, "embed_dim": 48, "num_heads": 3}


def main() -> float:
    """The share of held-out digits that are told right."""
    torch.manual_seed(0)
    train, held = digits()
    model = create_model("vit_tiny_patch16_224", pretrained=False, num_classes=10, **TINY)
    optimizer = create_optimizer_v2(model, "adamw", lr=2e-3, weight_decay=0.05, layer_decay=0.8)
    loader = DataLoader(train, 64, shuffle=True)
    steps = 12 * len(loader)
    scheduler = CosineLRScheduler(optimizer, steps, lr_min=2e-5, warmup_t=steps // 10, t_in_epochs=False)
    batches = (batch for _ in range(12) for batch in loader)
    for number, (images, labels) in enumerate(batches, 1):
        cross_entropy(model(images), labels).backward()
        optimizer.step()
        scheduler.step_update(number)
        optimizer.zero_grad()
    images, labels = held.tensors
    right = float((model.eval()(images).argmax(1) == labels).float().mean())
    print(f"{right:.3f} right; rates {[group['lr'] for group in optimizer.param_groups]}")
    return right


if __name__ == "__main__":
    main()
