"""How a module's children are named: wrappers add no segment, and are known by their type."""

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

# One child of a module: what it adds to the canonical path (`""` for what a wrapper holds), what it adds to
# the path as torch writes it, and the child.
Step = tuple[str, str, nn.Module]

# (where the type lives, its name, the attribute that holds what it wraps). A model can hold such a type only
# if its module has been loaded, so none is imported here.
WRAPPERS = (
    ("torch.nn.parallel.distributed", "DistributedDataParallel", "module"),
    ("torch.nn.parallel.data_parallel", "DataParallel", "module"),
    ("torch.distributed.fsdp", "FullyShardedDataParallel", "_fsdp_wrapped_module"),
    ("torch._dynamo.eval_frame", "OptimizedModule", "_orig_mod"),
    (
        "torch.distributed.algorithms._checkpoint.checkpoint_wrapper",
        "ActivationWrapper",
        "_checkpoint_wrapped_module",
    ),
    ("torch.optim.swa_utils", "AveragedModel", "module"),
    ("peft.peft_model", "PeftModel", "base_model"),
    ("peft.tuners.tuners_utils", "BaseTuner", "model"),
    ("peft.tuners.tuners_utils", "BaseTunerLayer", "base_layer"),
    ("peft.utils.other", "TrainableTokensWrapper", "token_adapter"),
    ("lightning.fabric.wrappers", "_FabricModule", "_forward_module"),
    ("lightning.fabric.wrappers", "_FabricModule", "_original_module"),
    ("lightning_fabric.wrappers", "_FabricModule", "_forward_module"),
    ("lightning_fabric.wrappers", "_FabricModule", "_original_module"),
    ("deepspeed.runtime.engine", "DeepSpeedEngine", "module"),
)


def submodules(module: nn.Module) -> Mapping[str, nn.Module | None]:
    """The children of a module as it holds them; `named_children` would hide one that is there twice."""
    return module._modules  # noqa: SLF001 - torch has no public view that keeps shared modules


def tensors(module: nn.Module) -> Mapping[str, nn.Parameter | None]:
    """The parameters that a module itself holds; `named_parameters` would hide ties."""
    return module._parameters  # noqa: SLF001 - as above, for shared tensors


def class_of(module: nn.Module) -> type:
    """The class of a module, as a plain `type` that a cache takes."""
    return type(module)


def loaded(where: str, name: str) -> type | None:
    """The type of this name, if the module it lives in has been loaded."""
    found = getattr(sys.modules.get(where), name, None)
    return found if isinstance(found, type) else None


@lru_cache(maxsize=4096)
def wrapped(cls: type) -> frozenset[str]:
    """The attributes of a type that hold what it wraps; none where it is no wrapper."""
    kinds = ((loaded(where, name), attribute) for where, name, attribute in WRAPPERS)
    return frozenset(attribute for kind, attribute in kinds if kind is not None and issubclass(cls, kind))


def steps(module: nn.Module) -> Iterator[Step]:
    """The children of a module, in its order."""
    inside = wrapped(class_of(module))
    for name, child in submodules(module).items():
        if child is None:
            continue
        if name in inside:
            yield "", name, child
        elif name == "parametrizations" and _all_parametrizations(child):
            yield from ((key, f"{name}.{key}", one) for key, one in child.named_children())
        elif name == "modules_to_save" and keeps_a_copy(class_of(module)):
            yield from _copies(module, name, child)
        else:
            yield name, name, child


def _all_parametrizations(held: nn.Module) -> bool:
    return isinstance(held, nn.ModuleDict) and all(
        isinstance(one, ParametrizationList) for one in held.values()
    )


@lru_cache(maxsize=4096)
def keeps_a_copy(cls: type) -> bool:
    """Whether modules of this class train a copy of what they wrap, and keep that as it was: PEFT's do."""
    kind = loaded("peft.utils.other", "ModulesToSaveWrapper")
    return kind is not None and issubclass(cls, kind)


def _copies(module: nn.Module, name: str, held: nn.Module) -> Iterator[Step]:
    # PEFT trains a copy: the active one has the plain name, the original keeps its own segment.
    active = list(getattr(module, "active_adapters", ()))[:1]
    for adapter, copy in held.named_children():
        raw = f"{name}.{adapter}"
        yield "" if adapter in active else raw, raw, copy
