"""What a resume would do: the way of `pg.audit(checkpoint=…)` through all of it."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import StepLR

import paramgroups as pg
from paramgroups.auditing.checks import catalogue
from paramgroups.auditing.looks import states
from paramgroups.auditing.resumes.resuming import KINDS
from tests.auditing.resumes.resumes import look, saved, train
from tests.auditing.setups import codes, small


def sgd(model: nn.Module) -> SGD:
    return SGD(model.parameters(), lr=0.1, momentum=0.9)


def test_the_audit_tells_of_a_checkpoint_and_of_its_place_in_the_docs(tmp_path: Path) -> None:
    model = small()
    path = tmp_path / "last.pt"
    torch.save(saved(small(), sgd), path)
    assert not pg.audit(model, sgd(model), checkpoint=path)
    found = pg.audit(model, SGD(model.parameters(), lr=0.2, momentum=0.9), checkpoint=path)
    assert found.codes == {"PG305"}
    assert found.findings[0].link == "docs/findings.md#pg305"
    silences = [pg.silence("PG305", reason="a second stage")]
    assert not pg.audit(
        model, SGD(model.parameters(), lr=0.2, momentum=0.9), checkpoint=path, silence=silences
    )


def test_each_kind_is_in_the_catalogue() -> None:
    codes_here = {kind.code for kind in (*KINDS, *states.KINDS)}
    assert codes_here == {*(f"PG30{n}" for n in range(1, 9)), *(f"PG17{n}" for n in range(4))}
    assert codes_here <= catalogue().keys()


def test_several_optimizers_are_told_by_their_places() -> None:
    model = small()

    def pair(model: Any, lr: float = 0.1) -> list[Any]:
        return [SGD(model[0].parameters(), lr=0.1), Adam(model[3].parameters(), lr=lr)]

    old = small()
    optimizers = pair(old)
    for one in optimizers:
        train(old, one)
    checkpoint: dict[str, Any] = {"optimizers": [one.state_dict() for one in optimizers]}
    assert not look(model, pair(model), checkpoint)
    findings = look(model, pair(model, lr=0.3), checkpoint)
    assert codes(findings) == ["PG305"]
    assert "optimizer 1, group 0: lr 0.3 now, 0.1 saved" in findings[0].message
    checkpoint["optimizers"].pop()
    findings = look(model, pair(model), checkpoint)
    assert codes(findings) == ["PG307"]
    assert "holds 1 optimizers' states for 2" in findings[0].message


def test_a_checkpoint_without_an_optimizer_says_what_it_holds() -> None:
    model = small()
    findings = look(model, sgd(model), {"model": model.state_dict(), "epoch": 3})
    assert codes(findings) == ["PG307"]
    assert "It holds: model (OrderedDict), epoch (int)." in findings[0].message


ODD: dict[str, Any] = {
    "state": {"state": 3, "param_groups": []},
    "groups": {"state": {}, "param_groups": [3]},
    "params": {"state": {}, "param_groups": [{"params": 3}]},
    "strange-key": {"state": {7: {}}, "param_groups": [{"params": [0]}]},
    "twice": {"state": {}, "param_groups": [{"params": [0, 0]}]},
    "memory": {"state": {0: 3}, "param_groups": [{"params": [0]}]},
}


@pytest.mark.parametrize("odd", ODD)
def test_a_damaged_state_is_told(odd: str) -> None:
    model = nn.Linear(2, 2, bias=False)
    findings = look(model, sgd(model), {"optimizer": ODD[odd]})
    assert codes(findings) == ["PG307"]
    assert "damaged" in findings[0].message


STRANGE: dict[str, Any] = {
    "values": {"lr": "1e-4", "weight_decay": None, "betas": 3, "momentum": [1], "nesterov": object()},
    "numbers": {"lr": float("nan"), "initial_lr": "x", "momentum": torch.zeros(3), "dampening": 10**400},
    "names": {"name": 7, "param_names": ["weight"]},
}


@pytest.mark.parametrize("strange", STRANGE)
def test_strange_values_crash_nothing(strange: str) -> None:
    model = nn.Linear(2, 2, bias=False)
    state = {"state": {0: {"momentum_buffer": "x"}}, "param_groups": [{**STRANGE[strange], "params": [0]}]}
    schedule = {"base_lrs": "x", "last_epoch": "y", "gamma": object(), "step_size": torch.zeros(2)}
    optimizer = sgd(model)
    found = look(model, optimizer, {"optimizer": state, "scheduler": schedule}, StepLR(optimizer, 3))
    assert set(codes(found)) <= {"PG304", "PG305", "PG306", "PG191"}


def test_what_is_saved_of_anything_else_is_no_optimizer_s_state() -> None:
    model = small()
    for tree in ({}, {"optimizer": sgd(model)}, {1: 2}):
        assert codes(look(model, sgd(model), tree)) == ["PG307"]


def test_all_objects_are_left_as_they_are(tmp_path: Path) -> None:
    model = small()
    optimizer = sgd(model)
    scheduler = StepLR(optimizer, 2)
    train(model, optimizer, scheduler)
    path = tmp_path / "last.pt"
    torch.save(saved(small(), sgd, lambda o: StepLR(o, 3)), path)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), scheduler.state_dict()))
    random = torch.get_rng_state()
    content = path.read_bytes()
    assert pg.audit(model, optimizer, scheduler, checkpoint=path).codes >= {"PG306"}
    after = (model.state_dict(), optimizer.state_dict(), scheduler.state_dict())
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random)
    assert path.read_bytes() == content
