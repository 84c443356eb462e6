"""What a log is: three methods, so that a class of the user's is one without inheriting anything."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from paramgroups.errors import HostError, shown

METHODS = {
    "numbers": "numbers(found: Mapping[str, float], step: int)",
    "text": "text(name: str, text: str, step: int | None)",
    "close": "close()",
}
"""What a log has, as it is written."""


@runtime_checkable
class Log(Protocol):
    """Where a run is written to.

    Example:
        >>> class Printed:
        ...     def numbers(self, found, step):
        ...         print(step, dict(found))
        ...
        ...     def text(self, name, text, step):
        ...         print(step, name, text)
        ...
        ...     def close(self):
        ...         pass
        >>> isinstance(Printed(), Log)
        True
    """

    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Write numbers by name. They may be NaN or infinite, and are to be written as such.

        Args:
            found: The numbers; the names may be others than at the step before.
            step: The tick of the scheduler.
        """

    def text(self, name: str, text: str, step: int | None) -> None:
        """Write a text, of several lines perhaps.

        Args:
            name: What it is: `"plan"`, `"recipe"`, `"findings"`, `"events"`.
            text: The text.
            step: The tick of the scheduler; None: it is of the whole run.
        """

    def close(self) -> None:
        """Write what is not written yet, and let go of what was opened for this."""


def checked_log(log: Any) -> Log:
    """What can be written to.

    Raises:
        HostError: It is no log.
    """
    lacking = [written for name, written in METHODS.items() if not callable(getattr(log, name, None))]
    if lacking or isinstance(log, type):
        what = "is a class: make one of it" if not lacking else f"lacks {', '.join(lacking)}"
        raise HostError(
            f"{shown(log)} is no log: it {what}. Give Memory(), CSV(path), TensorBoard(folder), WandB(run), "
            f"MLflow(run), or an object with {', '.join(METHODS.values())}."
        )
    found: Log = log
    return found
