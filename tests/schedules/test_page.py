"""The tables of docs/schedules.md: each line is run, and both sides give the same numbers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch.optim import lr_scheduler as torchs
from torch.optim.swa_utils import SWALR
from transformers import get_scheduler
from transformers.trainer_utils import SchedulerType

from tests.schedules.theirs import adam, driven, ours, sgd

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()


def names_of_the_page() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(block, names)  # noqa: S102 - the page is ours
    return names


SAID = names_of_the_page()
LR: float = SAID["lr"]
THEIRS: dict[str, Any] = vars(torchs) | {"SWALR": SWALR, "n": SAID["n"], "lr": LR}
# SequentialLR steps its parts with the epoch argument that torch itself has deprecated.
EPOCH = "ignore:The epoch parameter in:UserWarning"


def evaluated(code: str, optimizer: Any) -> Any:
    return eval(code, THEIRS | {"o": optimizer})  # noqa: S307 - the page is ours


@pytest.mark.filterwarnings(EPOCH)
@pytest.mark.parametrize("line", SAID["torchs"])
def test_a_line_of_the_table_of_torch_is_true(line: str) -> None:
    optimizer = sgd((LR,), momentum=0.9)
    theirs = driven(lambda o: evaluated(line, o), optimizer, lambda group: group["lr"])
    assert ours(SAID["torchs"][line], (LR,))[0] == pytest.approx(theirs[0], rel=1e-9, abs=1e-9)


MOMENTUM: dict[str, tuple[Any, Callable[[dict[str, Any]], float]]] = {
    "momentum": (lambda: sgd((LR,), momentum=0.9), lambda group: group["momentum"]),
    "beta1": (lambda: adam((LR,)), lambda group: group["betas"][0]),
}


@pytest.mark.parametrize("hyper", MOMENTUM)
@pytest.mark.parametrize("line", SAID["momenta"])
def test_a_line_of_the_table_of_momenta_is_true(line: str, hyper: str) -> None:
    make, read = MOMENTUM[hyper]
    theirs = driven(lambda o: evaluated(line, o), make(), read)
    assert ours(SAID["momenta"][line], (0.9,))[0] == pytest.approx(theirs[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("line", SAID["transformers"])
def test_a_line_of_the_table_of_transformers_is_true(line: str) -> None:
    name, _, settings = line.partition(",")
    optimizer = sgd((LR,))
    found = evaluated(f"dict({settings})", optimizer)
    theirs = driven(
        lambda o: get_scheduler(name, o, SAID["w"], SAID["n"], scheduler_specific_kwargs=found),
        optimizer,
        lambda group: group["lr"],
    )
    assert ours(SAID["transformers"][line], (LR,))[0] == pytest.approx(theirs[0], rel=1e-9, abs=1e-9)


def test_the_page_leaves_out_no_scheduler_of_torch_and_no_name_of_transformers() -> None:
    named = {line.partition("(")[0] for line in SAID["torchs"]}
    assert named | {"LRScheduler", "ReduceLROnPlateau"} == {*torchs.__all__, "SWALR"}
    assert "`ReduceLROnPlateau`" in PAGE
    named = {line.partition(",")[0] for line in SAID["transformers"]}
    assert named | {"reduce_lr_on_plateau", "greedy"} == {kind.value for kind in SchedulerType}
    assert "`reduce_lr_on_plateau` and `greedy`" in PAGE
