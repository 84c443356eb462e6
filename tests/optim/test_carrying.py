"""State of a saved optimizer goes to the parameters of its names, whatever the groups are now."""
# ruff: noqa: E501 - a case of the table of damaged states is a line

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.errors import CheckpointError
from paramgroups.optim.carrying import carry
from paramgroups.optim.optimizer import Optimizer

SHAPES: dict[str, tuple[int, ...]] = {
    "stem.weight": (4, 3),
    "stem.bias": (4,),
    "body.weight": (4, 4),
    "body.bias": (4,),
    "head.weight": (2, 4),
    "head.bias": (2,),
}
NAMES = tuple(SHAPES)
ALL = [NAMES]
EACH = [(name,) for name in NAMES]
ENDS = [NAMES[:3], NAMES[3:]]

Cut = Sequence[Sequence[str]]
Make = Callable[[list[dict[str, Any]]], Any]


def number_of(name: str) -> float:
    """A number that is of this name alone."""
    return 1.0 + sum(ord(letter) * (place + 1) for place, letter in enumerate(name)) % 997


def groups(cut: Cut, shapes: Mapping[str, tuple[int, ...]] = SHAPES, **settings: Any) -> list[dict[str, Any]]:
    """Named groups of new parameters."""
    dtype = settings.pop("dtype", torch.float64)
    return [
        {
            "params": [nn.Parameter(torch.full(shapes[name], 0.5, dtype=dtype)) for name in members],
            "param_names": list(members),
            "name": "+".join(members),
            **settings,
        }
        for members in cut
    ]


def stepped(optimizer: Any, steps: int = 2) -> Any:
    """The optimizer after some steps, each with gradients that tell one name from another."""
    for _ in range(steps):
        for name, param in named(optimizer).items():
            param.grad = torch.full_like(param, number_of(name))
        optimizer.step()
    return optimizer


def named(optimizer: Any) -> dict[str, nn.Parameter]:
    held = optimizer.param_groups
    return {
        name: param for one in held for name, param in zip(one["param_names"], one["params"], strict=True)
    }


def memory(optimizer: Any) -> dict[str, dict[str, Any]]:
    """What is remembered, by the name of the parameter."""
    return {name: dict(optimizer.state[p]) for name, p in named(optimizer).items() if optimizer.state.get(p)}


def same(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].keys() == other[name].keys()
        and all(
            torch.equal(torch.as_tensor(one[name][key]), torch.as_tensor(other[name][key]))
            for key in one[name]
        )
        for name in one
    )


def loaded(saved: Any, cut: Cut, make: Make = Optimizer, **settings: Any) -> Any:
    """A new optimizer, with a saved one's state in it; torch's own go through `carry`."""
    anew = make(groups(cut, **settings))
    load(anew, saved)
    return anew


def load(anew: Any, saved: Any) -> Any:
    if isinstance(anew, Optimizer):
        anew.load_state_dict(saved)
        return anew.carried
    state, carried = carry(saved, anew.param_groups, [type(anew)] * len(anew.param_groups))
    anew.load_state_dict(state)
    return carried


class TestGroups:
    """The cut of the groups is nothing to a parameter's state."""

    @pytest.mark.parametrize("make", [Optimizer, torch.optim.AdamW], ids=["ours", "torch's"])
    @pytest.mark.parametrize(
        ("then", "now"),
        [
            (EACH, ALL),
            (ALL, EACH),
            (ENDS, ENDS[::-1]),
            (ALL, [NAMES[::-1]]),
            (ENDS, [NAMES[::2], NAMES[1::2]]),
            (EACH, [NAMES[4:], NAMES[:4]]),
        ],
        ids=["merged", "split", "reordered", "within", "cut anew", "several to one"],
    )
    def test_state_goes_by_name(self, then: Cut, now: Cut, make: Make) -> None:
        old = stepped(make(groups(then)))
        anew = loaded(old.state_dict(), now, make)
        assert same(memory(anew), memory(old))
        assert memory(anew)["head.weight"]["exp_avg"][0, 0].item() == pytest.approx(
            0.19 * number_of("head.weight")
        )

    def test_465_groups_become_28(self) -> None:
        names = [f"layer{number}.{kind}" for number in range(155) for kind in ("weight", "bias", "scale")]
        shapes = {name: (2, 2) if name.endswith("weight") else (2,) for name in names}
        old = stepped(Optimizer(groups([(name,) for name in names], shapes)))
        assert len(old.param_groups) == 465
        cut = [names[place::28] for place in range(28)]
        anew = Optimizer(groups(cut, shapes))
        anew.load_state_dict(old.state_dict())
        assert len(anew.param_groups) == 28
        assert same(memory(anew), memory(old))
        assert anew.carried is not None
        assert (len(anew.carried.kept), anew.carried.whole) == (465, True)

    def test_a_run_goes_on_as_if_nothing_had_been_cut(self) -> None:
        old = stepped(Optimizer(groups(EACH, lr=0.01)))
        anew = Optimizer(groups(ENDS, lr=0.01))
        with torch.no_grad():
            for name, param in named(anew).items():
                param.copy_(named(old)[name])
        anew.load_state_dict(copy.deepcopy(old.state_dict()))
        stepped(old)
        stepped(anew)
        assert all(torch.equal(param, named(old)[name]) for name, param in named(anew).items())

    @given(st.permutations(NAMES), st.permutations(NAMES), st.integers(1, 6), st.integers(1, 6))
    def test_any_regrouping_and_back_is_bit_equal(
        self, first: list[str], second: list[str], width: int, other: int
    ) -> None:
        cut, anew = ([by[i : i + n] for i in range(0, 6, n)] for by, n in ((first, width), (second, other)))
        old = stepped(torch.optim.AdamW(groups(cut)))
        between = loaded(old.state_dict(), anew)
        back = loaded(between.state_dict(), cut)
        assert same(memory(between), memory(old))
        assert same(memory(back), memory(old))


class TestValues:
    """A group that is the same has the saved values, any other its own."""

    def test_a_group_of_the_same_parameters_has_the_saved_values(self) -> None:
        old = Optimizer(groups(ENDS, lr=0.25, betas=(0.5, 0.75), weight_decay=0.125))
        cut = [NAMES[3:], NAMES[:3][::-1]]
        anew = loaded(old.state_dict(), cut, lr=1.0)
        assert [(g["lr"], g["betas"], g["weight_decay"]) for g in anew.param_groups] == [
            (0.25, (0.5, 0.75), 0.125)
        ] * 2
        assert [group["param_names"] for group in anew.param_groups] == [list(members) for members in cut]
        assert anew.param_groups[1]["name"] == "body.weight+stem.bias+stem.weight"
        assert anew.carried.values == ()

    def test_merged_and_split_groups_keep_their_own_and_the_difference_is_told(self) -> None:
        old = Optimizer(groups(ENDS, lr=0.25))
        anew = loaded(old.state_dict(), ALL, lr=1.0)
        assert anew.param_groups[0]["lr"] == 1.0
        (difference,) = anew.carried.values
        assert difference[1:] == ("lr", 0.25, 1.0)
        assert str(difference) == "+".join(NAMES) + ": lr 0.25 -> 1.0"

    def test_another_class_has_its_own_values(self) -> None:
        old = torch.optim.AdamW(groups(ALL, lr=0.25, weight_decay=0.5))
        anew = loaded(old.state_dict(), ALL, lambda them: Optimizer(them, "lion"), lr=0.125)
        assert (anew.param_groups[0]["lr"], anew.param_groups[0]["betas"]) == (0.125, (0.9, 0.99))
        assert "eps" not in anew.param_groups[0]
        assert ("lr", 0.25, 0.125) in [one[1:] for one in anew.carried.values]

    @pytest.mark.parametrize(
        "make", [lambda g: Optimizer(g, "adam"), torch.optim.Adam], ids=["ours", "torch's"]
    )
    def test_adam_stays_adam_where_adamw_was_saved(self, make: Make) -> None:
        anew = loaded(stepped(torch.optim.AdamW(groups(ALL))).state_dict(), ALL, make)
        assert anew.param_groups[0]["decoupled_weight_decay"] is False
        assert anew.param_groups[0]["weight_decay"] == 0

    def test_rows_of_a_group_go_with_it(self) -> None:
        rows = [{"name": "stem.weight", "start": 0, "stop": 2, "lr": 0.5}]
        plain, with_rows = Optimizer(groups(ALL)), Optimizer(groups(ALL))
        with_rows.param_groups[0]["rows"] = rows
        into = loaded(with_rows.state_dict(), ALL)
        assert into.param_groups[0]["rows"] == rows
        into.load_state_dict(plain.state_dict())
        assert "rows" not in into.param_groups[0]
        into.param_groups[0]["rows"] = rows
        into.load_state_dict(torch.optim.AdamW(groups(ALL)).state_dict())
        assert into.param_groups[0]["rows"] == rows


class TestModels:
    """What is no more, what is new, and what has another shape."""

    def test_a_new_head_begins_anew_and_the_rest_goes_on(self, caplog: pytest.LogCaptureFixture) -> None:
        old = stepped(Optimizer(groups(ALL)))
        shapes = {**SHAPES, "head.weight": (5, 4), "head.bias": (5,)}
        with caplog.at_level(logging.INFO, "paramgroups"):
            anew = loaded(old.state_dict(), ENDS, shapes=shapes)
        assert anew.carried.kept == NAMES[:4]
        assert anew.carried.reshaped == {"head.weight": ((2, 4), (5, 4)), "head.bias": ((2,), (5,))}
        assert memory(anew).keys() == set(NAMES[:4])
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert (
            "Begin anew, for they had another shape (2): head.weight (2, 4) -> (5, 4)" in record.getMessage()
        )
        stepped(anew)
        assert memory(anew)["head.bias"]["step"].item() == 2

    def test_the_same_shapes_in_the_same_places_are_reshaped_by_name_too(self) -> None:
        old = stepped(Optimizer(groups(ALL)))
        anew = loaded(old.state_dict(), ALL, shapes={**SHAPES, "head.bias": (5,)})
        assert anew.carried.reshaped == {"head.bias": ((2,), (5,))}

    def test_names_that_are_new_and_names_that_are_gone(self) -> None:
        old = stepped(Optimizer(groups(ALL)))
        shapes = {name: SHAPES[name] for name in NAMES[:4]} | {"top.weight": (2, 4)}
        anew = loaded(old.state_dict(), [tuple(shapes)], shapes=shapes)
        assert anew.carried.missing == ("top.weight",)
        assert anew.carried.unexpected == ("head.weight", "head.bias")
        assert str(anew.carried).splitlines() == [
            "4 parameters go on with their saved state.",
            "Begin anew, for the checkpoint does not know them (1): top.weight",
            "Left behind, for they are not here (2): head.weight, head.bias",
            "In another group (4): " + ", ".join(
                f"{name} ({'+'.join(NAMES)} -> {'+'.join(shapes)})" for name in NAMES[:4]
            ),
        ]  # fmt: skip

    def test_tied_then_untied_and_back(self) -> None:
        tied = {"embed.weight": (3, 2)}
        untied = {**tied, "head.weight": (3, 2)}
        one = stepped(Optimizer(groups([tuple(tied)], tied)))
        two = loaded(one.state_dict(), [tuple(untied)], shapes=untied)
        assert (two.carried.kept, two.carried.missing) == (("embed.weight",), ("head.weight",))
        stepped(two)
        again = loaded(two.state_dict(), [tuple(tied)], shapes=tied)
        assert (again.carried.kept, again.carried.unexpected) == (("embed.weight",), ("head.weight",))
        assert memory(again)["embed.weight"]["step"].item() == 4

    def test_a_parameter_without_state_has_none_and_is_not_missed(self) -> None:
        old = Optimizer(groups(ALL))
        named(old)["stem.bias"].requires_grad_(False)
        anew = loaded(stepped(old).state_dict(), EACH)
        assert "stem.bias" not in memory(anew)
        assert anew.carried.whole
        assert len(anew.carried.kept) == 5

    def test_moved_parameters_are_told(self) -> None:
        old = stepped(
            Optimizer([{**one, "name": label} for one, label in zip(groups(ENDS), "ab", strict=True)])
        )
        anew = loaded(old.state_dict(), ALL)
        assert anew.carried.moved["stem.weight"] == ("a", "+".join(NAMES))
        assert anew.carried.moved["head.bias"][0] == "b"
        assert anew.carried.whole


def adam(**settings: Any) -> Make:
    return lambda them: Optimizer(them, "adam", **settings)


class TestClasses:
    """What means the same in both classes carries over."""

    def test_adamw_to_adam_keeps_all(self) -> None:
        old = stepped(Optimizer(groups(ALL)))
        anew = loaded(old.state_dict(), ALL, adam())
        assert same(memory(anew), memory(old))
        assert not anew.carried.refit

    @pytest.mark.parametrize(
        "make", [adam(amsgrad=True), lambda g: torch.optim.Adam(g, amsgrad=True)], ids=["ours", "torch's"]
    )
    def test_adam_to_amsgrad_begins_its_largest_where_it_is(self, make: Make) -> None:
        old = stepped(torch.optim.Adam(groups(EACH)))
        anew = loaded(old.state_dict(), ALL, make)
        for name, state in memory(anew).items():
            assert torch.equal(state["max_exp_avg_sq"], memory(old)[name]["exp_avg_sq"])
            assert state["max_exp_avg_sq"] is not state["exp_avg_sq"]
        stepped(anew)
        assert memory(anew)["head.bias"]["step"].item() == 4

    def test_adamw_to_lion_keeps_its_momentum(self) -> None:
        old = stepped(Optimizer(groups(ALL)))
        anew = loaded(old.state_dict(), ALL, lambda them: Optimizer(them, "lion"))
        assert torch.equal(memory(anew)["body.bias"]["exp_avg"], memory(old)["body.bias"]["exp_avg"])
        assert anew.carried.refit == dict.fromkeys(NAMES, ("exp_avg_sq",))
        assert anew.carried.kept == NAMES
        stepped(anew)

    @pytest.mark.parametrize(
        ("then", "now"),
        [
            ("sgd", "adamw"), ("lion", "adamw"), ("adamw", "sgd"), ("rmsprop", "sgd"), ("adam", "nadam"),
            ("radam", "adamax"), ("adamw", "adafactor"), ("adadelta", "rmsprop"),
        ],
        ids=lambda name: name,
    )  # fmt: skip
    def test_what_is_lacking_begins_all_anew(self, then: str, now: str) -> None:
        momentum: dict[str, Any] = {"momentum": 0.9} if then in {"sgd", "rmsprop"} else {}
        old = stepped(Optimizer(groups(ALL), then, **momentum))
        anew = loaded(old.state_dict(), ALL, lambda them: Optimizer(them, now))
        assert not memory(anew)
        assert anew.carried.refit.keys() == set(NAMES)
        assert not anew.carried.kept
        assert set(anew.carried.refit["stem.bias"]) == set(memory(old)["stem.bias"])
        stepped(anew)

    @pytest.mark.parametrize("then", ["nadam", "radam", "lamb"])
    def test_the_moments_of_adams_family_are_one(self, then: str) -> None:
        old = stepped(Optimizer(groups(ALL), then))
        anew = loaded(old.state_dict(), EACH)
        for name, key in product(NAMES, ("step", "exp_avg", "exp_avg_sq")):
            assert torch.equal(memory(anew)[name][key], memory(old)[name][key])

    CASES: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("adamw", torch.optim.AdamW, {}),
        ("adamw", torch.optim.AdamW, {"amsgrad": True}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "lr": 0.01}),
        ("rmsprop", torch.optim.RMSprop, {"momentum": 0.9, "centered": True}),
        ("nadam", torch.optim.NAdam, {}),
        ("adagrad", torch.optim.Adagrad, {}),
        ("adafactor", torch.optim.Adafactor, {}),
        ("rprop", torch.optim.Rprop, {}),
        ("asgd", torch.optim.ASGD, {}),
        ("adadelta", torch.optim.Adadelta, {}),
    )

    @pytest.mark.parametrize(("name", "cls", "settings"), CASES, ids=[f"{c[0]}{len(c[2])}" for c in CASES])
    def test_ours_and_torchs_of_the_same_name_both_ways(
        self, name: str, cls: Any, settings: dict[str, Any]
    ) -> None:
        def ours(them: list[dict[str, Any]]) -> Optimizer:
            return Optimizer(them, name, **settings)

        def theirs(them: list[dict[str, Any]]) -> Any:
            return cls(them, **settings)

        for old, make in ((stepped(ours(groups(ENDS))), theirs), (stepped(theirs(groups(ENDS))), ours)):
            anew = loaded(old.state_dict(), [NAMES[::2], NAMES[1::2]], make)
            found, before = memory(anew), memory(old)
            assert found.keys() == before.keys()
            for label, state in before.items():
                for key, value in state.items():
                    torch.testing.assert_close(found[label][key], value, rtol=0, atol=0, check_dtype=False)
            stepped(anew)

    def test_muon_and_adamw_side_by_side(self) -> None:
        def mixed(cut: Cut) -> Optimizer:
            them = groups(cut)
            for one in them:
                if all(param.ndim == 2 for param in one["params"]):
                    one["optimizer"] = "muon"
            return Optimizer(them)

        whole, vectors = NAMES[::2], NAMES[1::2]
        old = stepped(mixed([whole, vectors]))
        anew = mixed([whole[:1], vectors, whole[1:]])
        anew.load_state_dict(old.state_dict())
        assert same(memory(anew), memory(old))
        assert memory(anew)["head.weight"].keys() == {"momentum_buffer"}
        assert [one.get("optimizer") for one in anew.param_groups] == ["muon", None, "muon"]
        stepped(anew)

    def test_a_class_of_a_user_gets_what_it_had(self) -> None:
        class Mine(torch.optim.Optimizer):
            def __init__(self, params: Any, lr: float = 0.1) -> None:
                super().__init__(params, {"lr": lr})

            def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as short as can be
                del closure
                for param in (param for group in self.param_groups for param in group["params"]):
                    self.state[param]["exp_avg"] = torch.full(
                        (7,), param.grad.flatten()[0].item(), dtype=param.dtype
                    )

        old = stepped(Mine(groups(ALL)))
        anew = loaded(old.state_dict(), EACH, Mine)
        assert same(memory(anew), memory(old))


class TestPrecision:
    """Rows, master weights and half precision."""

    def test_master_weights_and_float32_state_carry(self) -> None:
        def make(them: list[dict[str, Any]]) -> Optimizer:
            return Optimizer(them, master_weights=True)

        old = stepped(make(groups(EACH, dtype=torch.bfloat16)))
        anew = loaded(old.state_dict(), ALL, make, dtype=torch.bfloat16)
        assert same(memory(anew), memory(old))
        assert {memory(anew)["stem.bias"][key].dtype for key in ("master", "exp_avg")} == {torch.float32}

    def test_rows_that_were_counted_by_themselves_stay_so(self) -> None:
        old = Optimizer(groups(EACH, lr=0.1))
        old.param_groups[0]["rows"] = [{"name": "stem.weight", "start": 0, "stop": 2, "lr": 0.0}]
        stepped(old)
        anew = loaded(old.state_dict(), ALL)
        assert memory(anew)["stem.weight"]["row_step"].tolist() == [0.0, 0.0, 2.0, 2.0]
        stepped(anew, 1)
        assert memory(anew)["stem.weight"]["row_step"].tolist() == [1.0, 1.0, 3.0, 3.0]

    def test_rows_that_are_new_count_from_where_the_tensor_is(self) -> None:
        old = stepped(Optimizer(groups(ALL)))
        them = groups(EACH)
        them[0]["rows"] = [{"name": "stem.weight", "start": 0, "stop": 2, "lr": 0.0}]
        anew = Optimizer(them)
        anew.load_state_dict(old.state_dict())
        stepped(anew, 1)
        assert memory(anew)["stem.weight"]["row_step"].tolist() == [2.0, 2.0, 3.0, 3.0]

    def test_tensors_are_copied_just_where_torch_copies_them(self) -> None:
        saved = stepped(torch.optim.AdamW(groups(ALL))).state_dict()
        anew = loaded(saved, ALL)
        assert memory(anew)["stem.weight"]["exp_avg"] is saved["state"][0]["exp_avg"]
        other = loaded(saved, ALL, dtype=torch.float32)
        assert memory(other)["stem.weight"]["exp_avg"].dtype == torch.float32
        anew.param_groups[0]["lr"] = 7.0
        assert saved["param_groups"][0]["lr"] == 1e-3


class TestPlaces:
    """Without names, places; and never where there are names to go by."""

    def test_nobody_has_names(self) -> None:
        old = Optimizer([nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))])
        for param in old.param_groups[0]["params"]:
            param.grad = torch.ones_like(param)
        old.step()
        anew = Optimizer([nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))])
        anew.load_state_dict(old.state_dict())
        assert anew.carried is not None
        assert anew.carried.kept == ("0[0]", "0[1]")

    def test_03_three_numbers_of_state_do_not_load_on_five(self) -> None:
        three, five = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(5))
        three.grad = torch.ones(3)
        old, theirs, ours = torch.optim.AdamW([three]), torch.optim.AdamW([five]), Optimizer([five])
        old.step()
        theirs.load_state_dict(old.state_dict())
        assert theirs.state[five]["exp_avg"].shape == (3,)  # torch says nothing
        with pytest.raises(CheckpointError, match=r"parameter 0\[0\] is of shape \(3,\), and it has \(5,\)"):
            ours.load_state_dict(old.state_dict())
        assert not ours.state

    def test_03_groups_that_changed_places_keep_their_memory_and_rates(self) -> None:
        old = stepped(
            torch.optim.AdamW(
                [
                    dict(one, lr=rate)
                    for one, rate in zip(
                        groups([["a"], ["b"]], {"a": (3,), "b": (3,)}), (0.1, 0.2), strict=True
                    )
                ]
            )
        )
        theirs = torch.optim.AdamW(groups([["b"], ["a"]], {"a": (3,), "b": (3,)}))
        theirs.load_state_dict(old.state_dict())
        assert torch.equal(
            theirs.state[theirs.param_groups[0]["params"][0]]["exp_avg"], memory(old)["a"]["exp_avg"]
        )
        assert theirs.param_groups[0]["param_names"] == ["a"]  # so torch calls "b" now
        ours = Optimizer(groups([["b"], ["a"]], {"a": (3,), "b": (3,)}))
        ours.load_state_dict(old.state_dict())
        assert same(memory(ours), memory(old))
        assert [(one["param_names"], one["lr"]) for one in ours.param_groups] == [(["b"], 0.2), (["a"], 0.1)]

    def test_no_names_in_the_checkpoint_and_names_here(self) -> None:
        old = stepped(torch.optim.AdamW(groups(ENDS))).state_dict()
        for group in old["param_groups"]:
            del group["param_names"]
        anew = Optimizer(groups(ALL))
        with pytest.raises(
            CheckpointError, match=r"does not name its parameters.*pg\.name_state\(state, names\)"
        ):
            anew.load_state_dict(old)
        anew.load_state_dict(pg.name_state(old, NAMES))
        assert memory(anew).keys() == set(NAMES)

    def test_names_in_the_checkpoint_and_none_here(self) -> None:
        old = stepped(Optimizer(groups(ALL)))
        anew = Optimizer([nn.Parameter(torch.zeros(shape)) for shape in SHAPES.values()])
        anew.load_state_dict(old.state_dict())
        assert anew.param_groups[0]["param_names"] == list(NAMES)
        assert anew.carried is not None
        assert anew.carried.kept == NAMES

    def test_groups_of_other_sizes_without_names(self) -> None:
        old = torch.optim.AdamW([nn.Parameter(torch.ones(1)) for _ in range(3)]).state_dict()
        anew = Optimizer([nn.Parameter(torch.ones(1)) for _ in range(2)])
        with pytest.raises(
            CheckpointError, match=r"has groups of 3 parameters, and here are groups of 2, without"
        ):
            anew.load_state_dict(old)

    def test_two_models_with_equal_names_in_the_same_groups(self) -> None:
        cut, shapes = [["weight"], ["weight"]], {"weight": (3,)}
        old = Optimizer(groups(cut, shapes))
        for number, group in enumerate(old.param_groups):
            group["params"][0].grad = torch.full((3,), 1.0 + number, dtype=torch.float64)
        old.step()
        anew = loaded(old.state_dict(), cut, shapes=shapes)
        found = [anew.state[group["params"][0]]["exp_avg"][0].item() for group in anew.param_groups]
        assert found == pytest.approx([0.1, 0.2])
        with pytest.raises(CheckpointError, match="saved optimizer has more than one parameter named weight"):
            loaded(old.state_dict(), [["weight", "weight"]], shapes=shapes)


class TestStrings:
    """What `torch.distributed.checkpoint` hands over: names in the place of numbers."""

    def strings(self, old: Any, cut: Cut, prefix: str = "") -> dict[str, Any]:
        state = {prefix + name: one for name, one in memory(old).items()}
        values = {key: value for key, value in old.param_groups[-1].items() if key != "params"}
        return {
            "state": state,
            "param_groups": [{**values, "params": [prefix + name for name in members]} for members in cut],
        }

    @pytest.mark.parametrize("make", [Optimizer, torch.optim.AdamW], ids=["ours", "torch's"])
    def test_strings_are_right_where_the_names_beside_are_old(self, make: Make) -> None:
        old = stepped(make(groups(ENDS, lr=0.25)))
        anew = make(groups(EACH, lr=1.0))
        carried = load(anew, self.strings(old, EACH))
        assert same(memory(anew), memory(old))
        assert [one["lr"] for one in anew.param_groups] == [1.0] * 6
        assert [one["param_names"] for one in anew.param_groups] == [[name] for name in NAMES]
        assert ("head.bias", "lr", 0.25, 1.0) in carried.values
        assert not carried.moved

    def test_strings_of_another_spelling_are_aligned(self) -> None:
        old = stepped(Optimizer(groups(ENDS)))
        anew = loaded(self.strings(old, EACH, "base_model.model."), EACH)
        assert same(memory(anew), memory(old))

    def test_strings_of_another_cut_go_by_name(self) -> None:
        old = stepped(Optimizer(groups(ENDS)))
        anew = loaded(self.strings(old, ENDS), EACH)
        assert same(memory(anew), memory(old))


def damaged(change: Callable[[dict[str, Any]], Any]) -> Any:
    state = copy.deepcopy(stepped(Optimizer(groups(ALL))).state_dict())
    found = change(state)
    return state if found is None else found


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "nothing": (lambda _: {}, "no optimizer's state: nothing"),
    "a list": (lambda _: [1], r"no optimizer's state: \[1\]"),
    "no groups": (lambda s: s.pop("param_groups") and None, "no optimizer's state: state"),
    "groups of text": (lambda s: s.update(param_groups="ab"), "'param_groups' of this"),
    "a group of text": (lambda s: s.update(param_groups=["ab"]), "'param_groups' of this"),
    "no params": (lambda s: s["param_groups"][0].pop("params") and None, "'param_groups' of this"),
    "states in a list": (lambda s: s.update(state=[1]), "'state' of this"),
    "a number that is none": (lambda s: s["param_groups"][0]["params"].__setitem__(0, 0.5), "numbered 0.5"),
    "a number twice": (lambda s: s["param_groups"][0]["params"].__setitem__(0, 1), "parameter 1 is in the groups"),
    "state of nobody": (lambda s: s["state"].update({77: {}}), "parameters 77, and no group"),
    "state that is none": (lambda s: s["state"].update({0: 3}), "of the parameter 0 is 3"),
    "names of fewer": (lambda s: s["param_groups"][0]["param_names"].pop() and None, "has 6 parameters, and as"),
    "names that are none": (lambda s: s["param_groups"][0].update(param_names=[1] * 6), "has 6 parameters, and"),
    "a name twice": (
        lambda s: s["param_groups"][0]["param_names"].__setitem__(0, "stem.bias"), "more than one parameter named"
    ),
    "a moment is lacking": (lambda s: s["state"][0].pop("exp_avg_sq") is None or None, 'of "stem.weight" lacks exp_avg_sq'),
    "no count": (lambda s: s["state"][0].pop("step") is None or None, 'of "stem.weight" lacks step'),
    "a moment of text": (lambda s: s["state"][0].update(exp_avg="x"), "remembers 'x' of \"stem.weight\" as its exp_avg"),
    "a sparse moment": (
        lambda s: s["state"][0].update(exp_avg=torch.ones(4, 3).to_sparse()), "as its exp_avg, where a dense tensor"
    ),
    "a count of text": (lambda s: s["state"][0].update(step="x"), "as its step, where a number of at least 0"),
    "a count below 0": (lambda s: s["state"][0].update(step=torch.tensor(-1.0)), "as its step"),
    "a count of no number": (lambda s: s["state"][0].update(step=float("nan")), "as its step"),
    "a count of two": (lambda s: s["state"][0].update(step=torch.ones(2)), "as its step"),
    "a complex count": (lambda s: s["state"][0].update(step=torch.tensor(1j)), "as its step"),
    "a rate of text": (lambda s: s["param_groups"][0].update(lr="x"), "lr='x' in the saved group"),
    "a rate below 0": (lambda s: s["param_groups"][0].update(lr=-1.0), "lr=-1.0 in the saved group"),
    "a rate of no number": (lambda s: s["param_groups"][0].update(lr=float("nan")), "lr=nan in the saved"),
    "betas above 1": (lambda s: s["param_groups"][0].update(betas=(0.9, 1.5)), r"betas=\(0.9, 1.5\) in the"),
    "a single beta": (lambda s: s["param_groups"][0].update(betas=0.9), "betas=0.9 in the"),
    "a switch of text": (lambda s: s["param_groups"][0].update(amsgrad="no"), "amsgrad='no' in the saved"),
    "a bound of 0": (lambda s: s["param_groups"][0].update(clip_norm=0.0), "clip_norm=0.0 in the saved"),
    "rows beyond the end": (
        lambda s: s["param_groups"][0].update(rows=[{"name": "stem.bias", "start": 0, "stop": 9}]), "Rows of the saved"
    ),
    "rows of text": (lambda s: s["param_groups"][0].update(rows="all"), "Rows of the saved optimizer do not fit"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_damaged_is_refused_and_nothing_is_loaded(what: str) -> None:
    change, message = HOSTILE[what]
    anew = stepped(Optimizer(groups(ALL, lr=0.125)), 1)
    before = copy.deepcopy((anew.state_dict(), [param.detach() for param in named(anew).values()]))
    states = memory(anew)
    with pytest.raises(CheckpointError, match=message):
        anew.load_state_dict(damaged(change))
    assert same(memory(anew), states)
    assert [one["lr"] for one in anew.param_groups] == [0.125]
    assert all(map(torch.equal, named(anew).values(), before[1]))
    assert repr(anew.state_dict()) == repr(before[0])
    stepped(anew, 1)


def test_a_load_of_all_is_told_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    saved = stepped(Optimizer(groups(ALL))).state_dict()
    with caplog.at_level(logging.INFO, "paramgroups"):
        anew = loaded(saved, ALL)
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("INFO", "Optimizer loaded. 6 parameters go on with their saved state.")
    ]
    assert str(anew.carried) == "6 parameters go on with their saved state."


def test_before_a_load_nothing_is_carried_and_a_copy_has_none() -> None:
    optimizer = Optimizer(groups(ALL))
    assert optimizer.carried is None
    optimizer.load_state_dict(optimizer.state_dict())
    assert copy.deepcopy(optimizer).carried is None


def test_what_stands_among_the_states_and_is_of_no_parameter_stays() -> None:
    key = ("shared", "table")
    saved: Any = stepped(Optimizer(groups(ALL))).state_dict()
    saved["state"][key] = torch.ones(1)
    anew = loaded(saved, EACH)
    assert isinstance(anew.state[key], Tensor)
