"""Parameters that FSDP1 has cut into plain tensors, which do not tell of what they are a part."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer as TorchOptimizer

from paramgroups.errors import PlanError
from paramgroups.indexing.wrappers import loaded
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.finding import params_of
from paramgroups.optim.optimizer import Optimizer
from paramgroups.optim.sharing import Pieces
from paramgroups.planning import Group
from paramgroups.run.masking import FLATTENING, wrappers_of

FLAT = ("torch.distributed.fsdp._flat_param", "FlatParameter")
NAME = FLATTENING
WHOLE = "NO_SHARD"
"""How FSDP1 calls it when nothing is cut."""


def check_flat(model: nn.Module) -> None:
    """Refuse parameters that FSDP1 has joined to one, of which no rule can name a part.

    Raises:
        PlanError: There is one.
    """
    kind = loaded(*FLAT)
    if kind is not None and any(isinstance(one, kind) for one in model.parameters()):
        raise PlanError(
            f"{NAME} has joined parameters of the model to a flat one, in which none has a rate of its own. "
            "Wrap it with use_orig_params=True, or use fully_shard."
        )


def tell_pieces(optimizer: TorchOptimizer, groups: Iterable[Group]) -> None:
    """Tell an optimizer of ours what FSDP1 has cut, unless it knows.

    Args:
        optimizer: Any optimizer; torch's own sum up nothing.
        groups: The groups of the plan.

    Raises:
        PlanError: Something needs the rows or the norm of a tensor that was cut.
    """
    if isinstance(optimizer, Optimizer) and optimizer.sharing is None:
        optimizer.sharing = pieces_of(params_of(optimizer.param_groups)[0], groups)


def pieces_of(tensors: Sequence[Tensor], groups: Iterable[Group]) -> Pieces | None:
    """Which of an optimizer's tensors FSDP1 has cut, and who has the rest; None where it has not.

    Args:
        tensors: The live tensors.
        groups: The groups of the plan.

    Raises:
        PlanError: Something needs the rows or the norm of a tensor that was cut.
    """
    if loaded(*FLAT) is None:
        return None
    wrappers: list[Any] = [one for one in wrappers_of(tensors) if type(one).__name__ == NAME]
    found = {place: count for one in wrappers for place, count in _cut(one)}
    if not found.keys() & set(map(id, tensors)):
        return None
    for group in groups:
        _check_whole(group)
    return Pieces(wrappers[0].process_group, found)


def _cut(wrapper: Any) -> Iterator[tuple[int, int]]:
    """The parameters that it has cut, and into how many parts."""
    if wrapper.sharding_strategy.name == WHOLE:
        return
    kept: Mapping[Any, Any] | set[Any] = wrapper._ignored_params  # noqa: SLF001  # FSDP1 has no other name for it
    for one in wrapper.parameters():
        if one not in kept:
            yield id(one), wrapper.process_group.size()


def _check_whole(group: Group) -> None:
    named = str(group.profile.optimizer.named)
    rule = ALGORITHMS[named].of(group.settings()) if named in ALGORITHMS else None
    if group.segments:
        what = f'Rows of "{group.segments[0].name}" have values of their own'
        raise PlanError(f"{what}, and {NAME} has cut tensors anywhere, not between rows. Use fully_shard.")
    if rule is not None and rule.trust is not None:
        raise PlanError(
            f"{named} needs the norms of whole tensors, which {NAME} has cut. Use DistributedDataParallel, "
            "or name another optimizer."
        )
