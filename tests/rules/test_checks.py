from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import RuleError
from paramgroups.optim import domain_of
from paramgroups.optim.hyperparameters import DOMAINS
from paramgroups.rules.checks import checked, checked_factor, one_of, plain

NUMBERS = st.floats() | st.integers() | st.sampled_from([10**400, -(10**400)])


@given(st.sampled_from([*DOMAINS, "power"]), NUMBERS)
def test_a_number_is_taken_exactly_where_its_domain_holds_it(name: str, value: float) -> None:
    if value in domain_of(name):
        assert checked(name, value) == (float(value) if name == "lr" else value)
    else:
        with pytest.raises(RuleError, match=rf"^{name}=.* is out of its domain: it must be "):
            checked(name, value)


@given(NUMBERS)
def test_a_factor_is_a_finite_float_of_at_least_0(value: float) -> None:
    if value in domain_of("lr"):
        assert type(checked_factor("lr", value)) is float
        assert checked_factor("lr", value) == float(value)
    else:
        with pytest.raises(RuleError, match=r"^lr_scale="):
            checked_factor("lr", value)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.float64(0.5), 0.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        ([1, [np.float32(2), "a"], None], (1, (2.0, "a"), None)),
        ((), ()),
    ],
)
def test_plain_values_are_pythons(given: Any, wanted: Any) -> None:
    found = plain("foo", given)
    assert found == wanted
    assert type(found) is type(wanted)
    assert not any(isinstance(part, np.generic) for part in (found if isinstance(found, tuple) else [found]))


def test_a_number_that_python_does_not_write_is_no_word() -> None:
    with pytest.raises(RuleError, match=r"clock=.* is not known. Known: run, thaw"):
        one_of("run", "thaw")("clock", 10**5000)


def test_a_word_is_one_of_the_known() -> None:
    read = one_of("run", "thaw")
    assert read("clock", "thaw") == "thaw"
    with pytest.raises(RuleError, match=r"clock='thwa' is not known\. Nearest: \"thaw\""):
        read("clock", "thwa")
