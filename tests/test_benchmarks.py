import doctest
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

import paramgroups as pg
from benchmarks import clocks, freezing, guards, hosting, many_ranks, measure, sharded_step, tables, watching
from benchmarks.claims import CLAIMS, Claim, claimed
from benchmarks.contenders import APART, FORMS, RATE, Held, contenders, our_adamw, torch_adamw, variants
from benchmarks.measure import Turn, medians, paired, settled, turns
from benchmarks.memory import gradients_of, saved_by, state_of
from benchmarks.models import BATCHES, WORKS, Work, encoder, network
from benchmarks.pages import guarding, others, sharding, stepping, thawing
from benchmarks.peers import PEERS, Peer
from benchmarks.shapes import MODELS
from benchmarks.tables import filled
from tests.run.distributed.processes import found_by

SMALL = [torch.Size(size) for size in ((3, 4), (5,), (), (2,))]
TIMES = {"a": [2.0, 9.0, 4.0], "b": [1.0, 3.0, 2.0], "c": [5.0, 5.0, 5.0]}


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert paired(TIMES, "a", "b") == 2.0
    assert medians(TIMES) == {"a": 4.0, "b": 2.0, "c": 5.0}


def test_every_task_has_a_turn_in_every_round_prepared_before_each_run() -> None:
    done: list[str] = []
    found = turns({name: Turn(lambda: done.append("run"), lambda: done.append("set"), 2) for name in "ab"}, 3)
    assert done == ["set", "run"] * 12
    assert {name: len(times) for name, times in found.items()} == {"a": 3, "b": 3}


def test_the_first_round_is_not_counted() -> None:
    assert [len(found) for found in settled({"a": Turn(lambda: None)}, 3).values()] == [3]


@pytest.mark.parametrize(
    "module", [guards, hosting, many_ranks, measure, tables, watching], ids=lambda module: module.__name__
)
def test_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("name", "tensors", "numbers"),
    [
        ("1,000 x 1,000", 1_000, 1_000_000),
        ("MiniLM-L6", 101, 22_565_376),
        ("BERT-base", 197, 108_891_648),
        ("ViT-L", 296, 304_326_632),
        ("mixture", 10_000, 5_162_500),
    ],
)
def test_models_are_as_large_as_they_are_known_to_be(name: str, tensors: int, numbers: int) -> None:
    shapes = MODELS[name]()
    assert (len(shapes), sum(shape.numel() for shape in shapes)) == (tensors, numbers)


def test_groups_hold_all_parameters_in_order_each_with_a_rate_of_its_own() -> None:
    held = Held.of(SMALL)
    for count in (1, 2, 3):
        groups = held.groups(count)
        assert [group["lr"] for group in groups] == [RATE + APART * place for place in range(count)]
        members = [param for group in groups for param in group["params"]]
        assert [id(param) for param in members] == [id(param) for param in held.params]
    assert len(held.groups()) == len(SMALL)


@pytest.mark.parametrize("form", list(FORMS))
def test_ours_and_torch_take_the_same_step_from_the_shared_moments(form: str) -> None:
    found = []
    for make in (our_adamw(), torch_adamw(form)):
        torch.manual_seed(1)
        held = Held.of(SMALL)
        held.optimizer(make).step()
        found.append([*held.params, *(moment for kept in held.moments.values() for moment in kept.values())])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-5, atol=1e-7)


def test_contenders_keep_no_moments_of_their_own() -> None:
    held = Held.of(SMALL)
    for make in (our_adamw(), torch_adamw("torch fused")):
        optimizer = held.optimizer(make)
        optimizer.step()
        for param in held.params:
            assert optimizer.state[param]["exp_avg"] is held.moments[param]["exp_avg"]
            assert float(optimizer.state[param]["step"]) == 2.0


def test_every_claim_is_about_contenders_and_models_that_are_timed() -> None:
    timed = set(contenders(Held.of(SMALL), torch.zeros(1), 1))
    for claim in CLAIMS:
        assert {*claim.upper, claim.lower} <= timed
        assert claim.model in MODELS


def test_clipping_by_torch_leaves_the_shared_gradients_as_they_are() -> None:
    held = Held.of(SMALL)
    before = [param.grad.clone() for param in held.params if param.grad is not None]
    contenders(held, torch.zeros(1), 1)["torch fused, one rate, clipped"].task()
    for param, grad in zip(held.params, before, strict=True):
        assert torch.equal(param.grad, grad)  # type: ignore[arg-type] # all have gradients


def test_new_gradients_are_other_tensors_of_equal_numbers() -> None:
    turn = variants(SMALL, 1)["ours, a rate each, new gradients"]
    optimizer = turn.before.args[0]  # type: ignore[attr-defined] # a partial
    before = [group["params"][0].grad for group in optimizer.param_groups]
    turn.before()
    after = [group["params"][0].grad for group in optimizer.param_groups]
    assert all(one is not other and torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_a_claim_takes_the_fastest_of_several_and_says_whether_it_holds() -> None:
    row = Claim("a or c / b", "some", ("a", "c"), "b", 2.5, least=True).row(TIMES)
    assert row["upper"] == "a"
    assert row["measured"] == 2.0
    assert row["asked"] == "at least 2.5"
    assert row["held"] is False
    assert Claim("a / b", "some", ("a",), "b", 2.0).row(TIMES)["held"] is True


def test_claims_on_models_that_were_not_measured_are_left_out() -> None:
    claim = Claim("a / b", "some", ("a",), "b", 2.0)
    assert list(claimed({}, [claim])) == []
    assert len(list(claimed({"some": TIMES}, [claim]))) == 1


def test_a_package_that_is_not_there_is_named_as_such() -> None:
    peer = Peer("no-such-package", "no_such_package", "AdamW", "a form")
    assert peer.find() is None
    assert peer.told == "was not installed: a form"
    assert all(peer.form for peer in PEERS.values())


KEPT = {
    "context": {"threads": 2},
    "gpu": "none measured",
    "bytes a number": 28,
    "peers": {"some": "1.0: one call"},
    "counts": {name: {"tensors": 3, "numbers": 1_234_567} for name in ("small", "large")},
    "claims": [{"says": "a / b", "model": "large", "asked": "at most 2", "measured": 1.234, "held": True}],
    "torch fused, one rate, before ours was loaded, seconds": {"small": 0.25},
    "median seconds": {
        name: {"ours, a rate each": 0.0125, "torch fused, one rate": 0.5} for name in ("small", "large")
    },
    "ratios to ours with a rate each": {"small": {"peer": 3.456}, "large": {}},
    "changes, median seconds": {
        f"{name}, rates written": 0.5 for name in ("ours, a rate each", "torch fused, one rate")
    },
    "host, microseconds a tensor": {"100 tensors": 0.125},
    "first step, seconds": {"empty cache": 7.5},
}


def test_the_page_shows_what_was_asked_and_what_was_measured() -> None:
    text = stepping(KEPT)
    for row in (
        "| a / b | large | at most 2 | 1.23 | yes |",
        "| peer | 3.46 | – |",
        "| rates written | 500.00 | 500.00 |",
        "- some 1.0: one call",
    ):
        assert row in text.splitlines()
    assert "small: 250.00 and 500.00" in text
    assert "1,234,567 numbers" in text
    assert "GPU: none measured." in text


def small() -> Work:
    """A body with a batch norm and dropout, and a head."""
    torch.manual_seed(1)
    model = nn.Sequential()
    model.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
    model.head = nn.Linear(8, 2)
    batch = torch.randn(16, 4)
    return Work(model, "head", lambda: model(batch).square().mean())


def body_of(run: freezing.Run) -> nn.Module:
    return run.work.model.get_submodule("body")


HELD_STILL = (
    freezing.HAND,
    freezing.AGAIN,
    freezing.RULE,
    freezing.WINDOW,
    freezing.MASKED,
    freezing.EVALUATED,
    freezing.STILL,
)
SAVING = tuple(name for name in HELD_STILL if name != freezing.MASKED)
IN_EVALUATION = (freezing.EVALUATED, freezing.STILL)


@pytest.mark.parametrize("name", list(freezing.WAYS))
def test_each_way_freezes_as_far_as_it_says(name: str) -> None:
    run = freezing.WAYS[name](small())
    before = {key: found.clone() for key, found in run.work.model.state_dict().items()}
    run.step()
    moved = {key for key, found in run.work.model.state_dict().items() if not torch.equal(found, before[key])}
    assert {"head.weight", "head.bias"} <= moved
    assert (not any(key.startswith("body") for key in moved)) == (name in HELD_STILL)
    assert body_of(run).get_submodule("2").training == (name not in IN_EVALUATION)


@pytest.mark.parametrize("name", list(freezing.WAYS))
def test_what_a_step_keeps_is_counted(name: str) -> None:
    run = freezing.WAYS[name](small())
    sizes = run.bytes()
    head, body = (4 * sum(p.numel() for p in found) for found in (head_of(run), body_of(run).parameters()))
    saving, remembering = name in SAVING, name not in HELD_STILL
    assert sizes["gradients"] == (head if saving else head + body)
    steps = 4 * len(list(run.optimizer.state))
    assert sizes["optimizer"] == 2 * (head + body if remembering else head) + steps


def head_of(run: freezing.Run) -> list[nn.Parameter]:
    return freezing.head_of(run.work)


def test_a_rule_keeps_as_much_for_backward_as_a_hand_and_masks_as_much_as_no_rule() -> None:
    saved = {name: make(small()).bytes()["saved for backward"] for name, make in freezing.WAYS.items()}
    assert saved[freezing.RULE] == saved[freezing.WINDOW] == saved[freezing.HAND] < saved[freezing.ALL]
    assert saved[freezing.MASKED] > saved[freezing.RULE]
    assert saved[freezing.STILL] == saved[freezing.EVALUATED]


def test_saved_tensors_are_counted_once_and_without_the_model() -> None:
    model, batch = nn.Linear(4, 2, bias=False), torch.randn(8, 4)

    def loss() -> torch.Tensor:
        found: torch.Tensor = model(batch) + model(batch)
        return found.sum()

    assert saved_by(model, loss) == 4 * batch.numel()
    assert gradients_of(model) == 4 * model.weight.numel()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.step()
    assert state_of(optimizer) == 4 * model.weight.numel()


@pytest.mark.parametrize(
    ("make", "head", "numbers"),
    [(lambda: encoder(1, 4), "classifier", 22_717_066), (lambda: network(2, 32), "fc", 11_181_642)],
    ids=["MiniLM-L6", "ResNet-18"],
)
def test_works_are_real_models_with_a_head(make: Callable[[], Work], head: str, numbers: int) -> None:
    work = make()
    assert work.head == head
    assert sum(param.numel() for param in work.model.parameters()) == numbers
    parts = chain(freezing.backbone_of(work), freezing.head_of(work))
    assert sum(param.numel() for param in parts) == numbers
    assert work.loss().item() > 0
    assert WORKS.keys() == BATCHES.keys()


def test_every_claim_on_freezing_is_about_ways_that_are_timed() -> None:
    for claim in freezing.claims_on("some"):
        assert {*claim.upper, claim.lower} <= set(freezing.WAYS)


def small_runs(grouping: str) -> dict[str, guards.Run]:
    work = small()
    work.loss().backward()
    return guards.runs_of(work, guards.GROUPINGS[grouping])


@pytest.mark.parametrize("grouping", list(guards.GROUPINGS))
def test_no_limit_of_the_timed_guards_is_ever_reached(grouping: str) -> None:
    for name, run in small_runs(grouping).items():
        run.fill(40)
        run.train()
        outcomes = run.optimizer.outcomes
        assert not any(one.shut or one.factor != 1.0 for one in outcomes)
        assert bool(outcomes) == (name in ("nonfinite", "spike", guards.BEFORE, guards.RESTING))
        assert [event.action for event in run.scheduler.journal] == []


def test_windows_are_full_when_timing_begins() -> None:
    run = small_runs("a rate for each tensor")[guards.RESTING]
    run.fill(guards.FULL_WINDOWS)
    remembered = run.scheduler.state_dict()["feedback"]["controllers"]
    states = {one["title"].partition("(")[0]: one["state"] for one in remembered}
    assert len(states["spike"]["windows"]["norm"]["values"]) == 256
    assert {len(one["values"]) for one in states["divergence"]["groups"].values()} == {128}


def test_every_claim_on_guards_is_about_sets_that_are_timed() -> None:
    for grouping in guards.GROUPINGS:
        for claim in guards.claims_on(grouping):
            timed = guards.TRAINED if claim.model == guards.in_training(grouping) else tuple(guards.SETS)
            assert {*claim.upper, claim.lower} <= set(timed)


def test_what_guards_take_more_is_told_in_microseconds() -> None:
    assert guards.more_of({guards.OFF: [1.0, 2.0, 3.0], "some": [1.5, 3.0, 3.5]}) == {"some": 500_000.0}


ROW = {"says": "a / b", "model": "some", "asked": "at most 1.05", "measured": 1.021, "held": True}


def test_the_page_shows_what_a_frozen_backbone_takes_and_keeps() -> None:
    sizes = {"saved for backward": 2_500_000, "gradients": 0, "optimizer": 15_000}
    text = thawing(
        {
            "context": {"threads": 2},
            "claims": [ROW],
            "batches": {"some": "8 sentences", "other": "2 images"},
            "median seconds": {"some": {"by hand": 0.0284}, "other": {"by hand": 0.5}},
            "ratios to by hand": {name: {"by hand": 1.0} for name in ("some", "other")},
            "bytes": {name: {"by hand": sizes} for name in ("some", "other")},
        }
    )
    for row in (
        "| a / b | some | at most 1.05 | 1.02 | yes |",
        "| other, 2 images | ms a step | / by hand |" + "".join(f" {part}, MB |" for part in sizes),
        "| by hand | 28.4 | 1.00 | 2.5 | 0.0 | 0.0 |",
        "| by hand | 500.0 | 1.00 | 2.5 | 0.0 | 0.0 |",
    ):
        assert row in text.splitlines()


def test_the_page_shows_what_guards_add() -> None:
    more = {"some": {"spike": 12.3, "all": 2345.6}, "other": {"spike": 5.0}}
    text = guarding(
        {
            "context": {"threads": 2},
            "claims": [ROW],
            "batch": "8 sentences",
            "groups": {"some": 8, "other": 105},
            "every": 100,
            "microseconds more": more,
            "ratios to none": {"some": {"spike": 1.0014, "all": 1.25}, "other": {"spike": 1.001}},
        }
    )
    assert "| spike | 1.001 (12) | 1.001 (5) |" in text.splitlines()
    assert "| all | 1.250 (2,346) | – |" in text.splitlines()
    assert "Groups: some: 8; other: 105." in text


def test_every_claim_on_shards_is_about_contenders_and_models_that_are_timed() -> None:
    timed = set(sharded_step.contenders(Held.of(SMALL), 1))
    for claim in sharded_step.CLAIMS:
        assert {*claim.upper, claim.lower} <= timed
        assert claim.model in sharded_step.FULL


def differing() -> measure.Times:
    """A turn in which the second of two processes is slower, and one in which the first is."""
    rank = dist.get_rank()
    return sharded_step.slowest({"a": [1.0 + rank, 7.0 - 2.0 * rank]})


def test_of_two_processes_the_slower_one_counts_in_each_turn(tmp_path: Path) -> None:
    assert found_by({"both": differing}, tmp_path, 2)["both"] == [{"a": [2.0, 7.0]}] * 2


def test_the_page_shows_what_a_step_of_shards_takes() -> None:
    times = {"torch fused, one rate": 0.5, "ours, a rate each": 0.45}
    ratios = {"torch fused, one rate": 1.0, "ours, a rate each": 0.9}
    text = sharding(
        {
            "processes": 2,
            "claims": [ROW],
            "median seconds": {"some": times},
            "ratios to torch fused, one rate": {"some": ratios},
        }
    )
    assert "| ours, a rate each | 450.0 (0.90) |" in text.splitlines()


def test_a_message_of_a_thousand_groups_on_many_ranks() -> None:
    """5 numbers of 8 bytes a group; 2,046 times 10 µs round a ring, 20 times up and down a tree."""
    size = many_ranks.statistics_bytes(1_000)
    assert size == 40_000
    of = many_ranks.Constants(latency=1e-5, bandwidth=1e9)
    assert many_ranks.ring(1_024, size, of) == pytest.approx(2_046e-5 + 2 * 1_023 / 1_024 * 4e-5)
    assert many_ranks.tree(1_024, size, of) == pytest.approx(20 * (1e-5 + 4e-5))
    assert many_ranks.worked_out(of)["a tick's agreement, one metric"]["bytes"] == 88


def test_the_table_of_many_ranks() -> None:
    text = tables.many_ranks(
        {
            "counts": {"ranks": 1_024, "tensors": 100_101},
            "seconds": {"build (once)": 1.25},
            "real processes, seconds by bytes": {"2": {"40": 0.0001}, "4": {"40": 0.0002}},
            "constants": {"latency": 5e-5, "bandwidth": 1e9},
            "worked out": {"one": {"bytes": 1200, "ring": 0.1, "tree": 0.002}},
        }
    )
    for row in ("| build (once) | 1.250 |", "| 40 | 0.10 | 0.20 |", "| one | 1,200 | 100.0 | 2.0 |"):
        assert row in text.splitlines()
    assert "a = 50 µs and b = 1,000 MB a second" in text


PAGE = "Before.\n\n<!-- table: one -->\n\nBetween.\n\n<!-- table: two -->\n\nAfter.\n"


def test_a_page_is_filled_where_it_names_a_table_and_filled_anew() -> None:
    once = filled(PAGE, {"one": "| 1 |\n\n| 2 |"})
    assert once == PAGE.replace("one -->\n", "one -->\n\n| 1 |\n\n| 2 |\n\n<!-- end: one -->\n")
    assert filled(once, {"one": "| 1 |\n\n| 2 |"}) == once
    both = filled(once, {"one": "| 3 |", "two": "| 4 |"})
    assert both == filled(PAGE, {"one": "| 3 |", "two": "| 4 |"})


def test_pages_hold_the_kept_tables() -> None:
    for path, text in others().items():
        assert path.read_text() == text, f"{path.name}: run python -m benchmarks.pages"


def test_the_watch_s_own_time_is_between_the_hooks_around_its_own() -> None:
    own, run = watching.Own(), watching.perceptron()
    with watching.within_a_watch(run, own):
        for _ in range(6):
            run.train()
    assert len(own.seconds) == 12
    own.seconds = [float(place) for place in range(12)]
    assert own.of_turns(2) == [11.0, 19.0]


def test_the_steps_of_a_turn_are_timed_but_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 5.0, 6.0, 8.0])  # the first takes 5, the others 1 and 2
    monkeypatch.setattr(clocks, "perf_counter", lambda: next(now))
    steps = clocks.Steps()
    for _ in range(3):
        steps.begin()
    steps.end()
    assert steps.seconds == [1.5]


def test_what_is_called_within_another_is_clocked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 4.0, 10.0, 12.0])
    monkeypatch.setattr(clocks, "perf_counter", lambda: next(now))
    own = clocks.Own()
    inner = own.clocked(lambda: 1)
    outer = own.clocked(lambda: inner() + 1)
    assert (outer(), inner()) == (2, 1)
    own.end(2)
    assert own.turns == [3.0]


def test_the_clock_is_around_what_a_step_calls_and_is_taken_away() -> None:
    class Callback:
        def on_log(self) -> str:
            return "logged"

    own, kept = clocks.Own(), Callback.on_log
    with clocks.under_the_clock(own, Callback):
        assert Callback().on_log() == "logged"
        work = watching.perceptron()
        plan = pg.plan(work.model, pg.Recipe(optimizer="sgd", lr=0.1), steps=10)
        optimizer, scheduler = pg.build(plan)
        assert own.seconds > 0
        before = own.seconds
        optimizer.step()
        scheduler.step()
        assert own.seconds > before
    assert Callback.on_log is kept
