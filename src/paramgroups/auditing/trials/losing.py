"""The loss of a batch, as it was handed in or as the model gives it."""

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from paramgroups.errors import ModelError, PlanError, shown

FIX = "Hand in what it is: loss=lambda model, batch: …, a tensor of one number."


class NoLossError(ModelError):
    """What was handed in gives no loss."""


def evaluation(loss: Callable[..., Any] | None, batch: Any) -> Callable[[nn.Module], Tensor]:
    """What gives the loss of a model; each call has a batch of its own, which it may change.

    Args:
        loss: A function of a model and a batch, or of a model alone; None where the model gives it.
        batch: What the loss is of.

    Raises:
        PlanError: The loss is no function.
    """
    if loss is not None and not callable(loss):
        raise PlanError(f"loss={shown(loss)} is no function. {FIX}")

    def evaluate(model: nn.Module) -> Tensor:
        given = _own(batch)
        if loss is None:
            return _within(_called(model, given), "The model gives")
        found = loss(model) if given is None and _takes_one(loss) else loss(model, given)
        return _within(found, "The loss is")

    return evaluate


def _own(batch: Any) -> Any:
    try:
        return copy.deepcopy(batch)
    except Exception:  # noqa: BLE001  # what cannot be copied is used as it is
        return batch


def _called(model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(*batch) if isinstance(batch, (tuple, list)) else model(batch)


def _takes_one(loss: Callable[..., Any]) -> bool:
    try:
        inspect.signature(loss).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _within(output: Any, told: str) -> Tensor:
    held = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    for one in (output, held):
        if isinstance(one, Tensor) and one.numel() == 1:
            return one.reshape(())
    shape = f"a tensor of shape {tuple(output.shape)}" if isinstance(output, Tensor) else shown(output)
    raise NoLossError(f"{told} {shape}, no number to minimise, and no loss in it. {FIX}")
