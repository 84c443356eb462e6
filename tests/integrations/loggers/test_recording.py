"""A recorder tells a run as it is, once, at no cost in between."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import Finding, HostError, StoppedError
from paramgroups.integrations.loggers import CSV, Memory, Recorder
from paramgroups.integrations.loggers.tensorboard import TensorBoard
from tests.integrations.loggers.training import Network, built, load, state_of, train, update
from tests.support import calls_of


def events(log: Memory) -> list[str]:
    return [line for _, name, text in log.texts if name == "events" for line in text.splitlines()]


def test_a_rate_at_a_step_is_that_of_the_plan() -> None:
    run, log = built(), Memory()
    with Recorder(run[2], log) as recorder:
        train(recorder, *run, count=10)
    plan = run[2].plan
    assert log.series("lr/head") == {step: plan.at(step)["head.weight"].lr for step in range(11)}
    assert log.series("lr/embed.weight[8:10]")[5] == 0.25


def test_a_statistic_is_that_of_the_update_before() -> None:
    run, log = built(), Memory()
    recorder = Recorder(run[2], log)
    model, optimizer, scheduler = run
    loss = update(model, optimizer, scheduler)
    recorder.step(loss=loss)
    seen = optimizer.statistics()["head"]
    assert log.series("grad_norm/head") == {1: seen.grad_norm}
    assert log.series("weight_norm/head") == {1: seen.weight_norm}
    assert log.series("update_ratio/head") == {1: seen.update_ratio}
    assert log.series("loss") == {1: loss.item()}


def test_the_plan_the_recipe_and_findings_are_told_first() -> None:
    run, log = built(), Memory()
    findings = run[2].plan.check()
    assert findings
    recorder = Recorder(run[2], log, findings=findings)
    assert log.texts == []
    train(recorder, *run, count=2)
    plan = run[2].plan
    assert log.texts == [
        (0, "plan", str(plan)),
        (0, "recipe", plan.recipe.to_toml()),
        (0, "findings", "\n".join(map(str, findings))),
    ]


def test_only_every_so_many_ticks_are_told() -> None:
    run, log = built(steps=20), Memory()
    with Recorder(run[2], log, every=7, statistics=False) as recorder:
        train(recorder, *run, count=20)
    assert list(log.series("lr/head")) == [0, 7, 14]
    assert list(log.series("loss")) == [7, 14]
    assert log.series("grad_norm/head") == {}


def test_between_two_records_nothing_is_computed() -> None:
    run, log = built(), Memory()
    recorder = Recorder(run[2], log, every=1000)
    train(recorder, *run, count=1)
    loss = update(*run)
    assert calls_of(lambda: recorder.step(loss=loss)) < 15


def test_a_tick_is_told_once_however_often_it_is_asked() -> None:
    run, log = built(), Memory()
    recorder = Recorder(run[2], log)
    update(*run)
    for micro in range(4):  # as with gradient accumulation
        recorder.step(micro=micro)
    assert log.series("micro") == {1: 0.0}
    assert len([row for row in log.rows if row[:2] == (1, "lr/head")]) == 1


def test_before_the_first_update_the_rates_alone_are_told_once() -> None:
    run, log = built(), Memory()
    recorder = Recorder(run[2], log)
    recorder.step(loss=1.0)  # the first batch of those that one update is made of
    update(*run)
    recorder.step(loss=2.0)
    assert log.series("loss") == {1: 2.0}
    assert [row[0] for row in log.rows if row[1] == "lr/head"] == [0, 1]


def test_what_is_noted_is_told_at_any_tick() -> None:
    run, log = built(), Memory()
    recorder = Recorder(run[2], log, every=5)
    recorder.note(val_loss=3.0)
    train(recorder, *run, count=3)
    recorder.note(val_loss=torch.tensor(2.0))
    assert log.series("val_loss") == {0: 3.0, 3: 2.0}
    assert list(log.series("lr/head")) == [0]


def test_events_are_told_once_at_the_next_record_or_at_the_end() -> None:
    run, log = built(), Memory()
    scheduler = run[2]
    with Recorder(scheduler, log, every=4) as recorder:
        scheduler.scale("head", 0.5)
        train(recorder, *run, count=3)
        assert events(log) == []
        train(recorder, *run, count=2)
        assert events(log) == [str(scheduler.journal[0])]
        scheduler.set("head", weight_decay=0.0)
    assert events(log) == [str(event) for event in scheduler.journal]
    assert len(scheduler.journal) == 2


@pytest.mark.parametrize("made", ["before", "after"])
@pytest.mark.parametrize("every", [1, 4])
def test_a_run_that_goes_on_repeats_no_event(made: str, every: int) -> None:
    run = built()
    with Recorder(run[2], Memory(), every=every) as recorder:
        run[2].scale("head", 0.5)
        train(recorder, *run, count=5)
        run[2].scale("head", 0.5)
        saved = state_of(run)
    run, log = built(), Memory()
    if made == "after":
        load(run, saved)
    recorder = Recorder(run[2], log, every=every)
    if made == "before":
        load(run, saved)
    train(recorder, *run, count=2)
    run[2].scale("head", 0.1)
    train(recorder, *run, count=3)
    assert events(log) == [str(run[2].journal[2])]
    assert [step for step, name, _ in log.texts if name == "plan"] == [5]
    assert list(log.series("lr/head"))[-1] == {1: 10, 4: 8}[every]
    assert min(log.series("lr/head")) == {1: 6, 4: 8}[every]


def test_what_is_said_after_a_load_is_told() -> None:
    run = built()
    for _ in range(3):
        update(*run)
    saved = state_of(run)
    run, log = built(), Memory()
    load(run, saved)
    recorder = Recorder(run[2], log)
    run[2].scale("head", 0.5)
    train(recorder, *run, count=1)
    assert events(log) == [str(run[2].journal[0])]


def test_what_ends_the_training_is_told() -> None:
    model, log = Network(), Memory()
    guards = [pg.control.nonfinite(), pg.control.stop(after=1)]
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, controllers=guards)
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=100))

    def spoiled() -> None:
        with Recorder(scheduler, log, every=50) as recorder:
            train(recorder, model, optimizer, scheduler, count=3)
            with torch.no_grad():
                model.head.bias.fill_(math.nan)
            train(recorder, model, optimizer, scheduler, count=9)

    with pytest.raises(StoppedError):
        spoiled()
    assert events(log) == [str(event) for event in scheduler.journal]
    assert scheduler.journal[-1].action == "stop"


def test_several_logs_are_told_the_same(tmp_path: Path) -> None:
    run, one, other = built(), Memory(), Memory()
    with Recorder(run[2], one, CSV(tmp_path / "log.csv"), TensorBoard(tmp_path), other) as recorder:
        train(recorder, *run, count=3)
    assert one == other
    assert len((tmp_path / "log.csv").read_text().splitlines()) == len(one.rows) + 1


def test_any_torch_optimizer_is_told_without_statistics() -> None:
    model = Network()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), epochs=3)
    sgd = torch.optim.SGD(plan.param_groups())
    scheduler, log = pg.Scheduler(sgd, plan), Memory()
    recorder = Recorder(scheduler, log)
    update(model, sgd, scheduler)
    recorder.step()
    assert log.rows == [(0, "lr/default", 0.1), (1, "lr/default", 0.1)]


def test_findings_of_a_watch_are_told_as_they_come() -> None:
    run, log = built(), Memory()
    model, optimizer, scheduler = run
    recorder = Recorder(scheduler, log)
    with pg.watch(model, optimizer, scheduler, report=recorder.finding) as watch:
        update(*run)
        with torch.no_grad():
            model.get_parameter("head.bias").fill_(math.inf)
        for _ in range(2):
            optimizer.step()
            scheduler.step()
    assert [text for _, name, text in log.texts if name == "findings"] == list(map(str, watch.findings))
    assert watch.findings


def test_a_finding_is_told_now() -> None:
    run, log = built(), Memory()
    found = Finding("PG999", "advice", "Found.", "Mend.")
    Recorder(run[2], log).finding(found)
    assert log.texts[-1] == (0, "findings", str(found))


def test_what_is_no_finding_is_refused() -> None:
    scheduler, none = built()[2], "a finding"
    with pytest.raises(HostError, match=r"'a finding' is no finding. Give what plan.check\(\)"):
        Recorder(scheduler, Memory()).finding(none)  # type: ignore[arg-type]  # as a user may write it
    with pytest.raises(HostError, match="'a' is no finding"):
        Recorder(scheduler, Memory(), findings=none)  # type: ignore[arg-type]  # as a user may write it


def test_an_audit_is_told_whole() -> None:
    run, log = built(), Memory()
    audit = pg.audit(*run)
    train(Recorder(run[2], log, findings=audit), *run, count=1)
    assert [text for _, name, text in log.texts if name == "findings"] == ["\n".join(map(str, audit))]


def test_a_run_that_goes_back_is_told_again() -> None:
    run, log = built(), Memory()
    recorder = Recorder(run[2], log, every=5)
    train(recorder, *run, count=3)
    saved = state_of(run)
    train(recorder, *run, count=2)
    load(run, saved)
    train(recorder, *run, count=2)
    assert [step for step, name, _ in log.rows if name == "loss"] == [5, 5]


def test_a_recipe_that_toml_cannot_hold_says_so() -> None:
    class Mine(torch.optim.SGD):
        pass

    model = Network()
    optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer=Mine, lr=0.1), steps=2))
    log = Memory()
    train(Recorder(scheduler, log), model, optimizer, scheduler, count=1)
    assert log.texts[1][2].startswith("It cannot be written as TOML: ")


def test_a_model_of_one_number_is_told() -> None:
    model = nn.ParameterList([nn.Parameter(torch.tensor(2.0))])
    optimizer, scheduler = pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.5), steps=2))
    log = Memory()
    recorder = Recorder(scheduler, log)
    model[0].square().backward()
    optimizer.step()
    scheduler.step()
    recorder.step()
    assert {name: value for step, name, value in log.rows if step} == {
        "lr/default": 0.5, "grad_norm/default": 4.0, "weight_norm/default": 2.0, "update_ratio/default": 1.0,
    }  # fmt: skip


def test_numbers_that_are_not_finite_are_told_as_such() -> None:
    run, log = built(), Memory()
    Recorder(run[2], log).note(a=math.nan, b=torch.tensor(math.inf), c=True)
    assert [str(value) for _, name, value in log.rows if name in "abc"] == ["nan", "inf", "1.0"]


@pytest.mark.parametrize(
    "value",
    ["0.5", None, torch.ones(2), 1j, 10**400, [1]],
    ids=["text", "none", "two", "complex", "huge", "list"],
)
def test_a_metric_that_is_no_number_is_named(value: Any) -> None:
    recorder = Recorder(built()[2], Memory())
    with pytest.raises(HostError, match=r"'loss'=.* is no number. Give one, such as loss.item\(\)"):
        recorder.note(loss=value)


def test_a_metric_that_has_the_name_of_a_rate_is_refused() -> None:
    run = built()
    recorder = Recorder(run[2], Memory())
    update(*run)
    for name in ("lr/head", "grad_norm/head"):
        with pytest.raises(HostError, match=f'The metric "{name}" has the name of what is told already'):
            recorder.step(**{name: 1.0})


def test_what_is_no_scheduler_no_log_or_no_count_is_refused() -> None:
    _, optimizer, scheduler = built()
    with pytest.raises(HostError, match="is no pg"):
        Recorder(optimizer, Memory())  # type: ignore[arg-type]  # as a user may write it
    with pytest.raises(HostError, match="was given no log"):
        Recorder(scheduler)
    with pytest.raises(HostError, match="is no log: it lacks"):
        Recorder(scheduler, "runs/log.csv")  # type: ignore[arg-type]  # as a user may write it
    every: Any
    for every in (0, -1, 1.5, "10", None, True):
        with pytest.raises(HostError, match="is no count of ticks"):
            Recorder(scheduler, Memory(), every=every)


def test_a_closed_recorder_says_so_and_may_be_closed_again() -> None:
    run = built()
    with Recorder(run[2], Memory()) as recorder:
        train(recorder, *run, count=1)
    recorder.close()
    with pytest.raises(HostError, match="This recorder is closed"):
        recorder.step()


def test_the_weights_are_those_of_a_run_without_a_log() -> None:
    plain, logged = built(), built()
    for _ in range(6):
        update(*plain)
    with Recorder(logged[2], Memory()) as recorder:
        train(recorder, *logged, count=6)
    for one, other in zip(plain[0].parameters(), logged[0].parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_run_that_goes_on_is_bit_equal_and_its_log_is_one() -> None:
    whole, first, second = built(), built(), built()
    logs = [Memory() for _ in range(3)]
    train(Recorder(whole[2], logs[0]), *whole, count=8)
    train(Recorder(first[2], logs[1]), *first, count=5)
    load(second, state_of(first))
    train(Recorder(second[2], logs[2]), *second, count=3)
    assert logs[1].rows + logs[2].rows == logs[0].rows
    for one, other in zip(whole[0].parameters(), second[0].parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_second_training_of_the_same_objects_is_a_log_of_its_own(tmp_path: Path) -> None:
    model = Network()
    for _ in range(2):
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1), steps=3)
        optimizer, scheduler = pg.build(plan)
        with Recorder(scheduler, CSV(tmp_path / "log.csv")) as recorder:
            train(recorder, model, optimizer, scheduler, count=3)
    found = [(tmp_path / name).read_text().splitlines() for name in ("log.1.csv", "log.csv")]
    assert [len(lines) for lines in found] == [1 + 1 + 3 * 5] * 2


def test_where_a_tick_is_an_epoch_each_epoch_is_told() -> None:
    model = Network()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, schedule=pg.schedules.linear()), epochs=4)
    optimizer, scheduler = pg.build(plan)
    log = Memory()
    with Recorder(scheduler, log) as recorder:
        for _ in range(4):
            for _ in range(3):
                model(torch.arange(10)).square().mean().backward()
                optimizer.step()
                optimizer.zero_grad()
            scheduler.step()
            recorder.step()
    assert log.series("lr/default") == pytest.approx({0: 0.1, 1: 0.075, 2: 0.05, 3: 0.025, 4: 0.0})
