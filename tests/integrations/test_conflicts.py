"""What a recipe says too is passed over, and named."""

import warnings

import pytest

from paramgroups.integrations.conflicts import Passed, warn_of


def test_all_that_is_passed_over_is_named_in_one_warning() -> None:
    passed = [Passed("learning_rate", 1e-3, "lr"), Passed("lr_scheduler_type", "cosine", "schedule")]
    with pytest.warns(UserWarning, match="TrainingArguments") as caught:
        warn_of("TrainingArguments", passed)
    (warned,) = caught
    assert str(warned.message) == (
        "TrainingArguments: learning_rate=0.001 (the recipe's lr); lr_scheduler_type='cosine' (the recipe's "
        "schedule). The recipe wins, and these are passed over. Take them away, or write what they say into "
        "the recipe."
    )


def test_where_there_is_none_nothing_is_said() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of("TrainingArguments", [])


def test_a_huge_value_is_told_short() -> None:
    with pytest.warns(UserWarning, match="lambdas") as caught:
        warn_of("TrainingArguments", [Passed("lambdas", "x" * 10**6, "schedule")])
    assert len(str(caught[0].message)) < 400
