"""Layer decay as timm groups it, and a schedule of its own for the new head."""

import torch
from data import digits
from timm.models import create_model
from timm.optim import param_groups_layer_decay
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import paramgroups as pg
from paramgroups.integrations.dialects import timm
from paramgroups.schedules import cosine, linear, warmup

TINY = {"img_size": 8, "patch_size": 4, "in_chans": 1, "depth": 3, "embed_dim": 48, "num_heads": 3}
HEAD = pg.rule("head", lr_scale=2, schedule=warmup("2%").then(linear()))
SHAPE = warmup("10%").then(cosine(end=0.01))


def main() -> float:
    """The share of held-out digits that are told right."""
    torch.manual_seed(0)
    train, held = digits()
    model = create_model("vit_tiny_patch16_224", pretrained=False, num_classes=10, **TINY)
    groups = param_groups_layer_decay(model, 0.05, model.no_weight_decay(), layer_decay=0.8)
    read = timm.read(groups, model, lr=2e-3)
    recipe = pg.Recipe(optimizer="adamw", rules=[*read.rules, HEAD], schedule=SHAPE, **read.settings)
    loader = DataLoader(train, 64, shuffle=True)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, epochs=12, steps_per_epoch=len(loader)))
    for images, labels in (batch for _ in range(12) for batch in loader):
        cross_entropy(model(images), labels).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    right = float((model.eval()(held.tensors[0]).argmax(1) == held.tensors[1]).float().mean())
    print(f"{right:.3f} right; rates {scheduler.rates}")
    return right


if __name__ == "__main__":
    main()
