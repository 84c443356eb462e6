"""Which keys a class can read."""

from typing import Any

import torch
from torch.optim import SGD, AdamW, Optimizer

from paramgroups.auditing.looks.reads import MOST, texts_in, texts_of

FACTOR = "lr_factor"
SETTINGS = ["lr_first", "lr_second"]


def helper(group: dict[str, Any]) -> Any:
    return group["lr_helped"]


def update(*, lr_unpacked: float, lr_given: float = 0.0) -> float:
    return lr_unpacked + lr_given


def stranger(group: dict[str, Any]) -> Any:
    return group["lr_strange"]


class Reader(Optimizer):
    """Reads in every way that a class can."""

    key = "lr_attribute"

    @property
    def rate(self) -> Any:
        return self.param_groups[0]["lr_property"]

    @staticmethod
    def scaled(group: dict[str, Any]) -> Any:
        return group["lr_static"]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        del closure
        for group in self.param_groups:
            for key in ("lr_listed", *SETTINGS):
                group.get(key)
            group[FACTOR] = [one for one in group["lr_nested"]]  # noqa: C416  # code within code
            helper(group)


class Heir(Reader):
    """Reads what its base does."""


def test_texts_of_methods_properties_constants_and_called_functions_are_found() -> None:
    wanted = "attribute property static listed first second factor nested helped"
    assert {f"lr_{one}" for one in wanted.split()} <= texts_of(Reader)


def test_what_is_near_but_not_called_is_not_read() -> None:
    assert "lr_strange" not in texts_of(Reader)


def test_an_heir_reads_what_its_bases_read() -> None:
    assert "lr_nested" in texts_of(Heir)


def test_torchs_own_are_read_and_keys_of_others_are_not_in_them() -> None:
    assert {"betas", "weight_decay", "amsgrad"} <= texts_of(AdamW)
    assert {"momentum", "nesterov"} <= texts_of(SGD)
    assert not {"lr_scale", "lr_mult", "decay_mult", "weigth_decay"} & (texts_of(AdamW) | texts_of(SGD))


def test_arguments_count_since_a_group_may_be_unpacked_into_them() -> None:
    def step(group: dict[str, float]) -> float:
        return update(**group)

    def plain(group: dict[str, float]) -> float:
        return update(lr_unpacked=group["lr"])

    assert "lr_unpacked" in texts_in([step])
    assert "lr_given" not in texts_in([plain])


def test_functions_that_call_each_other_end() -> None:
    def again() -> None:
        again()

    assert texts_in([again, again, print]) == set()


def test_a_class_without_python_code_reads_nothing() -> None:
    assert not {"lr_scale"} & texts_of(int)
    assert MOST > 100
