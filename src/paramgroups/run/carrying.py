"""What was taken over of a saved optimizer, and what the plan says beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch.optim import Optimizer

from paramgroups.errors import CheckpointError, listing
from paramgroups.optim.carried import LOG, Carried, log
from paramgroups.optim.carrying import carry
from paramgroups.run.abilities import is_ours, stepping
from paramgroups.run.driving import driver
from paramgroups.run.labelling import NAMES


class Carrying:
    """Loads of an optimizer's state, as its scheduler sees them.

    Ours carries for itself; for torch's own it is done here, since they would go by places.

    Attributes:
        carried: What of the last one was taken over; None before the first.
    """

    def __init__(self) -> None:
        self.carried: Carried | None = None
        self._found: Carried | None = None
        self._resumed = False

    def before(self, optimizer: Optimizer, state: Mapping[str, Any]) -> dict[str, Any]:
        """What is loaded in the place of a state.

        Raises:
            CheckpointError: It does not fit. Nothing is loaded then.
        """
        if is_ours(optimizer):
            return dict(state)
        groups = optimizer.param_groups
        if stepping(optimizer) is not optimizer:
            _check_places(state, groups)
            return dict(state)
        taken, self._found = carry(state, groups, [type(optimizer)] * len(groups))
        return taken

    def loaded(self, optimizer: Optimizer) -> None:
        """The optimizer's state was loaded, and the plan's values are written."""
        ours = is_ours(optimizer)
        self.carried = vars(optimizer).get("carried") if ours else self._found
        if self.carried is not None and not ours:
            log(self.carried)
        self._compare(optimizer)

    def resumed(self, optimizer: Optimizer) -> None:
        """The scheduler's own state was loaded: the plan's values are those of its tick now."""
        self._resumed = True
        self._compare(optimizer)

    def _compare(self, optimizer: Optimizer) -> None:
        if self.carried is None:
            return
        self.carried = self.carried.beside(optimizer.param_groups)
        if self._resumed and (values := self.carried.values):
            LOG.warning("The plan has other values than the checkpoint: %s", listing(map(str, values)))


def load_memory(
    optimizer: Optimizer, groups: Sequence[Mapping[str, Any]], state: dict[str, Any]
) -> Carried | None:
    """Load a state into an optimizer by names, where neither it nor a scheduler does that.

    Args:
        optimizer: The optimizer.
        groups: Its groups with the names of their parameters, as far as they are known.
        state: The state.

    Returns:
        What was carried; None where it is told elsewhere.

    Raises:
        CheckpointError: It does not fit.
    """
    if is_ours(optimizer) or driver(optimizer) is not None or stepping(optimizer) is not optimizer:
        optimizer.load_state_dict(state)
        return None
    held = optimizer.param_groups
    named = all(NAMES in group for group in state["param_groups"])
    taken, carried = carry(state, groups if named else held, [type(optimizer)] * len(held))
    for group, live in zip(taken["param_groups"], held, strict=True):
        if NAMES not in live:
            group.pop(NAMES, None)
    optimizer.load_state_dict(taken)
    return carried


def _check_places(state: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> None:
    """Refuse other parameters in the places of these: `ZeroRedundancyOptimizer` has gone by places already.

    Raises:
        CheckpointError: A saved group holds others, or the same in another order.
    """
    for saved, held in zip(state.get("param_groups", ()), groups, strict=False):
        theirs, ours = saved.get("param_names"), held.get("param_names")
        if theirs and ours and list(theirs) != list(ours):
            raise CheckpointError(
                f'The saved optimizer has {listing(theirs)} in the place of the group "{held["name"]}", '
                f"which holds {listing(ours)}, and ZeroRedundancyOptimizer goes by places. Plan with the "
                "recipe of the saved run, or load into an optimizer of pg.build, which goes by names."
            )
