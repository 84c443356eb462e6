"""Loops of Accelerate's in one process: a tick for each update, and nothing else is as it would not be."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from accelerate import DataLoaderConfiguration
from accelerate.state import DistributedType
from accelerate.tracking import GeneralTracker
from accelerate.utils import GradientAccumulationPlugin
from accelerate.utils.deepspeed import DummyOptim, DummyScheduler
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

import paramgroups as pg
from paramgroups.errors import HostError, PlanError
from paramgroups.integrations.accelerate import length, prepare
from paramgroups.integrations.logs import numbers
from tests.integrations.accelerated import accelerator_of, by_hand, forget, loader_of, recipe, started, train
from tests.run.models import net, same, values


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Other hosts use Accelerate too."""
    yield
    forget()


class TestALoop:
    @pytest.mark.parametrize("each", [1, 2, 4])
    def test_trains_as_one_by_hand_does(self, each: int) -> None:
        accelerator = accelerator_of(gradient_accumulation_steps=each)
        made = started(accelerator)
        train(accelerator, made)
        assert made[2].last_epoch == 8 // each
        assert same(values(made[0]), values(by_hand(each)))

    def test_clips_as_one_by_hand_does(self) -> None:
        accelerator = accelerator_of()
        model, optimizer, scheduler, loader = started(accelerator)
        for x, y in loader:
            accelerator.backward(nn.functional.cross_entropy(model(x), y))
            accelerator.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        assert same(values(model), values(by_hand(clip=0.1)))

    @pytest.mark.parametrize("option", ["split_batches", "dispatch_batches"])
    def test_however_batches_come(self, option: str) -> None:
        accelerator = accelerator_of(dataloader_config=DataLoaderConfiguration(**{option: True}))
        made = started(accelerator)
        train(accelerator, made)
        assert made[2].last_epoch == 8
        assert same(values(made[0]), values(by_hand()))

    def test_whose_last_batches_are_fewer_than_are_accumulated(self) -> None:
        accelerator = accelerator_of(gradient_accumulation_steps=3)
        made = started(accelerator, epochs=2)
        train(accelerator, made)
        train(accelerator, made)
        assert made[2].plan.horizon.ticks == made[2].last_epoch == 6

    def test_whose_batches_are_accumulated_over_the_end_of_an_epoch(self) -> None:
        plugin = GradientAccumulationPlugin(num_steps=3, sync_with_dataloader=False)
        accelerator = accelerator_of(gradient_accumulation_plugin=plugin)
        made = started(accelerator, epochs=2)
        train(accelerator, made)
        train(accelerator, made)
        assert made[2].plan.horizon.ticks == made[2].last_epoch == 5

    def test_in_mixed_precision(self) -> None:
        accelerator = accelerator_of(mixed_precision="bf16")
        made = started(accelerator)
        train(accelerator, made)
        assert made[2].last_epoch == 8
        assert made[0].head.weight.dtype == torch.float32
        assert not same(values(made[0]), values(by_hand()))

    def test_of_a_compiled_model(self) -> None:
        accelerator = accelerator_of(dynamo_backend="eager")
        made = started(accelerator)
        train(accelerator, made)
        assert made[2].last_epoch == 8
        assert list(made[2].rates) == ["stem", "default", "head"]

    def test_with_an_optimizer_of_torchs(self) -> None:
        accelerator = accelerator_of()
        model, loader = net(), accelerator.prepare(loader_of())
        plan = pg.plan(model, recipe(), steps=8)
        theirs = torch.optim.AdamW(plan.param_groups(model))
        made = prepare(accelerator, plan, model, loader, optimizer=theirs)
        train(accelerator, made)
        assert made[2].optimizer is theirs
        assert same(values(made[0]), values(by_hand(theirs=torch.optim.AdamW)))

    def test_whose_tick_is_an_epoch(self) -> None:
        accelerator = accelerator_of(gradient_accumulation_steps=2)
        model, loader = net(), accelerator.prepare(loader_of())
        plan = pg.plan(model, recipe(), epochs=4)
        model, optimizer, scheduler, loader = prepare(accelerator, plan, model, loader)
        for epoch in range(4):
            assert scheduler.last_epoch == epoch
            for x, y in loader:
                with accelerator.accumulate(model):
                    accelerator.backward(nn.functional.cross_entropy(model(x), y))
                    optimizer.step()
                    optimizer.zero_grad()
            scheduler.step()
        assert scheduler.last_epoch == 4

    def test_that_goes_to_a_tick(self) -> None:
        _, optimizer, scheduler, _ = started(accelerator_of())
        optimizer.step()
        scheduler.step(4)
        assert scheduler.rates["head"] == 0.1

    def test_with_a_controller(self) -> None:
        accelerator = accelerator_of()
        model = net()
        cut = pg.control.plateau("head", "loss", patience=0)
        plan = pg.plan(model, recipe(controllers=[cut]), steps=8)
        model, optimizer, scheduler, loader = prepare(accelerator, plan, model, loader_of())
        train(accelerator, (model, optimizer, scheduler, loader), each=lambda: scheduler.observe(loss=1.0))
        assert len(scheduler.journal) == 7


class TestASkippedUpdate:
    """A gradient scaler that starts too high: fp16 itself needs a GPU, its scaler does not."""

    def test_ours_is_called_and_ticks_not(self) -> None:
        self.check(None)

    def test_torchs_is_not_called(self) -> None:
        self.check(torch.optim.AdamW)

    def check(self, cls: Any) -> None:
        accelerator = accelerator_of()
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=100)
        model = net()
        plan = pg.plan(model, recipe(), steps=50)
        theirs = None if cls is None else cls(plan.param_groups(model))
        model, optimizer, scheduler = prepare(accelerator, plan, model, optimizer=theirs)
        x, y = loader_of().dataset[:8]
        for _ in range(40):
            accelerator.backward(nn.functional.cross_entropy(model(x), y))
            if accelerator.scaler.get_scale() > 2.0**4:
                model.head.weight.grad.fill_(torch.inf)
            optimizer.step()
            for _ in range(3):  # as often as it is called
                scheduler.step()
            optimizer.zero_grad()
        assert accelerator.scaler.get_scale() == 2.0**4
        assert scheduler.last_epoch == 40 - 16


def test_options_of_an_optimizer_that_is_given_are_refused() -> None:
    model = net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), steps=4)
    given = torch.optim.SGD(plan.param_groups(), lr=0.1)
    with pytest.raises(HostError, match=r"prepare: backend= is for the optimizer that is built"):
        prepare(accelerator_of(), plan, model, optimizer=given, backend="torch")


class TestLength:
    def test_of_a_prepared_loader(self) -> None:
        accelerator = accelerator_of(gradient_accumulation_steps=3)
        loader = accelerator.prepare(loader_of())
        assert length(accelerator, loader, epochs=2) == {"epochs": 2, "steps_per_epoch": 3}

    @pytest.mark.parametrize("epochs", [0, "3", 1.5, True])
    def test_what_is_no_number_of_epochs_is_refused(self, epochs: Any) -> None:
        with pytest.raises(HostError, match=r"epochs=.* says not how often"):
            length(accelerator_of(), loader_of(), epochs=epochs)

    def test_what_is_no_accelerator_is_refused(self) -> None:
        wrong: Any = None
        with pytest.raises(HostError, match=r"length: None is no Accelerator\. It comes first"):
            length(wrong, loader_of(), epochs=1)
        with pytest.raises(HostError, match=r"prepare: None is no Accelerator\. It comes first"):
            prepare(wrong, pg.plan(net(), recipe(), steps=4), net())

    def test_a_loader_that_is_not_prepared_is_refused(self) -> None:
        with pytest.raises(HostError, match=r"DataLoader.*is not prepared.*accelerator.prepare\(loader\)"):
            length(accelerator_of(), loader_of(), epochs=1)

    def test_a_loader_without_a_length_is_refused(self) -> None:
        class Endless(IterableDataset[int]):
            def __iter__(self) -> Any:
                yield 1

        accelerator = accelerator_of()
        loader: Any = accelerator.prepare(DataLoader(Endless()))
        with pytest.raises(HostError, match=r"does not know how many batches.*steps="):
            length(accelerator, loader, epochs=1)


class TestSaveState:
    @pytest.mark.parametrize("each", [1, 2])
    @pytest.mark.parametrize("stop", [1, 2, 3, 4], ids=lambda at: f"after {at}")
    def test_a_resume_is_exact_before_in_and_after_a_window(
        self, tmp_path: Any, stop: int, each: int
    ) -> None:
        """The stem thaws at tick 3; batches, two of which may be accumulated."""
        whole = self.run(each)
        accelerator = accelerator_of(gradient_accumulation_steps=each)
        made = started(accelerator, epochs=2)
        first = accelerator.skip_first_batches(made[3], 0)
        train(accelerator, made, [batch for batch, _ in zip(first, range(stop * each), strict=False)])
        made[2].scale("head", 0.5)
        accelerator.save_state(tmp_path)

        accelerator = accelerator_of(gradient_accumulation_steps=each)
        made = started(accelerator, epochs=2)
        accelerator.load_state(tmp_path)
        assert made[2].last_epoch == stop
        train(accelerator, made, accelerator.skip_first_batches(made[3], stop * each))
        train(accelerator, made)
        scaled = self.run(each, scaled_at=stop)
        assert same(values(made[0]), values(scaled))
        assert not same(values(made[0]), values(whole))

    def run(self, each: int, scaled_at: int | None = None) -> nn.Module:
        """Two epochs that nothing interrupts."""
        accelerator = accelerator_of(gradient_accumulation_steps=each)
        made = started(accelerator, epochs=2)
        calls = iter(range(1, 99))

        def scale() -> None:
            if scaled_at is not None and next(calls) == scaled_at * each:
                made[2].scale("head", 0.5)

        train(accelerator, made, each=scale)
        train(accelerator, made, each=scale)
        model: nn.Module = made[0]
        return model


class TestNames:
    def test_edits_by_name_and_the_audit(self) -> None:
        accelerator = accelerator_of()
        model, optimizer, scheduler, _ = started(accelerator)
        scheduler.scale("head", 0.5)
        assert scheduler.rates == {"head": 0.1, "stem": 0.02, "default": 0.02}
        errors = [one for one in pg.audit(model, optimizer, scheduler) if one.severity == "error"]
        assert not errors

    def test_rates_reach_trackers_by_name(self) -> None:
        class Kept(GeneralTracker):
            name = "kept"
            requires_logging_directory = False

            def __init__(self) -> None:
                super().__init__()
                self.rows: list[Any] = []

            @property
            def tracker(self) -> Any:
                return self.rows

            def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
                self.rows.append((step, values))

        kept = Kept()
        accelerator = accelerator_of(log_with=[kept])
        accelerator.init_trackers("run")
        scheduler = started(accelerator)[2]
        accelerator.log(numbers(scheduler), step=0)
        assert kept.rows == [(0, {"lr/head": 0.2, "lr/stem": 0.02, "lr/default": 0.02})]


class TestPlainPrepare:
    @pytest.mark.parametrize("each", [1, 2])
    def test_is_right_in_one_process(self, each: int) -> None:
        accelerator = accelerator_of(gradient_accumulation_steps=each)
        model = net()
        optimizer, scheduler = pg.build(pg.plan(model, recipe(), steps=8 // each))
        train(accelerator, accelerator.prepare(model, optimizer, scheduler, loader_of()))
        assert scheduler.last_epoch == 8 // each
        assert same(values(model), values(by_hand(each)))


class TestRefused:
    @pytest.mark.parametrize("dummy", [DummyOptim, DummyScheduler])
    def test_what_stands_for_a_configuration_file(self, dummy: Any) -> None:
        model = net()
        plan = pg.plan(model, recipe(), steps=8)
        with pytest.raises(HostError, match=rf"{dummy.__name__} stands for.*Take it away"):
            prepare(accelerator_of(), plan, model, dummy([]))

    def test_a_scheduler_of_ours(self) -> None:
        model = net()
        plan = pg.plan(model, recipe(), steps=8)
        optimizer, scheduler = pg.build(plan)
        with pytest.raises(HostError, match=r"Give the plan alone"):
            prepare(accelerator_of(), plan, model, optimizer, scheduler)

    def test_what_is_no_plan(self) -> None:
        wrong: Any = recipe()
        with pytest.raises(HostError, match=r"Recipe and Net for a plan and a model"):
            prepare(accelerator_of(), wrong, net())

    @pytest.mark.parametrize("kind", ["DEEPSPEED", "MEGATRON_LM"])
    def test_hosts_that_hide_the_parameters(self, kind: str) -> None:
        accelerator = accelerator_of()
        accelerator.state.distributed_type = DistributedType[kind]
        model = net()
        with pytest.raises(HostError, match=r"Launch with DDP or FSDP2"):
            prepare(accelerator, pg.plan(model, recipe(), steps=8), model)

    def test_a_second_training_before_the_first_is_forgotten(self) -> None:
        accelerator = accelerator_of()
        model, *_ = started(accelerator)
        plan = pg.plan(model, recipe(), steps=8)
        with pytest.raises(HostError, match=r"holds 1 optimizer of this model.*free_memory"):
            prepare(accelerator, plan, model)

    def test_an_optimizer_of_other_groups_and_nothing_is_prepared(self) -> None:
        accelerator, model = accelerator_of(), net()
        plan = pg.plan(model, recipe(), steps=8)
        with pytest.raises(PlanError):
            prepare(accelerator, plan, model, optimizer=torch.optim.AdamW(model.parameters()))
        prepare(accelerator, plan, model)

    def test_a_plan_of_another_model(self) -> None:
        with pytest.raises(pg.ParamGroupsError, match=r"weight"):
            prepare(accelerator_of(), pg.plan(net(), recipe(), steps=8), nn.Linear(2, 2))

    def test_nothing_to_train(self) -> None:
        model = net().requires_grad_(False)
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), steps=8)
        with pytest.raises(PlanError, match="nothing to step"):
            prepare(accelerator_of(), plan, model)


class TestAgain:
    def test_a_second_training_on_the_same_model(self) -> None:
        accelerator = accelerator_of()
        made = started(accelerator)
        train(accelerator, made)
        model, *_ = made
        accelerator.free_memory()
        plan = pg.plan(model, recipe(), steps=8)
        again = prepare(accelerator, plan, model, loader_of())
        train(accelerator, again)
        assert again[2].last_epoch == 8
        assert made[2].last_epoch == 8

    def test_two_models_side_by_side(self) -> None:
        accelerator = accelerator_of()
        one, other = started(accelerator), started(accelerator)
        train(accelerator, one)
        train(accelerator, other)
        assert same(values(one[0]), values(other[0]))


class TestWhoSaysWhatATickIs:
    def test_the_plan_does_and_the_switch_is_named(self) -> None:
        accelerator = accelerator_of(step_scheduler_with_optimizer=False, gradient_accumulation_steps=2)
        with pytest.warns(UserWarning, match=r"step_scheduler_with_optimizer=False .* The recipe wins"):
            made = started(accelerator)
        train(accelerator, made)
        assert made[2].last_epoch == 4

    def test_the_switch_is_right_where_a_tick_is_an_epoch(self) -> None:
        model = net()
        plan = pg.plan(model, recipe(), epochs=4)
        prepare(accelerator_of(step_scheduler_with_optimizer=False), plan, model)


@pytest.mark.parametrize("form", ["scalar", "tied"])
def test_odd_models(form: str) -> None:
    class Scalar(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.scale

    model: nn.Module = Scalar()
    if form == "tied":
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        model[1].weight = model[0].weight
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), steps=3)
    accelerator = accelerator_of()
    model, optimizer, scheduler = prepare(accelerator, plan, model)
    for _ in range(3):
        accelerator.backward(model(torch.ones(2, 4)).sum())
        optimizer.step()
        scheduler.step()
    assert scheduler.last_epoch == 3
