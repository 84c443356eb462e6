# ruff: noqa: N801 - a controller is written as a word in a recipe, and its repr pastes back
"""A controller of the user's own: a function of its state and an observation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from paramgroups.control.checks import label, metric, pair, plain, selector
from paramgroups.errors import RuleError, shown
from paramgroups.rules import Controller, Observation, Rule, State
from paramgroups.select import Selector, as_selector

Given = Callable[[Any, Observation], tuple[Any, Rule | Sequence[Rule]]]


@dataclass(frozen=True, repr=False)
class function(Controller):
    """Feedback of your own: `fn(state, seen) -> (state, rules)`.

    It must be pure: all that it remembers is the state that it is given and returns, which is saved with the
    scheduler. Its rules set or scale what its selectors, as declared here, select; they act from the step at
    which it was asked, and perhaps `until=` another. What it returns is checked whenever it is asked. What is
    to act on the updates themselves, not on metrics, is a class: `pg.control.Guard`.

    Args:
        label: Its name, in the journal and in `explain`.
        fn: From its state and what is seen (`seen["loss"]`, `seen.step`) to its next state and its rules.
        selector: Whose hyperparameters its rules may change; one selector or several.
        metric: What it reads; one name or several.
        start: Its first state: plain data.

    Raises:
        SelectorError: A selector is not in the language.
        RuleError: The label is no text, `fn` no function, a metric no name, or `start` no plain data.

    Example:
        >>> from paramgroups import rule
        >>> def halve(best, seen):
        ...     spike = best is not None and seen["loss"] > 2 * best
        ...     best = seen["loss"] if best is None else min(best, seen["loss"])
        ...     return best, [rule("head", lr_scale=0.5)] if spike else []
        >>> guard = function("halve on a spike", halve, selector="head", metric="loss")
        >>> state, rules = guard.observe(guard.begin(), Observation(0, {"loss": 1.0}))
        >>> guard.observe(state, Observation(1, {"loss": 3.0}))
        ({'own': 1.0}, [rule('head', lr_scale=0.5)])
    """

    label: str
    fn: Given = field(hash=False)
    _: KW_ONLY
    selector: str | Selector | Iterable[str | Selector]
    metric: str | Iterable[str]
    start: Any = field(default=None, hash=False)

    def __post_init__(self) -> None:
        values = {
            "label": label("label", self.label),
            "fn": _called(self.fn),
            "selector": tuple(selector("selector", one) for one in _several("selector", self.selector)),
            "metric": tuple(metric("metric", name) for name in _several("metric", self.metric)),
            "start": plain("start", self.start),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """Those that were declared."""
        return tuple(map(as_selector, _several("selector", self.selector)))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those that were declared."""
        return tuple(_several("metric", self.metric))

    @property
    def title(self) -> str:
        """Its label."""
        return self.label

    def begin(self) -> State:
        """The state that was given, under a key of its own, for it may be any plain data."""
        return {"own": self.start}

    def observe(self, state: State, seen: Observation) -> tuple[State, Sequence[Rule]]:
        """What the function makes of an observation."""
        own, rules = pair(self.fn(state["own"], seen))
        return {"own": own}, [rules] if isinstance(rules, Rule) else rules

    def to_data(self) -> dict[str, Any]:
        """It is no data.

        Raises:
            RuleError: Always.
        """
        raise RuleError(
            f'The controller "{self.label}" is a function, and a function is no data. Keep this recipe in'
            " Python, or use plateau or greedy."
        )

    def __repr__(self) -> str:
        parts = [repr(self.label), getattr(self.fn, "__qualname__", None) or repr(self.fn)]
        shown_selectors = [one if one.opaque else one.text for one in self.selectors]
        parts += [f"selector={_one(shown_selectors)!r}", f"metric={_one(self.metrics)!r}"]
        parts += [f"start={self.start!r}"] if self.start is not None else []
        return f"function({', '.join(parts)})"


def _called(fn: Any) -> Any:
    if not callable(fn):
        raise RuleError(f"fn={shown(fn)} is no function. Give one of a state and what is seen.")
    return fn


def _several(option: str, given: Any) -> tuple[Any, ...]:
    """What was given alone or in a list."""
    if isinstance(given, str | Selector) or not isinstance(given, Iterable):
        return (given,)
    found = tuple(given)
    if not found:
        raise RuleError(f"{option}= is empty. Give at least one.")
    return found


def _one(several: Sequence[Any]) -> Any:
    return several[0] if len(several) == 1 else list(several)
