"""The kinds of what only shows while training runs."""

from paramgroups.auditing.kinds import Kind

IDLE = Kind(
    "PG401", "error", "a scheduler that is never stepped",
    "Its schedule stands at its first value, which of a warm-up is nearly nothing.",
)  # fmt: skip
UNEVEN = Kind(
    "PG402", "warning", "a scheduler that does not step with the updates, nor with the epochs",
    "A schedule counts its steps: it is over too early or too late, or a value of it is passed over.",
)  # fmt: skip
WRITTEN = Kind(
    "PG403", "warning", "rates that are written by hand and do not become what was meant",
    "A scheduler computes the next rate from its own formula, or from the one it finds; which, each says.",
)  # fmt: skip
MOVED = Kind(
    "PG404", "error", "frozen parameters that a step moves",
    "Frozen weights are to stay as they are; a gradient that is left over, decay or momentum moves them.",
)  # fmt: skip
WITHOUT = Kind(
    "PG405", "warning", "trainable parameters that never had a gradient",
    "What the loss does not depend on is never trained: a part that is not called, a detach, a no_grad.",
)  # fmt: skip
DRIFTED = Kind(
    "PG406", "warning", "batch norm of a frozen part that drifts",
    "Frozen weights were trained with the statistics they had; other ones make them compute something else.",
)  # fmt: skip
THAWED = Kind(
    "PG407", "error", "parameters that were thawed and are in no group",
    "Backward computes gradients for them, and no step ever moves them.",
)  # fmt: skip
NONFINITE = Kind(
    "PG408", "error", "weights that are not finite",
    "NaN spreads with each forward and each step; what was learned is in the last checkpoint.",
)  # fmt: skip
RAN_AWAY = Kind(
    "PG409", "warning", "steps that have become large beside the weights",
    "About a thousandth of the weights a step is usual; a tenth soon loses what they were.",
)  # fmt: skip
KINDS = (IDLE, UNEVEN, WRITTEN, MOVED, WITHOUT, DRIFTED, THAWED, NONFINITE, RAN_AWAY)
