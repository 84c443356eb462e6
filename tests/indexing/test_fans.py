"""Fan-in and fan-out of each kind of layer."""

import pytest
import torch
from torch import nn

from paramgroups.indexing import index
from tests.support import import_transformers

Fans = tuple[int, int]


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (nn.Linear(3, 5), (3, 5)),
        (nn.Bilinear(2, 3, 5), (6, 5)),
        (nn.Conv2d(3, 8, (3, 5)), (45, 120)),
        (nn.Conv2d(8, 16, 3, groups=4), (18, 36)),
        (nn.Conv1d(8, 8, 7, groups=8), (7, 7)),
        (nn.ConvTranspose2d(4, 6, 2), (16, 24)),
        (nn.ConvTranspose1d(4, 8, 3, groups=2), (6, 12)),
        (nn.Embedding(10, 4), (10, 4)),
        (nn.LayerNorm(7), (1, 7)),
        (nn.LSTM(3, 5), (3, 20)),
        (nn.MultiheadAttention(4, 2), (4, 12)),
    ],
    ids=str,
)
def test_fans_of_the_first_tensor(layer: nn.Module, fans: Fans) -> None:
    row = next(iter(index(layer)))
    assert (row.fan_in, row.fan_out) == fans


def test_transformers_linear_layer_is_turned() -> None:
    import_transformers()
    from transformers.pytorch_utils import Conv1D  # noqa: PLC0415 - loads only after `import_transformers`

    row = index(Conv1D(12, 4))["weight"]
    assert (row.shape, row.fan_in, row.fan_out, row.role) == ((4, 12), 4, 12, "linear")


class Experts(nn.Module):
    """Experts held as one tensor of matrices, and a bias."""

    def __init__(self, *, is_transposed: bool) -> None:
        super().__init__()
        self.is_transposed = is_transposed
        self.up_proj = nn.Parameter(torch.ones(8, 6, 4))


def test_a_stack_of_matrices_counts_for_one_of_them() -> None:
    for turned, fans in ((False, (4, 6)), (True, (6, 4))):
        row = index(Experts(is_transposed=turned))["up_proj"]
        assert (row.role, row.fan_in, row.fan_out) == ("linear", *fans)


def test_a_learned_token_and_a_vector() -> None:
    model = nn.Module()
    model.pos_embed = nn.Parameter(torch.ones(1, 5, 4))
    model.vector = nn.Parameter(torch.ones(9))
    assert [(row.fan_in, row.fan_out) for row in index(model)] == [(5, 4), (1, 9)]
