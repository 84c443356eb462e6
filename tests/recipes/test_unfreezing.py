"""Levels that thaw one after another, each alone, or all after the head."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paramgroups as pg
from paramgroups.errors import NoMatchError, ParamGroupsError, PlanError, RuleError
from paramgroups.indexing import Index
from paramgroups.recipes import (
    ChainThaw,
    chain_thaw,
    gradual_unfreezing,
    layer_decay,
    lp_ft,
)
from paramgroups.schedules import slanted_triangular
from tests.recipes.models import Net
from tests.select.models import row

EPOCHS, EPOCH, LEVELS, RATE = 10, 4, 6, 0.3
STEPS = EPOCHS * EPOCH


class Reader(nn.Module):
    """A transformer of six levels: an embedding, four blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True) for _ in range(LEVELS - 2)
        )
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        out: torch.Tensor = self.head(x.mean(1))
        return out


@pytest.fixture
def reader() -> Reader:
    torch.manual_seed(3)
    return Reader()


def level_of(name: str) -> int:
    """0 for the embedding, 1 to 4 for the blocks, 5 for the head."""
    first, second = name.split(".")[:2]
    return int(second) + 1 if first == "blocks" else {"embed": 0, "head": LEVELS - 1}[first]


def loss_of(model: nn.Module, step: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(step)
    words, labels = torch.randint(12, (4, 5), generator=generator), torch.arange(4) % 3
    return nn.functional.cross_entropy(model(words), labels)


def planned(model: nn.Module, *rules: Any, **settings: Any) -> pg.Plan:
    recipe = pg.Recipe(optimizer="sgd", lr=RATE, rules=rules, **settings)
    return pg.plan(model, recipe, epochs=EPOCHS, steps_per_epoch=EPOCH)


# The slow twins: what the papers say, in plain torch.


def ulmfit_rate(step: int, level: int) -> float:
    """The slanted triangular rate of the top level, divided by 2.6 from each level to the next below."""
    cut, cut_fraction, ratio = int(STEPS * 0.1), 0.1, 32
    share = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_fraction - 1))
    rate = RATE * (1 + share * (ratio - 1)) / ratio
    for _ in range(level, LEVELS - 1):
        rate = rate / 2.6
    return rate


def ulmfit_levels(step: int) -> set[int]:
    """First the last layer, for one epoch; then the next lower frozen layer as well, and so on."""
    unfrozen = {LEVELS - 1}
    for _ in range(step // EPOCH):
        frozen = set(range(LEVELS)) - unfrozen
        unfrozen |= {max(frozen)} if frozen else set()
    return unfrozen


def felbo_levels(step: int) -> set[int]:
    """First the new layer alone; then each layer alone, from the first on; lastly all."""
    turns: list[set[int]] = [{LEVELS - 1}, *({layer} for layer in range(LEVELS - 1))]
    return turns[step // EPOCH] if step // EPOCH < len(turns) else set(range(LEVELS))


def step_by_hand(model: nn.Module, rates: dict[str, float]) -> None:
    """One step of plain gradient descent on the named parameters."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in rates and parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=rates[name])
            parameter.grad = None


PAPERS: dict[str, tuple[list[Any], dict[str, Any], Any, Any]] = {
    "ulmfit": (
        [gradual_unfreezing(every="1 epoch"), layer_decay(1 / 2.6)],
        {"schedule": slanted_triangular()},
        ulmfit_levels,
        ulmfit_rate,
    ),
    "chain-thaw": ([chain_thaw("1 epoch")], {}, felbo_levels, lambda step, level: RATE),  # noqa: ARG005  # one rate
}


@pytest.mark.parametrize(("rules", "said", "levels", "rate"), PAPERS.values(), ids=PAPERS)
def test_training_is_what_the_paper_says_at_every_step(
    reader: Reader, rules: list[Any], said: dict[str, Any], levels: Any, rate: Any
) -> None:
    twin = copy.deepcopy(reader)
    optimizer, scheduler = pg.build(planned(reader, *rules, **said))
    groups = [(group["name"], tuple(group["param_names"])) for group in optimizer.param_groups]
    for step in range(STEPS):
        rates = {name: group["lr"] for group in optimizer.param_groups for name in group["param_names"]}
        wanted = {name: rate(step, level_of(name)) for name, _ in twin.named_parameters()}
        assert rates == pytest.approx(wanted, rel=1e-12)
        trained = {name for name in wanted if level_of(name) in levels(step)}
        assert {name for name, one in reader.named_parameters() if one.requires_grad} == trained
        before = copy.deepcopy(reader.state_dict())
        loss_of(reader, step).backward()
        loss_of(twin, step).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        step_by_hand(twin, {name: wanted[name] for name in trained})
        after = reader.state_dict()
        assert {name for name in after if not torch.equal(after[name], before[name])} == trained
        torch.testing.assert_close(after, twin.state_dict(), rtol=1e-4, atol=1e-6)
        assert groups == [(group["name"], tuple(group["param_names"])) for group in optimizer.param_groups]


@pytest.mark.parametrize(
    "rules", [[gradual_unfreezing("1 epoch")], chain_thaw("1 epoch")], ids=["gradual", "chain"]
)
@pytest.mark.parametrize("stop", [0, 5, 12, 23])
def test_a_resume_freezes_nothing_again(reader: Reader, rules: list[pg.Rule], stop: int) -> None:
    def run(model: Reader, steps: range, states: list[Any]) -> list[Any]:
        optimizer, scheduler = pg.build(planned(model, *rules, momentum=0.9))
        parts: tuple[Any, ...] = model, optimizer, scheduler
        for part, state in zip(parts, states, strict=False):
            part.load_state_dict(state)
        for step in steps:
            loss_of(model, step).backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        assert {
            level_of(name) for name, one in model.named_parameters() if one.requires_grad
        } == trained_levels(scheduler.plan, steps.stop)
        return [copy.deepcopy(part.state_dict()) for part in parts]

    whole = run(copy.deepcopy(reader), range(26), [])
    parted = run(Reader(), range(stop, 26), run(reader, range(stop), []))
    torch.testing.assert_close(parted[0], whole[0], rtol=0, atol=0)


def trained_levels(plan: pg.Plan, step: int) -> set[int]:
    return {level_of(name) for name, found in plan.at(step).items() if found.trainable}


def test_bottom_up_and_a_start(reader: Reader) -> None:
    plan = planned(reader, gradual_unfreezing(every=3, order="bottom_up", start=2))
    assert [trained_levels(plan, step) for step in (0, 1, 2, 4, 5, 8, 16, 17)] == [
        set(),
        set(),
        {0},
        {0},
        {0, 1},
        {0, 1, 2},
        {0, 1, 2, 3, 4},
        set(range(6)),
    ]


def test_spread_over_a_share_the_last_level_thaws_there(reader: Reader) -> None:
    """Of 40 steps 50% are 20: the five levels below the head thaw at 4, 8, 12, 16, 20."""
    plan = planned(reader, gradual_unfreezing(over="50%"))
    assert [len(trained_levels(plan, step)) for step in range(24)] == [
        1 + min(step // 4, 5) for step in range(24)
    ]
    plan = planned(reader, gradual_unfreezing(over="50%", start="25%"))
    assert [step for step in range(1, 40) if trained_levels(plan, step) > trained_levels(plan, step - 1)] == [
        10, 12, 14, 16, 18, 20,
    ]  # fmt: skip


def test_a_part_of_the_model_leaves_the_rest_as_it_is(reader: Reader) -> None:
    plan = planned(reader, gradual_unfreezing(every=5, select="blocks"))
    assert [trained_levels(plan, step) for step in (0, 5, 15)] == [{0, 4, 5}, {0, 3, 4, 5}, set(range(6))]


def test_rules_below_go_before_it(reader: Reader) -> None:
    plan = planned(reader, gradual_unfreezing(every=5), pg.rule("blocks.0.norm1", trainable=True))
    assert plan.at(0)["blocks.0.norm1.weight"].trainable
    assert not plan.at(0)["blocks.0.norm2.weight"].trainable


def test_what_the_model_has_frozen_stays_frozen(reader: Reader) -> None:
    reader.blocks[3].requires_grad_(False)
    for rules in ([gradual_unfreezing(every=5)], chain_thaw(5)):
        plan = planned(reader, *rules)
        assert not any(4 in trained_levels(plan, step) for step in range(STEPS))


def test_a_tied_weight_thaws_where_it_is_first_used() -> None:
    model = nn.Module()
    model.embed, model.body = nn.Embedding(9, 4), nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
    model.lm_head = nn.Linear(4, 9, bias=False)
    model.lm_head.weight = model.embed.weight
    plan = planned(model, gradual_unfreezing(every=5))
    assert [plan.at(step)["lm_head.weight"].trainable for step in (0, 14, 15)] == [False, False, True]
    assert plan.at(0)["body.2.weight"].trainable
    assert "lm_head.weight" in plan


def test_towers_thaw_side_by_side() -> None:
    rows = [row(f"text.{depth}", depth=depth, tower="text") for depth in range(2)]
    rows += [row(f"image.{depth}", depth=depth, tower="image") for depth in range(4)]
    plan = pg.plan(
        Index(tuple(rows)), pg.Recipe(optimizer="sgd", lr=1.0, rules=[gradual_unfreezing(over=6)]), steps=9
    )
    thaws = {name: plan.curve(name, "trainable").index(True) for name in plan}
    assert thaws == {"text.1": 0, "text.0": 6, "image.3": 0, "image.2": 2, "image.1": 4, "image.0": 6}
    plan = pg.plan(Index(tuple(rows)), pg.Recipe(optimizer="sgd", lr=1.0, rules=chain_thaw(1)), steps=6)
    trained = [{name for name in plan if plan.at(step)[name].trainable} for step in range(6)]
    assert trained == [
        {"text.1", "image.3"},
        {"text.0", "image.0"},
        {"image.1"},
        {"image.2"},
        set(plan),
        set(plan),
    ]


def test_the_rows_of_a_tensor_thaw_with_their_level() -> None:
    torch.manual_seed(0)
    model = Reader()
    plan = planned(model, gradual_unfreezing(every=2, select="embed.weight[6:] | blocks"))
    assert plan.at(7)["embed.weight"].trainable
    assert [
        (part.start, part.stop, part.values["trainable"]) for part in plan.at(7)["embed.weight"].parts
    ] == [(6, 12, False)]
    optimizer, scheduler = pg.build(plan)
    groups = [group["name"] for group in optimizer.param_groups]
    before = model.embed.weight.detach().clone()
    for step in range(9):
        assert torch.equal(model.embed.weight[6:], before[6:])
        model(torch.arange(12).reshape(2, 6)).logsumexp(1).sum().backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        assert [group["name"] for group in optimizer.param_groups] == groups
        assert not torch.equal(model.embed.weight[:6], before[:6]), step
    assert not torch.equal(model.embed.weight[6:], before[6:])


def test_the_head_first_then_all(reader: Reader) -> None:
    plan = planned(reader, lp_ft("25%"))
    assert [trained_levels(plan, step) for step in (0, 9, 10, 39)] == [{5}, {5}, set(range(6)), set(range(6))]
    assert {finding.code for finding in plan.check()}.isdisjoint({"PG008", "PG012", "PG013"})
    reader.head.requires_grad_(False)
    assert trained_levels(planned(reader, lp_ft("25%")), 0) == {5}


def test_another_head(reader: Reader) -> None:
    assert trained_levels(planned(reader, lp_ft(10, "blocks.3 | head")), 9) == {4, 5}
    with pytest.raises(NoMatchError, match='":head" matches none of'):
        planned(reader.blocks, lp_ft(10))


BAD: list[tuple[Any, dict[str, Any], str]] = [
    (gradual_unfreezing, {}, r'give every= \(such as "1 epoch", from one level to the next\), or over='),
    (gradual_unfreezing, {"every": 1, "over": 2}, "and not both"),
    (gradual_unfreezing, {"every": 0}, "gradual_unfreezing: every=0 is 0"),
    (gradual_unfreezing, {"every": 0.5}, "gradual_unfreezing: every=0.5 is a bare float"),
    (gradual_unfreezing, {"every": "soon"}, "every='soon' is no length"),
    (gradual_unfreezing, {"over": "0%"}, "over='0%' is 0"),
    (gradual_unfreezing, {"over": "120%"}, "over='120%' is more than all of training"),
    (gradual_unfreezing, {"every": 3, "start": -1}, "gradual_unfreezing: start=-1 is not between"),
    (gradual_unfreezing, {"every": 3, "start": None}, "start=None is no length"),
    (gradual_unfreezing, {"every": 3, "order": "topdown"}, 'order=.* is not known. Nearest: "top_down"'),
    (gradual_unfreezing, {"every": "1 epoch", "start": 3}, r"\(start=3, every='1 epoch'\): .* in one unit"),
    (gradual_unfreezing, {"over": "30%", "start": "1 epoch"}, "one unit: ticks, epochs, steps or shares"),
    (gradual_unfreezing, {"over": "30%", "start": "30%"}, "the last level would thaw before the first"),
    (gradual_unfreezing, {"every": 3, "select": 3}, "A selector is text; found 3"),
    (chain_thaw, {"every": 0}, "chain_thaw: every=0 is 0"),
    (chain_thaw, {"every": 1.0}, "chain_thaw: every=1.0 is a bare float"),
    (ChainThaw, {"every": 1, "moment": "never"}, "chain_thaw: moment='never' is not known"),
    (lp_ft, {"until": 0}, "lp_ft: until=0 is 0"),
    (lp_ft, {"until": "all"}, "lp_ft: until='all' is no length"),
    (lp_ft, {"until": 3, "select": 3}, "A selector is text; found 3"),
]


@pytest.mark.parametrize(("make", "said", "message"), BAD, ids=[message[:30] for _, _, message in BAD])
def test_what_is_no_unfreezing(make: Any, said: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamGroupsError, match=message):
        make(**said)


@pytest.mark.parametrize("rules", [[gradual_unfreezing(5)], chain_thaw(5)], ids=["gradual", "chain"])
def test_one_level_is_refused(rules: list[pg.Rule]) -> None:
    message = (
        r"(gradual_unfreezing\(every=5\)|chain_thaw\(5\)): all 2 parameters lie at one depth(.|\n)*Rule 1"
    )
    with pytest.raises(RuleError, match=message):
        planned(nn.Linear(3, 2), *rules)


def test_a_length_that_the_horizon_does_not_know_names_the_parameter() -> None:
    recipe = pg.Recipe(optimizer="sgd", lr=1.0, rules=[gradual_unfreezing("1 epoch")])
    message = (
        r"gradual_unfreezing\(every='1 epoch'\) for \"stem.weight\": until='4 epochs': how long an epoch is"
    )
    with pytest.raises(PlanError, match=message):
        pg.plan(Net(), recipe, steps=10)


def test_what_it_is_called(reader: Reader) -> None:
    plan = planned(reader, gradual_unfreezing(every="1 epoch"))
    assert [group.name for group in plan.groups] == [
        "depth 0",
        "depth 1",
        "depth 2",
        "depth 3",
        "depth 4",
        "default",
    ]
    told = plan.explain("blocks.2.linear1.weight").chains["trainable"]
    assert told == [
        "no (rule 1 \"**\", gradual_unfreezing(every='1 epoch') at depth 3)",
        "from step 8: yes (model)",
    ]


def test_it_is_saved_as_it_was_said(reader: Reader) -> None:
    plan = planned(reader, gradual_unfreezing(every=3, start=2, order="bottom_up"), *chain_thaw("5%"))
    text = plan.recipe.to_toml()
    assert 'until = { use = "gradual_unfreezing", every = 3, order = "bottom_up", start = 2 }' in text
    assert 'start = { use = "chain_thaw", every = "5%", moment = "rest" }' in text


MODELS = st.lists(
    st.lists(st.integers(0, 11), min_size=1, max_size=6), min_size=1, max_size=3
).filter(lambda towers: any(len(set(depths)) > 1 for depths in towers))  # fmt: skip


def index_of(towers: list[list[int]]) -> Index:
    """Parameters at these depths of each tower."""
    return Index(
        tuple(
            row(f"t{tower}.p{number}", depth=depth, tower=f"t{tower}")
            for tower, depths in enumerate(towers)
            for number, depth in enumerate(depths)
        )
    )


@settings(max_examples=60, deadline=None)
@given(
    MODELS,
    st.integers(1, 5),
    st.integers(0, 6),
    st.sampled_from(["top_down", "bottom_up"]),
    st.integers(1, 20),
)
def test_at_every_tick_those_are_trained_whose_turn_has_come(
    towers: list[list[int]], every: int, start: int, order: Any, steps: int
) -> None:
    rule = gradual_unfreezing(every, start=start, order=order)
    plan = pg.plan(index_of(towers), pg.Recipe(optimizer="sgd", lr=1.0, rules=[rule]), steps=steps)
    for tick in range(steps):
        thawed = 0 if tick < start else 1 + (tick - start) // every
        for found in plan.at(tick).values():
            depths = sorted(set(towers[int(found.tower[1:])]), reverse=order == "top_down")
            assert found.trainable == (found.depth in depths[:thawed])


@settings(max_examples=60, deadline=None)
@given(MODELS, st.integers(1, 30), st.integers(0, 6), st.integers(1, 40))
def test_spread_evenly_each_level_thaws_at_the_nearest_tick(
    towers: list[list[int]], length: int, start: int, steps: int
) -> None:
    rule = gradual_unfreezing(over=start + length, start=start)
    plan = pg.plan(index_of(towers), pg.Recipe(optimizer="sgd", lr=1.0, rules=[rule]), steps=steps)
    for tick in range(steps):
        for found in plan.at(tick).values():
            depths = sorted(set(towers[int(found.tower[1:])]), reverse=True)
            last = max(len(depths) - 1, 1)
            doubled = (
                2 * (start * last + depths.index(found.depth) * length) + last
            )  # a half more, times 2 × last
            assert found.trainable == (tick >= doubled // (2 * last))


@settings(max_examples=60, deadline=None)
@given(MODELS, st.integers(1, 4), st.integers(1, 30))
def test_at_every_tick_one_level_of_each_tower_is_trained_and_all_at_last(
    towers: list[list[int]], every: int, steps: int
) -> None:
    plan = pg.plan(index_of(towers), pg.Recipe(optimizer="sgd", lr=1.0, rules=chain_thaw(every)), steps=steps)
    tallest = max(len(set(depths)) for depths in towers)
    for tick in range(steps):
        turn = tick // every
        for found in plan.at(tick).values():
            *others, top = sorted(set(towers[int(found.tower[1:])]))
            alone = [top, *others][turn : turn + 1]
            assert found.trainable == (found.depth in alone or turn >= tallest)
