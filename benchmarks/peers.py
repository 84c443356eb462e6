"""AdamW by other packages that have a form for the CPU: timed where they are installed, else named as absent.

None of them is needed to run the benchmarks. `pip install bitsandbytes torchao deepspeed` brings them;
DeepSpeed and torchao compile their kernels with a C++ compiler when they first step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

Make = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]


@dataclass(frozen=True)
class Peer:
    """A class of another package.

    Attributes:
        package: What pip installs.
        module: Where the class is.
        name: What it is called there.
        form: How it steps on the CPU.
        settings: What it is made with besides parameters and rate.
    """

    package: str
    module: str
    name: str
    form: str
    settings: tuple[tuple[str, Any], ...] = ()

    def find(self) -> Make | None:
        """What makes it; None where the package is not installed, or does not load."""
        try:
            cls = getattr(import_module(self.module), self.name)
        except (ImportError, OSError, AttributeError):
            return None
        return lambda params, rate: cls(params, lr=rate, **dict(self.settings))

    @property
    def told(self) -> str:
        """What the results say of it."""
        try:
            return f"{version(self.package)}: {self.form}"
        except PackageNotFoundError:
            return f"was not installed: {self.form}"


PEERS = {
    "bitsandbytes": Peer(
        "bitsandbytes", "bitsandbytes.optim", "AdamW", "torch's operators, tensor by tensor"
    ),
    "torchao": Peer("torchao", "torchao.optim", "_AdamW", "one compiled function, tensor by tensor"),
    "deepspeed": Peer(
        "deepspeed", "deepspeed.ops.adam", "DeepSpeedCPUAdam", "one C++ kernel, tensor by tensor",
        (("adamw_mode", True),),
    ),
}  # fmt: skip
WITHOUT = {
    "flashoptim": "its quantized state needs CUDA",
    "torch-optimi": "its Triton kernels need a GPU, its other form is torch's foreach",
    "apex": "its fused optimizers are CUDA kernels",
}
"""Others that step all tensors in one launch, or few, and why they are not timed on a CPU."""
