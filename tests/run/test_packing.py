"""Trees of plain Python and tensors become JSON and named tensors, and come back as they were."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import CheckpointError
from paramgroups.run.packing import DEEPEST, pack, references, unpack

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TENSORS = st.sampled_from(
    [torch.arange(3), torch.ones(2, 2), torch.tensor(0.5), torch.empty(0, 4), torch.tensor([1 + 2j])]
)
NONE: dict[str, torch.Tensor] = {}
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**64, 2**80),
    st.floats(),
    TEXTS,
    st.fractions(),
    st.sampled_from([torch.float32, torch.bfloat16]),
)
KEYS = st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.tuples(TEXTS, st.integers()))


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.sets(st.integers(), max_size=4),
    )


def equal(one: Any, other: Any) -> bool:
    """Equal, of one type, and NaN equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return list(map(repr, one)) == list(map(repr, other)) and all(
            equal(a, b) for a, b in zip(one.values(), other.values(), strict=True)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, float):
        return str(one) == str(other)
    return bool(one == other)


@given(st.recursive(st.one_of(PLAIN, TENSORS), nested, max_leaves=12))
def test_a_tree_comes_back_as_it_was(tree: Any) -> None:
    packed, tensors = pack(tree, "run")
    text = json.dumps(packed, allow_nan=False)
    assert equal(unpack(json.loads(text), tensors.__getitem__), tree)
    assert references(packed) == list(tensors)


def test_tensors_are_named_by_the_keys_that_lead_to_them() -> None:
    _, tensors = pack({"state": {0: {"exp_avg": torch.ones(1)}, "0": [torch.ones(1)]}}, "optimizer")
    assert list(tensors) == ["optimizer/state/0/exp_avg", "optimizer/state/0/0"]
    _, tensors = pack({1: torch.ones(1), "1": torch.ones(1)}, "x")
    assert list(tensors) == ["x/1", "x/1#2"]


def test_a_dict_that_looks_like_one_of_ours_is_told_from_it() -> None:
    tree = {"$tensor": "run/0"}
    packed, tensors = pack(tree, "run")
    assert not tensors
    assert unpack(packed, tensors.__getitem__) == tree


def test_numbers_of_numpy_become_numbers() -> None:
    packed, _ = pack([np.float64(0.5), np.float32(0.25), np.int64(3), np.bool_(True)], "x")
    assert packed == [0.5, 0.25, 3, True]
    assert [type(one) for one in packed] == [float, float, int, bool]


@pytest.mark.parametrize("odd", [print, object(), b"x", 1j, slice(1)], ids=lambda odd: type(odd).__name__)
def test_code_and_objects_are_refused_with_their_place(odd: Any) -> None:
    with pytest.raises(CheckpointError, match=r"run/a/1 is a .*no code"):
        pack({"a": [0, odd]}, "run")


def test_what_is_nested_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CheckpointError, match="nested more than"):
        pack(endless, "run")
    deep: Any = 0
    for _ in range(DEEPEST + 2):
        deep = [deep]
    with pytest.raises(CheckpointError, match="nested more than"):
        unpack(deep, NONE.__getitem__)


def test_a_text_that_utf8_does_not_hold_is_refused() -> None:
    for tree in ("\ud800", {"\ud800": 1}, {"\ud800": torch.ones(1)}):
        with pytest.raises(CheckpointError, match="UTF-8"):
            pack(tree, "run")


@pytest.mark.parametrize(
    "data",
    [
        {"$code": "print"},
        {"$tensor": "absent"},
        {"$tensor": 3},
        {"$tuple": 3},
        {"$tuple": [], "x": 1},
        {"$set": [[]]},
        {"$dict": [[1]]},
        {"$dict": [1]},
        {"$dict": [[1, 2], [1, 3]]},
        {"$dict": [[[], 2]]},
        {"$float": "0.5"},
        {"$float": 3},
        {"$fraction": "1/0"},
        {"$fraction": "x"},
        {"$fraction": "1/2/3"},
        {"$dtype": "load"},
        {"$dtype": "float32.x"},
        {"$int": "zz"},
        {"$int": None},
        object(),
    ],
    ids=lambda data: str(data) if isinstance(data, dict) else "an object",
)
def test_what_pack_never_makes_is_refused(data: Any) -> None:
    with pytest.raises(CheckpointError, match="nothing that a checkpoint holds"):
        unpack([{"a": data}], NONE.__getitem__)


def test_a_fraction_is_exact() -> None:
    assert unpack(pack(Fraction(1, 3), "x")[0], NONE.__getitem__) == Fraction(1, 3)
