from dataclasses import dataclass, fields

import pytest

from paramgroups.errors import ScheduleError
from paramgroups.schedules import Factor, Horizon, Shape, function, multiplicative, warmup
from paramgroups.schedules.data import SHAPES
from paramgroups.schedules.shapes import OfProgress


@pytest.mark.parametrize("shape", [*SHAPES.values(), function, multiplicative])
def test_every_setting_of_every_shape_is_checked(shape: type[Shape]) -> None:
    assert {field.name for field in fields(shape)} <= set(shape.checks)


@dataclass(frozen=True, repr=False, kw_only=True)
class late(OfProgress):  # noqa: N801 - shapes are words
    end: float = 0.0

    def along(self, n: float) -> Factor:
        return lambda t: 1 if t < n / 2 else self.end


def test_a_new_shape_is_its_settings_and_its_formula() -> None:
    at = warmup(50).then(late(end=0.5)).over(Horizon.of(steps=100))
    assert (at(49), at(50), at(75), at(200)) == (1.0, 1, 0.5, 0.5)
    assert repr(late(end=1, length=3)) == "late(end=1.0, length=3)"
    with pytest.raises(ScheduleError, match="late: end=-1 is negative"):
        late(end=-1)
