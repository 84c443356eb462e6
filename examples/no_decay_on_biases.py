"""Weight decay on the weights, none on biases (nor on norms).

Use it in nearly every training: a decayed bias or norm is pulled to zero for no gain. The usual mistake is
to tell them by name, `"bias" in name or "norm" in name`: that misses the batch norms of an `nn.Sequential`,
here `features.1.weight`, and takes `norm_proj.weight`. A role is told from the module's type.
"""

import torch
from digits import ConvNet, History, images_of, loader_of
from torch.nn.functional import cross_entropy

import paramgroups as pg

EPOCHS = 2


def main() -> tuple[pg.Plan, History, dict[str, float]]:
    """Train; then, by one update without gradients, what decay alone does to each parameter's size."""
    torch.manual_seed(0)
    model, loader = ConvNet(), loader_of(images_of()[0])
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, weight_decay=0.1, rules=[pg.recipes.no_decay()])
    plan = pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=len(loader))
    print(plan)

    optimizer, scheduler = pg.build(plan)
    history = History()
    for _ in range(EPOCHS):
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            history.note(optimizer, loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    print(history)

    shrunk = decay_alone(model, plan)
    for name, ratio in shrunk.items():
        print(f"{name:<20} × {ratio:.6f} by an update without gradients")
    return plan, history, shrunk


def decay_alone(model: ConvNet, plan: pg.Plan) -> dict[str, float]:
    """How much smaller each parameter is after an update of a fresh optimizer with gradients of zero."""
    optimizer, _ = pg.build(plan)
    before = {name: float(tensor.detach().norm()) for name, tensor in model.named_parameters()}
    for tensor in model.parameters():
        tensor.grad = torch.zeros_like(tensor)
    optimizer.step()
    return {name: float(tensor.detach().norm()) / before[name] for name, tensor in model.named_parameters()}


if __name__ == "__main__":
    main()
