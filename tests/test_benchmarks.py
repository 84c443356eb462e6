import numpy as np
import pytest
import torch

from benchmarks.claims import CLAIMS, Claim, claimed
from benchmarks.contenders import APART, FORMS, RATE, Held, contenders, our_adamw, torch_adamw, variants
from benchmarks.measure import Turn, medians, paired, turns
from benchmarks.pages import stepping
from benchmarks.peers import PEERS, Peer
from benchmarks.shapes import MODELS

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
