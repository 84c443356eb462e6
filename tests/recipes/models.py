"""Small models with a depth that a reader can count."""

from torch import nn


class Block(nn.Module):
    """A norm and two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)


class Net(nn.Module):
    """A stem, blocks and a head: the stem at depth 0, block b at b + 1, the head on top."""

    def __init__(self, blocks: int = 3, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Linear(8, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.head = nn.Linear(width, 2)
