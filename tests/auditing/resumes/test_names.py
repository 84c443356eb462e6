"""Loads by names: ours, those that a plan drives, and files of pg.save."""

from pathlib import Path
from typing import Any

from torch import nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict
from torch.optim import AdamW

import paramgroups as pg
from tests.auditing.resumes.resumes import look, train
from tests.auditing.setups import codes, small


def planned(model: nn.Module, lr: float = 0.1, **rule: Any) -> Any:
    rules = [pg.rule("3", **rule)] if rule else []
    return pg.build(pg.plan(model, pg.Recipe(optimizer="adamw", lr=lr, rules=rules), steps=10))


def saved_by(model: nn.Module, optimizer: Any, scheduler: Any) -> dict[str, Any]:
    train(model, optimizer, scheduler)
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }


def test_the_same_plan_again_is_sound_and_so_are_another_grouping_and_other_rates() -> None:
    old, model = small(), small()
    checkpoint = saved_by(old, *planned(old))
    assert not look(model, *reversed_(planned(model), checkpoint))
    assert not look(model, *reversed_(planned(model, lr=0.3, lr_scale=10), checkpoint))


def reversed_(made: Any, checkpoint: Any) -> tuple[Any, Any, Any]:
    return made[0], checkpoint, made[1]


def test_what_begins_anew_is_told() -> None:
    old = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU())
    checkpoint = saved_by(old, *planned(old))
    del checkpoint["model"]
    model = small()
    findings = look(model, *reversed_(planned(model), checkpoint))
    assert codes(findings) == ["PG304"]
    assert findings[0].names == ("3.weight", "3.bias")
    assert "2 begin anew, for they are not in it (3.weight, 3.bias)" in findings[0].message


def test_what_has_another_shape_begins_anew() -> None:
    old, model = small(), small()
    checkpoint = saved_by(old, *planned(old))
    model[3] = nn.Linear(8, 5)
    findings = look(model, *reversed_(planned(model), checkpoint))
    assert codes(findings) == ["PG304", "PG308"]
    assert findings[0].names == ("3.weight", "3.bias")


def test_ours_without_a_plan_takes_the_saved_values() -> None:
    old, model = small(), small()
    first = pg.Optimizer(old.named_parameters(), "adamw", lr=0.3)
    train(old, first)
    second = pg.Optimizer(model.named_parameters(), "adamw", lr=0.1)
    findings = look(model, second, first.state_dict())
    assert codes(findings) == ["PG305"]
    assert "lr 0.1 now, 0.3 saved" in findings[0].message


def test_a_state_without_names_is_refused_by_names() -> None:
    old, model = small(), small()
    plain = AdamW(old.parameters(), lr=0.1)
    train(old, plain)
    findings = look(model, planned(model)[0], plain.state_dict())
    assert codes(findings) == ["PG303"]
    assert "does not name its parameters" in findings[0].message
    named = pg.name_state(plain.state_dict(), [name for name, _ in model.named_parameters()])
    assert not look(model, planned(model)[0], named)


def test_a_torch_optimizer_under_a_plan_goes_by_names_too() -> None:
    def make(model: nn.Module) -> tuple[AdamW, pg.Scheduler]:
        plan = pg.plan(
            model, pg.Recipe(optimizer="adamw", lr=0.1, rules=[pg.rule("3", lr_scale=10)]), steps=10
        )
        optimizer = AdamW(plan.param_groups())
        return optimizer, pg.Scheduler(optimizer, plan)

    old, model = small(), small()
    checkpoint = saved_by(old, *planned(old))
    assert not look(model, *reversed_(make(model), checkpoint))


def test_a_file_of_pg_save_goes_by_names_into_torch_s_own(tmp_path: Path) -> None:
    old, model = small(), small()
    optimizer, scheduler = planned(old)
    train(old, optimizer, scheduler)
    path = tmp_path / "last.safetensors"
    pg.save(path, model=old, optimizer=optimizer, scheduler=scheduler)
    assert not look(model, *reversed_(planned(model), path))
    backwards = AdamW([*model.parameters()][::-1], lr=0.1, weight_decay=0.0)
    findings = look(model, backwards, path)
    assert "PG301" not in codes(findings)
    assert "PG303" not in codes(findings)


def test_names_for_numbers_are_loaded_by_names() -> None:
    old, model = small(), small()
    optimizer = AdamW(old.parameters(), lr=0.1)
    train(old, optimizer)
    state = get_optimizer_state_dict(old, optimizer)
    assert not look(model, AdamW(model.parameters(), lr=0.1), state)
