"""The parameters of a model as mmengine and detectron2 walk over them: each with the module that holds it."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from paramgroups.indexing import named_parameters
from paramgroups.indexing.flags import is_trained

DEFORMABLE = ("DeformConv2d", "ModulatedDeformConv2d")
OFFSET = "conv_offset"


class Place(NamedTuple):
    """A parameter where it stands.

    Attributes:
        name: Our name of it.
        path: Its path as they spell it: a parameter of the root begins with a dot.
        module: The module that holds it.
        ndim: How many dimensions it has.
        deformable: Whether the module stands directly within a deformable convolution of mmcv.
    """

    name: str
    path: str
    module: nn.Module
    ndim: int
    deformable: bool

    @property
    def leaf(self) -> str:
        """Its name within its module."""
        return self.path.rpartition(".")[2]

    @property
    def is_bias(self) -> bool:
        """Whether it is called `bias`."""
        return self.leaf == "bias"

    @property
    def is_depthwise(self) -> bool:
        """Whether it is of a convolution with one input for each group."""
        module = self.module
        return isinstance(module, nn.Conv2d) and module.in_channels == module.groups

    @property
    def is_offset(self) -> bool:
        """Whether it is of the offsets of a deformable convolution."""
        inside = OFFSET in self.path.rpartition(".")[0] and isinstance(self.module, nn.Conv2d)
        return inside and self.deformable


def places(model: nn.Module) -> Iterator[Place]:
    """All parameters that the model trains, as the index has it, each once, in their order."""
    names = {id(tensor): name for name, tensor in reversed(list(named_parameters(model)))}
    modules = dict(model.named_modules())
    for prefix, module in modules.items():
        parent = modules.get(prefix.rpartition(".")[0]) if prefix else None
        for leaf, tensor in module.named_parameters(recurse=False):
            name = names.pop(id(tensor), None)
            if name is not None and is_trained(tensor):
                yield Place(name, f"{prefix}.{leaf}", module, tensor.ndim, _is_deformable(parent))


def _is_deformable(module: nn.Module | None) -> bool:
    return any(
        cls.__name__ in DEFORMABLE and cls.__module__.startswith("mmcv.") for cls in type(module).__mro__
    )
