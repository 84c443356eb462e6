"""`assert_clean` in a user's tests."""

import pytest
import torch

import paramgroups as pg
from tests.auditing.setups import small


def test_a_sound_set_up_passes() -> None:
    model = small()
    pg.assert_clean(model, torch.optim.SGD(model.parameters(), lr=0.1))


def test_a_faulty_one_fails_with_the_report() -> None:
    model = small()
    with pytest.raises(AssertionError, match="error PG101: 4 of 6"):
        pg.assert_clean(model, torch.optim.SGD(model[3].parameters(), lr=0.1))


def test_lighter_findings_than_the_level_pass() -> None:
    model = small()
    model[0].requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    pg.assert_clean(model, optimizer, level="warning")
    with pytest.raises(AssertionError, match="advice PG102"):
        pg.assert_clean(model, optimizer)


def test_silences_count() -> None:
    model = small()
    optimizer = torch.optim.SGD(model[3].parameters(), lr=0.1)
    pg.assert_clean(model, optimizer, silence=[pg.silence("PG101", reason="by hand")])
