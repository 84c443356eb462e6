"""Which optimizers there are, by the names that groups keep."""

import copy
import pickle
from typing import Any

import pytest
import torch

from paramgroups.errors import OptimizerError
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.naming import Known


class Own(torch.optim.SGD):
    """A class of a user's."""


def made() -> type[torch.optim.Optimizer]:
    """A class that is called as all that are made here."""

    class Local(torch.optim.SGD):
        pass

    return Local


def test_two_classes_of_one_name_are_told_apart_by_nobody() -> None:
    known, first = Known(), made()
    name = known.name_of(first)
    assert known.name_of(first) == name
    with pytest.raises(OptimizerError) as caught:
        known.name_of(made())
    assert str(caught.value) == (
        f'Two classes are called "{name}", and groups keep names alone. Give one another __qualname__.'
    )
    assert known.classes[name] is first


@pytest.mark.parametrize("name", ALGORITHMS)
def test_ours_keep_their_names(name: str) -> None:
    known = Known()
    assert known.name_of(name) == name
    assert known.defaults(name) == dict(ALGORITHMS[name].defaults)
    assert not known.classes


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Adam", "RMSprop", "NAdam", "RAdam", "Adagrad"])
def test_classes_of_torch_that_we_have_a_rule_for_are_stepped_by_it(name: str) -> None:
    known = Known()
    assert known.name_of(getattr(torch.optim, name)) == name.lower()
    assert not known.classes


@pytest.mark.parametrize("asked", ["adamax", torch.optim.Adamax], ids=["name", "class"])
def test_other_classes_of_torch_have_their_lower_case_name(asked: Any) -> None:
    known = Known()
    assert known.name_of(asked) == "adamax"
    assert known.classes == {"adamax": torch.optim.Adamax}
    assert known.defaults("adamax")["betas"] == (0.9, 0.999)


def test_a_users_class_has_the_name_of_where_it_is() -> None:
    known = Known()
    name = known.name_of(Own)
    assert name == f"{__name__}.Own"
    assert known.classes == {name: Own}
    assert known.name_of(name) == name
    assert known.defaults(name)["momentum"] == 0


def test_defaults_have_torchs_keys_and_none_of_ours() -> None:
    known = Known()
    defaults = known.defaults(known.name_of("adamax"))
    assert not defaults.keys() & {"beta1", "beta2", "clip_norm", "clip_alone", "params"}


def test_defaults_are_the_callers_own() -> None:
    known = Known()
    known.defaults("adam")["lr"] = 5.0
    assert known.defaults("adam")["lr"] == 1e-3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda known: pickle.loads(pickle.dumps(known))],  # noqa: S301  # our own bytes
                         ids=["copied", "pickled"])  # fmt: skip
def test_names_are_known_to_a_copy(copied: Any) -> None:
    known = Known()
    name = known.name_of(Own)
    assert copied(known).name_of(name) == name


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("adamx", "optimizer='adamx' is not known. Nearest: \"adam"),
        ("", "is not known"),
        (None, "optimizer=None is no optimizer. Give the lower-case name of a torch.optim class or of ours"),
        (["adam"], "optimizer=['adam'] is no optimizer"),
        (int, "optimizer=<class 'int'> is no optimizer"),
        (torch.optim.Optimizer, "Optimizer"),
        (f"{__name__}.Other", "is not known"),
    ],
    ids=["near", "empty", "none", "list", "no optimizer", "the base", "a class that was not given"],
)
def test_what_is_no_optimizer(asked: Any, message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        Known().name_of(asked)
    assert message in str(caught.value)
