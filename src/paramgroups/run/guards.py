"""Guards at work: what holds the next update back, and what is made of the last one."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from torch import nn
from torch.optim import Optimizer as TorchOptimizer

from paramgroups.control import Guard, Report, Verdict, gate_of, judge
from paramgroups.errors import CheckpointError, PlanError, StoppedError, listing, shown
from paramgroups.journal import Event, Journal
from paramgroups.optim.limits import Limit
from paramgroups.optim.optimizer import Optimizer
from paramgroups.optim.statistics import Statistics, chosen
from paramgroups.planning import Group, Plan
from paramgroups.rules import Assignment, State
from paramgroups.run.choosing import Chosen
from paramgroups.run.feedback import Feedback
from paramgroups.run.ledger import Said
from paramgroups.run.snapshots import Snapshot
from paramgroups.run.watches import Watch, held_back, watches_of

AT_ONCE = ("scale", "keep")
"""What a verdict may ask for that neither writes weights nor ends the training."""

LAST = 5
"""So many of the last events are told where a guard ends the training."""


Answer = tuple[Watch, State, Sequence[Verdict]]


class Order(NamedTuple):
    """What is to be done before the next update, since it writes weights or ends the training.

    Attributes:
        place: The place of the guard that asks for it.
        step: The tick of the update that it judged.
        verdict: What it asks for.
    """

    place: int
    step: float
    verdict: Verdict


class Done(NamedTuple):
    """What guards have done.

    Attributes:
        events: What changes no value of the plan, such as an update that was left out.
        said: The rates that are to be scaled.
    """

    events: list[Event]
    said: list[Said]


class Guards:
    """The guards of a recipe. What each remembers is kept with what all controllers remember.

    Args:
        plan: The plan.
        feedback: Its controllers.
        optimizer: The optimizer, which tells what each update was.
        model: The live model, whose buffers go back with its weights; None where there is none.

    Raises:
        PlanError: There are guards, and the optimizer does not tell what its updates are.
    """

    def __init__(
        self, plan: Plan, feedback: Feedback, optimizer: TorchOptimizer, model: nn.Module | None
    ) -> None:
        self._plan, self._feedback, self._model = plan, feedback, model
        numbered = enumerate(feedback.controllers)
        self._guards = [(place, guard) for place, guard in numbered if isinstance(guard, Guard)]
        self._optimizer = _telling(optimizer, self._guards)
        if isinstance(optimizer, Optimizer):
            optimizer.limits = ()  # of whoever guarded it before
        self._watches: list[Watch] = []
        self._armed: list[Watch] = []
        self._waiting: float | None = None
        self._orders: list[Order] = []
        self._kept: dict[int, Snapshot] = {}
        self._copies: dict[int, Snapshot] = {}  # of the last update, kept if it turns out to be good
        self._back: tuple[Limit, ...] = ()
        self._rests = False  # the last update was left out because weights had gone back
        self._windowed: list[Group] = []
        self._thaws: set[str] = set()
        self._live: set[str] | None = None  # of the groups that are frozen now and then, at the last update

    def follow(self, groups: Sequence[Group], held: Sequence[Group]) -> None:
        """Watch the groups that there are; `held` stand in the optimizer, in its order."""
        self._watches = watches_of(self._guards, self._plan, groups, held)
        self._windowed = [group for group in held if len(group.profile.trainable.pieces) > 1]

    def arm(self, tick: float) -> None:
        """Tell the optimizer what the gradients of the update at a tick must be."""
        if self._optimizer is None:
            return
        states = self._feedback.states
        for watch in self._watches:
            if watch.place not in self._kept and watch.guard.due(states[watch.place]):
                self._kept[watch.place] = self._taken(watch, tick)
        self._thaws = self._thawed(tick)
        self.arm_again()

    def arm_again(self) -> None:
        """Tell the optimizer anew: a metric may have been told since."""
        if self._optimizer is None:
            return
        states, thawed = self._feedback.states, self._thaws
        gates = [(one, gate_of(one.guard, states[one.place])) for one in self._watches]
        limits = [(watch, limit) for watch, gate in gates if gate for limit in watch.limits(gate, thawed)]
        self._armed = [watch for watch, _ in limits]
        self._optimizer.limits = [*(limit for _, limit in limits), *self._back]

    def _thawed(self, tick: float) -> set[str]:
        """The groups that thaw at a tick."""
        before, now = self._live, {one.name for one in self._windowed if one.profile.trainable.at(tick)}
        self._live = now
        return set() if before is None else now - before

    def note(self, tick: float) -> None:
        """An update was made at a tick, and is to be judged: at the latest before the next."""
        if self._optimizer is None:
            return
        self._waiting, self._rests, self._back = tick, bool(self._back), ()
        self._optimizer.limits = ()  # they are those of one update
        for watch in self._watches:
            if watch.guard.due(self._feedback.states[watch.place]):
                self._copies[watch.place] = self._taken(watch, tick)

    def _taken(self, watch: Watch, tick: float) -> Snapshot:
        assert self._optimizer is not None  # noqa: S101  # there are guards
        return Snapshot.taken(self._optimizer, watch.groups, self._model, tick)

    @property
    def waits(self) -> bool:
        """Whether an update has not been judged yet."""
        return self._waiting is not None

    def judge(self) -> Done:
        """What the guards make of the last update; `act` does what waits for the next.

        Raises:
            ParamGroupsError: A guard raises, or its answer is none. Nothing is remembered then.
        """
        if self._waiting is None or self._optimizer is None:
            return Done([], [])
        step, optimizer = self._waiting, self._optimizer
        seen = {} if self._rests else optimizer.statistics()
        back = list(held_back(list(zip(self._armed, optimizer.outcomes, strict=False)), step))
        events, refused = [event for event, _ in back], {name for _, groups in back for name in groups}
        answers = self._answers(step, seen, refused)
        self._waiting = None
        said = list[Said]()
        for watch, state, verdicts in answers:
            self._feedback.keep(watch.place, state)
            scales = [one for one in verdicts if one.action == "scale"]
            said += [_scaling(watch.guard, one.groups, one.factor) for one in scales]
            if any(one.action == "keep" for one in verdicts) and watch.place in self._copies:
                self._kept[watch.place] = self._copies[watch.place]
            later = [one for one in verdicts if one.action not in AT_ONCE]
            self._orders += [Order(watch.place, step, one) for one in later]
        self._copies = {}
        return Done(events, said)

    def _answers(self, step: float, seen: Mapping[str, Statistics], refused: set[str]) -> list[Answer]:
        """What each makes of the last update; those that answer to the others are asked last.

        One that tells nothing lets go all the same of what a metric held back: a gradient scaler may have
        left it out, or its gradients were those of weights that have gone back.
        """
        found, bad = list[Answer](), list[str]()
        told: dict[tuple[str, ...], Mapping[str, Statistics]] = {}
        asked = [watch for watch in self._watches if seen or watch.guard.metrics]
        for watch in sorted(asked, key=lambda one: one.guard.answers):
            scope = tuple(watch.groups)
            if scope not in told:
                told[scope] = chosen(seen, scope)
            groups = told[scope]
            out = frozenset(refused & groups.keys())
            report = Report(step, groups, out, tuple(dict.fromkeys(bad)) if watch.guard.answers else ())
            state, verdicts = judge(watch.guard, self._feedback.states[watch.place], report)
            found.append((watch, state, verdicts))
            if out or any(one.harm and one.action != "keep" for one in verdicts):
                bad.append(watch.guard.title)
        return found

    def act(self, tick: float, frozen: Container[int]) -> Done:
        """Do what was ordered; where training ends, weights stay as they are.

        Args:
            tick: The tick of the update to come, which is left out where weights go back.
            frozen: The identities of the tensors that are frozen now, which do not go back.

        Raises:
            CheckpointError: Weights cannot go back. Nothing is written then.
        """
        done, orders, self._orders = Done([], []), self._orders, []
        watches = {watch.place: watch for watch in self._watches}
        stops = [order for order in orders if order.verdict.action == "stop"]
        for order in stops or orders:
            watch, verdict = watches[order.place], order.verdict
            if stops:
                done.events.append(watch.event(order.step, "stop", (), {"reason": verdict.reason}))
            elif order.place in self._kept:
                done.events.append(self._go_back(watch, order, tick, frozen))
                done.said.extend(_factor(watch, verdict.factor))
        return done

    def _go_back(self, watch: Watch, order: Order, tick: float, frozen: Container[int]) -> Event:
        assert self._optimizer is not None  # noqa: S101  # it judged
        kept = self._kept[watch.place]
        kept.restore(self._optimizer, watch.groups, self._model, frozen)
        self._back += (Limit(tuple(watch.groups.values()), shut=True),)
        said = {"to": kept.step, "left out": tick, "reason": order.verdict.reason}
        return watch.event(order.step, "rollback", tuple(watch.groups), said)

    def state(self) -> dict[str, Any]:
        """What is still to be done, and the weights that were kept: plain Python and tensors."""
        orders = tuple({"place": one.place, "step": one.step, **asdict(one.verdict)} for one in self._orders)
        kept = tuple((place, snapshot.data) for place, snapshot in self._kept.items())
        live = None if self._live is None else sorted(self._live)
        return {"orders": orders, "kept": kept, "live": live}

    def read(self, saved: Any) -> tuple[list[Order], dict[int, Snapshot], set[str] | None]:
        """What a saved run had still to do, and had kept; `load` takes it over.

        Raises:
            CheckpointError: It is no such data.
        """
        try:
            orders = [dict(one) for one in saved["orders"]]
            kept = {int(place): Snapshot.read(data) for place, data in dict(saved["kept"]).items()}
            live = None if saved["live"] is None else set(map(str, saved["live"]))
            places = {place for place, _ in self._guards}
            read = [
                Order(
                    int(one.pop("place")),
                    one.pop("step"),
                    Verdict(**{**one, "groups": tuple(one["groups"])}),
                )
                for one in orders
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"This is no state of guards: {shown(saved)} ({error!r}).") from error
        if lost := {*kept, *(one.place for one in read)} - places:
            raise CheckpointError(
                f"The saved run has a guard in place {min(lost)}, and the recipe has none there."
            )
        if odd := [one.verdict.action for one in read if one.verdict.action not in ("rollback", "stop")]:
            raise CheckpointError(f"The saved run was to do {shown(odd[0])}, which no guard orders.")
        return read, kept, live

    def load(self, orders: list[Order], kept: dict[int, Snapshot], live: set[str] | None) -> None:
        """Go on as a saved run would have."""
        self._orders, self._kept, self._live = orders, kept, live
        self._waiting, self._rests, self._back, self._copies = None, False, (), {}


def check_going(events: Sequence[Event], journal: Journal) -> None:
    """End the training where a guard has.

    Raises:
        StoppedError: One has.
    """
    for event in events:
        if event.action == "stop":
            last = "".join(f"\n  {one}" for one in journal[-LAST:])
            raise StoppedError(
                f"{event.cause} ended the training after the update of step {event.step:,.15g}: "
                f"{event.value['reason']}\nThe last events:{last}\n"
                "Weights are those after that update. Go back to a checkpoint from before it, with a smaller "
                "rate where the numbers grew, or look at the data of these steps."
            )


def _scaling(guard: Guard, groups: Sequence[str], factor: float) -> Said:
    return Said(guard.title, Chosen(tuple(groups)), (Assignment("lr", scales=True, value=factor),))


def _factor(watch: Watch, factor: float) -> list[Said]:
    return [] if factor == 1.0 else [_scaling(watch.guard, tuple(watch.groups), factor)]


def _telling(optimizer: TorchOptimizer, guards: Sequence[tuple[int, Guard]]) -> Optimizer | None:
    """The optimizer, where there are guards.

    Raises:
        PlanError: It does not tell what its updates are.
    """
    if not guards:
        return None
    titles = listing(guard.title for _, guard in guards)
    if not isinstance(optimizer, Optimizer):
        raise PlanError(
            f"{titles}: a guard is fed by the updates themselves, which {type(optimizer).__name__} does not "
            "tell. Let pg.build(plan) make the optimizer."
        )
    if not optimizer.tells:
        raise PlanError(
            f"{titles}: a guard reads statistics of the updates, and the optimizer was made with "
            "statistics=False. Leave that out."
        )
    if optimizer.evaluates:
        raise PlanError(
            f"{titles}: an optimizer that evaluates the loss itself, such as LBFGS, sees gradients that "
            "nobody else sees, and so no guard. Leave guards out, or name another optimizer."
        )
    return optimizer
