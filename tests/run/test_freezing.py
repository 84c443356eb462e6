"""Frozen is frozen, for as long as a rule says so."""

import copy
import gc
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import paramgroups as pg
from paramgroups.errors import PlanError
from paramgroups.schedules import linear
from tests.run.models import Net, loss_at, net, same, train, update, values
from tests.support import import_transformers

DECAYED: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9, "weight_decay": 0.1},
    "adamw": {"weight_decay": 0.1},
    "rmsprop": {"momentum": 0.9, "weight_decay": 0.1},
    "adagrad": {"weight_decay": 0.1},
}


def built(
    model: nn.Module, *rules: pg.Rule, optimizer: str = "sgd", steps: int = 50, how: str | None = None
) -> Any:
    recipe = pg.Recipe(optimizer=optimizer, lr=0.05, rules=rules, **DECAYED[optimizer])
    return pg.build(pg.plan(model, recipe, steps=steps), freezing=how)


@pytest.mark.parametrize("optimizer", sorted(DECAYED))
@pytest.mark.parametrize("zeroed", ["to none", "in place"])
@pytest.mark.parametrize("until", [None, "100%"])
def test_fifty_steps_leave_a_frozen_stem_bit_identical(
    model: Net, optimizer: str, zeroed: str, until: str | None
) -> None:
    made, scheduler = built(model, pg.rule("stem", trainable=False, until=until), optimizer=optimizer)
    before = values(model)
    for step in range(50):
        model.train()
        update(model, made, step, set_to_none=zeroed == "to none")
        scheduler.step() if step < 49 else None
    assert same(before, values(model), "stem.")
    assert before["stem.1.num_batches_tracked"] == 0
    assert not same(before, values(model), "blocks.")


def test_a_window_thaws_at_the_very_tick(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=7))
    before = values(model)
    train(model, optimizer, scheduler, range(6))
    update(model, optimizer, 6)
    assert same(before, values(model), "stem.")
    assert model.stem[0].weight not in optimizer.state
    scheduler.step()
    update(model, optimizer, 7)
    now = values(model)
    assert not torch.equal(before["stem.0.weight"], now["stem.0.weight"])
    assert now["stem.1.num_batches_tracked"] == 1


def test_a_gradient_left_over_from_before_does_not_move_what_is_frozen(model: Net) -> None:
    loss_at(model, 0).backward()
    before = values(model)
    optimizer, _ = built(model, pg.rule("stem", trainable=False))
    optimizer.step()
    assert same({k: v for k, v in before.items() if "running" not in k}, values(model), "stem.0")


def test_frozen_for_the_whole_run_is_in_no_group(model: Net) -> None:
    optimizer, _ = built(model, pg.rule("stem", trainable=False))
    held = {id(tensor) for group in optimizer.param_groups for tensor in group["params"]}
    assert not held & {id(tensor) for tensor in model.stem.parameters()}
    assert not any(tensor.requires_grad for tensor in model.stem.parameters())


def test_what_the_user_froze_stays_frozen_under_a_window(model: Net) -> None:
    model.stem[0].bias.requires_grad_(False)
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=2))
    train(model, optimizer, scheduler, range(4))
    assert model.stem[0].weight.requires_grad
    assert not model.stem[0].bias.requires_grad


def test_a_rule_thaws_what_the_user_froze_also_for_the_whole_run(model: Net) -> None:
    model.requires_grad_(False)
    optimizer, scheduler = built(model, pg.rule("head | stem.1", trainable=True))
    before = values(model)
    train(model, optimizer, scheduler, range(2))
    now = values(model)
    assert not torch.equal(before["head.weight"], now["head.weight"])
    assert same(before, now, "stem.0.")
    assert {name for name, one in model.named_parameters() if one.requires_grad} == {
        "head.weight", "head.bias", "stem.1.weight", "stem.1.bias"
    }  # fmt: skip


def test_statistics_that_an_earlier_run_left_standing_go_on_where_they_train_again(model: Net) -> None:
    built(model, pg.rule("stem", trainable=False))
    assert not model.train().stem[1].training
    model.requires_grad_(True)
    optimizer, scheduler = built(model)
    train(model.train(), optimizer, scheduler, range(3))
    assert model.stem[1].training
    assert model.stem[1].num_batches_tracked == 3


def test_what_the_user_freezes_while_training_stays_frozen(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=2))
    train(model, optimizer, scheduler, range(4))
    model.stem[0].weight.requires_grad_(False)
    train(model, optimizer, scheduler, range(4, 6))
    assert not model.stem[0].weight.requires_grad


def test_what_another_thaws_within_a_window_is_frozen_again(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=9))
    train(model, optimizer, scheduler, range(2))
    model.requires_grad_(True)
    scheduler.step()
    assert not model.stem[0].weight.requires_grad


def test_a_copy_of_the_model_alone_is_held_by_nobody(model: Net) -> None:
    built(model, pg.rule("stem", trainable=False, until=9))
    assert not model.train().stem[1].training
    assert copy.deepcopy(model).train().stem[1].training
    assert not model.train().stem[1].training


def test_a_copy_of_a_whole_run_is_held_as_it_was(model: Net) -> None:
    run = model, *built(model, pg.rule("stem", trainable=False, until=1))
    for other, optimizer, scheduler in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):  # noqa: S301  # ours
        assert not other.train().stem[1].training
        train(other, optimizer, scheduler, range(1))
        assert other.stem[1].training


def test_evaluation_within_a_window_and_back(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=3))
    for step in range(5):
        model.train()
        update(model, optimizer, step)
        model.eval()
        assert not model.stem[1].training
        loss_at(model, step)
        model.train()
        scheduler.step()
        assert model.stem[1].training == (step >= 2)
    assert model.stem[1].num_batches_tracked == 2


def test_a_window_that_opens_later_freezes_from_its_tick_on(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, start=3))
    train(model, optimizer, scheduler, range(3))
    before = values(model)
    train(model, optimizer, scheduler, range(3, 9))
    assert same(before, values(model), "stem.")
    assert model.stem[0].weight.grad is None


@pytest.mark.parametrize("optimizer", sorted(DECAYED))
def test_what_thaws_a_second_time_starts_as_a_new_parameter_does(model: Net, optimizer: str) -> None:
    made, scheduler = built(
        model, pg.rule("stem", trainable=False, start=5, until=8), optimizer=optimizer, steps=20
    )
    train(model, made, scheduler, range(8))
    other = copy.deepcopy(model)
    other.requires_grad_(True)
    new, _ = built(other, optimizer=optimizer)
    update(model, made, 8)
    update(other, new, 8)
    assert torch.equal(values(model)["stem.0.weight"], values(other)["stem.0.weight"])
    assert not torch.equal(model.head.weight, other.head.weight)


def test_what_is_frozen_again_has_no_memory_in_the_optimizer(model: Net) -> None:
    optimizer, scheduler = built(model, pg.rule("stem", trainable=False, start=2, until=4))
    train(model, optimizer, scheduler, range(2))
    assert model.stem[0].weight not in optimizer.state
    assert model.head.weight in optimizer.state


def test_a_module_shared_by_a_frozen_and_a_trained_part_is_frozen() -> None:
    shared, norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
    model = nn.ModuleDict({"a": nn.Sequential(shared, norm), "b": nn.Sequential(shared)})
    recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("b", trainable=False)])
    optimizer, _ = pg.build(pg.plan(model, recipe))
    assert not shared.weight.requires_grad
    assert norm.weight.requires_grad
    assert model.train().training is norm.training is True
    assert optimizer.param_groups[0]["param_names"] == ["a.1.weight", "a.1.bias"]


def test_a_rate_with_the_thaws_clock_starts_at_the_thaw(model: Net) -> None:
    recipe = pg.Recipe(
        optimizer="sgd",
        lr=1.0,
        schedule=linear(),
        rules=[
            pg.rule("stem", trainable=False, until=4),
            pg.rule("stem", clock="thaw", schedule=linear()),
        ],
    )
    optimizer, scheduler = pg.build(pg.plan(model, recipe, steps=8))
    train(model, optimizer, scheduler, range(4))
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates == {"default": 0.5, "stem": 1.0}
    train(model, optimizer, scheduler, range(4, 6))
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_scheduler_without_a_model_cannot_freeze() -> None:
    model = net()
    plan = pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("stem", trainable=False)]))
    optimizer = torch.optim.SGD(plan.param_groups())
    del model
    with pytest.raises(PlanError, match=r"freezes or thaws parameters, and the model .* is gone.*model=…"):
        pg.Scheduler(optimizer, plan)


class TestMasks:
    @pytest.mark.parametrize("optimizer", sorted(DECAYED))
    def test_they_make_what_flags_make(self, model: Net, optimizer: str) -> None:
        rules = [pg.rule("stem | head", trainable=False, until=3), pg.rule("stem", trainable=False, start=5)]
        other = copy.deepcopy(model)
        for each, how in ((model, "masks"), (other, None)):
            made, scheduler = built(each, *rules, optimizer=optimizer, how=how)
            train(each, made, scheduler, range(12))
        assert same(values(model), values(other))

    def test_gradients_flow_until_the_update_and_no_further(self, model: Net) -> None:
        optimizer, _ = built(model, pg.rule("stem", trainable=False, until=2), how="masks")
        loss_at(model, 0).backward()
        assert model.stem[0].weight.grad is not None
        optimizer.step()
        assert model.stem[0].weight.grad is None
        assert model.stem[0].weight.requires_grad
        assert model.head.weight.grad is not None
        assert model.stem[0].weight not in optimizer.state

    def test_those_left_over_at_the_freeze_are_cleared(self, model: Net) -> None:
        optimizer, scheduler = built(model, pg.rule("stem", trainable=False, start=1), how="masks")
        train(model, optimizer, scheduler, range(1))
        assert model.stem[0].weight.grad is None
        assert model.head.weight.grad is not None

    def test_a_gradient_gathered_while_frozen_moves_nothing_after_the_thaw(self, model: Net) -> None:
        optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=1), how="masks")
        train(model, optimizer, scheduler, range(0))
        optimizer.step()
        loss_at(model, 0).backward()
        head = model.head.weight.grad
        assert model.stem[0].weight.grad is not None
        scheduler.step()
        assert model.stem[0].weight.grad is None
        assert model.head.weight.grad is head is not None

    def test_a_gradient_from_before_the_build_is_used_where_nothing_was_frozen(self, model: Net) -> None:
        loss_at(model, 0).backward()
        built(model, pg.rule("stem", trainable=False, start=1), how="masks")
        assert model.stem[0].weight.grad is not None

    @pytest.mark.parametrize("made", [tuple, copy.deepcopy], ids=["itself", "copied"])
    def test_what_is_frozen_stays_so_when_the_scheduler_is_gone(self, model: Net, made: Any) -> None:
        run = model, *built(model, pg.rule("stem", trainable=False, until=9), how="masks")
        model, optimizer, scheduler = made(run)
        del run
        train(model, optimizer, scheduler, range(2))
        del scheduler
        gc.collect()
        before = values(model)
        update(model, optimizer, 2)
        assert same({k: v for k, v in before.items() if "running" not in k}, values(model), "stem.0")
        assert not same(before, values(model), "head.")
        optimizer.step(lambda: loss_at(model, 3).backward())
        assert same({k: v for k, v in before.items() if "running" not in k}, values(model), "stem.0")

    def test_another_scheduler_lets_go_of_what_the_first_froze_also_when_both_are_gone(
        self, model: Net
    ) -> None:
        optimizer, first = built(model, pg.rule("stem", trainable=False, until=9), how="masks")
        second = pg.Scheduler(optimizer, first.plan, freezing="masks")
        train(model, optimizer, second, range(10))
        del first, second
        gc.collect()
        before = values(model)
        update(model, optimizer, 10)
        assert not same(before, values(model), "stem.0")

    def test_flags_let_go_of_what_masks_froze_also_when_both_schedulers_are_gone(self, model: Net) -> None:
        recipe = pg.Recipe(optimizer="sgd", lr=0.05, rules=[pg.rule("stem", trainable=False, until=2)])
        plan = pg.plan(model, recipe, steps=20)
        optimizer, first = pg.build(plan, freezing="masks")
        second = pg.Scheduler(optimizer, plan, freezing="flags")
        train(model, optimizer, second, range(3))
        del first, second
        gc.collect()
        before = values(model)
        update(model, optimizer, 3)
        assert not same(before, values(model), "stem.0")

    def test_what_is_never_trained_has_no_gradients_in_one_process(self, model: Net) -> None:
        built(model, pg.rule("stem", trainable=False), how="masks")
        assert not any(tensor.requires_grad for tensor in model.stem.parameters())

    def test_what_thaws_a_second_time_starts_as_a_new_parameter_does(self, model: Net) -> None:
        window = pg.rule("stem", trainable=False, start=5, until=8)
        made, scheduler = built(model, window, optimizer="adamw", how="masks")
        train(model, made, scheduler, range(8))
        other = copy.deepcopy(model)
        new, _ = built(other, optimizer="adamw")
        update(model, made, 8)
        update(other, new, 8)
        assert torch.equal(values(model)["stem.0.weight"], values(other)["stem.0.weight"])
        assert made.state[model.stem[0].weight]["step"] == 1

    def test_what_the_user_froze_is_thawed_by_none(self, model: Net) -> None:
        optimizer, scheduler = built(model, pg.rule("stem", trainable=False, until=2), how="masks")
        bias = model.get_parameter("stem.0.bias").requires_grad_(False)
        before = bias.clone()
        train(model, optimizer, scheduler, range(5))
        assert not bias.requires_grad
        assert torch.equal(before, bias)

    @pytest.mark.parametrize("how", ["flags", "masks"])
    def test_a_gradient_set_by_hand_moves_nothing_frozen(self, model: Net, how: str) -> None:
        optimizer, _ = built(model, pg.rule("stem", trainable=False, until=2), how=how)
        before = values(model)
        for tensor in model.parameters():
            tensor.grad = torch.ones_like(tensor)
        optimizer.step()
        assert same(before, values(model), "stem.")
        assert not same(before, values(model), "head.")
        assert model.stem[0].weight not in optimizer.state

    def test_a_copy_of_a_run_has_masks_of_its_own(self, model: Net) -> None:
        optimizer, scheduler = built(model, pg.rule("stem", trainable=False, start=1, until=3), how="masks")
        train(model, optimizer, scheduler, range(2))
        other, theirs, clock = copy.deepcopy((model, optimizer, scheduler))
        for twin in ((model, optimizer, scheduler), (other, theirs, clock)):
            before = values(twin[0])
            train(*twin, range(2, 3))
            assert same(before, values(twin[0]), "stem.")
            train(*twin, range(3, 5))
        assert same(values(model), values(other))

    def test_what_is_worth_a_word_is_told(self) -> None:
        def told(*rules: pg.Rule, how: str | None = None) -> bool:
            _, scheduler = built(net(), *rules, how=how)
            found: bool = scheduler._freezing.is_told
            return found

        window = pg.rule("stem", trainable=False, until=2)
        assert [told(window), told(window, how="flags"), told(window, how="masks"), told(how="masks")] == [
            False, True, True, False
        ]  # fmt: skip

    def test_a_wrong_word_is_refused(self, model: Net) -> None:
        with pytest.raises(PlanError, match='Nearest: "masks"'):
            built(model, how="mask")


class TestMoments:
    @pytest.mark.parametrize("how", ["flags", "masks"])
    @pytest.mark.parametrize("optimizer", sorted(DECAYED))
    def test_what_is_kept_stays_as_it_was_and_goes_on(self, model: Net, optimizer: str, how: str) -> None:
        window = pg.rule("stem", trainable=False, start=4, until=8, moments="keep")
        made, scheduler = built(model, window, optimizer=optimizer, how=how)
        train(model, made, scheduler, range(4))
        state = made.state[model.stem[0].weight]
        before = {key: torch.as_tensor(value).clone() for key, value in state.items() if value is not None}
        train(model, made, scheduler, range(4, 8))
        now = made.state[model.stem[0].weight]
        assert all(torch.equal(one, torch.as_tensor(now[key])) for key, one in before.items())
        update(model, made, 8)
        assert "step" not in before or now["step"] == before["step"] + 1

    def test_one_that_is_kept_goes_on_beside_one_that_is_not(self, model: Net) -> None:
        made, scheduler = built(
            model,
            pg.rule("stem | head", trainable=False, start=4, until=8),
            pg.rule("head", moments="keep"),
            optimizer="adamw",
        )
        train(model, made, scheduler, range(9))
        assert made.state[model.head.weight]["step"] == 5
        assert made.state[model.stem[0].weight]["step"] == 1
        assert made.state[model.get_parameter("blocks.0.fc.weight")]["step"] == 9


class Words(nn.Module):
    """Ten words with large gradients and then small ones."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 3)


def push(words: Words, optimizer: Any, size: float) -> None:
    words.embed.weight.grad = torch.full((10, 4), size)
    words.head.weight.grad = torch.full((3, 4), size)
    optimizer.step()


class TestRows:
    """Rows 6 to 9 learn for 5 ticks, are frozen for 5, and thaw."""

    WINDOW = pg.rule("embed.weight[6:]", trainable=False, start=5, until=10)

    def thawed(self, *rules: pg.Rule, optimizer: str = "adamw", how: str | None = None) -> Any:
        words = Words()
        recipe = pg.Recipe(optimizer=optimizer, lr=0.01, weight_decay=0.0, rules=rules)
        made, scheduler = pg.build(pg.plan(words, recipe, steps=20), freezing=how)
        still = []
        for _ in range(10):
            before = words.embed.weight.detach().clone()
            push(words, made, 1.0)
            still.append(torch.equal(before[6:], words.embed.weight[6:]))
            scheduler.step()
        assert still == [False] * 5 + [True] * 5
        return words, made

    @pytest.mark.parametrize("how", ["flags", "masks"])
    @pytest.mark.parametrize("optimizer", ["adamw", "lion", "rmsprop", "nadam"])
    def test_they_thaw_as_new_ones_do(self, optimizer: str, how: str) -> None:
        words, made = self.thawed(self.WINDOW, optimizer=optimizer, how=how)
        new = copy.deepcopy(words)
        recipe = pg.Recipe(optimizer=optimizer, lr=0.01, weight_decay=0.0)
        fresh, _ = pg.build(pg.plan(new, recipe, steps=20))
        push(words, made, -0.1)
        push(new, fresh, -0.1)
        assert torch.equal(words.embed.weight[6:], new.embed.weight[6:])
        assert not torch.equal(words.embed.weight[:6], new.embed.weight[:6])
        assert made.state[words.embed.weight]["row_step"].tolist() == [11] * 6 + [1] * 4

    def test_kept_they_go_on_where_they_were(self) -> None:
        """The first step after the thaw still goes where the moments point, against the gradient."""
        (words, made), (other, clean) = (
            self.thawed(self.WINDOW, pg.rule("embed", moments=moments)) for moments in ("keep", "clean")
        )
        assert made.state[words.embed.weight]["row_step"].tolist() == [10] * 6 + [5] * 4
        assert clean.state[other.embed.weight]["row_step"].tolist() == [10] * 6 + [0] * 4
        moves = []
        for each, optimizer in ((words, made), (other, clean)):
            before = each.embed.weight[6, 0].item()
            push(each, optimizer, -1.0)
            moves.append(each.embed.weight[6, 0].item() - before)
        assert moves[0] < 0
        assert moves[1] == pytest.approx(0.01)

    def test_a_tensor_of_which_the_last_rows_freeze_too_is_forgotten_whole(self) -> None:
        words, made = self.thawed(
            self.WINDOW, pg.rule("embed.weight[:6]", trainable=False, start=7, until=10)
        )
        assert words.embed.weight not in made.state
        push(words, made, -1.0)
        assert made.state[words.embed.weight]["row_step"].tolist() == [1] * 10

    def test_a_resume_within_the_window_goes_on_to_the_bit(self) -> None:
        torch.manual_seed(0)
        ends = []
        for resumes in (False, True):
            with torch.random.fork_rng():
                torch.manual_seed(1)
                words = Words()
            recipe = pg.Recipe(optimizer="adamw", lr=0.01, rules=[self.WINDOW])
            plan = pg.plan(words, recipe, steps=20)
            optimizer, scheduler = pg.build(plan)
            for step in range(15):
                if resumes and step == 7:
                    saved = copy.deepcopy(
                        (words.state_dict(), optimizer.state_dict(), scheduler.state_dict())
                    )
                    words = Words()
                    words.load_state_dict(saved[0])
                    optimizer, scheduler = pg.build(plan, words)
                    scheduler.load_state_dict(saved[2])
                    optimizer.load_state_dict(saved[1])
                push(words, optimizer, 1.0 - 0.15 * step)
                scheduler.step()
            ends.append(values(words))
        assert same(ends[0], ends[1])


class TestDropout:
    @pytest.mark.parametrize("how", ["flags", "masks"])
    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    def test_that_of_a_frozen_transformer_is_off_until_it_thaws(self, attention: str, how: str) -> None:
        hf: Any = import_transformers()
        config = hf.BertConfig(
            vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        )
        config._attn_implementation = attention
        model, x = hf.BertModel(config).train(), torch.arange(8)[None]

        def is_random() -> bool:
            one, other = (model.train()(x).last_hidden_state for _ in range(2))
            return not torch.equal(one, other)

        assert is_random()
        rule = pg.rule("embeddings | encoder", trainable=False, until=2, dropout=False)
        optimizer, scheduler = pg.build(
            pg.plan(model, pg.Recipe(optimizer="adamw", lr=0.1, rules=[rule]), steps=4), freezing=how
        )
        assert not is_random()
        assert model.pooler.training
        for _ in range(2):
            optimizer.step()
            scheduler.step()
        assert is_random()
        assert all(module.training for module in model.modules())

    def test_it_stays_on_unless_a_rule_says_otherwise(self) -> None:
        model: Any = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.Linear(2, 2))
        recipe = pg.Recipe(optimizer="sgd", lr=0.1, rules=[pg.rule("0", trainable=False)])
        pg.build(pg.plan(model, recipe))
        assert model.train()[0][1].training

    def test_it_is_off_in_what_is_never_trained_and_in_what_the_user_froze(self) -> None:
        model: Any = nn.Sequential(
            nn.Sequential(nn.Linear(2, 2), nn.Dropout()),
            nn.Sequential(nn.Linear(2, 2), nn.Dropout()),
            nn.Sequential(nn.Linear(2, 2), nn.Dropout()),
        )
        model[1].requires_grad_(False)
        rules = [pg.rule("0", trainable=False), pg.rule("**", dropout=False)]
        pg.build(pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=rules)))
        assert [part[1].training for part in model.train()] == [False, False, True]

    def test_it_can_be_off_for_a_time(self) -> None:
        model: Any = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.Linear(2, 2))
        rules = [pg.rule("0", trainable=False), pg.rule("0", dropout=False, start=1, until=2)]
        optimizer, scheduler = pg.build(
            pg.plan(model, pg.Recipe(optimizer="sgd", lr=0.1, rules=rules), steps=4)
        )
        found = []
        for _ in range(3):
            found.append(model.train()[0][1].training)
            optimizer.step()
            scheduler.step()
        assert found == [True, False, True]
