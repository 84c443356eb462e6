import math

import numpy as np
import pytest

from paramgroups.errors import ScheduleError
from paramgroups.schedules.checks import factor, positive, whole


def test_numbers_have_one_form() -> None:
    for value in (1, np.float64(1), np.float32(1), np.int64(1)):
        assert repr(factor("end", value)) == repr(positive("power", value)) == "1.0"
    assert type(whole("steps", np.int64(3), least=0)) is int


@pytest.mark.parametrize("value", [True, math.nan, math.inf, -1, "1", None, 10**400, 1j])
def test_what_is_no_factor_is_refused(value: object) -> None:
    with pytest.raises(ScheduleError, match="end="):
        factor("end", value)
    with pytest.raises(ScheduleError, match="power="):
        positive("power", value)
