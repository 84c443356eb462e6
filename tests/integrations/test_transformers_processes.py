"""Two processes train one model by the Trainer: with DDP, and in shards."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import paramgroups as pg
from tests.integrations.transformers_cases import net
from tests.integrations.transformers_processes import STEPS, by, host_of, state, train
from tests.integrations.transformers_ranks import run
from tests.run.distributed.processes import found_by

pytestmark = pytest.mark.slow  # each process loads transformers


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("trainer")
    return found_by({what: partial(run, what, folder / what) for what in ("ddp", "sharded")}, folder)


def close(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two state dicts agree up to the order in which numbers are summed."""
    return one.keys() == other.keys() and all(
        torch.allclose(torch.tensor(one[name]), torch.tensor(other[name]), atol=1e-5) for name in one
    )


def test_ddp_trains_as_one_process_with_batches_of_twice_the_size(found: Any, tmp_path: Path) -> None:
    ours, theirs = found["ddp"]
    assert ours["weights"] == theirs["weights"]
    assert ours["wrapped"] == "DistributedDataParallel"
    alone = host_of(tmp_path, per_device_train_batch_size=4)
    alone.train()
    assert close(ours["weights"], state(alone.model))
    assert ours["cuts"] == [[step, 'plateau("body", "eval_loss")'] for step in (4, 6)]
    assert ours["planned"]


def test_ddp_keeps_windows_by_masks_and_leaves_no_flag_down(found: Any) -> None:
    ours = found["ddp"][0]
    assert ours["frozen by"] == ["masks"]
    assert ours["flags"]


def test_ddp_is_resumed_bit_equal(found: Any) -> None:
    assert [one["resumed"] for one in found["ddp"]] == [True, True]


def test_ddp_exchanges_the_gradients_of_what_a_second_recipe_trains(found: Any) -> None:
    ours, theirs = (one["again"] for one in found["ddp"])
    assert ours["norm.weight"] == theirs["norm.weight"] != [1.0] * 4
    assert ours["stem.weight"] == theirs["stem.weight"]
    assert ours["norm.running_mean"] != theirs["norm.running_mean"]  # each measures its own part


def test_shards_that_stand_in_after_the_optimizer_was_made_are_trained(found: Any) -> None:
    model = net()
    alone = train(model, *pg.build(pg.plan(model, by(), steps=STEPS, steps_per_epoch=STEPS)))
    for one in found["sharded"]:
        assert close(one["live"], alone)
        assert one["let go"]
