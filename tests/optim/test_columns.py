"""The hyperparameters of all groups as columns of numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from paramgroups.errors import OptimizerError
from paramgroups.optim.columns import Columns, is_fixed, numbers_of, part_of
from paramgroups.optim.hyperparameters import DOMAINS, domain_of, key_of

KEYS, HYPERS = ("lr", "betas"), ("lr", "beta1", "beta2")


def groups(**second: Any) -> list[dict[str, Any]]:
    first = {"lr": 0.1, "betas": (0.9, 0.99)}
    return [first, first | second]


def columns() -> Columns:
    return Columns(KEYS, HYPERS)


def test_a_number_for_each_group() -> None:
    read = columns()
    assert read.read(groups(lr=0.5, betas=(0.9, 0.5))) == ["lr", "betas"]
    assert {name: column.tolist() for name, column in read.numbers.items()} == {
        "lr": [0.1, 0.5],
        "beta1": [0.9, 0.9],
        "beta2": [0.99, 0.5],
    }


def test_what_stands_still_is_not_made_anew() -> None:
    read, given_ = columns(), groups()
    read.read(given_)
    before = dict(read.numbers)
    assert read.read(given_) == []
    given_[1]["lr"] = 0.5
    assert read.read(given_) == ["lr"]
    assert read.numbers["beta1"] is before["beta1"]
    assert read.numbers["lr"] is not before["lr"]


def test_a_column_grows_with_the_groups() -> None:
    read, given_ = columns(), groups()
    read.read(given_)
    assert read.read([*given_, given_[0]]) == ["lr", "betas"]
    assert read.numbers["lr"].tolist() == [0.1, 0.1, 0.1]


def as_tensor() -> Any:
    return torch.tensor(0.5, dtype=torch.float64)


@pytest.mark.parametrize(
    ("key", "value", "write"),
    [
        ("lr", 0.5, lambda group: group.update(lr=0.75)),
        ("lr", as_tensor(), lambda group: group["lr"].fill_(0.75)),
        ("betas", (0.9, 0.5), lambda group: group.update(betas=(0.9, 0.75))),
        ("betas", [0.9, 0.5], lambda group: group["betas"].__setitem__(1, 0.75)),
        ("betas", (0.9, as_tensor()), lambda group: group["betas"][1].fill_(0.75)),
    ],
    ids=["number", "tensor", "tuple", "list", "tensor in a tuple"],
)
def test_a_change_is_seen(key: str, value: Any, write: Callable[[dict[str, Any]], None]) -> None:
    read, given_ = columns(), groups(**{key: value})
    name = {"lr": "lr", "betas": "beta2"}[key]
    read.read(given_)
    assert read.numbers[name][1] == 0.5
    write(given_[1])
    assert read.read(given_) == [key]
    assert read.numbers[name].tolist()[1] == 0.75


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": math.nan}, "lr=nan in group 1: it must be a number, at least 0."),
        ({"lr": math.inf}, "lr=inf in group 1: it must be a number, at least 0."),
        ({"lr": -1.0}, "lr=-1.0 in group 1"),
        ({"lr": None}, "lr=None in group 1"),
        ({"lr": "0.1"}, "lr='0.1' in group 1"),
        ({"lr": 1j}, "lr=1j in group 1"),
        ({"lr": 10**400}, "lr="),
        ({"lr": torch.ones(2)}, "lr=tensor([1., 1.]) in group 1"),
        ({"lr": np.array(0.5)}, "lr=array(0.5) in group 1"),
        ({"lr": np.ones(2)}, "lr=array([1., 1.]) in group 1"),
        ({"lr": [0.1, 0.2, 0.3]}, "lr=[0.1, 0.2, 0.3] in group 1"),
        ({"lr": {}}, "lr={} in group 1"),
        ({"betas": (0.9, 1.0)}, "betas=(0.9, 1.0) in group 1: it must be numbers, beta2 from 0 to below 1."),
        ({"betas": (0.9,)}, "betas=(0.9,) in group 1"),
        ({"betas": "0.9"}, "betas='0.9' in group 1"),
        ({"betas": 0.9}, "betas=0.9 in group 1"),
        ({"betas": (0.9, (0.1, 0.2))}, "betas=(0.9, (0.1, 0.2)) in group 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_out_of_its_domain_changes_nothing(change: dict[str, Any], message: str) -> None:
    read = columns()
    read.read(groups())
    before = dict(read.numbers)
    for _ in range(2):
        with pytest.raises(OptimizerError) as caught:
            read.read(groups(**change))
        assert message in str(caught.value)
        assert read.numbers == before
    assert read.read(groups()) == []


@pytest.mark.parametrize(
    "odd", [[1, 2, 3], torch.ones(2), np.ones(2), None, "x"], ids=lambda odd: type(odd).__name__
)
def test_all_groups_have_what_is_no_number(odd: Any) -> None:
    """One message, whatever Numpy makes of them together."""
    read = columns()
    read.read(groups())
    both = groups()
    for group in both:
        group["lr"] = odd
    with pytest.raises(OptimizerError, match=r"in group 0: it must be a number, at least 0"):
        read.read(both)


def test_a_setting_that_was_taken_away() -> None:
    given_ = groups()
    del given_[1]["lr"]
    with pytest.raises(OptimizerError) as caught:
        columns().read(given_)
    assert str(caught.value) == (
        "There is no 'lr' in group 1: it was taken away since. Put it back: group['lr'] = …"
    )


def test_settings_are_told_as_the_caller_calls_them() -> None:
    with pytest.raises(OptimizerError, match=r"lr=-1 in rows 2: it must"):
        columns().read(groups(lr=-1), lambda place: f"rows {place + 1}")


def test_no_settings_at_all() -> None:
    read = columns()
    assert read.read([]) == []
    assert read.read(groups()) == ["lr", "betas"]


def test_switches_are_numbers() -> None:
    read = Columns(("lr", "maximize"), ("lr", "maximize"))
    read.read([{"lr": 1, "maximize": True}, {"lr": 1, "maximize": False}])
    assert read.numbers["maximize"].tolist() == [1.0, 0.0]


def test_names_are_read_and_are_no_numbers() -> None:
    """A key without a hyperparameter is told when it changes, and has no column."""
    read = Columns(("lr", "mode"), ("lr",))
    read.read([{"lr": 0.1, "mode": "slow"}])
    assert read.read([{"lr": 0.1, "mode": "fast"}]) == ["mode"]
    assert set(read.numbers) == {"lr"}


def test_part_of() -> None:
    assert part_of((0.9, 0.99), "beta1") == 0.9
    assert part_of([0.9, 0.99], "beta2") == 0.99
    assert part_of(torch.tensor(0.5), "lr") == 0.5
    assert part_of(torch.tensor([0.5]), "lr") == 0.5
    assert part_of(np.float32(0.5), "lr") == 0.5
    assert part_of((0.9,), "beta2") is None
    assert part_of(torch.ones(2), "lr") is None
    assert part_of((0.9, torch.tensor(0.5)), "beta2") == 0.5


def test_key_of() -> None:
    assert [key_of(name) for name in ("lr", "beta1", "beta3", "eps")] == ["lr", "betas", "betas", "eps"]


@pytest.mark.parametrize(
    ("values", "fixed"),
    [
        ((0.1, 1, True), True),
        (((0.9, 0.99), None, "name"), True),
        (([0.9, 0.99],), False),
        ((0.1, torch.tensor(0.1)), False),
        (((0.9, torch.tensor(0.1)),), False),
        ((), True),
    ],
    ids=["numbers", "tuples and words", "list", "tensor", "tensor in a tuple", "none"],
)
def test_is_fixed(values: tuple[Any, ...], fixed: bool) -> None:  # noqa: FBT001  # a case
    assert is_fixed(values) is fixed


NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**400), 10**400),
    st.sampled_from([0.0, -0.0, 1.0, math.nextafter(1.0, 0.0), math.nextafter(0.0, -1.0)]),
)


@given(st.sampled_from([*DOMAINS, "dampening"]), st.lists(NUMBERS, min_size=1, max_size=5))
@example("beta1", [1.0])
@example("lr", [10**400])
@example("clip_norm", [0.0])
def test_numbers_are_accepted_exactly_within_their_domain(name: str, values: list[float]) -> None:
    plain: list[Any] = [(value, value) for value in values] if name.startswith("beta") else [*values]
    if name == "beta3":
        plain = [(0.5, 0.5, value) for value in values]
    outside = [place for place, value in enumerate(values) if value not in domain_of(name)]
    if not outside:
        assert numbers_of(name, plain).tolist() == [float(value) for value in values]
        return
    kind = f"numbers, {name}" if name.startswith("beta") else "a number,"
    with pytest.raises(OptimizerError, match=rf"in group {outside[0]}: it must be {kind} {domain_of(name)}"):
        numbers_of(name, plain)


ANYTHING = st.one_of(
    st.floats(0, 1),
    st.none(),
    st.text(max_size=3),
    st.lists(st.floats(0, 1), max_size=3),
    st.complex_numbers(),
    st.tuples(st.floats(0, 1)),
)


@given(st.lists(ANYTHING, min_size=1, max_size=4))
def test_what_is_no_number_is_refused_and_never_raises_anything_else(values: list[Any]) -> None:
    if all(type(value) is float for value in values):
        assert numbers_of("lr", values).tolist() == values
    else:
        wrong = next(place for place, value in enumerate(values) if type(value) is not float)
        with pytest.raises(OptimizerError, match=f"in group {wrong}:"):
            numbers_of("lr", values)
