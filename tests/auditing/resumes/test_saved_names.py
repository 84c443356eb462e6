"""Which parameter a saved name is of."""

import pytest
from torch import nn

from paramgroups.auditing.resumes.saved_names import Aligned, align, spellings
from tests.auditing.setups import small

KNOWN = spellings(small())


@pytest.mark.parametrize("before", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_wrappers_prefixes_are_seen_through(before: str) -> None:
    found = align([before + name for name in KNOWN], KNOWN)
    assert found == Aligned({before + name: name for name in KNOWN})


def test_a_module_that_is_called_as_a_wrapper_s_attribute_keeps_its_name() -> None:
    model = nn.ModuleDict({"module": nn.Linear(2, 2), "other": nn.Linear(2, 2)})
    known = spellings(model)
    assert align([*known], known) == Aligned({name: name for name in known})


def test_names_of_a_larger_model_and_of_a_smaller_one() -> None:
    there = align(["net." + name for name in KNOWN] + ["metric.weight"], KNOWN)
    assert there.there
    assert there.names["net.3.bias"] == "3.bias"
    around = spellings(nn.ModuleDict({"net": small()}))
    here = align([*KNOWN], around)
    assert here.here
    assert here.names["3.bias"] == "net.3.bias"


def test_names_of_another_model_are_those_of_nothing() -> None:
    assert align(["encoder.a", "encoder.b"], KNOWN) == Aligned({})
    assert align([], KNOWN) == Aligned({})
    assert align(["a"], {}) == Aligned({})
