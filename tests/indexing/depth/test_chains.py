"""Depth of models as people write them by hand."""

import pytest
import torch
from torch import nn

from paramgroups.indexing import index
from tests.support import calls_of


def test_a_long_chain_is_read_in_time_that_grows_with_its_length() -> None:
    with torch.device("meta"):
        short, long = (nn.ModuleList(nn.Linear(1, 1) for _ in range(count)) for count in (200, 2000))
    assert index(long).rows[-1].levels > 1
    assert calls_of(lambda: index(long)) < 12 * calls_of(lambda: index(short))


def model_of(**children: nn.Module) -> nn.Module:
    model = nn.Module()
    for name, child in children.items():
        model.add_module(name, child)
    return model


def double(channels: int = 4) -> nn.Module:
    conv, norm = nn.Conv2d(channels, channels, 3), nn.BatchNorm2d(channels)
    return nn.Sequential(conv, norm, nn.ReLU(), nn.Conv2d(channels, channels, 3), nn.BatchNorm2d(channels))


class Block(nn.Module):
    """A residual block without a norm layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(4, 4)
        self.fc2 = nn.Linear(4, 4)


class Normed(Block):
    """A residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)


class MoE(Normed):
    """A block with experts in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Block() for _ in range(8))


class Down(nn.Module):
    """A step down of a U-Net."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = double()


class Up(Down):
    """A step up of a U-Net."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 4, 2)


class Tower(nn.Module):
    """A text or a vision tower."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(4, 4)
        self.blocks = nn.ModuleList(Normed() for _ in range(blocks))
        self.norm = nn.LayerNorm(4)


def depths(model: nn.Module) -> dict[str, int]:
    """The depth of each module that holds tensors."""
    return {row.name.rpartition(".")[0]: row.depth for row in index(model)}


def levels(model: nn.Module) -> set[int]:
    return {row.levels for row in index(model)}


def test_an_mlp_has_a_level_for_each_layer() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    assert depths(model) == {"0": 0, "2": 1, "4": 2}
    assert levels(model) == {3}
    attributes = model_of(fc1=nn.Linear(2, 4), relu=nn.ReLU(), fc2=nn.Linear(4, 4), fc3=nn.Linear(4, 2))
    assert depths(attributes) == {"fc1": 0, "fc2": 1, "fc3": 2}


def test_a_plain_cnn_has_a_convolution_and_its_norm_on_one_level() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip
    assert depths(model) == {"0": 0, "1": 0, "3": 1, "4": 1, "7": 2}
    assert levels(model) == {3}


def test_blocks_as_numbered_attributes_or_in_a_sequential() -> None:
    one = model_of(block1=double(), block2=double(), fc=nn.Linear(4, 2))
    assert {name.split(".")[0]: depth for name, depth in depths(one).items()} == {
        "block1": 0,
        "block2": 1,
        "fc": 2,
    }
    other = nn.Sequential(nn.Linear(4, 4), Block(), Block(), nn.Linear(4, 2))
    assert {name.split(".")[0]: depth for name, depth in depths(other).items()} == {
        "0": 0,
        "1": 1,
        "2": 2,
        "3": 3,
    }


def test_experts_of_one_block_share_its_level() -> None:
    model = model_of(embed=nn.Embedding(4, 4), layers=nn.ModuleList([MoE(), MoE()]), head=nn.Linear(4, 2))
    rows = index(model)
    assert {row.depth for row in rows if row.name.startswith("layers.1.")} == {2}
    assert levels(model) == {4}


def test_experts_alone_are_no_chain() -> None:
    model = model_of(
        gate=nn.Linear(4, 8), experts=nn.ModuleList(Block() for _ in range(8)), head=nn.Linear(4, 2)
    )
    assert len({row.depth for row in index(model) if row.name.startswith("experts.")}) == 1


def test_a_u_net_climbs_through_down_mid_and_up() -> None:
    model = model_of(
        inc=double(), down1=Down(), down2=Down(), mid=double(), up1=Up(), up2=Up(), outc=nn.Conv2d(4, 1, 1)
    )
    found = {name.split(".")[0]: depth for name, depth in depths(model).items()}
    assert found == {"inc": 0, "down1": 1, "down2": 2, "mid": 3, "up1": 4, "up2": 5, "outc": 6}
    assert levels(model) == {7}


def test_a_u_net_in_lists_has_each_upsampling_with_the_block_after_it() -> None:
    up = nn.ModuleList([nn.ConvTranspose2d(4, 4, 2), double(), nn.ConvTranspose2d(4, 4, 2), double()])
    model = model_of(
        downs=nn.ModuleList([double(), double()]), bottleneck=double(), ups=up, final=nn.Conv2d(4, 1, 1)
    )
    found = depths(model)
    steps = ("downs.0.0", "downs.1.0", "bottleneck.0", "ups.0", "ups.1.0", "ups.2", "ups.3.0")
    assert [found[name] for name in steps] == [0, 1, 2, 3, 3, 4, 4]
    assert found["final"] == 5


def test_towers_count_their_own_levels_and_what_they_feed_is_at_the_top() -> None:
    model = model_of(text=Tower(1), vision=Tower(3), visual_projection=nn.Linear(4, 4))
    model.logit_scale = nn.Parameter(torch.tensor(1.0))
    rows = {row.name: row for row in index(model)}
    assert {(row.tower, row.levels) for row in rows.values()} == {("text", 3), ("vision", 5)}
    assert (rows["vision.embed.weight"].depth, rows["vision.blocks.2.fc1.weight"].depth) == (0, 3)
    assert (rows["visual_projection.weight"].tower, rows["visual_projection.weight"].depth) == ("vision", 4)
    assert rows["logit_scale"].depth == rows["logit_scale"].levels - 1
    assert rows["text.norm.weight"].depth == 2


def test_recurrent_layers_are_levels() -> None:
    model = model_of(
        embed=nn.Embedding(4, 4), rnn=nn.LSTM(4, 4, num_layers=2, bidirectional=True), fc=nn.Linear(8, 2)
    )
    rows = index(model)
    assert [rows[f"rnn.weight_ih_l{at}_reverse"].depth for at in (0, 1)] == [1, 2]
    assert (rows["embed.weight"].depth, rows["fc.weight"].depth, rows["fc.weight"].levels) == (0, 3, 4)
    alone = index(nn.GRU(2, 2, num_layers=3))
    assert [alone[f"weight_hh_l{at}"].depth for at in range(3)] == [0, 1, 2]


def test_lists_side_by_side_are_read_stage_by_stage() -> None:
    model = model_of(
        downsample=nn.ModuleList(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)) for _ in range(2)),
        stages=nn.ModuleList(nn.Sequential(Normed(), Normed()) for _ in range(2)),
    )
    found = depths(model)
    assert [found["downsample.0.0"], found["stages.0.0.fc1"], found["stages.0.1.fc1"]] == [0, 1, 2]
    assert [found["downsample.1.0"], found["stages.1.0.fc1"], found["stages.1.1.fc1"]] == [3, 3, 4]


@pytest.mark.parametrize(
    "model", [nn.Linear(2, 2), nn.LayerNorm(4), nn.Embedding(3, 3), nn.Module()], ids=str
)
def test_where_nothing_tells_a_level_there_is_one(model: nn.Module) -> None:
    assert all((row.depth, row.levels, row.tower) == (0, 1, "") for row in index(model))


def test_embeddings_are_below_and_heads_above_wherever_they_are_held() -> None:
    model = model_of(
        head=nn.Linear(4, 2),
        ln_f=nn.LayerNorm(4),
        blocks=nn.ModuleList([Normed(), Normed()]),
        wte=nn.Embedding(4, 4),
    )
    found = depths(model)
    assert (found["wte"], found["blocks.0.fc1"], found["blocks.1.fc1"], found["ln_f"], found["head"]) == (
        0,
        1,
        2,
        3,
        3,
    )
