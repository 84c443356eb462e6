"""Other layouts of an optimizer's state, both ways."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

import paramgroups as pg
from paramgroups.errors import CheckpointError
from paramgroups.optim.optimizer import Optimizer

NAMES = ["0.weight", "0.bias", "1.weight", "1.bias"]
FLAT = StateDictOptions(flatten_optimizer_state_dict=True)


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def groups(module: nn.Module, rates: tuple[float, ...]) -> list[dict[str, Any]]:
    """The parameters in as many groups as there are rates."""
    named = list(module.named_parameters())
    share = len(named) // len(rates)
    return [
        {"params": named[place * share : (place + 1) * share], "lr": rate} for place, rate in enumerate(rates)
    ]


def stepped(module: nn.Module, optimizer: Any) -> Any:
    for number, param in enumerate(module.parameters(), 1):
        param.grad = torch.full_like(param, number)
    optimizer.step()
    return optimizer


def moments(module: nn.Module, optimizer: Any) -> list[float]:
    return [optimizer.state[param]["exp_avg"].flatten()[0].item() for param in module.parameters()]


TENTHS = pytest.approx([0.1, 0.2, 0.3, 0.4])


class TestNames:
    def old(self) -> dict[str, Any]:
        module = model()
        saved: dict[str, Any] = stepped(module, torch.optim.AdamW(module.parameters())).state_dict()
        return saved

    def test_a_nameless_checkpoint_is_loaded_by_a_list(self) -> None:
        module, saved = model(), self.old()
        anew = Optimizer(groups(module, (0.1, 0.2)))
        anew.load_state_dict(pg.name_state(saved, NAMES))
        assert moments(module, anew) == TENTHS
        assert "param_names" not in saved["param_groups"][0]

    def test_names_in_another_order_are_other_parameters(self) -> None:
        square = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        saved = stepped(square, torch.optim.AdamW(square.parameters())).state_dict()
        anew = Optimizer(groups(square, (0.1,)))
        anew.load_state_dict(pg.name_state(saved, NAMES[2:] + NAMES[:2]))
        assert moments(square, anew) == pytest.approx([0.3, 0.4, 0.1, 0.2])

    def test_names_of_several_groups(self) -> None:
        module = model()
        saved = stepped(
            module, torch.optim.AdamW([{"params": [one]} for one in module.parameters()])
        ).state_dict()
        assert [one["param_names"] for one in pg.name_state(saved, iter(NAMES))["param_groups"]] == [
            [name] for name in NAMES
        ]

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (NAMES[:3], r"3 names were given, and the saved optimizer has 4 parameters in groups of 4"),
            ([*NAMES[:3], NAMES[0]], r"name 0\.weight is given more than once"),
            ([1, 2, 3, 4], r"names=\[1, 2, 3, 4\]: give a list of texts"),
            ("abcd", r"names='abcd': give a list"),
            (7, r"names=7: give a list"),
        ],
        ids=["fewer", "twice", "numbers", "a text", "a number"],
    )
    def test_what_are_no_names(self, names: Any, message: str) -> None:
        with pytest.raises(CheckpointError, match=message):
            pg.name_state(self.old(), names)

    def test_what_is_no_state(self) -> None:
        with pytest.raises(CheckpointError, match="no optimizer's state"):
            pg.name_state({}, NAMES)


class TestFlat:
    def test_it_is_what_torch_flattens(self) -> None:
        module = model()
        optimizer = stepped(module, torch.optim.AdamW(groups(module, (0.1, 0.2))))
        theirs: Any = get_optimizer_state_dict(module, optimizer, options=FLAT)
        ours = pg.flatten_state(optimizer.state_dict())
        # torch keeps the names of a whole group beside each of its parameters
        assert ours.keys() == {key for key in theirs if not key.endswith(".param_names")}
        for key, value in ours.items():
            assert (
                torch.equal(value, theirs[key]) if isinstance(value, torch.Tensor) else value == theirs[key]
            )

    def test_there_and_back(self) -> None:
        module, other = model(), model()
        optimizer = stepped(module, Optimizer(groups(module, (0.1, 0.2))))
        back = pg.unflatten_state(pg.flatten_state(optimizer.state_dict()))
        assert [(one["lr"], one["param_names"]) for one in back["param_groups"]] == [
            (0.1, NAMES[:2]),
            (0.2, NAMES[2:]),
        ]
        anew = Optimizer(groups(other, (1.0, 1.0)))
        anew.load_state_dict(back)
        assert moments(other, anew) == TENTHS
        assert [one["lr"] for one in anew.param_groups] == [0.1, 0.2]

    def test_what_torch_flattened_is_loaded_into_other_groups(self) -> None:
        module, other = model(), model()
        flat = get_optimizer_state_dict(
            module, stepped(module, torch.optim.AdamW(groups(module, (0.1, 0.2)))), options=FLAT
        )
        anew = Optimizer(groups(other, (0.5,)))
        anew.load_state_dict(pg.unflatten_state(flat))
        assert moments(other, anew) == TENTHS
        assert anew.param_groups[0]["lr"] == 0.5

    def test_tensors_lists_and_nested_states(self) -> None:
        shared = {"betas": [0.9, 0.99], "tags": {"a": 1}}
        inner = {"left": torch.ones(2), "deep": {"right": 3}}
        saved = {
            "state": {0: {"inner": inner}},
            "param_groups": [
                {"lr": torch.tensor(0.5), **shared, "params": [0], "param_names": ["a.b"]},
                {"lr": torch.tensor(0.5), **shared, "params": [1], "param_names": ["a.c"]},
                {"lr": torch.tensor(0.25), **shared, "params": [2], "param_names": ["d"]},
            ],
        }  # fmt: skip
        flat = pg.flatten_state(saved)
        assert flat["state.a.b.inner.deep.right"] == 3
        back = pg.unflatten_state(flat)
        assert back["state"] == {0: {"inner": inner}}
        assert [one["param_names"] for one in back["param_groups"]] == [["a.b", "a.c"], ["d"]]

    @pytest.mark.parametrize(
        ("flat", "message"),
        [
            ({"optim.state.a.step": 1}, "entry 'optim.state.a.step' is none of a flat state"),
            ({3: 1}, "entry 3 is none of a flat state"),
            ({"param_groups.lr": 1}, "entry 'param_groups.lr' is none"),
            ({"state.a.step": 1}, "entry 'state.a.step' is of a parameter that has no values"),
            ({"param_groups.a.lr": 1, "state.a": 1}, "entry 'state.a' is of a parameter that has no values"),
            ({"param_groups.a.lr": 1, "state.a.x": 1, "state.a.x.y": 1}, "'x' is a value and holds others"),
            ([], r"\[\] is no flat state"),
        ],
        ids=["prefixed", "a number", "no name", "no values", "no key", "value and dict", "a list"],
    )
    def test_what_is_no_flat_state(self, flat: Any, message: str) -> None:
        with pytest.raises(CheckpointError, match=message):
            pg.unflatten_state(flat)

    def test_what_has_no_names_or_one_twice(self) -> None:
        saved = torch.optim.AdamW(model().parameters()).state_dict()
        with pytest.raises(CheckpointError, match=r"does not name its parameters.*pg\.name_state"):
            pg.flatten_state(saved)
        saved["param_groups"][0]["param_names"] = ["a"] * 4
        with pytest.raises(CheckpointError, match="More than one parameter of this state is named a"):
            pg.flatten_state(saved)


@pytest.mark.parametrize("made", [torch.optim.AdamW, Optimizer], ids=["torch's", "ours"])
def test_29_what_torch_hands_over_goes_by_the_names_in_the_place_of_numbers(made: Any) -> None:
    module, other = model(), model()
    saved = get_optimizer_state_dict(module, stepped(module, made(groups(module, (0.1, 0.2)))))
    plan = pg.plan(other, pg.Recipe(optimizer="adamw", lr=0.5, rules=[pg.rule("1", lr_scale=2, group="top")]))
    anew = made(plan.param_groups()[::-1])
    scheduler = pg.Scheduler(anew, plan)
    set_optimizer_state_dict(other, anew, saved)
    assert moments(other, anew) == TENTHS
    assert {one["name"]: one["lr"] for one in anew.param_groups} == {"default": 0.5, "top": 1.0}
    assert scheduler.carried is not None
    assert scheduler.carried.whole
