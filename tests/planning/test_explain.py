"""The chain of every value, in words."""

from textwrap import dedent

import paramgroups as pg
from paramgroups.indexing import Row
from paramgroups.recipes import layer_decay, no_decay
from paramgroups.schedules import constant, cosine, linear, warmup
from tests.planning.models import planned

DEFAULTS = "defaults      eps 0.00000001, decoupled_weight_decay yes, betas (0.9, 0.999) (AdamW)"


def told(plan: pg.Plan, name: str, step: float | None = None) -> str:
    return str(plan.explain(name, step))


def text(block: str) -> str:
    return dedent(block).strip("\n")


def test_rule_by_rule_and_factor_by_factor() -> None:
    plan = planned(
        layer_decay(0.5),
        pg.rule("head", lr_scale=10),
        no_decay(),
        lr=3e-4,
        weight_decay=0.05,
        schedule=warmup("20%").then(cosine(end=0.01)),
    )
    assert told(plan, "blocks.1.fc.bias") == text("""
        blocks.1.fc.bias   bias (8,), depth 8 of 12, group "depth 8, :norm | :bias"
          lr            0.0000375 = 0.0003 (recipe) × 0.125 (rule 1 "**", layer_decay(0.5) at depth 8)
                        × warmup('20%').then(cosine(end=0.01)) (recipe)
          weight_decay  0 (rule 3 ":norm | :bias")
                        dropped: 0.05 (recipe)
          trainable     yes (model)
          defaults      eps 0.00000001, decoupled_weight_decay yes, betas (0.9, 0.999) (AdamW)
    """)


def test_at_a_step_with_the_part_of_the_schedule_that_acts_and_its_progress() -> None:
    plan = planned(pg.rule("head", lr_scale=0.1), lr=0.5, schedule=warmup("20%").then(linear(end=0.2)))
    assert told(plan, "head.weight", 6).splitlines()[1] == (
        '  lr            0.03 = 0.5 (recipe) × 0.1 (rule 1 "head") × 0.6 (linear(end=0.2) at 60%)'
    )
    assert told(plan, "stem.weight", 0).splitlines()[1] == (
        "  lr            0.25 = 0.5 (recipe) × 0.5 (warmup('20%') at 0%)"
    )


def test_without_a_known_end_the_step_is_the_progress() -> None:
    line = told(planned(steps=None, schedule=constant(0.5)), "stem.weight", 8120).splitlines()[1]
    assert line == "  lr            0.5 = 1 (recipe) × 0.5 (constant(0.5) at step 8,120)"


def test_windows_tell_when_a_value_changes() -> None:
    plan = planned(
        pg.rule("stem", lr=0.2, start=2, until=4),
        pg.rule("stem", lr_scale=3, start=3),
        pg.rule("stem", trainable=False, until=5),
    )
    assert told(plan, "stem.weight").splitlines()[1:9] == [
        "  lr            1 (recipe)",
        '                from step 2: 0.2 (rule 1 "stem")',
        '                from step 3: 0.6 = 0.2 (rule 1 "stem") × 3 (rule 2 "stem")',
        '                from step 4: 3 = 1 (recipe) × 3 (rule 2 "stem")',
        "  weight_decay  0.01 (default of AdamW)",
        '  trainable     no (rule 3 "stem")',
        "                from step 5: yes (model)",
        f"  {DEFAULTS}",
    ]
    at_3 = told(plan, "stem.weight", 3).splitlines()
    assert at_3[1:3] == [
        '  lr            0.6 = 0.2 (rule 1 "stem") × 3 (rule 2 "stem")',
        "                dropped: 1 (recipe)",
    ]
    assert '  trainable     no (rule 3 "stem")' in at_3


def test_what_a_window_drops_for_a_while_is_told_at_the_step_alone() -> None:
    plan = planned(pg.rule("stem", lr=0.2, until=4))
    assert "dropped" not in told(plan, "stem.weight")
    assert "dropped: 1 (recipe)" in told(plan, "stem.weight", 2)
    assert "dropped" not in told(plan, "stem.weight", 4)


def test_a_clock_from_the_thaw_tells_where_it_began() -> None:
    plan = planned(pg.rule("stem", trainable=False, until=6, clock="thaw"), schedule=linear())
    assert "× linear() (recipe, its clock from step 6)" in told(plan, "stem.weight")
    assert "1 (linear() at 0% of its clock from step 6)" in told(plan, "stem.weight", 2)
    assert "0.5 (linear() at 50% of its clock from step 6)" in told(plan, "stem.weight", 8)


def test_who_gives_the_schedule_is_told() -> None:
    plan = planned(pg.rule("head", schedule=constant(0.5), start=4), schedule=linear())
    assert told(plan, "head.weight").splitlines()[2:4] == [
        "                × linear() (recipe)",
        '                from step 4 × constant(0.5) (rule 1 "head")',
    ]


def test_rows_tell_their_own_chain() -> None:
    plan = planned(pg.rule("embed.weight[15:]", lr_scale=10), pg.rule("lm_head", lr_scale=0.5), lr=0.1)
    assert told(plan, "lm_head.weight").splitlines() == [
        'embed.weight   embedding (20, 4), depth 0 of 12, also lm_head.weight, group "lm_head"',
        '  lr             0.05 = 0.1 (recipe) × 0.5 (rule 2 "lm_head")',
        "  weight_decay   0.01 (default of AdamW)",
        '  rows 15 to 19  lr 0.5 = 0.1 (recipe) × 10 (rule 1 "embed.weight[15:]") × 0.5 (rule 2 "lm_head")',
        "  trainable      yes (model)",
        "  decay          coupled (default): a step multiplies it by lr, so a small rate has less of it",
        "  defaults       eps 0.00000001, decoupled_weight_decay yes, betas (0.9, 0.999) (AdamW)",
    ]
    frozen = told(planned(pg.rule("embed.weight[:3]", trainable=False, until=4)), "embed.weight")
    assert '  rows 0 to 2   trainable no (rule 1 "embed.weight[:3]")\n' in frozen


def test_what_is_never_trained_says_so() -> None:
    plan = planned(pg.rule("stem", trainable=False))
    assert told(plan, "stem.weight").splitlines()[0].endswith("depth 0 of 12, never trained")
    assert '  trainable     no (rule 1 "stem")' in told(plan, "stem.weight")
    assert "  trainable     no (model)" in told(plan, "old.weight")


def test_small_numbers_stand_in_plain_decimals() -> None:
    assert "lr            0.00003 = 0.0003 (recipe) × 0.1 (" in told(
        planned(pg.rule("head", lr_scale=0.1), lr=3e-4), "head.bias"
    )


def test_a_value_from_a_function_of_the_row_names_it() -> None:
    scale = pg.per_parameter("1/rows", lambda row: 1 / row.shape[0])
    assert 'lr            0.25 = 1 (recipe) × 0.25 (rule 1 "**", 1/rows at stem.bias)' in told(
        planned(pg.rule("**", lr_scale=scale)), "stem.bias"
    )


def test_explain_asks_no_function_of_the_row_again() -> None:
    asked: list[str] = []

    def scale(row: Row) -> float:
        asked.append(row.name)
        return 0.5

    plan = planned(pg.rule("**", lr_scale=pg.per_parameter("half", scale)))
    assert len(asked) == len(plan)
    for name in plan:
        assert plan.explain(name).chains["lr"]
    assert len(asked) == len(plan)
