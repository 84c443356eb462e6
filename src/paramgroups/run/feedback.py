"""Controllers at work: what they are told, what they remember, and what they decide."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from paramgroups.control import Controller, Guard, Observation, ask, saved
from paramgroups.errors import CheckpointError, PlanError, listing, nearest, shown
from paramgroups.journal import Event
from paramgroups.optim import is_number
from paramgroups.planning import Plan
from paramgroups.rules import Rule
from paramgroups.schedules import Horizon

PATIENT_EPOCHS = 2
PATIENT_SHARE = 4
PATIENT_TICKS = 10_000

States = tuple[Mapping[str, Any], ...]
Decisions = list[tuple[Controller, Sequence[Rule]]]


class Feedback:
    """The controllers of a recipe, each with its state.

    Args:
        controllers: The controllers.
        horizon: How long training is: a metric should be seen by its quarter, or after two epochs.

    Attributes:
        controllers: The controllers.
        states: What each remembers.
    """

    def __init__(self, controllers: Sequence[Controller], horizon: Horizon) -> None:
        self.controllers = tuple(controllers)
        self.states: States = tuple(controller.begin() for controller in controllers)
        self._seen: set[str] = set()
        self._due = _due(horizon) if controllers else None
        self._unit = horizon.unit

    def read_metrics(self, metrics: Mapping[str, Any], *, together: bool) -> dict[str, float | None]:
        """What was observed, as numbers.

        Args:
            metrics: Numbers, also numpy's, or tensors of one number.
            together: Whether other processes observe too: None is what was measured there alone.

        Raises:
            PlanError: No controller reads any of them, or one is no number.
        """
        found = {
            name: None if together and value is None else _number(name, value)
            for name, value in metrics.items()
        }
        self._check_read(found)
        return found

    def ask(self, step: float, found: Mapping[str, float]) -> tuple[States, Decisions]:
        """What all controllers that read these metrics make of them; nothing is remembered yet.

        Args:
            step: The tick of the next update, from which decisions act.
            found: What was observed.

        Raises:
            ParamGroupsError: A controller refuses what it sees, or decides what it may not.
        """
        states = list(self.states)
        decisions: Decisions = []
        for place, controller in enumerate(self.controllers):
            if controller.metrics and all(metric in found for metric in controller.metrics):
                read = {metric: found[metric] for metric in controller.metrics}
                states[place], rules = ask(controller, states[place], Observation(step, read))
                decisions.append((controller, rules))
        return tuple(states), decisions

    def keep(self, place: int, state: Mapping[str, Any]) -> None:
        """Keep what the controller in a place is to remember."""
        self.states = (*self.states[:place], state, *self.states[place + 1 :])

    def remember(self, states: States, metrics: Mapping[str, Any]) -> None:
        """Keep what was made of an observation."""
        self.states = states
        self._seen.update(name for name, value in metrics.items() if value == value)  # noqa: PLR0124  # NaN is not

    def drop(self, events: Iterable[Event], plan: Plan) -> None:
        """Tell controllers of rates that were set anew for good: their factors went with what stood there."""
        names = {
            name
            for event in events
            if event.action == "set" and event.hyper == "lr" and event.until is None
            for name in event.names
        }
        groups = {plan.group_of[name].name for name in names if name in plan.group_of}
        if names:
            self.states = tuple(
                _dropped(controller, state, names, groups, plan)
                for controller, state in zip(self.controllers, self.states, strict=True)
            )

    def tick(self, step: float) -> None:
        """Warn once, when a metric should long have been seen and was not."""
        if self._due is not None and step >= self._due:
            self._due = None
            if unseen := list(self._unseen()):
                warnings.warn(
                    f"By {self._unit} {step:,.15g} nothing was observed of what these controllers read: "
                    f"{listing(unseen)}. Tell them by scheduler.observe, with those names.",
                    UserWarning,
                    stacklevel=3,
                )

    def check_no_metric(self, epoch: float, tick: float) -> None:
        """Warn where a metric seems to be given as a tick, as torch's ReduceLROnPlateau takes it."""
        if self.controllers and epoch < tick and not float(epoch).is_integer():
            warnings.warn(
                f"scheduler.step({epoch!r}) goes back to that {self._unit}. A metric is told by "
                "scheduler.observe(val_loss=…), and step() takes none.",
                UserWarning,
                stacklevel=3,
            )

    def state(self) -> dict[str, Any]:
        """All that is remembered, as plain data."""
        remembered = (
            {"title": label, "state": saved(one, state) if isinstance(one, Guard) else dict(state)}
            for label, one, state in zip(self._labels, self.controllers, self.states, strict=True)
        )
        return {"controllers": tuple(remembered), "seen": sorted(self._seen)}

    def read(self, saved: Any) -> tuple[States, set[str]]:
        """What a saved run remembered; `load` keeps it.

        Raises:
            CheckpointError: It is no such data, or of other controllers.
        """
        try:
            titles = [one["title"] for one in saved["controllers"]]
            states = tuple(dict(one["state"]) for one in saved["controllers"])
            seen = {str(name) for name in saved["seen"]}
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"This is no state of controllers: {shown(saved)} ({error!r}).") from error
        ours = self._labels
        if titles != ours:
            raise CheckpointError(
                f"The saved run has the controllers {listing(map(str, titles)) or 'none'}, and the recipe "
                f"{listing(ours) or 'none'}: what they remember would go to others. Plan with the recipe of "
                "the saved run."
            )
        for label, state, begun in zip(ours, states, self.states, strict=True):
            if state.keys() != begun.keys():
                raise CheckpointError(
                    f"{label} remembers {listing(begun)}, and the saved run {listing(map(str, state))}. Plan "
                    "with the recipe of the saved run."
                )
        return states, seen

    def load(self, states: States, seen: set[str]) -> None:
        """Go on with what a saved run remembered."""
        self.states, self._seen = states, seen

    @property
    def _labels(self) -> list[str]:
        """Their titles; where two have one title, all that is said of them."""
        titles = [controller.title for controller in self.controllers]
        return [
            title if titles.count(title) == 1 else repr(controller)
            for title, controller in zip(titles, self.controllers, strict=True)
        ]

    def _unseen(self) -> Iterator[str]:
        for controller in self.controllers:
            if lacking := [metric for metric in controller.metrics if metric not in self._seen]:
                yield f"{listing(lacking)} ({controller.title})"

    def _check_read(self, metrics: Mapping[str, Any]) -> None:
        read = {metric for controller in self.controllers for metric in controller.metrics}
        if read.isdisjoint(metrics):
            if not read:
                what = (
                    'the recipe has none. pg.Recipe(…, controllers=[pg.control.plateau("**", "val_loss")]).'
                )
            else:
                what = f"they read {listing(sorted(read))}. {nearest(next(iter(metrics), ''), read)}"
            raise PlanError(f"No controller reads {listing(metrics) or 'nothing'}: {what}")


def _names_of(controller: Controller, plan: Plan) -> Iterator[str]:
    """All that a controller may change."""
    for selector in controller.selectors:
        matched = selector.select(plan.index, plan.pins).whole.tolist()
        yield from (
            row.name
            for row, inside in zip(plan.index, matched, strict=True)
            if inside and row.name in plan.group_of
        )


def _dropped(
    controller: Controller, state: Mapping[str, Any], names: set[str], groups: set[str], plan: Plan
) -> Mapping[str, Any]:
    """What a controller remembers after these parameters, whole groups, were set anew."""
    if isinstance(controller, Guard):
        return controller.dropped_of(state, groups)
    return controller.dropped(state) if names.issuperset(_names_of(controller, plan)) else state


def _due(horizon: Horizon) -> int:
    if horizon.ticks_per_epoch is not None and horizon.unit == "step":
        return PATIENT_EPOCHS * horizon.ticks_per_epoch
    return PATIENT_TICKS if horizon.ticks is None else max(horizon.ticks // PATIENT_SHARE, 1)


def _number(name: str, value: Any) -> float:
    """A metric as a float; NaN and infinity are for the controllers to judge."""
    try:
        found = value.item() if hasattr(value, "item") else value
        if is_number(found):
            return float(found)
    except (ValueError, RuntimeError, OverflowError):  # more than one number, or more than a float holds
        pass
    raise PlanError(f"observe({name}={shown(value)}): a metric is one number, such as {name}=0.25.")
