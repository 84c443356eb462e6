"""Numbers on their way to a device and back: nobody waits for them until they are read."""

from typing import Any

import torch
from torch import Tensor

from paramgroups.optim.backends.batch import Floats, Ints


class Fetched:
    """A tensor that is being copied from its device, which goes on with its work.

    To read it waits for the copy and what was before it, not for what was given to the device since: who
    reads it a step later finds it there.

    Args:
        tensor: The tensor.

    Example:
        >>> Fetched(torch.tensor([1.0, 2.0])).numbers.tolist()
        [1.0, 2.0]
    """

    def __init__(self, tensor: Tensor) -> None:
        self._come: torch.cuda.Event | None = None
        self._copy = tensor
        if tensor.is_cuda:
            self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=True)
            self._copy.copy_(tensor, non_blocking=True)
            with torch.cuda.device_of(tensor):
                self._come = torch.cuda.Event()
                self._come.record()

    def __getstate__(self) -> dict[str, Any]:
        """A copy holds what came, and waits for nothing."""
        return {"_copy": torch.from_numpy(self.numbers.copy()), "_come": None}

    @property
    def numbers(self) -> Floats:
        """What was copied, in float64."""
        if self._come is not None:
            self._come.synchronize()
            self._come = None
        found: Floats = self._copy.double().cpu().numpy()
        return found


def sent(numbers: Ints, device: torch.device) -> Tensor:
    """Whole numbers on a device, which goes on with its work."""
    host = torch.empty(len(numbers), dtype=torch.int64, device="cpu", pin_memory=device.type == "cuda")
    host.numpy()[:] = numbers
    return host.to(device, non_blocking=True)
