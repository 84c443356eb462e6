"""How long training is, and what a tick is."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Literal

from paramgroups.errors import ScheduleError, shown
from paramgroups.schedules.checks import MOST_TICKS, whole
from paramgroups.schedules.lengths import Length, read_length


@dataclass(frozen=True)
class Horizon:
    """How long training is, and what a tick is.

    Attributes:
        ticks: How many ticks training takes; None where it has no known end. 0 is what remains at the end.
        ticks_per_epoch: How many ticks make an epoch; None where that is unknown.
        unit: What a tick is: an update of the optimizer (`"step"`), or an `"epoch"`.

    Example:
        >>> horizon = Horizon.of(steps=1000, steps_per_epoch=100)
        >>> horizon.length("5%"), horizon.length("3 epochs"), horizon.length(20)
        (50, 300, 20)
    """

    ticks: int | None = None
    ticks_per_epoch: int | None = None
    unit: Literal["step", "epoch"] = "step"

    def __post_init__(self) -> None:
        for name, least in (("ticks", 0), ("ticks_per_epoch", 1)):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, whole(name, value, least=least))
        if self.unit not in ("step", "epoch"):
            raise ScheduleError(f'unit={shown(self.unit)} is no tick. Write "step" or "epoch".')
        if self.unit == "epoch" and self.ticks_per_epoch != 1:
            raise ScheduleError(f"A tick is an epoch, and ticks_per_epoch={self.ticks_per_epoch}. Write 1.")

    @classmethod
    def of(
        cls, steps: int | None = None, epochs: int | None = None, steps_per_epoch: int | None = None
    ) -> "Horizon":
        """The horizon that `pg.plan` is told of.

        With `steps`, or `epochs` and `steps_per_epoch`, a tick is an update; with `epochs` alone, an
        epoch; with none, training has no known end.

        Args:
            steps: Updates in all. They need not fill the last epoch.
            epochs: Epochs in all.
            steps_per_epoch: Updates in an epoch.

        Raises:
            ScheduleError: One is not an int above 0, or they do not agree.

        Example:
            >>> Horizon.of(epochs=30, steps_per_epoch=100)
            Horizon(ticks=3000, ticks_per_epoch=100, unit='step')
            >>> Horizon.of(epochs=30)
            Horizon(ticks=30, ticks_per_epoch=1, unit='epoch')
        """
        steps, epochs, each = _checked(steps, epochs, steps_per_epoch)
        if epochs is None:
            return cls(steps, each)
        if steps is None and each is None:
            return cls(epochs, 1, "epoch")
        if steps is None and each is not None:
            return cls(whole("epochs × steps_per_epoch", epochs * each, least=1), each)
        if each is None and steps is not None and steps % epochs == 0:
            return cls(steps, steps // epochs)
        if each is not None and steps == epochs * each:
            return cls(steps, each)
        raise _disagreement(steps, epochs, each)

    def exact(self, value: Length, what: str = "length") -> Fraction:
        """A length in ticks before it is rounded, so that a chain can round its ends, not its parts."""
        number, unit = read_length(what, value)
        asked = f"{what}={shown(value)}"
        if unit == "%":
            if self.ticks is None:
                raise ScheduleError(f"{asked} is a share of a training without a known end. Give steps=.")
            return number * self.ticks / 100
        if unit == "epoch":
            if self.ticks_per_epoch is None:
                raise ScheduleError(f"{asked}: how long an epoch is was not told. Give steps_per_epoch=.")
            number *= self.ticks_per_epoch
        if unit == "step" and self.unit == "epoch":
            raise ScheduleError(
                f"{asked} counts steps, and a tick is an epoch here. Give steps_per_epoch=, or write epochs."
            )
        if number > MOST_TICKS:
            raise ScheduleError(f"{asked} is more than 2**53 ticks. Write a shorter one.")
        return number

    def length(self, value: Length, what: str = "length") -> int:
        """A length in ticks: the nearest whole number, a half upwards. It may pass the horizon's end.

        Args:
            value: An int (ticks), `"10%"` (of the horizon), `"3 epochs"`, or `"500 steps"`.
            what: What the length is for, as an error names it.

        Raises:
            ScheduleError: It is no length, or asks what the horizon does not know.

        Example:
            >>> Horizon.of(steps=15).length("10%")
            2
        """
        return nearest_tick(self.exact(value, what))

    def rest(self, start: int) -> "Horizon":
        """What remains from tick `start` on: nothing where that is past the end."""
        start = whole("start", start, least=0)
        return self if self.ticks is None else replace(self, ticks=max(self.ticks - start, 0))

    def progress_text(self, t: float) -> str:
        """How far tick `t` is, for people.

        >>> Horizon.of(steps=1000).progress_text(120), Horizon.of().progress_text(8120)
        ('12%', 'step 8,120')
        """
        if self.ticks is None:
            return f"{self.unit} {t:,.15g}"
        return f"{min(max(t, 0) / self.ticks, 1) if self.ticks else 1:.0%}"

    def __str__(self) -> str:
        return "no known end" if self.ticks is None else f"{self.ticks:,} {self.unit}s"


def nearest_tick(ticks: Fraction) -> int:
    """The nearest whole number, a half upwards."""
    return floor(ticks + Fraction(1, 2))


def _checked(*given: int | None) -> list[int | None]:
    names = ("steps", "epochs", "steps_per_epoch")
    return [
        None if value is None else whole(name, value, least=1)
        for name, value in zip(names, given, strict=True)
    ]


def _disagreement(steps: int | None, epochs: int, each: int | None) -> ScheduleError:
    if each is None:
        return ScheduleError(f"{steps} steps do not divide into {epochs} epochs. Give steps_per_epoch=.")
    return ScheduleError(
        f"steps={steps} is not epochs={epochs} × steps_per_epoch={each} = {epochs * each}. Leave one out."
    )
