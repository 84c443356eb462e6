"""What several processes train together by the Trainer."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.utils.data import default_collate

import paramgroups as pg
from tests.integrations.transformers_cases import Applied, data, equal, net, planned, recipe, trainer

STEPS = 6
SAID = {
    "max_steps": STEPS,
    "train_sampling_strategy": "sequential",
    "per_device_train_batch_size": 2,
}


def by() -> pg.Recipe:
    return recipe(
        pg.rule("norm", trainable=False),
        pg.rule("stem", trainable=False, until="50%"),
        controllers=[
            pg.control.plateau("body", "eval_loss", patience=0, threshold=9, threshold_mode="absolute"),
            pg.control.nonfinite(metric="loss"),
        ],
    )


def host_of(folder: Path, **said: Any) -> Any:
    known = {"eval_dataset": data(4), "eval_strategy": "steps", "eval_steps": 2, "max_grad_norm": 0.0}
    return trainer(folder, by=by(), **(known | SAID | said))


def whole(one: Tensor) -> Tensor:
    return one.full_tensor() if isinstance(one, DTensor) else one


def state(model: nn.Module) -> dict[str, list[Any]]:
    return {name: whole(one).tolist() for name, one in model.state_dict().items()}


def ddp(folder: Path) -> dict[str, Any]:
    """Train, go on from the middle in a new trainer, and train again by a recipe that freezes nothing."""
    seen = Applied()
    host = host_of(folder / "whole", save_strategy="steps", save_steps=2, callbacks=[seen])
    host.train()
    part = host_of(folder / "part")
    part.train(resume_from_checkpoint=str(folder / "whole" / "checkpoint-2"))
    found = {
        "wrapped": type(host.model_wrapped).__name__,
        "weights": state(host.model),
        "resumed": equal(host.model, part.model),
        "cuts": [[event.step, event.cause] for event in host.lr_scheduler.journal if event.action == "scale"],
        "frozen by": [
            event.value["how"] for event in host.lr_scheduler.journal if event.action == "freezing"
        ],
        "planned": seen.rates[:2] == [planned(host.plan, step) for step in range(2)],
        "flags": all(one.requires_grad for one in host.model.parameters()),
    }
    host._named_recipe = recipe()  # another, which trains what was frozen
    host.model.load_state_dict(net().state_dict())
    host.train()
    return found | {"again": state(host.model)}


def sharded(folder: Path) -> dict[str, Any]:
    """What the Trainer does between optimizer and scheduler with FSDP2, which asks for a GPU; and updates."""
    host = host_of(folder)
    host.create_optimizer()
    names = {id(one): name for name, one in host.model.named_parameters()}
    fully_shard(host.model, mesh=init_device_mesh("cpu", (2,)))
    live = dict(host.model.named_parameters())
    for group in host.optimizer.param_groups:
        group["params"] = [live[names[id(one)]] for one in group["params"]]
    host.is_fsdp_enabled = True
    return {"live": train(host.model, host.optimizer, host.create_scheduler(STEPS)), "let go": let_go(host)}


def train(model: nn.Module, optimizer: Any, scheduler: Any) -> dict[str, list[Any]]:
    """Some updates by the batches of the Trainer, in a plain loop."""
    batch = default_collate(data())
    for _ in range(STEPS):
        loss = model.train()(**batch)["loss"]
        loss.backward()
        scheduler.observe(loss=loss.item())
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return state(model)


def let_go(host: Any) -> bool:
    """Whether nothing is held or frozen any more when a training is over."""
    host._let_go()  # what `train` does at its end
    return all(one.requires_grad for one in host.model.parameters())
