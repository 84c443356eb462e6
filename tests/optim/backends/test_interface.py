"""Torch's stable C interface."""

import ctypes

from paramgroups.optim.backends.interface import address_of


def test_a_function_of_torch_is_called_by_its_address() -> None:
    address = address_of("aoti_torch_dtype_float64")
    assert address is not None
    assert ctypes.CFUNCTYPE(ctypes.c_int32)(address)() == 7  # double, in torch's order of dtypes


def test_what_is_not_there_has_no_address() -> None:
    assert address_of("aoti_torch_get_a_name_that_nothing_has") is None
