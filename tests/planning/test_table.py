"""What a plan prints."""

import paramgroups as pg
from paramgroups.recipes import layer_decay, no_decay
from paramgroups.schedules import constant, cosine, warmup
from tests.planning.models import planned

LONG = warmup("5%").then(cosine(end=0.01))


def lines(plan: pg.Plan) -> list[str]:
    return str(plan).splitlines()


def test_what_all_groups_share_is_said_once() -> None:
    plan = planned(pg.rule("head", lr_scale=10), schedule=LONG, lr=3e-4, name="tune")
    assert lines(plan) == [
        'Plan "tune", 12 parameters in 2 groups, 10 steps',
        "group     tensors  numbers      lr  weight_decay",
        "default         9      188  0.0003          0.01",
        "head            2       15   0.003          0.01",
        "(frozen)        1        8",
        "Schedule of all: warmup('5%').then(cosine(end=0.01)).",
        "Never trained, since the model has requires_grad=False: old.weight.",
    ]


def test_long_schedules_are_explained_below() -> None:
    plan = planned(pg.rule("head", schedule=LONG), pg.rule("stem", schedule=constant(0.5)))
    assert lines(plan)[1:-1] == [
        "group     tensors  numbers  lr  weight_decay  schedule",
        "default         7      168   1          0.01  –",
        "stem            2       20   1          0.01  constant(0.5)",
        "head            2       15   1          0.01  (1)",
        "(frozen)        1        8",
        "(1) warmup('5%').then(cosine(end=0.01))",
    ]


def test_the_recipe_of_the_first_page_fits_a_hundred_columns() -> None:
    plan = planned(
        layer_decay(0.75),
        no_decay(),
        pg.rule("head", lr_scale=10),
        pg.rule("embed.weight[15:]", lr_scale=10),
        pg.rule("stem", trainable=False, until="20%"),
        lr=3e-4,
        weight_decay=0.05,
        schedule=LONG,
        steps=10_000,
    )
    assert max(map(len, lines(plan))) <= 100
    assert lines(plan)[2].split() == [
        "depth",
        "0",
        "1",
        "(+1",
        "of",
        "rows)",
        "80",
        "0.00001267",
        "0.05",
        "always",
    ]


def test_the_rate_is_that_of_the_plan_where_rows_stand_apart() -> None:
    """In torch's group stands 0 as long as the rest of the tensor is frozen."""
    plan = planned(
        pg.rule("stem", trainable=False, until=4), pg.rule("stem.weight[:3]", trainable=True), steps=9
    )
    (group,) = [one for one in plan.groups if one.name == "stem"]
    assert group.settings(0)["lr"] == 0.0
    for table in (plan.table(), plan.table(0)):
        (row,) = [row for row in table if row[0] == "stem"]
        assert row[table[0].index("lr")] == "1"


def test_rows_of_their_own_are_told_below() -> None:
    plan = planned(pg.rule("embed.weight[15:]", lr_scale=10), pg.rule("stem.weight[:2]", lr=0.1, start=5))
    assert "Rows of their own: embed.weight[15:20] (lr 10), stem.weight[0:2] (over time)." in lines(plan)


def test_digits_are_few_unless_more_tell_values_apart() -> None:
    few = planned(pg.rule("head", lr=0.123456789))
    assert "  0.1235 " in str(few)
    more = planned(pg.rule("head", lr=0.123456), pg.rule("stem", lr=0.123457))
    assert " 0.123456 " in str(more)
    assert " 0.123457 " in str(more)


def test_a_column_stands_where_groups_differ_or_part_of_them_is_given_something() -> None:
    same = planned(betas=(0.5, 0.6))
    assert "betas" not in lines(same)[1]
    differ = planned(pg.rule("head", beta1=0.5))
    assert lines(differ)[1].split()[3:] == ["lr", "weight_decay", "betas"]
    mixed = planned(pg.rule("head", optimizer="sgd", momentum=0.9))
    assert lines(mixed)[1].split()[3:] == ["optimizer", "lr", "weight_decay", "momentum"]
    assert lines(mixed)[2].split()[3:] == ["AdamW", "1", "0.01"]


def test_idle_rules_are_told() -> None:
    plan = planned(pg.rule("head", lr_scale=1.0), pg.rule("stem", lr_scale=0.5, start=10))
    assert lines(plan)[-2:] == [
        'Rule 1 "head" changes no value at any step.',
        'Rule 2 "stem" changes no value at any step.',
    ]


def test_a_long_name_is_cut() -> None:
    long = " | ".join(f"blocks.{number}" for number in range(20))
    plan = planned(pg.rule(long, lr_scale=2))
    assert plan.groups[1].name == long
    assert lines(plan)[3].split("  ")[0] == "blocks.0 | blocks.1 | blocks.2 | blocks…"


def test_windows_of_training_in_words() -> None:
    plan = planned(
        pg.rule("stem", trainable=False, until=3),
        pg.rule("head", trainable=False, start=8),
        pg.rule("blocks.0", trainable=False, start=2, until=4),
    )
    assert [row[-1] for row in plan.table()] == [
        "trained", "always", "step 3 on", "step 0 to 1, 4 on", "step 0 to 7", "never",
    ]  # fmt: skip


def test_one_tick_is_told_once() -> None:
    plan = planned(pg.rule("stem", trainable=False, start=1))
    assert [row[-1] for row in plan.table()][2] == "step 0"


def test_all_frozen_prints_too() -> None:
    assert lines(planned(pg.rule("**", trainable=False)))[1:] == [
        "group     tensors  numbers",
        "(frozen)       12      211",
        (
            "Never trained: embed.weight, stem.weight, stem.bias, blocks.0.norm.weight, blocks.0.fc.weight "
            "and 6 more."
        ),
        "Never trained, since the model has requires_grad=False: old.weight.",
    ]
