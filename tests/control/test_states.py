from types import MappingProxyType

import pytest

from paramgroups.control.states import copied, exact, lent, returned
from paramgroups.errors import RuleError


def test_what_is_lent_cannot_be_written_to() -> None:
    state = {"n": 1}
    view = lent(state)
    with pytest.raises(TypeError, match="does not support item assignment"):
        view["n"] = 2  # type: ignore[index]  # the mistake
    assert lent(view) is view
    assert {**view} == state


def test_a_copy_is_as_json_gives_it_back_and_what_is_exact_may_not_differ_from_it() -> None:
    assert copied({"n": (1, 2)}) == {"n": [1, 2]}
    with pytest.raises(RuleError, match="a tuple comes back as a list"):
        exact({"n": (1, 2)})


def test_a_state_is_looked_through_before_tick_10_alone() -> None:
    assert returned(MappingProxyType({"n": (1,)}), 10) == {"n": (1,)}
    with pytest.raises(RuleError, match="after a resume"):
        returned({"n": (1,)}, 9.5)
