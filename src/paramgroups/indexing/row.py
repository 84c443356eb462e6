"""One row of the index: what is known of a parameter without its values."""

from typing import NamedTuple


class Row(NamedTuple):
    """One distinct tensor of a model.

    Attributes:
        name: Its one canonical name, the same in every wrapper.
        aliases: The other names of the same tensor (tied weights), in the order of the model.
        role: What it is for, in a word: the most telling of `roles`.
        roles: All that it is: a LayerNorm's bias is `norm` and `bias`.
        module_type: Class of the module that holds it, as written before any wrapper replaced it.
        module_bases: That class and its bases by name, the nearest first.
        shape: Its global shape.
        numel: How many numbers it holds.
        fan_in: How many inputs feed one output: 1 for tensors of fewer than two dimensions, the number
            of entries for an embedding.
        fan_out: How many outputs one input feeds.
        depth: Its level in its tower; 0 is nearest the input.
        levels: How many levels its tower has: `depth` runs from 0 to `levels - 1`.
        tower: The part of the model that `depth` counts within; `""` where there is one only.
        trainable: `requires_grad` when it was indexed; true also where a plan has put that down.
        dtype: Its element type, such as `"float32"`.
    """

    name: str
    aliases: tuple[str, ...]
    role: str
    roles: frozenset[str]
    module_type: str
    module_bases: tuple[str, ...]
    shape: tuple[int, ...]
    numel: int
    fan_in: int
    fan_out: int
    depth: int
    levels: int
    tower: str
    trainable: bool
    dtype: str

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self.shape)

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical name and all aliases."""
        return (self.name, *self.aliases)
