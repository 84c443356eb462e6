"""What a controller is given to remember, and what it gives back."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from paramgroups.control.checks import plain
from paramgroups.errors import ParamGroupsError, RuleError, shown
from paramgroups.rules import Controller, State

EARLY = 10
"""Before this tick each state that a guard returns is looked through: a mistake shows at once."""


class named:  # noqa: N801  # read as a word: with named(guard, "asked for its gate")
    """Errors begin with whom was asked, and when; no generator, since guards are asked at every step.

    Args:
        controller: Who is asked.
        when: For what; or at which step, which is written out where there is an error alone.
    """

    __slots__ = ("_controller", "_when")

    def __init__(self, controller: Controller, when: str | float) -> None:
        self._controller, self._when = controller, when

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception):
            return
        when = self._when if isinstance(self._when, str) else f"at step {self._when:,.15g}"
        where = f"{self._controller.title} {when}"
        if isinstance(error, ParamGroupsError):
            raise type(error)(f"{where}: {error}") from error
        raise RuleError(f"{where} raised {type(error).__name__}: {error}. Mend the controller.") from error


def copied(given: Any) -> dict[str, Any]:
    """A state as JSON gives it back.

    Raises:
        RuleError: It is no dict of plain data.
    """
    found: dict[str, Any] = plain("Its state", dict(_mapping(given)))
    return found


def exact(given: Any) -> dict[str, Any]:
    """A state that JSON gives back as it is, copied.

    Raises:
        RuleError: It is no dict of plain data, or holds what JSON gives back as something else.
    """
    found = copied(given)
    if found != given:
        raise RuleError(
            f"Its state is {shown(given)}, and after a resume it were {shown(found)}: a tuple comes back as a"
            " list, and a key as text. Keep lists, and texts as keys."
        )
    return found


def lent(state: State) -> State:
    """A state that cannot be written to; what it holds can, and is not looked after."""
    return state if isinstance(state, MappingProxyType) else MappingProxyType(dict(state))


def returned(after: Any, step: float) -> dict[str, Any]:
    """What a guard gave back as its state: all of it is looked through early in a run alone.

    Raises:
        RuleError: It is no dict of plain data.
    """
    found = dict(_mapping(after))
    return exact(found) if step < EARLY else found


def _mapping(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise RuleError(f"Its state is {shown(given)}. Keep a dict of plain data.")
    return given
