"""Rows of a tensor that start later than the others start as young as they are."""

import pytest
import torch
from torch import nn

import paramgroups as pg


@pytest.mark.parametrize("backend", ["cpu", "torch"])
@pytest.mark.parametrize("optimizer", ["adamw", "adam", "nadam", "radam"])
def test_no_kick_at_the_first_live_step(optimizer: str, backend: str) -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"embed": nn.Embedding(6, 4)})
    recipe = pg.Recipe(
        optimizer=optimizer,
        lr=0.1,
        weight_decay=0.0,
        rules=[pg.rule("embed.weight[:2]", trainable=False, until="50%")],
    )
    ours, scheduler = pg.build(pg.plan(model, recipe, steps=40), backend=backend)
    weight = next(model.parameters())
    moved = []
    for _ in range(40):
        before = weight.detach().clone()
        weight.grad = torch.ones_like(weight)
        ours.step()
        scheduler.step()
        moved.append((weight.detach() - before).abs())
    late = torch.stack([step[:2].max() for step in moved])
    early = torch.stack([step[2:].max() for step in moved])
    assert late[:20].tolist() == [0.0] * 20
    assert (late[20:] <= 1.2 * early[:20]).all()
    if optimizer != "nadam":  # its product of momenta is one of the whole tensor
        assert late[20:].tolist() == pytest.approx(early[:20].tolist(), rel=0.2)
    assert ours.state[weight]["row_step"].tolist() == [20.0] * 2 + [40.0] * 4
    assert ours.state[weight]["step"].item() == 40


def test_a_resume_knows_how_often_each_row_was_stepped() -> None:
    def made() -> tuple[nn.Module, torch.optim.Optimizer, pg.Scheduler]:
        torch.manual_seed(0)
        model = nn.ModuleDict({"embed": nn.Embedding(6, 4).to(torch.bfloat16)})
        rules = [pg.rule("embed.weight[1:3]", trainable=False, until=5)]
        plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=rules), steps=20)
        optimizer, scheduler = pg.build(plan)
        return model, optimizer, scheduler

    def run(made: tuple[nn.Module, torch.optim.Optimizer, pg.Scheduler], steps: range) -> None:
        model, ours, scheduler = made
        weight = next(model.parameters())
        for step in steps:
            weight.grad = torch.full_like(weight, 1.0 + step)
            ours.step()
            scheduler.step()

    whole, first, second = made(), made(), made()
    run(whole, range(12))
    run(first, range(7))
    second[0].load_state_dict(first[0].state_dict())
    second[1].load_state_dict(first[1].state_dict())
    second[2].load_state_dict(first[2].state_dict())
    run(second, range(7, 12))
    weight, wanted = (next(one[0].parameters()) for one in (second, whole))
    assert torch.equal(weight, wanted)
    counts = second[1].state[weight]["row_step"]
    assert counts.tolist() == [12.0, 7.0, 7.0, 12.0, 12.0, 12.0]
