"""A torch scheduler that writes the plan's values, whoever asks."""

import copy
import gc
import io
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, ExponentialLR, LinearLR, LRScheduler, SequentialLR

import paramgroups as pg
from paramgroups.errors import CheckpointError, PlanError
from paramgroups.schedules import linear
from tests.run.models import Net, net, same, train, update, values

RECIPE = pg.Recipe(
    optimizer="sgd",
    lr=1.0,
    momentum=0.5,
    schedule=linear(),
    schedules={"momentum": linear(end=0.5)},
    rules=[pg.rule("head", lr_scale=10), pg.rule("stem", trainable=False, until=3)],
)


def built(model: nn.Module, steps: int = 10) -> Any:
    return pg.build(pg.plan(model, RECIPE, steps=steps))


class TestAsTorchHasIt:
    def test_it_is_one_and_begins_at_0(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        assert isinstance(scheduler, LRScheduler)
        assert scheduler.optimizer is optimizer
        assert (scheduler.last_epoch, scheduler._step_count) == (0, 1)
        assert scheduler.get_last_lr() == scheduler.get_lr() == scheduler.base_lrs == [1.0, 1.0, 10.0]

    def test_it_has_no_total_steps_that_would_stop_accelerate(self, model: Net) -> None:
        assert not hasattr(built(model)[1], "total_steps")

    def test_the_last_rates_are_those_that_stand_in_the_groups(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(4))
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups] == [0.6, 0.6, 6.0]

    @pytest.mark.parametrize(
        ("epoch", "rate"), [(4, 0.6), (2.5, 0.75), (0, 1.0), (np.int64(7), 0.3)], ids=str
    )
    def test_a_step_to_an_epoch_goes_there(self, model: Net, epoch: float, rate: float) -> None:
        optimizer, scheduler = built(model)
        optimizer.step()
        scheduler.step(epoch)
        assert scheduler.last_epoch == epoch
        assert scheduler.get_last_lr()[0] == pytest.approx(rate, rel=1e-15)
        assert model.stem[0].weight.requires_grad == (epoch >= 3)
        scheduler.step()
        assert scheduler.last_epoch == epoch + 1

    @pytest.mark.parametrize("epoch", [-1, float("nan"), float("inf"), 10**400, "3", True, [1]], ids=str)
    def test_a_step_to_what_is_no_epoch(self, model: Net, epoch: Any) -> None:
        _, scheduler = built(model)
        with pytest.raises(PlanError, match="give the tick to go to, a number of at least 0"):
            scheduler.step(epoch)
        assert scheduler.last_epoch == 0

    def test_its_repr_says_where_it_is(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(2))
        scheduler.scale("head", 0.5)
        assert repr(scheduler) == f"<Scheduler of {scheduler.plan!r} at step 2, 1 event>"

    def test_a_group_that_is_taken_away_is_an_error(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        del optimizer.param_groups[-1]
        with pytest.raises(PlanError, match=r"has 2 groups and had 3.*scheduler\.set"):
            scheduler.step()


class TestAmongOthers:
    def test_alone_in_a_sequence(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        outer = SequentialLR(optimizer, [scheduler], milestones=[])
        for step in range(10):
            assert outer.get_last_lr()[-1] == scheduler.plan.at(step)["head.weight"].lr
            update(model, optimizer, step)
            outer.step()

    def test_after_another_in_a_sequence(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        first = LinearLR(optimizer, start_factor=0.5, total_iters=4)
        outer = SequentialLR(optimizer, [first, scheduler], milestones=[4])
        rates = []
        for step in range(8):
            rates.append(optimizer.param_groups[0]["lr"])
            update(model, optimizer, step)
            outer.step()
        assert rates == [0.5, 0.625, 0.75, 0.875, 1.0, 0.9, 0.8, 0.7]
        assert model.stem[0].weight.requires_grad

    def test_another_scheduler_that_writes_too_is_told(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        outer = ChainedScheduler([scheduler, ExponentialLR(optimizer, 0.5)])
        with pytest.raises(
            PlanError, match=r"written as 0\.45 where 0\.9 stood, and ExponentialLR.*Join schedules by \.then"
        ):
            train(model, optimizer, outer, range(3))  # type: ignore[arg-type]  # it steps as ours does

    def test_a_value_written_by_hand_is_a_factor_from_then_on(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(2))
        name = optimizer.param_groups[0]["name"]
        optimizer.param_groups[0]["lr"] *= 0.5
        train(model, optimizer, scheduler, range(2, 6))
        assert scheduler.rates[name] == 0.5 * 0.4
        assert [(event.step, event.old, event.new) for event in scheduler.journal] == [(2, 0.8, 0.4)]

    def test_a_sequence_is_saved_and_loaded(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        outer = SequentialLR(optimizer, [scheduler], milestones=[])
        train(model, optimizer, outer, range(5))  # type: ignore[arg-type]  # it steps as ours does
        other, clock = built(model)
        again = SequentialLR(other, [clock], milestones=[])
        again.load_state_dict(outer.state_dict())
        assert clock.last_epoch == 5
        assert other.param_groups[0]["lr"] == 0.5

    def test_a_second_one_takes_the_optimizer_over(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(4))
        longer = pg.Scheduler(optimizer, pg.plan(model, RECIPE, steps=100))
        assert longer.base_lrs == [1.0, 1.0, 10.0]
        train(model, optimizer, longer, range(20))
        assert optimizer.param_groups[0]["lr"] == 0.8
        with pytest.raises(PlanError, match=r"Another pg.Scheduler.*step that one.*scheduler.set"):
            scheduler.step()

    def test_one_that_was_refused_takes_nothing_over(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        with pytest.raises(PlanError):
            pg.Scheduler(optimizer, pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1)))
        train(model, optimizer, scheduler, range(2))
        assert scheduler.last_epoch == 2


class TestCopied:
    def test_together_with_its_model_and_optimizer(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(2))
        theirs = copy.deepcopy((model, optimizer, scheduler))
        for one in ((model, optimizer, scheduler), theirs):
            train(one[0].train(), *one[1:], range(2, 6))
        assert same(values(model), values(theirs[0]))
        assert theirs[2].get_last_lr() == scheduler.get_last_lr()
        assert theirs[0].stem[1].num_batches_tracked == 3

    def test_a_copied_optimizer_alone_has_no_scheduler(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(2))
        other = copy.deepcopy(optimizer)
        for _ in range(30):
            other.step()
        assert [group["lr"] for group in other.param_groups] == [0.8, 0.8, 8.0]

    def test_pickled(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(2))
        other, theirs, clock = pickle.loads(pickle.dumps((model, optimizer, scheduler)))  # noqa: S301  # our own
        train(other.train(), theirs, clock, range(2, 6))
        train(model.train(), optimizer, scheduler, range(2, 6))
        assert same(values(model), values(other))
        assert other.stem[1].num_batches_tracked == 3

    def test_it_keeps_nothing_alive(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        known = weakref.ref(scheduler)
        del scheduler
        gc.collect()
        assert known() is None
        optimizer.load_state_dict(optimizer.state_dict())


class TestState:
    def test_it_is_plain_and_loads_with_weights_only(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        train(model, optimizer, scheduler, range(2))
        scheduler.scale("head", np.float64(0.5))
        scheduler.step(np.float64(2.5))
        file = io.BytesIO()
        torch.save(scheduler.state_dict(), file)
        file.seek(0)
        saved = torch.load(file, weights_only=True)
        assert saved == scheduler.state_dict()
        names = ["head.weight", "head.bias"]
        said = {"step": 2, "cause": "scale", "action": "scale", "hyper": "lr", "value": 0.5, "names": names}
        assert saved["journal"] == (said | {"old": 8.0, "new": 4.0},)
        assert type(saved["last_epoch"]) is float

    def test_it_is_a_copy(self, model: Net) -> None:
        _, scheduler = built(model)
        scheduler.scale("head", 0.5)
        scheduler.state_dict()["journal"][0]["value"] = 7.0
        scheduler.state_dict()["_last_lr"][0] = 7.0
        assert scheduler.journal[0].value == 0.5
        assert scheduler.get_last_lr()[0] == 1.0

    @pytest.mark.parametrize(
        "state",
        [
            {},
            {"last_epoch": 3, "_step_count": 4},
            {"last_epoch": -1, "_step_count": 4, "journal": []},
            {"last_epoch": "x", "_step_count": 4, "journal": []},
            {"last_epoch": 3, "_step_count": None, "journal": []},
            {"last_epoch": 3, "_step_count": float("inf"), "journal": []},
            {"last_epoch": 3, "_step_count": 4, "journal": [3]},
            {"last_epoch": 3, "_step_count": 4, "journal": None},
            None,
        ],
        ids=str,
    )
    def test_what_is_no_state_of_ours_loads_nothing(self, model: Net, state: Any) -> None:
        _, scheduler = built(model)
        with pytest.raises(CheckpointError, match=r"no state of pg.Scheduler.*its own state_dict\(\)"):
            scheduler.load_state_dict(state)
        assert scheduler.last_epoch == 0

    def test_the_state_of_a_torch_scheduler_is_refused(self, model: Net) -> None:
        _, scheduler = built(model)
        other = ExponentialLR(torch.optim.SGD(net().parameters(), lr=0.1), 0.5)
        with pytest.raises(CheckpointError, match="a torch scheduler's state does not say"):
            scheduler.load_state_dict(other.state_dict())

    def test_loading_an_optimizers_state_leaves_the_planned_values(self, model: Net) -> None:
        optimizer, scheduler = built(model)
        saved = copy.deepcopy(optimizer.state_dict())
        for group in saved["param_groups"]:
            group.update(lr=7.0, momentum=0.1, nesterov=True)
        train(model, optimizer, scheduler, range(5))
        optimizer.load_state_dict(saved)
        assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5, 5.0]
        assert [group["momentum"] for group in optimizer.param_groups] == [0.5 * 0.75] * 3
        assert not optimizer.param_groups[0]["nesterov"]
