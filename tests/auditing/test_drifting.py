"""Statistics of frozen parts."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from paramgroups.auditing.drifting import copied_statistics, frozen_statistics, moved_statistics


def paths(model: nn.Module) -> set[str]:
    return {path for path, _ in frozen_statistics(model)}


def network() -> nn.Sequential:
    body = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False))
    return nn.Sequential(body, nn.Linear(4, 4), nn.BatchNorm1d(4))


def test_a_norm_is_as_frozen_as_its_own_parameters_or_what_is_around_it() -> None:
    model = network()
    assert not paths(model)
    model[0].requires_grad_(requires_grad=False)
    assert paths(model) == {"0.1", "0.2"}


def test_what_moved_is_told_and_counters_are_not_looked_at() -> None:
    model = network().requires_grad_(requires_grad=False)
    model[2].eval()
    before = copied_statistics(model)
    assert len(before) == 6
    model(torch.randn(8, 4))
    assert set(moved_statistics(before)) == {"0.1", "0.2"}


def test_a_spectral_norm_follows_the_weights() -> None:
    model = nn.Sequential(spectral_norm(nn.Linear(4, 4))).requires_grad_(requires_grad=False)
    assert not paths(model)
