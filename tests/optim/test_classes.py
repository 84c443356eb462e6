import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from paramgroups.errors import RuleError
from paramgroups.optim import optimizer_class, pack, torch_optimizers
from paramgroups.optim.algorithms import ALGORITHMS
from paramgroups.optim.classes import ours_alone, torch_name
from paramgroups.optim.hyperparameters import CLIPPING

NAMES = sorted(torch_optimizers())


class Own(Optimizer):
    """An optimizer of a user's, with what may stand in defaults."""

    def __init__(self, params: Any, lr: float = 0.1, power: float = 2.0) -> None:
        defaults = {"lr": lr, "power": power, "plan": [1, 2], "table": {}, "scale": torch.ones(())}
        super().__init__(params, defaults)


class Needy(Optimizer):
    def __init__(self, params: Any, lr: float, gamma: float) -> None:
        super().__init__(params, {"lr": lr, "gamma": gamma})


class Apart(Optimizer):
    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "beta1": 0.9, "beta2": 0.99})


def test_the_usual_names_are_there() -> None:
    assert {"adam", "adamw", "sgd", "rmsprop", "adagrad", "adafactor", "lbfgs", "nadam", "radam"} <= set(
        NAMES
    )
    assert "optimizer" not in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_of_every_class_are_read(name: str) -> None:
    found = optimizer_class(name)
    assert found.cls is not None
    made = found.cls([nn.Parameter(torch.zeros(2, 2))])  # type: ignore[call-arg]  # all have a default rate
    group = {key: value for key, value in made.param_groups[0].items() if key != "params"}
    assert pack(found.defaults) | {"lr": group["lr"]} == {**group, **CLIPPING}
    assert found.defaults["lr"] == 1e-3
    assert found.name == found.cls.__name__
    assert hash(found) == hash(optimizer_class(found.cls))
    assert torch_name(found.cls) == found.named == name


def test_betas_are_told_apart() -> None:
    defaults = optimizer_class("adamw").defaults
    assert (defaults["beta1"], defaults["beta2"], defaults["weight_decay"]) == (0.9, 0.999, 0.01)
    assert "betas" not in defaults


def test_a_users_class_is_read_but_for_what_cannot_be_compared() -> None:
    found = optimizer_class(Own)
    assert dict(found.defaults) == {"lr": 1e-3, "power": 2.0, "plan": (1, 2), **CLIPPING}
    assert torch_name(Own) is None
    assert (found.named, found.is_ours) == (Own, False)


@pytest.mark.parametrize("name", ours_alone())
def test_names_of_ours_that_torch_has_not(name: str) -> None:
    found = optimizer_class(name)
    assert (found.named, found.cls, found.is_ours) == (name, None, True)
    own = {key: value for key, value in pack(found.defaults).items() if key not in CLIPPING}
    assert own == {**ALGORITHMS[name].defaults, "lr": 1e-3}


def test_lion_is_ours_alone_and_adamw_torchs_too() -> None:
    assert "lion" in ours_alone()
    assert "adamw" not in ours_alone()
    assert optimizer_class("adamw").is_ours
    assert not optimizer_class("adamax").is_ours
    assert optimizer_class("lion").name == "Lion"


def test_a_class_named_like_one_of_torch_is_not_taken_for_it() -> None:
    assert torch_name(type("AdamW", (Own,), {})) is None


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("adamW", "optimizer='adamW' is not known. Nearest: \"adamw\""),
        ("adam_w", 'Nearest: "adamw"'),
        ("SGD", 'Nearest: "sgd"'),
        ("loin", 'Nearest: "lion"'),
        ("lookahead", "Known: adadelta, adafactor, adagrad"),
        ("x" * 10**6, r"optimizer='xxx.*\.\.\.x*' is not known"),
        (None, "optimizer=None is no optimizer. Give the lower-case name"),
        (3, "optimizer=3 is no optimizer"),
        ([], r"optimizer=\[\] is no optimizer"),
        (nn.Linear, "is no optimizer"),
        (Needy, "optimizer=Needy cannot be made from parameters and lr alone: .*'gamma'.*in a subclass"),
        (Optimizer, "optimizer=Optimizer cannot be made"),
        (Apart, "optimizer=Apart reads beta1 and beta2 from its groups.*Give a subclass that reads betas"),
    ],
)
def test_what_is_no_optimizer_is_refused(named: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message) as caught:
        optimizer_class(named)
    assert len(str(caught.value)) < 500


def test_an_optimizer_that_was_made_is_no_class() -> None:
    made = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(RuleError, match="or an optimizer class"):
        optimizer_class(made)  # type: ignore[arg-type]  # the mistake


def test_reading_defaults_does_not_load_the_compiler() -> None:
    code = (
        "import sys\nfrom paramgroups.optim import optimizer_class\n"
        "assert optimizer_class('adamw').defaults['beta1'] == 0.9\n"
        "assert optimizer_class('lion').defaults['beta2'] == 0.99\n"
        "sys.exit('torch._dynamo' in sys.modules or 'numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  # our own
