"""A small comparison, made once for all tests of the demo."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import pytest

from paramgroups.cli.demo.comparison import Asked, Outcome, compare
from paramgroups.cli.demo.data import Digits, load_digits
from paramgroups.cli.demo.training import one_thread

T = TypeVar("T")


def untold(sequence: Sequence[T], *, description: str) -> Iterable[T]:
    assert description
    return sequence


@pytest.fixture(autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="session")
def digits() -> Digits:
    return load_digits()


@pytest.fixture(scope="session")
def asked() -> Asked:
    return Asked(seeds=2, steps=10, labels=2)


@pytest.fixture(scope="session")
def outcomes(digits: Digits, asked: Asked) -> list[Outcome]:
    with one_thread():
        return compare(digits, asked, untold)
