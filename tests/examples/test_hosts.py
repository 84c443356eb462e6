"""Each host's example trains on real data, stands in the page beside its plain twin, and fits a screen."""

import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests.support import import_transformers

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{what}")
    for what in (
        r".isinstance\(treespec, LeafSpec\). is deprecated:FutureWarning",  # Lightning, of torch's trees
        ".is_gradient_checkpointing. is deprecated:FutureWarning",  # PEFT, of transformers
        ".*does not have many workers",  # Lightning, of a small machine
        r".*is smaller than the logging interval",  # Lightning, of a short epoch
        ".*module.s. in eval mode",  # Lightning, of what is frozen: so it is meant
    )
]
ROOT = Path(__file__).parents[2]
HOSTS = ROOT / "examples" / "hosts"
PLAIN = "_plain"
LONGEST = 40
SHOWN = re.compile(r"^```py\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """An example, its page, and what it reaches at least; or, where that is a loss, at most."""

    name: str
    page: str
    least: float = 0.0
    most: float = 1.0


EXAMPLES = [
    Example("accelerate_loop", "accelerate", least=0.95),
    Example("ignite_loop", "ignite_and_skorch", least=0.94),
    Example("lightning_module", "lightning", least=0.88),
    Example("peft_lora", "peft", least=1.5, most=2.5),
    Example("plain_loop", "loggers", least=0.94),
    Example("skorch_net", "ignite_and_skorch", least=0.94),
    Example("timm_layer_decay", "dialects", least=0.85),
    Example("torchao_adamw", "other_optimizers", least=0.9),
    Example("transformers_trainer", "transformers", least=0.85),
]


@pytest.fixture(scope="module", autouse=True)
def as_scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As when a file is run in a folder of the user's."""
    import_transformers()
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HOSTS)
        patch.chdir(tmp_path_factory.mktemp("hosts"))
        yield
    for name in [name for name in sys.modules if (HOSTS / f"{name}.py").exists()]:
        del sys.modules[name]
    torch.set_num_threads(threads)


@cache
def reached(name: str) -> float:
    """What an example returns; it is run once."""
    found = importlib.import_module(name).main()
    assert isinstance(found, float)
    return found


def test_every_example_is_here_and_has_a_plain_twin() -> None:
    names = {path.stem for path in HOSTS.glob("*.py")} - {"data"}
    ours = {name for name in names if not name.endswith(PLAIN)}
    assert ours == {example.name for example in EXAMPLES}
    assert names == ours | {name + PLAIN for name in ours}


@pytest.mark.parametrize("twin", ["", PLAIN], ids=["ours", "plain"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_it_fits_a_screen_and_stands_in_its_page(example: Example, twin: str) -> None:
    text = (HOSTS / f"{example.name}{twin}.py").read_text()
    assert len(text.splitlines()) <= LONGEST
    assert text in SHOWN.findall((ROOT / "docs" / f"{example.page}.md").read_text())


@pytest.mark.parametrize("twin", ["", PLAIN], ids=["ours", "plain"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_it_learns(example: Example, twin: str) -> None:
    assert example.least <= reached(example.name + twin) <= example.most
