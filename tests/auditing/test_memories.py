"""Which shapes a memory can have."""

import torch
from torch import nn

from paramgroups.auditing.memories import misshapen
from tests.auditing.looks.test_states import Foreign


def test_of_torch_s_classes_each_shape_is_known() -> None:
    weight = nn.Parameter(torch.zeros(4, 3))
    state = {"row_var": torch.zeros(4, 1), "col_var": torch.zeros(1, 3), "step": torch.zeros(1)}
    assert not list(misshapen(state, weight, torch.optim.Adafactor, ()))
    state["row_var"] = torch.zeros(5, 1)
    assert list(misshapen(state, weight, torch.optim.Adafactor, ())) == [("row_var", (5, 1))]


def test_of_others_only_the_shape_of_another_parameter_tells() -> None:
    weight = nn.Parameter(torch.zeros(4, 3))
    state = {"exp_avg": torch.zeros(2, 3)}
    assert not list(misshapen(state, weight, Foreign, {(4, 3), (9,)}))
    assert list(misshapen(state, weight, Foreign, {(4, 3), (2, 3)})) == [("exp_avg", (2, 3))]
    state = {"exp_avg": torch.zeros(4)}
    assert not list(misshapen(state, weight, Foreign, {(4,)}))


def test_what_has_no_shape_yet_is_passed_over() -> None:
    lazy = nn.LazyLinear(3).weight
    assert not list(misshapen({"exp_avg": torch.zeros(2)}, lazy, torch.optim.Adam, ()))
