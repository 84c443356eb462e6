"""What processes that train together decide alike, though each was told something else."""

from collections.abc import Sequence

import torch
import torch.distributed as dist

from paramgroups.run.masking import processes


def in_any(flags: Sequence[bool], device: torch.device) -> list[bool]:
    """Each flag as it is in any of the processes: one small message, and none where one trains.

    Args:
        flags: As they are here; as many in all processes.
        device: Where the message is made up.
    """
    if not flags or processes() == 1:
        return list(flags)
    told = torch.tensor(flags, dtype=torch.int32, device=device)
    dist.all_reduce(told, dist.ReduceOp.MAX)
    return [bool(flag) for flag in told.tolist()]
