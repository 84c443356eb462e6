"""Guards in a run: bad updates are held back, rates that are too high cut, weights taken back."""

import copy
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.control import (
    Controller,
    Guard,
    Report,
    Verdict,
    nonfinite,
    ratio,
    rollback,
    spike,
    stop,
)
from paramgroups.errors import CheckpointError, NoMatchError, PlanError, RuleError, StoppedError
from paramgroups.journal import Event
from paramgroups.rules import State
from paramgroups.schedules import cosine
from tests.run.models import Net, loss_at, net, same, values

Parts = tuple[Net, pg.Optimizer, pg.Scheduler]
Fault = Callable[[Net], None]


def started(*controllers: Controller, optimizer: str = "adamw", steps: int = 40, **options: Any) -> Parts:
    model = net()
    recipe = pg.Recipe(
        optimizer=optimizer,
        lr=0.01,
        schedule=cosine(end=0.1),
        rules=[pg.rule("head", lr_scale=2, group="head"), pg.rule("stem", group="stem")],
        controllers=list(controllers),
    )
    return model, *pg.build(pg.plan(model, recipe, steps=steps), **options)


def go(parts: Parts, steps: Sequence[int], faults: Mapping[int, Fault] | None = None) -> None:
    """Updates, each followed by a tick; a fault is done to the gradients of its step."""
    model, optimizer, scheduler = parts
    for step in steps:
        optimizer.zero_grad()
        loss_at(model, step).backward()
        if faults and step in faults:
            faults[step](model)
        optimizer.step()
        scheduler.step()


def poison(name: str, value: float = math.nan) -> Fault:
    def fault(model: Net) -> None:
        grad = model.get_parameter(name).grad
        assert grad is not None
        grad.view(-1)[0] = value

    return fault


def grow(factor: float) -> Fault:
    def fault(model: Net) -> None:
        for param in model.parameters():
            if param.grad is not None:
                param.grad.mul_(factor)

    return fault


def actions(scheduler: pg.Scheduler) -> list[tuple[str, float]]:
    return [(event.action, event.step) for event in scheduler.journal]


def memory(parts: Parts) -> list[dict[str, Any]]:
    _, optimizer, _ = parts
    held = [param for group in optimizer.param_groups for param in group["params"]]
    return [{key: torch.as_tensor(one).clone() for key, one in optimizer.state[p].items()} for p in held]


def learned(model: nn.Module, held: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Of all that a model held, its parameters."""
    return {name: held[name] for name, _ in model.named_parameters()}


def alike(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return all(
        mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)
        for mine, theirs in zip(one, other, strict=True)
    )


def test_what_is_not_finite_reaches_no_weight_and_no_moment() -> None:
    parts = started(nonfinite())
    go(parts, range(3))
    before, remembered = values(parts[0]), memory(parts)
    go(parts, [3], {3: poison("blocks.0.fc.weight")})
    after = values(parts[0])
    assert same(learned(parts[0], before), learned(parts[0], after))
    assert alike(memory(parts), remembered)
    go(parts, range(4, 8))
    assert all(tensor.isfinite().all() for tensor in values(parts[0]).values())
    (event,) = parts[2].journal
    assert (event.action, event.step, event.cause) == ("skip", 3, 'nonfinite("**")')
    assert len(event.names) == len(list(parts[0].named_parameters()))
    assert event.value == {"nonfinite": 1}
    assert str(event) == (
        'step 3  update skip  nonfinite 1  nonfinite("**")  14 parameters, such as "stem.0.weight"'
    )


def test_a_skipped_update_is_as_if_it_had_never_been_asked_for() -> None:
    guarded, plain = started(nonfinite()), started()
    go(guarded, range(10), {4: poison("head.bias", math.inf)})
    for step in range(10):
        if step == 4:
            loss_at(plain[0], 4)  # batch norm sees the batch all the same
            plain[2].step()
            continue
        go(plain, [step])
    assert same(values(guarded[0]), values(plain[0]))
    assert alike(memory(guarded), memory(plain))


def test_a_guard_of_a_part_holds_that_part_back_alone() -> None:
    parts = started(nonfinite("head"), nonfinite("~head"))
    go(parts, range(3))
    before = values(parts[0])
    go(parts, [3], {3: poison("head.weight")})
    after = values(parts[0])
    assert torch.equal(before["head.weight"], after["head.weight"])
    assert torch.equal(before["head.bias"], after["head.bias"])
    assert not torch.equal(before["blocks.0.fc.weight"], after["blocks.0.fc.weight"])
    assert [event.names for event in parts[2].journal] == [("head.weight", "head.bias")]


def test_three_equal_spikes_are_all_left_out_and_no_good_update_after_them() -> None:
    parts = started(spike(least=8))
    go(parts, range(30), {step: grow(100.0) for step in (12, 13, 14, 20)} | {16: poison("head.bias")})
    assert actions(parts[2]) == [("skip", step) for step in (12, 13, 14, 16, 20)]
    assert parts[1].skipped == 5


def test_a_spike_is_clipped_to_its_bound() -> None:
    parts = started(spike(least=8, action="clip"), optimizer="sgd")
    go(parts, range(12))
    before = {name: param.detach().clone() for name, param in parts[0].named_parameters()}
    go(parts, [12], {12: grow(1e4)})
    (event,) = parts[2].journal
    assert (event.action, event.step, event.hyper) == ("clip", 12, "gradients")
    assert event.value["factor"] == event.value["bound"] / event.value["norm"]
    moved = sum(
        float((p.detach() - before[n]).square().sum()) for n, p in parts[0].named_parameters() if "head" in n
    )
    largest = parts[1].param_groups[[g["name"] for g in parts[1].param_groups].index("head")]["lr"]
    assert 0 < math.sqrt(moved) <= 1.01 * largest * event.value["bound"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_leaves_out_the_next_update_alone(value: float) -> None:
    parts = started(nonfinite(metric="loss"))
    model, optimizer, scheduler = parts
    for step in range(6):
        optimizer.zero_grad()
        loss = loss_at(model, step)
        loss.backward()
        scheduler.observe(loss=value if step == 3 else loss)
        before = values(model)
        optimizer.step()
        assert torch.equal(before["head.weight"], model.head.weight) == (step == 3)
        scheduler.step()
    assert actions(scheduler) == [("skip", 3)]
    assert scheduler.journal[0].value["shut"] is True


def test_an_epoch_of_many_updates_loses_the_bad_one_alone() -> None:
    model = net()
    guards = [nonfinite(metric="loss"), spike(metric="loss", least=4)]
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.01, controllers=guards), epochs=3)
    optimizer, scheduler = pg.build(plan)
    losses = {3: math.nan, 12: 1e6, 13: 1e6}
    held = []
    for step in range(20):
        optimizer.zero_grad()
        loss = loss_at(model, step)
        loss.backward()
        scheduler.observe(loss=losses.get(step, loss.detach()))
        before = model.head.weight.detach().clone()
        optimizer.step()
        held += [step] if torch.equal(before, model.head.weight) else []
        if step % 10 == 9:
            scheduler.step()
    assert held == [3, 12, 13]


def test_what_a_gradient_scaler_skips_lets_go_of_what_a_metric_held_back() -> None:
    parts = started(nonfinite(metric="loss"))
    go(parts, range(2))
    _, optimizer, scheduler = parts
    scheduler.observe(loss=math.nan)
    optimizer.found_inf = torch.tensor(1.0)  # type: ignore[attr-defined]  # as torch's GradScaler does
    go(parts, [2])
    del optimizer.found_inf  # type: ignore[attr-defined]  # as above
    go(parts, [3])
    assert not scheduler.journal


def test_a_rate_that_is_too_high_is_cut_alone_from_the_next_update_on() -> None:
    parts = started(ratio("head | stem", high=0.05, patience=0))
    _, optimizer, scheduler = parts
    scheduler.scale("head", 500)
    go(parts, [0])
    rates = scheduler.rates
    go(parts, [1])
    cuts = [event for event in scheduler.journal if event.cause == 'ratio("head | stem")']
    assert {event.step for event in cuts} == {1}
    assert {name for event in cuts for name in event.names} == {"head.weight", "head.bias"}
    assert scheduler.rates["head"] < 0.05 * rates["head"]
    assert "ratio" in str(scheduler.explain("head.weight"))
    replayed = scheduler.plan.replay(scheduler.journal)
    assert replayed.at(2)["head.weight"].lr == next(
        group["lr"] for group in optimizer.param_groups if "head.weight" in group["param_names"]
    )


def test_weights_memory_and_buffers_go_back_to_the_last_good_snapshot() -> None:
    parts = started(nonfinite(), rollback(after=2, every=5, factor=0.5))
    go(parts, range(6))
    good, remembered = values(parts[0]), memory(parts)  # kept after the first update and after five more
    rate = parts[2].rates["head"]
    bad = poison("stem.0.weight")
    go(parts, range(6, 8), {6: bad, 7: bad})
    assert not same(good, values(parts[0]), "stem.1.running")
    loss_at(parts[0], 8).backward()
    parts[1].step()  # goes back, and leaves out what is of the weights from before
    assert same(good, values(parts[0]))
    assert alike(memory(parts), remembered)
    assert actions(parts[2])[:3] == [("skip", 6), ("skip", 7), ("rollback", 7)]
    (event,) = [event for event in parts[2].journal if event.action == "rollback"]
    assert event.value["to"] == 5
    assert parts[2].rates["head"] < 0.51 * rate
    parts[2].step()
    go(parts, range(9, 12))
    assert not same(good, values(parts[0]))


def test_a_guard_ends_the_training_with_a_report() -> None:
    parts = started(nonfinite(), stop(after=3))
    faults = dict.fromkeys(range(2, 9), poison("head.bias"))
    go(parts, range(5), faults)
    before = values(parts[0])
    with pytest.raises(StoppedError) as told:
        go(parts, [5], faults)
    assert 'stop("**") ended the training after the update of step 4' in str(told.value)
    assert "step 4  update skip" in str(told.value)
    assert same(learned(parts[0], before), learned(parts[0], values(parts[0])))
    assert actions(parts[2]) == [("skip", 2), ("skip", 3), ("skip", 4), ("stop", 4)]
    go(parts, [9])  # whoever goes on all the same, may


def test_guards_see_no_difference_in_a_run_without_faults() -> None:
    guarded = started(nonfinite(metric="loss"), spike(), ratio(high=1e9), rollback(), stop())
    plain = started()
    with pytest.warns(UserWarning, match="nothing was observed"):
        go(guarded, range(40))
    go(plain, range(40))
    assert same(values(guarded[0]), values(plain[0]))
    assert not guarded[2].journal


def test_guards_together_with_clipping_of_the_recipe() -> None:
    model = net()
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, clip_norm=0.1, controllers=[spike(least=8)])
    parts = (model, *pg.build(pg.plan(model, recipe, steps=30)))
    go(parts, range(12))
    before = {name: param.detach().clone() for name, param in model.named_parameters()}
    go(parts, [12])
    moved = sum(
        float((param.detach() - before[name]).square().sum()) for name, param in model.named_parameters()
    )
    assert math.sqrt(moved) <= 0.1001


def test_a_closure_is_guarded_too() -> None:
    parts = started(nonfinite())
    model, optimizer, scheduler = parts

    def evaluate() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_at(model, 0)
        loss.backward()
        poison("head.bias")(model)
        return loss

    before = model.head.weight.detach().clone()
    assert optimizer.step(evaluate).isfinite()
    assert torch.equal(before, model.head.weight)
    assert actions(scheduler) == [("skip", 0)]


def test_a_gradient_scaler_that_skips_is_judged_by_nobody() -> None:
    parts = started(nonfinite(), stop(after=1))
    go(parts, range(2))
    _, optimizer, scheduler = parts
    optimizer.found_inf = torch.tensor(1.0)  # type: ignore[attr-defined]  # as torch's GradScaler does
    go(parts, [2], {2: poison("head.bias")})
    del optimizer.found_inf  # type: ignore[attr-defined]  # as above
    go(parts, [3])
    assert not scheduler.journal


def test_only_an_optimizer_that_tells_can_be_guarded() -> None:
    model = net()
    plan = pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, controllers=[nonfinite()]), steps=9)
    with pytest.raises(PlanError, match=r'nonfinite\("\*\*"\): a guard is fed by the updates.*AdamW'):
        pg.Scheduler(torch.optim.AdamW(plan.param_groups()), plan)
    with pytest.raises(PlanError, match="statistics=False"):
        pg.build(plan, statistics=False)


def test_a_guard_that_selects_nothing() -> None:
    with pytest.raises(NoMatchError, match="heat"):
        started(nonfinite("heat"))


class Odd(Guard):
    """A user's own guard, with a slip in it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @property
    def selectors(self) -> tuple[Any, ...]:
        return (pg.select.parse("head"),)

    @property
    def title(self) -> str:
        return "odd"

    def begin(self) -> State:
        return {"count": 0}

    def judge(self, state: State, report: Report) -> tuple[State, Sequence[Verdict]]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"count": state["count"] + len(report.groups)}, self.answer

    def to_data(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    "answer",
    [
        ZeroDivisionError("by 0"),
        [Verdict("scale", ("stem",), 0.5)],
        [Verdict("scale", ("head",), math.nan)],
        3,
    ],
    ids=["raises", "another's group", "no factor", "no list"],
)
def test_what_a_guard_may_not_answer_changes_nothing(answer: Any) -> None:
    parts = started(Odd(answer))
    go(parts, [0])
    before = values(parts[0])
    with pytest.raises(RuleError, match="odd at step 0"):
        go(parts, [1])
    assert same(learned(parts[0], before), learned(parts[0], values(parts[0])))
    assert parts[2].state_dict()["feedback"]["controllers"][0]["state"] == {"count": 0}


def test_a_guard_of_the_users_own_scales_its_group() -> None:
    parts = started(Odd([Verdict("scale", ("head",), 0.5)]))
    go(parts, range(4))
    events = list(parts[2].journal)
    assert [(event.step, event.action, event.value) for event in events] == [
        (1, "scale", 0.5), (2, "scale", 0.5), (3, "scale", 0.5), (4, "scale", 0.5),
    ]  # fmt: skip


def test_events_of_guards_leave_the_plans_values_as_they_were() -> None:
    parts = started(nonfinite())
    go(parts, range(4), {2: poison("head.bias")})
    plan = parts[2].plan
    replayed = plan.replay(parts[2].journal)
    assert [replayed.at(step)["head.bias"].lr for step in range(40)] == plan.curve("head.bias", "lr")
    assert [event.action for event in parts[2].journal.about("head.bias")] == ["skip"]
    assert isinstance(parts[2].journal[0], Event)


def test_a_model_of_one_number() -> None:
    model = nn.Linear(1, 1, bias=False)
    plan = pg.plan(
        model,
        pg.Recipe(optimizer="adamw", lr=0.1, controllers=[nonfinite(), spike(), rollback(), stop()]),
        steps=9,
    )
    optimizer, scheduler = pg.build(plan)
    for value in (1.0, math.nan, 1.0):
        model.weight.grad = torch.full((1, 1), value)
        optimizer.step()
        scheduler.step()
    assert actions(scheduler) == [("skip", 1)]


def thawing(guard: Guard) -> Parts:
    model = net()
    rules = [pg.rule("stem", trainable=False, until=20)]
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, rules=rules, controllers=[guard])
    return model, *pg.build(pg.plan(model, recipe, steps=40))


def steepen(model: Net) -> None:
    for param in model.stem.parameters():
        if param.grad is not None:
            param.grad.mul_(1e4)


def test_a_bound_that_was_found_without_what_thaws_is_not_held_against_it() -> None:
    parts = thawing(spike(least=8))
    go(parts, range(40), dict.fromkeys(range(40), steepen))
    assert not parts[2].journal
    go(thawing(spike(least=8)), range(20))
    parts = thawing(spike(least=8))
    go(parts, range(40), {30: grow(100.0)})
    assert actions(parts[2]) == [("skip", 30)]


def test_a_resume_at_the_thaw_knows_what_was_frozen_before() -> None:
    parts, again = thawing(spike(least=8)), thawing(spike(least=8))
    steep = dict.fromkeys(range(40), steepen)
    go(parts, range(20), steep)
    again[0].load_state_dict(parts[0].state_dict())
    again[1].load_state_dict(parts[1].state_dict())
    again[2].load_state_dict(parts[2].state_dict())
    go(again, range(20, 30), steep)
    assert not again[2].journal


def test_what_is_frozen_when_weights_go_back_is_forgotten_all_the_same() -> None:
    model = net()
    rules = [pg.rule("stem", trainable=False, start=6)]
    guards = [nonfinite(), rollback(after=1, every=3)]
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, rules=rules, controllers=guards)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=20))
    go((model, optimizer, scheduler), range(9), {7: poison("head.bias")})
    assert ("rollback", 7) in actions(scheduler)
    assert not any(optimizer.state.get(param) for param in model.stem.parameters())
    assert all(optimizer.state[param] for param in model.head.parameters())


def test_what_limits_an_update_does_not_outlive_its_guard() -> None:
    parts = started(nonfinite(metric="loss"))
    model, optimizer, scheduler = parts
    scheduler.observe(loss=math.nan)
    go(parts, [0])
    copied, theirs = copy.deepcopy((model, optimizer))
    unguarded = pg.Scheduler(optimizer, pg.plan(model, recipe_of(), steps=9), model)
    for one, steps in ((model, optimizer), (copied, theirs)):
        before = one.head.weight.detach().clone()
        loss_at(one, 1).backward()
        steps.step()
        assert not torch.equal(before, one.head.weight)
    assert not unguarded.journal


def recipe_of() -> pg.Recipe:
    rules = [pg.rule("head", lr_scale=2, group="head"), pg.rule("stem", group="stem")]
    return pg.Recipe(optimizer="adamw", lr=0.01, rules=rules)


def test_a_copy_in_mid_run_judges_the_last_update_too() -> None:
    parts = started(ratio("head", high=0.01, patience=0), spike(least=4))
    go(parts, range(6))
    copied = copy.deepcopy(parts)
    pickled = pickle.loads(pickle.dumps(parts))  # noqa: S301  # our own
    for one in (parts, copied, pickled):
        go(one, range(6, 12))
    for other in (copied, pickled):
        assert same(values(parts[0]), values(other[0]))
        assert other[2].journal == parts[2].journal


def test_a_joined_group_with_the_names_of_another_goes_back_to_its_own() -> None:
    parts = started(nonfinite(), rollback(after=1, every=2))
    model, optimizer, _ = parts
    other = nn.Linear(6, 3)
    optimizer.add_param_group({"params": list(other.named_parameters(prefix="head")), "lr": 0.01})
    go(parts, range(4))
    for param in other.parameters():
        param.grad = torch.ones_like(param)
    go(parts, [4], {4: poison("head.bias")})
    go(parts, [5])
    assert ("rollback", 4) in actions(parts[2])
    assert not torch.equal(model.head.weight, other.weight)


@pytest.mark.parametrize("how", ["flags", "masks"])
def test_what_is_frozen_now_does_not_go_back(how: str) -> None:
    model = net()
    rules = [pg.rule("stem", trainable=False, start=6)]
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, rules=rules, controllers=[nonfinite(), rollback(after=1)])
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=20), freezing=how)
    go((model, optimizer, scheduler), range(6))
    frozen = values(model)
    go((model, optimizer, scheduler), range(6, 9), {7: poison("head.bias")})
    assert ("rollback", 7) in actions(scheduler)
    assert same(frozen, values(model), "stem")
    assert not any(optimizer.state.get(param) for param in model.stem.parameters())


def test_a_rollback_of_a_part_leaves_the_buffers_of_the_rest() -> None:
    parts = started(nonfinite("head"), rollback("head", after=1))
    go(parts, range(5), {3: poison("head.bias")})
    assert ("rollback", 3) in actions(parts[2])
    assert int(parts[0].stem[1].num_batches_tracked) == 5  # type: ignore[arg-type]  # a module of torch's


def test_a_snapshot_of_other_shapes_is_refused_before_anything_is_written() -> None:
    parts = started(nonfinite(), rollback(after=1))
    go(parts, range(4), {3: poison("head.bias")})
    state = parts[2].state_dict()
    kept = dict(state["guards"]["kept"])[1]["params"]
    kept["head: head.bias"] = torch.zeros(7)
    again = started(nonfinite(), rollback(after=1))
    again[2].load_state_dict(state)
    before = values(again[0])
    with pytest.raises(CheckpointError, match=r'"head: head.bias" has the shape \(3,\), and the snapshot'):
        again[1].step()
    assert same(before, values(again[0]))


def test_where_training_ends_weights_do_not_go_back() -> None:
    parts = started(nonfinite(), rollback(after=2), stop(after=2))
    go(parts, range(4))
    before = values(parts[0])
    with pytest.raises(StoppedError, match="Weights are those after that update"):
        go(parts, range(4, 9), dict.fromkeys(range(4, 9), poison("head.bias")))
    assert same(learned(parts[0], before), learned(parts[0], values(parts[0])))
    assert "rollback" not in [action for action, _ in actions(parts[2])]


def test_a_group_whose_rate_is_set_anew_is_cut_anew() -> None:
    parts = started(ratio("head | stem", high=1e-6, patience=0, factor=0.5, floor=0.5))
    go(parts, range(3))
    cut = parts[2].rates["head"]
    go(parts, [3])
    assert parts[2].rates["head"] > 0.9 * cut  # its floor is reached
    parts[2].set("head", lr=0.5)
    go(parts, [4])
    scales = [one.value for one in parts[2].journal if one.cause.startswith("ratio") and one.step > 4]
    assert scales == [0.5]  # of the head alone


def test_a_metric_told_within_the_closure_holds_back_that_update() -> None:
    parts = started(nonfinite(metric="loss"))
    model, optimizer, scheduler = parts

    def evaluate() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_at(model, 0)
        loss.backward()
        scheduler.observe(loss=math.nan)
        return loss

    before = model.head.weight.detach().clone()
    optimizer.step(evaluate)
    assert torch.equal(before, model.head.weight)


def test_what_evaluates_the_loss_itself_cannot_be_guarded() -> None:
    model = net()
    recipe = pg.Recipe(optimizer="lbfgs", lr=0.1, controllers=[nonfinite()])
    with pytest.raises(PlanError, match="evaluates the loss itself, such as LBFGS"):
        pg.build(pg.plan(model, recipe, steps=9))


def test_guards_wait_while_the_scheduler_does() -> None:
    model, optimizer, scheduler = started(ratio(high=1e-9, patience=0, factor=0.5))
    before = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0, 3)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [before, scheduler], [4])
    for step in range(4):
        optimizer.zero_grad()
        loss_at(model, step).backward()
        optimizer.step()
        both.step()
    assert not scheduler.journal


def test_a_run_saved_before_there_were_guards() -> None:
    parts, again = started(), started()
    go(parts, range(3))
    state = parts[2].state_dict()
    del state["guards"]
    again[2].load_state_dict(state)
    assert again[2].last_epoch == 3


def test_an_order_that_no_guard_gives() -> None:
    parts = started(nonfinite(), rollback(after=1))
    go(parts, range(4), {3: poison("head.bias")})
    state = parts[2].state_dict()
    state["guards"]["orders"][0]["action"] = "dance"
    with pytest.raises(CheckpointError, match="The saved run was to do 'dance', which no guard orders"):
        parts[2].load_state_dict(state)
