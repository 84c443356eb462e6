from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.errors import NoMatchError, ParamGroupsError, RuleError, SelectorError
from paramgroups.recipes import new_tokens
from paramgroups.select import parse
from tests.support import import_transformers

OLD, ALL, LONG = 30, 34, 8


class Net(nn.Module):
    """Tokens, positions, a layer, an output layer with a bias, perhaps tied."""

    def __init__(self, *, tied: bool = False) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(ALL, 6), nn.Embedding(LONG, 6)
        self.body, self.head = nn.Linear(6, 6), nn.Linear(6, ALL)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(self.tokens(ids) + self.positions.weight[: ids.shape[1]]))
        return out


def planned(model: nn.Module, *rules: Any, **said: Any) -> pg.Plan:
    return pg.plan(
        model, pg.Recipe(optimizer="adamw", lr=1e-2, weight_decay=0.1, rules=rules, **said), steps=8
    )


def rows(model: nn.Module, *rules: Any) -> dict[str, dict[str, Any]]:
    (group,) = planned(model, *rules).param_groups()
    return {f"{row['name']}[{row['start']}:{row['stop']}]": row for row in group["rows"]}


NEW = {"tokens.weight[30:34]", "head.weight[30:34]", "head.bias[30:34]"}


def test_new_rows_learn_faster_and_old_ones_at_the_rate() -> None:
    found = rows(Net(), new_tokens(OLD))
    assert {name: row["lr"] for name, row in found.items()} == dict.fromkeys(NEW, 0.1)


def test_a_tied_table_is_met_once() -> None:
    found = rows(Net(tied=True), new_tokens(OLD, 5))
    assert {name: row["lr"] for name, row in found.items()} == {
        "tokens.weight[30:34]": 0.05,
        "head.bias[30:34]": 0.05,
    }


def test_the_output_layer_may_be_left_alone() -> None:
    assert set(rows(Net(), new_tokens(OLD, head=False))) == {"tokens.weight[30:34]"}


@pytest.mark.parametrize("select", ["tokens", parse("tokens.weight")], ids=str)
def test_which_tables_may_be_said(select: Any) -> None:
    assert set(rows(Net(), new_tokens(OLD, select=select))) == {"tokens.weight[30:34]"}


def train(model: nn.Module, plan: pg.Plan, steps: int = 6) -> None:
    optimizer, scheduler = pg.build(plan)
    for step in range(steps):
        ids = torch.randint(0, ALL, (4, LONG), generator=torch.Generator().manual_seed(step))
        nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("tied", [False, True], ids=["apart", "tied"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen by the model"])
def test_old_rows_stand_still_bit_for_bit(*, tied: bool, frozen: bool) -> None:
    model = Net(tied=tied)
    model.requires_grad_(not frozen)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, planned(model, new_tokens(OLD, freeze_old=True)))
    after = model.state_dict()
    for name in ("tokens.weight", "head.weight", "head.bias"):
        assert torch.equal(after[name][:OLD], before[name][:OLD])
        assert (after[name][OLD:] != before[name][OLD:]).flatten(1 if after[name].ndim > 1 else 0).any()
    assert torch.equal(after["positions.weight"], before["positions.weight"]) == frozen
    assert torch.equal(after["body.weight"], before["body.weight"]) == frozen


def test_all_else_frozen_by_a_rule_before_it() -> None:
    model = Net()
    before = model.body.weight.clone()
    train(model, planned(model, pg.rule("**", trainable=False), new_tokens(OLD, freeze_old=True)))
    assert torch.equal(model.body.weight, before)


def test_a_windowed_thaw_of_the_old_rows() -> None:
    model = Net()
    old = pg.rule("tokens.weight[:30]", trainable=False, until="50%")
    before = model.tokens.weight.clone()
    train(model, planned(model, old, new_tokens(OLD, select="tokens")), steps=4)
    assert torch.equal(model.tokens.weight[:OLD], before[:OLD])
    model.requires_grad_(True)
    train(model, planned(model, old, new_tokens(OLD, select="tokens")), steps=8)
    assert (model.tokens.weight[:OLD] != before[:OLD]).any(1).all()


def test_another_optimizer_is_refused() -> None:
    model = Net()
    plan = planned(model, new_tokens(OLD))
    with pytest.raises(ParamGroupsError, match="AdamW steps whole tensors"):
        pg.Scheduler(torch.optim.AdamW(plan.param_groups()), plan)


@pytest.mark.parametrize("tied", [False, True], ids=["apart", "tied"])
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # asks itself
def test_a_transformer_whose_vocabulary_was_resized(*, tied: bool) -> None:
    host = import_transformers()
    config = host.LlamaConfig(
        vocab_size=OLD,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
    )
    model = host.LlamaForCausalLM(config)
    model.resize_token_embeddings(ALL, mean_resizing=False)
    plan = planned(model, pg.rule("**", trainable=False), new_tokens(OLD, freeze_old=True))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer, scheduler = pg.build(plan)
    ids = torch.arange(ALL)[None]
    for _ in range(3):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"model.embed_tokens.weight", "lm_head.weight"}
    for name in moved:
        assert torch.equal(model.state_dict()[name][:OLD], before[name][:OLD])


def test_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        'optimizer = "adamw"\nlr = 1e-4\n[[rules]]\nuse = "new_tokens"\nfirst = 32000\nfreeze_old = true\n'
    )
    loaded = pg.load_recipe(path)
    assert loaded.rules == tuple(new_tokens(32000, freeze_old=True))
    path.write_text(loaded.to_toml())
    assert pg.load_recipe(path) == loaded


@pytest.mark.parametrize("first", [0, -1, True, 1.5, "32000", None], ids=repr)
def test_what_is_no_row(first: Any) -> None:
    with pytest.raises(RuleError, match=r"new_tokens\(first=.*\): give the first new row, such as 32000"):
        new_tokens(first)


def test_what_is_no_factor_and_no_selector() -> None:
    with pytest.raises(RuleError, match="lr_scale=-1: a factor is at least 0"):
        new_tokens(OLD, -1)
    with pytest.raises(SelectorError, match="A selector is text; found 3"):
        new_tokens(OLD, select=3)  # type: ignore[arg-type]  # the mistake


def test_rows_that_are_not_there() -> None:
    with pytest.raises(
        NoMatchError, match=r'"tokens\[34:\]" matches none of 6 parameters.\n  "tokens.weight" has'
    ):
        planned(Net(), new_tokens(ALL, select="tokens"))
    with pytest.raises(NoMatchError, match="matches none of 6 parameters"):
        planned(Net(), new_tokens(ALL))
