"""Every example builds and trains, and its numbers are those that a reader can work out."""

import importlib
import math
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

import paramgroups as pg

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "digits")
PER_EPOCH = 21
COMPARISONS = ("audit_a_set_up", "freeze_or_small_rate", "guard_a_run", "unfreeze_gradually")
"""What these return is tested on its own: not every way is to work."""


class Run(NamedTuple):
    """What an example returned, and the order of its updates (u) and ticks (t)."""

    shown: Any
    order: str


@pytest.fixture(scope="module", autouse=True)
def examples_on_path() -> Iterator[None]:
    """As when a file is run as a script; the examples compute in one thread."""
    threads = torch.get_num_threads()
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))
    torch.set_num_threads(threads)


@cache
def run(name: str) -> Run:
    """Run an example once, and listen to its optimizers and schedulers."""
    order: list[str] = []
    ticks = pg.Scheduler.step

    def tick(scheduler: pg.Scheduler, epoch: float | None = None) -> None:
        if hasattr(scheduler, "_last_lr"):  # the first is made by the scheduler itself
            order.append("t")
        ticks(scheduler, epoch)

    hook = register_optimizer_step_post_hook(lambda *_: order.append("u"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pg.Scheduler, "step", tick)
            shown = importlib.import_module(name).main()
    finally:
        hook.remove()
    return Run(shown, "".join(order))


def histories(shown: Any) -> list[Any]:
    """Every record of training in what an example returned."""
    parts = shown.values() if isinstance(shown, dict) else [shown]
    return [
        one for part in parts for one in (part if isinstance(part, tuple) else ()) if hasattr(one, "losses")
    ]


def test_there_are_sixteen() -> None:
    assert len(NAMES) == 16


@pytest.mark.parametrize("name", NAMES)
def test_the_optimizer_steps_before_the_scheduler(name: str) -> None:
    order = run(name).order
    assert order.startswith("u")
    assert "t" in order
    assert "tt" not in order


@pytest.mark.parametrize("name", [name for name in NAMES if name not in COMPARISONS])
def test_training_reduces_the_loss(name: str) -> None:
    found = histories(run(name).shown)
    assert found
    for history in found:
        assert mean(history.losses[-5:]) < 0.5 * mean(history.losses[:2])


@pytest.mark.parametrize("name", NAMES)
def test_each_is_short_and_told_of_in_the_readme(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    assert 30 <= len(text.splitlines()) <= 85
    assert f"({name}.py)" in (EXAMPLES / "README.md").read_text()


def test_one_runs_as_a_script() -> None:
    script = EXAMPLES / "rate_per_layer_type.py"
    done = subprocess.run(  # noqa: S603  # a file of this repository
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Plan of 8 parameters in 3 groups, 42 steps")


def test_the_network_turns_images_into_scores() -> None:
    digits = importlib.import_module("digits")
    train, unseen = digits.images_of(range(5, 10))
    images, labels = train.tensors
    assert images.shape == (len(labels), 1, 8, 8)
    assert sorted(set(labels.tolist())) == [0, 1, 2, 3, 4]
    assert len(train) + len(unseen) == 896
    assert digits.ConvNet(5)(images[:7]).shape == (7, 5)


def test_rate_per_layer_type() -> None:
    _, history = run("rate_per_layer_type").shown
    assert history.values("@Conv2d")[0] == 0.03
    assert history.values("@BatchNorm2d")[0] == 0.02
    assert history.values("@Linear")[0] == 0.1
    last = 0.01 + 0.99 * (1 + math.cos(math.pi * 41 / 42)) / 2
    assert history.values("@Linear")[-1] == pytest.approx(0.1 * last)
    assert history.values("@Conv2d")[-1] == pytest.approx(0.03 * last)


def test_decay_one_group() -> None:
    _, history = run("decay_one_group").shown
    assert history.values("first")[::PER_EPOCH] == pytest.approx(
        [0.1, 0.095, 0.09025, 0.0857375, 0.081450625]
    )
    assert set(history.values("second")) == {0.01}
    assert run("decay_one_group").order == ("u" * PER_EPOCH + "t") * 5


def test_by_magnitude() -> None:
    plan, again, history = run("by_magnitude").shown
    rms = plan.pins["rms"]
    groups = {group.name: group.names for group in plan.groups}
    assert set(groups) == {"small weights", "large weights", "default"}
    assert all(rms[name] < 0.1 for name in groups["small weights"])
    assert all(rms[name] >= 0.1 for name in groups["large weights"])
    assert groups["large weights"] == ("features.0.weight",)
    assert set(history.values("small weights")) == {0.002}
    assert set(history.values("large weights")) == {0.0005}
    assert set(history.values("default")) == {0.001}
    assert [group.names for group in again.groups] == [group.names for group in plan.groups]


def test_backbone_and_classifier() -> None:
    plan, history, accuracy = run("backbone_and_classifier").shown
    assert (plan["features.0.weight"].lr, plan["classifier.weight"].lr) == (0.001, 0.01)
    assert plan["classifier.weight"].shape == (5, 128)
    backbone, head = history.values("default"), history.values("classifier")
    assert backbone[:4] == pytest.approx([0.001 / 3, 0.002 / 3, 0.001, 0.001])
    assert head == pytest.approx([10 * rate for rate in backbone])
    assert accuracy > 0.8


def test_no_decay_on_biases() -> None:
    plan, _, shrunk = run("no_decay_on_biases").shown
    decayed = {row.name for row in plan.rows if row.weight_decay == 0.1}
    assert decayed == {"features.0.weight", "features.4.weight", "classifier.weight"}
    for name, ratio in shrunk.items():  # AdamW's decay alone: 1 - 0.01 × 0.1
        assert ratio == pytest.approx(0.999 if name in decayed else 1.0, abs=1e-6)


def test_cut_when_stalled_cuts_seldom() -> None:
    example = importlib.import_module("cut_when_stalled")
    _, history, scheduler = run("cut_when_stalled").shown
    cuts = sorted({event.step for event in scheduler.journal})
    assert 1 <= len(cuts) <= example.EPOCHS // (example.PATIENCE + 1)
    assert all(later - earlier > example.PATIENCE for earlier, later in pairwise(cuts))
    assert {event.cause for event in scheduler.journal} == {'plateau("**", "val_loss")'}
    for group, base in (("default", 0.01), (":head", 0.02)):
        rates = history.values(group)[::PER_EPOCH]
        cut = [sum(done <= epoch for done in cuts) for epoch in range(example.EPOCHS)]
        assert rates == pytest.approx([base * 0.2**number for number in cut])


def test_cut_when_stalled_keeps_its_floor_and_ignores_nan() -> None:
    example = importlib.import_module("cut_when_stalled")
    plan, *_ = run("cut_when_stalled").shown
    model = importlib.import_module("digits").ConvNet()
    _, scheduler = pg.build(pg.plan(model, plan.recipe, epochs=example.EPOCHS))
    for loss in [1.0, *[math.nan] * 9]:
        assert not scheduler.observe(val_loss=loss)
    first = scheduler.rates["default"]
    seen = [scheduler.rates["default"] for _ in range(100) if scheduler.observe(val_loss=1.0)]
    assert seen == pytest.approx([first * share for share in (0.2, 0.04, example.FLOOR)])


def test_steps_keep_ratios() -> None:
    _, history, theirs = run("steps_keep_ratios").shown
    ours = [history.values(name)[::PER_EPOCH] for name in ("features.{0,1}", "default", "classifier")]
    assert [list(rates) for rates in zip(*ours, strict=True)] == theirs
    assert theirs[0] == [0.002, 0.02, 0.1]
    assert theirs[5] == [0.0005, 0.005, 0.025]


def test_schedule_per_group() -> None:
    plan, history = run("schedule_per_group").shown
    for group in plan.groups:  # what was previewed is what was applied
        assert history.values(group.name) == plan.curve(group.names[0])
    assert history.values("default")[0] == pytest.approx(0.0025)
    assert history.values("norms")[20:22] == pytest.approx([0.005, 0.0005])
    assert history.values("head")[20] == pytest.approx(0.01)


def test_edit_by_hand() -> None:
    plan, history, scheduler = run("edit_by_hand").shown
    factor = [rate / 0.002 for rate in plan.curve("features.0.weight")]
    second = range(PER_EPOCH, 2 * PER_EPOCH)
    head = [0.008 * at * (0.5 if step in second else 1) for step, at in enumerate(factor)]
    features = [(0.002 if step < 2 * PER_EPOCH else 0.004) * at for step, at in enumerate(factor)]
    assert history.values("classifier") == pytest.approx(head)
    assert history.values("features") == pytest.approx(features)
    assert history.values("features", "weight_decay")[2 * PER_EPOCH :: PER_EPOCH] == [0.01, 0.0]
    assert [event.action for event in scheduler.journal] == ["scale", "write", "set"]
    again = plan.replay(scheduler.journal)  # also of the part before the resume
    assert history.values("classifier") == again.curve("classifier.weight")
    assert history.values("features") == again.curve("features.0.weight")


def test_long_run() -> None:
    example = importlib.import_module("long_run")
    plan, history, scheduler = run("long_run").shown
    rates = history.values("classifier")
    start = example.STEPS - example.DECAY
    assert rates[:10] == pytest.approx([0.0008 * (step + 1) for step in range(10)])
    assert set(rates[10:start]) == {0.008}
    assert rates[start:] == pytest.approx(
        [0.008 * (1 - math.sqrt(step / example.DECAY)) for step in range(example.DECAY)]
    )
    (event,) = scheduler.journal
    assert (event.step, event.old, event.new) == (example.TOLD_AT, None, example.STEPS)
    assert plan.replay(scheduler.journal).curve("classifier.weight") == rates


def test_batch_norm_rate() -> None:
    shown = run("batch_norm_rate").shown
    own, still, frozen = shown["a tenth of the rate"], shown["a rate of 0"], shown["frozen"]
    assert set(own.history.values("@BatchNorm2d")) == {0.05 * 0.1}
    assert own.parameters > 0
    assert (still.parameters, frozen.parameters) == (0.0, 0.0)
    assert min(own.statistics, still.statistics) > 0.1
    assert frozen.statistics == 0.0


def test_settings_per_group() -> None:
    _, history = run("settings_per_group").shown
    assert set(history.values("convolutions", "nesterov")) == {True}
    assert set(history.values("convolutions", "momentum")) == {0.9}
    assert history.values("convolutions", "weight_decay")[0] == pytest.approx(0.005)
    assert set(history.values("norms", "momentum")) == {0.5}
    assert set(history.values("norms", "weight_decay")) == {0.0}
    assert history.values("head", "momentum") == pytest.approx([0.9 * (1 - 0.5 * t / 42) for t in range(42)])


def test_freeze_or_small_rate_is_measured() -> None:
    example = importlib.import_module("freeze_or_small_rate")
    accuracies = run("freeze_or_small_rate").shown
    assert set(accuracies) == set(example.WAYS)
    for found in accuracies.values():
        assert len(found) == example.SEEDS
        assert all(0.5 < accuracy <= 1 for accuracy in found)
    assert len({tuple(found) for found in accuracies.values()}) == len(example.WAYS)


def test_unfreeze_gradually_is_measured() -> None:
    example = importlib.import_module("unfreeze_gradually")
    found = run("unfreeze_gradually").shown
    assert set(found) == set(example.WAYS)
    assert all(len(accuracies) == example.SEEDS for accuracies in found.values())
    assert mean(found["backbone frozen"]) < mean(found["all at once"]) - 0.01
    for way in ("head, then all", "gradually"):
        assert mean(found[way]) > mean(found["all at once"]) - 0.01


def test_unfreeze_gradually_thaws_from_the_head_down() -> None:
    example = importlib.import_module("unfreeze_gradually")
    model = importlib.import_module("digits").ConvNet()
    recipe = pg.Recipe(optimizer="adamw", lr=0.01, rules=example.WAYS["gradually"])
    plan = pg.plan(model, recipe, steps=60)
    names = {"classifier.weight": 0, "features.4.weight": 15, "features.0.weight": 30}
    for name, thaw in names.items():
        assert [plan.at(step)[name].trainable for step in range(60)] == [step >= thaw for step in range(60)]
    assert plan.curve("features.4.weight")[15:21] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01, 0.01])


def test_audit_a_set_up_finds_what_costs_accuracy() -> None:
    (faults, spoiled), (left, sound) = run("audit_a_set_up").shown.values()
    assert [finding.code for finding in faults] == ["PG103", "PG142", "PG149"]
    assert not left.findings
    assert sound > spoiled


def test_guard_a_run_is_saved() -> None:
    shown = run("guard_a_run").shown
    accuracies = {name: accuracy for name, (accuracy, *_) in shown.items()}
    assert accuracies["as it should be"] > 0.95
    assert accuracies["one slip"] < 0.3
    assert accuracies["one slip, guards"] > accuracies["as it should be"] - 0.02
    _, history, scheduler = shown["one slip, guards"]
    assert history.values("head")[0] == 10.0
    assert max(history.values("head")[1:]) < 0.2
    assert "rollback" in {event.action for event in scheduler.journal}


def test_they_are_reproducible() -> None:
    first = run("freeze_or_small_rate").shown["frozen"][0]
    example = importlib.import_module("freeze_or_small_rate")
    assert example.transfer(example.WAYS["frozen"], 0) == first
