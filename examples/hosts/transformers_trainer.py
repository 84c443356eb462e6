"""A vision transformer on digits by transformers' Trainer: rates by depth, a late start of the patches."""

from data import digits
from transformers import ViTConfig, ViTForImageClassification, set_seed

import paramgroups as pg
from paramgroups.integrations.transformers import RecipeArguments, RecipeTrainer
from paramgroups.schedules import cosine, linear, warmup

RECIPE = pg.Recipe(
    optimizer="adamw",
    lr=4e-3,
    weight_decay=0.05,
    schedule=warmup("10%").then(cosine()),
    rules=[
        pg.recipes.layer_decay(0.9),
        pg.recipes.no_decay(":norm | :bias | :embedding"),
        pg.rule("vit.embeddings.patch_embeddings", trainable=False, until="50%"),  # as MoCo v3 steadies it
        pg.rule(":head", lr_scale=2, schedule=linear()),
    ],
)
IMAGES = {"image_size": 8, "patch_size": 2, "num_channels": 1, "num_labels": 10}
SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}


def main() -> float:
    """Train, and tell the accuracy on digits that were held out."""
    set_seed(0)
    train, held = (set_of.tensors for set_of in digits())
    rows = [{"pixel_values": image, "labels": label} for image, label in zip(*train, strict=True)]
    model = ViTForImageClassification(ViTConfig(**IMAGES, **SMALL))
    args = RecipeArguments(num_train_epochs=8, per_device_train_batch_size=32, logging_steps=43, use_cpu=True)
    RecipeTrainer(model, args, train_dataset=rows, recipe=RECIPE).train()
    accuracy = float((model.eval()(held[0]).logits.argmax(1) == held[1]).float().mean())
    print(f"accuracy on held-out digits: {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
