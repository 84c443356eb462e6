"""A log is an object with three methods, whoever wrote its class."""

from collections.abc import Mapping
from typing import Any

import pytest

from paramgroups.errors import HostError
from paramgroups.integrations.loggers import CSV, Log, Memory
from paramgroups.integrations.loggers.protocol import METHODS, checked_log


class Mine:
    def numbers(self, found: Mapping[str, float], step: int) -> None:
        """Nothing is kept."""

    def text(self, name: str, text: str, step: int | None) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


class Half:
    def text(self, name: str, text: str, step: int | None) -> None:
        """Nothing is kept."""


def test_a_class_of_the_users_is_a_log_without_inheriting() -> None:
    mine: Log = Mine()
    assert isinstance(mine, Log)
    assert checked_log(mine) is mine


def test_what_lacks_methods_is_refused_and_they_are_named() -> None:
    with pytest.raises(HostError, match=r"lacks numbers\(found.*, close\(\)\. Give Memory\(\), CSV\(path\)"):
        checked_log(Half())
    none: list[Any] = ["runs/log.csv", None, {}, print]
    for log in none:
        with pytest.raises(HostError, match="is no log"):
            checked_log(log)


def test_a_class_is_no_log_before_one_is_made_of_it() -> None:
    for log in (Memory, CSV, Mine):
        with pytest.raises(HostError, match="is a class: make one of it"):
            checked_log(log)


def test_the_methods_that_are_named_are_those_of_the_protocol() -> None:
    assert set(METHODS) == {name for name in vars(Log) if not name.startswith("_")}
