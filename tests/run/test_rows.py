"""Rows of a tensor with values of their own: stepped by them, scheduled, edited, frozen, saved."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import PlanError, SelectorError
from paramgroups.schedules import constant, linear
from tests.run.models import same, values

OLD, NEW = 6, 10
RULE = pg.rule("embed.weight[6:]", lr_scale=10)


class Words(nn.Module):
    """Ten words, of which the last four are new."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(NEW, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(words).mean(1))  # type: ignore[no-any-return]  # torch's modules are untyped


def words(seed: int = 0) -> Words:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Words()


def built(model: nn.Module, *rules: pg.Rule, steps: int = 10, **said: Any) -> Any:
    found: dict[str, Any] = {"optimizer": "adamw", "lr": 0.01, "schedule": linear(end=0.5)} | said
    return pg.build(pg.plan(model, pg.Recipe(**found, rules=rules), steps=steps), backend="torch")


def update(model: nn.Module, optimizer: Any, step: int) -> None:
    draw = torch.Generator().manual_seed(step)
    optimizer.zero_grad()
    loss = model(torch.randint(0, NEW, (8, 5), generator=draw)).square().mean()
    if loss.requires_grad:
        loss.backward()
    optimizer.step()


def train(model: nn.Module, optimizer: Any, scheduler: pg.Scheduler, steps: range) -> None:
    for step in steps:
        update(model, optimizer, step)
        scheduler.step()


def rows_of(optimizer: Any) -> list[dict[str, Any]]:
    return [row for group in optimizer.param_groups for row in group.get("rows", ())]


def assert_applied(plan: pg.Plan, optimizer: Any, tick: float) -> None:
    """Each row entry, and each group, says what the plan does; a frozen one has rate 0."""
    for group in optimizer.param_groups:
        for row in group.get("rows", ()):
            planned = plan.at(tick)[row["name"]]
            (part,) = [one for one in planned.parts if one.start <= row["start"] < one.stop]
            own = {**part.values, "betas": (part.values.get("beta1"), part.values.get("beta2"))}
            for hyper in set(row) - {"name", "start", "stop"}:
                wanted = own[hyper] if hyper != "lr" or own["trainable"] else 0.0
                assert row[hyper] == wanted, (row, tick)


class TestPitfall22:
    def test_a_gradient_mask_still_decays_the_others(self) -> None:
        model = words()
        before = model.embed.weight.detach().clone()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
        model(torch.arange(NEW)[None]).sum().backward()
        assert model.embed.weight.grad is not None
        model.embed.weight.grad[:OLD] = 0
        optimizer.step()
        assert not torch.equal(model.embed.weight[:OLD], before[:OLD])

    def test_only_the_new_rows_move_and_decay(self) -> None:
        model = words()
        frozen = pg.rule("embed.weight[:6]", trainable=False)
        optimizer, scheduler = built(model, frozen, RULE, weight_decay=0.1)
        before = model.embed.weight.detach().clone()
        train(model, optimizer, scheduler, range(4))
        assert torch.equal(model.embed.weight[:OLD], before[:OLD])
        assert (model.embed.weight[OLD:] != before[OLD:]).all()
        assert not optimizer.state[model.embed.weight]["exp_avg"][:OLD].any()

    def test_each_row_has_its_rate_and_its_decay(self) -> None:
        model = words()
        optimizer, _ = built(model, RULE, optimizer="sgd", lr=0.1, weight_decay=0.5, schedule=None)
        before = model.embed.weight.detach().clone()
        model.embed.weight.grad = torch.zeros_like(before)
        optimizer.step()
        assert torch.allclose(model.embed.weight[:OLD], before[:OLD] * (1 - 0.1 * 0.5))
        assert torch.allclose(model.embed.weight[OLD:], before[OLD:] * (1 - 1.0 * 0.5))

    def test_thawed_alone_in_a_frozen_model(self) -> None:
        model = words()
        rules = [pg.rule("**", trainable=False), pg.rule("embed.weight[6:]", trainable=True)]
        optimizer, scheduler = built(model, *rules)
        before = values(model)
        train(model, optimizer, scheduler, range(3))
        after = values(model)
        assert same(before, after, "head.")
        assert torch.equal(before["embed.weight"][:OLD], after["embed.weight"][:OLD])
        assert not torch.equal(before["embed.weight"][OLD:], after["embed.weight"][OLD:])
        assert (optimizer.param_groups[0]["lr"], rows_of(optimizer)[0]["lr"]) == (0.0, 0.01 * 0.85)


@pytest.mark.parametrize(
    "rules",
    [
        [RULE],
        [pg.rule("embed.weight[6:]", schedule=constant(0.5)), pg.rule("embed.weight[8:]", weight_decay=0.5)],
        [pg.rule("embed.weight[6:]", beta1=0.5), pg.rule("embed.weight[2:4]", lr_scale=3, start=4, until=7)],
        [pg.rule("embed.weight[:6]", trainable=False, until=5), pg.rule("embed.weight", lr_scale=2)],
    ],
    ids=["scaled", "own schedule", "own beta, and a window", "frozen for a while"],
)
def test_preview_is_what_was_applied(rules: list[pg.Rule]) -> None:
    model = words()
    optimizer, scheduler = built(model, *rules)
    scheduler.plan.at(0)
    for tick in range(10):
        assert_applied(scheduler.plan, optimizer, tick)
        update(model, optimizer, tick)
        scheduler.step()
    assert_applied(scheduler.plan, optimizer, 10)


def test_rows_that_are_frozen_for_a_while_do_not_move() -> None:
    model = words()
    optimizer, scheduler = built(model, pg.rule("embed.weight[:6]", trainable=False, until=3))
    before = model.embed.weight.detach().clone()
    train(model, optimizer, scheduler, range(3))
    assert torch.equal(model.embed.weight[:OLD], before[:OLD])
    train(model, optimizer, scheduler, range(3, 5))
    assert (model.embed.weight[:OLD] != before[:OLD]).any()


class TestEdits:
    def test_by_selector(self) -> None:
        optimizer, scheduler = built(words(), RULE)
        (event,) = scheduler.set("embed.weight[6:]", lr=0.02)
        assert event.names == ("embed.weight[6:10]",)
        assert (event.old, event.new) == (0.1, 0.02)
        assert rows_of(optimizer)[0]["lr"] == 0.02
        assert optimizer.param_groups[0]["lr"] == 0.01

    def test_rows_that_the_plan_did_not_tell_apart(self) -> None:
        optimizer, scheduler = built(words(), RULE)
        events = scheduler.scale("embed.weight[4:8]", 0.5)
        assert [event.names for event in events] == [("embed.weight[4:6]",), ("embed.weight[6:8]",)]
        found = {(row["start"], row["stop"]): row["lr"] for row in rows_of(optimizer)}
        assert found == {(4, 6): 0.005, (6, 8): 0.05, (8, 10): 0.1}

    def test_of_the_whole_group_means_its_rows_too(self) -> None:
        optimizer, scheduler = built(words(), RULE)
        scheduler.scale("**", 0.5)
        assert (optimizer.param_groups[0]["lr"], rows_of(optimizer)[0]["lr"]) == (0.005, 0.05)
        optimizer.param_groups[0]["lr"] *= 0.5
        optimizer.step()
        scheduler.step()
        rate = rows_of(optimizer)[0]["lr"]
        assert rate == pytest.approx(0.025 * 0.95)

    def test_a_plain_write_into_an_entry_is_a_factor(self) -> None:
        optimizer, scheduler = built(words(), RULE)
        rows_of(optimizer)[0]["lr"] *= 0.5
        optimizer.step()
        scheduler.step()
        (event,) = scheduler.journal
        assert (event.cause, event.value, event.names) == ("written", 0.5, ("embed.weight[6:10]",))
        assert (
            rows_of(optimizer)[0]["lr"]
            == scheduler.plan.replay(scheduler.journal).at(1)["embed.weight"].parts[0].values["lr"]
        )
        assert rows_of(optimizer)[0]["lr"] == pytest.approx(0.1 * 0.5 * 0.95)

    def test_a_plain_write_where_the_rows_are_frozen_says_what_to_write(self) -> None:
        optimizer, scheduler = built(words(), pg.rule("embed.weight[:6]", trainable=False))
        rows_of(optimizer)[0]["lr"] = 0.5
        with pytest.raises(PlanError, match=r'of the rows "embed.weight\[0:6\]" was written.*no factor'):
            scheduler.step()

    @pytest.mark.parametrize("spoil", [list.clear, lambda rows: rows.append(dict(rows[0], start=0, stop=1))])
    def test_other_entries_are_an_error(self, spoil: Any) -> None:
        optimizer, scheduler = built(words(), RULE)
        spoil(optimizer.param_groups[0]["rows"])
        with pytest.raises(PlanError, match=r"Entries of group\['rows'\] were taken away, added or moved"):
            scheduler.step()

    def test_the_plan_and_the_journal_give_what_was_applied(self) -> None:
        model = words()
        optimizer, scheduler = built(model, RULE)
        applied: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        for tick in range(8):
            if tick == 3:
                scheduler.scale("embed.weight[4:8]", 0.5)
            if tick == 5:
                scheduler.set("embed.weight | head", weight_decay=0.3)
            applied.append((optimizer.param_groups[0]["lr"], copy.deepcopy(rows_of(optimizer))))
            update(model, optimizer, tick)
            scheduler.step()
        replayed = scheduler.plan.replay(scheduler.journal)
        for tick, (rate, rows) in enumerate(applied):
            planned = replayed.at(tick)["embed.weight"]
            assert planned.lr == rate
            for row in rows:
                (part,) = [one for one in planned.parts if one.start <= row["start"] < one.stop]
                assert part.values["lr"] == row["lr"]
        assert "rows 4 to 5" in str(replayed.explain("embed.weight"))

    def test_rows_with_an_optimizer_of_torch_are_an_error(self) -> None:
        model = words()
        plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1))
        scheduler = pg.Scheduler(torch.optim.SGD(plan.param_groups()), plan)
        with pytest.raises(SelectorError, match=r"no optimizer of torch steps rows. Let pg.build\(plan\)"):
            scheduler.set("embed.weight[4:8]", lr=0.1)

    def test_clipping_of_rows_is_an_error(self) -> None:
        _, scheduler = built(words(), RULE)
        with pytest.raises(PlanError, match="clip_norm= is for whole tensors"):
            scheduler.set("embed.weight[4:8]", clip_norm=0.1)


class TestResume:
    @pytest.mark.parametrize("scheduler_first", [True, False])
    def test_bit_equal_with_rows_and_edits(self, scheduler_first: bool) -> None:  # noqa: FBT001  # a parameter
        whole, parted = words(), words()
        for model, stop in ((whole, None), (parted, 5)):
            optimizer, scheduler = built(model, RULE, pg.rule("embed.weight[:2]", trainable=False, until=7))
            train(model, optimizer, scheduler, range(3))
            scheduler.scale("embed.weight[4:8]", 0.5)
            train(model, optimizer, scheduler, range(3, stop or 9))
        saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict(), parted.state_dict()))
        fresh = words(1)
        fresh.load_state_dict(saved[2])
        optimizer, scheduler = built(fresh, RULE, pg.rule("embed.weight[:2]", trainable=False, until=7))
        pairs = [(optimizer, saved[0]), (scheduler, saved[1])]
        for target, state in pairs[::-1] if scheduler_first else pairs:
            target.load_state_dict(state)
        assert [row["stop"] for row in rows_of(optimizer)] == [2, 6, 8, 10]
        train(fresh, optimizer, scheduler, range(5, 9))
        assert same(values(whole), values(fresh))

    def test_the_state_of_a_run_with_other_rows(self) -> None:
        with_rows, _one = built(words(), RULE)
        plain, _other = built(words())
        state, plain_state = copy.deepcopy((with_rows.state_dict(), plain.state_dict()))
        plain.load_state_dict(state)
        assert not rows_of(plain)
        with_rows.load_state_dict(plain_state)
        assert [row["lr"] for row in rows_of(with_rows)] == [0.1]

    def test_a_copy_goes_on_by_itself(self) -> None:
        model = words()
        optimizer, scheduler = built(model, RULE)
        _, other_optimizer, other = copy.deepcopy((model, optimizer, scheduler))
        other.scale("embed.weight[6:]", 0.5)
        assert (rows_of(optimizer)[0]["lr"], rows_of(other_optimizer)[0]["lr"]) == (0.1, 0.05)
