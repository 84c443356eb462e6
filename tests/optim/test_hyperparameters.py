import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.optim import domain_of, is_finite, is_number, pack, unpack
from paramgroups.optim.hyperparameters import DECAYING_AVERAGE, FINITE, FRACTION, NON_NEGATIVE, POSITIVE

NAMES = st.sampled_from(["lr", "weight_decay", "eps", "momentum", "foreach", "etas"])
VALUES = st.none() | st.booleans() | st.floats(0, 1) | st.tuples(st.floats(0, 1), st.floats(0, 1))
BETAS = st.lists(st.floats(0, 0.999), min_size=2, max_size=12).map(tuple)


@given(st.dictionaries(NAMES, VALUES), BETAS)
def test_pack_undoes_unpack(settings: dict[str, Any], betas: tuple[float, ...]) -> None:
    packed = settings | {"betas": betas}
    flat = unpack(packed)
    assert "betas" not in flat
    assert [flat[f"beta{number}"] for number in range(1, len(betas) + 1)] == list(betas)
    assert pack(flat) == packed
    assert unpack(pack(flat)) == flat


def test_only_whole_tuples_are_packed() -> None:
    assert pack({"beta2": 0.95}) == {"beta2": 0.95}
    assert pack({"beta1": 0.9}) == {"beta1": 0.9}
    assert pack({"beta1": 0.9, "beta3": 0.99}) == {"beta1": 0.9, "beta3": 0.99}


def test_what_is_no_tuple_of_parts_stays_as_it_is() -> None:
    settings = {"betas": None, "lr": 0.1}
    assert unpack(settings) == settings
    assert unpack({"betas": (0.9,)}) == {"betas": (0.9,)}
    assert unpack({"betas": [0.9, 0.99]}) == {"beta1": 0.9, "beta2": 0.99}


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("lr", [0, 0.0, 5], [-1e-9, math.inf, math.nan, "1", None]),
        ("beta1", [0, 0.999], [1, 1.0028, -0.1]),
        ("momentum", [0, 1], [1.1, -0.1]),
        ("clip_norm", [1e-9, 1, 5.0], [0, 0.0, -1, math.inf, None]),
        ("alpha", [0.99, 5.0], [-1]),  # AdEMAMix has alpha=5
        ("anything", [-3, 2**64], [math.inf, 10**400, [1]]),
    ],
)
def test_domains(name: str, inside: list[Any], outside: list[Any]) -> None:
    domain = domain_of(name)
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)


def test_domains_in_words() -> None:
    words = [str(domain) for domain in (NON_NEGATIVE, POSITIVE, FRACTION, DECAYING_AVERAGE, FINITE)]
    assert words == ["at least 0", "above 0", "from 0 to 1", "from 0 to below 1", "finite"]


def test_what_a_number_is() -> None:
    assert [is_number(value) for value in (0, 0.5, True, "1", None, 1j)] == [True, True] + [False] * 4
    assert [is_finite(value) for value in (1, 1.5, math.inf, -math.inf, math.nan, 10**309)] == [True] * 2 + [
        False
    ] * 4
