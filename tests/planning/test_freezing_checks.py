"""Advice on what is frozen when, where it is due and where it is not."""

from collections.abc import Callable

import pytest

import paramgroups as pg
from paramgroups.errors import Finding
from paramgroups.recipes import chain_thaw, gradual_unfreezing, lp_ft
from paramgroups.schedules import linear
from tests.planning.models import Reader, planned

Make = Callable[[], pg.Plan]
HEAD, STEM = pg.rule("~head", trainable=False), pg.rule("stem", trainable=False, until=5)


def reader(*rules: pg.Rule | list[pg.Rule], steps: int | None = 30) -> pg.Plan:
    return pg.plan(Reader(), pg.Recipe(optimizer="adamw", lr=1.0, rules=rules), steps=steps)


def of(plan: pg.Plan, code: str) -> list[Finding]:
    return [finding for finding in plan.check() if finding.code == code]


PAIRS: dict[str, tuple[str, Make, Make]] = {
    "a horizon too short for all to thaw": (
        "PG010",
        lambda: reader(gradual_unfreezing(every=8)),
        lambda: reader(gradual_unfreezing(every=7)),
    ),
    "shares that leave no time for all": (
        "PG010",
        lambda: reader(gradual_unfreezing(every="25%")),
        lambda: reader(gradual_unfreezing(every="24%")),
    ),
    "a chain too long for the run": (
        "PG010",
        lambda: reader(chain_thaw(6)),
        lambda: reader(chain_thaw(5)),
    ),
    "a window that begins past the end and ends later": (
        "PG010",
        lambda: planned(pg.rule("stem", trainable=False, start=9, until=30)),
        lambda: planned(pg.rule("stem", trainable=False, start=20, until=30)),
    ),
    "windows that overlap": (
        "PG012",
        lambda: planned(STEM, pg.rule("stem.bias", trainable=False, start=4, until=8)),
        lambda: planned(STEM, pg.rule("stem.bias", trainable=False, start=5, until=8)),
    ),
    "windows of other parameters": (
        "PG012",
        lambda: planned(STEM, pg.rule("**", trainable=False, until=3)),
        lambda: planned(STEM, pg.rule("head", trainable=False, until=5)),
    ),
    "windows of other settings": (
        "PG012",
        lambda: planned(STEM, pg.rule("stem", lr=0.5, trainable=False, until=3)),
        lambda: planned(STEM, pg.rule("stem", lr=0.5, until=3), pg.rule("stem", trainable=True, until=2)),
    ),
    "windows beside a freeze for the whole run": (
        "PG012",
        lambda: planned(STEM, pg.rule("stem", trainable=False, start=1)),
        lambda: planned(STEM, pg.rule("stem", trainable=False), pg.rule("head", lr=2.0)),
    ),
    "windows that overlap past the end alone": (
        "PG012",
        lambda: planned(*(pg.rule("stem", trainable=False, start=start) for start in (8, 9))),
        lambda: planned(*(pg.rule("stem", trainable=False, start=start) for start in (8, 10))),
    ),
    "windows of rows": (
        "PG012",
        lambda: planned(
            *(pg.rule(f"embed.weight[{rows}]", trainable=False, until=5) for rows in ("3:6", "5:"))
        ),
        lambda: planned(
            *(pg.rule(f"embed.weight[{rows}]", trainable=False, until=5) for rows in ("3:5", "5:"))
        ),
    ),
    "ready-made windows": (
        "PG012",
        lambda: reader(gradual_unfreezing(every=5), *lp_ft(5)),
        lambda: reader(*chain_thaw(5)),
    ),
    "ticks at which nothing is trained": (
        "PG013",
        lambda: planned(pg.rule("**", trainable=False, until=5)),
        lambda: planned(pg.rule("~head.bias", trainable=False, until=5)),
    ),
    "nothing is trained but rows": (
        "PG013",
        lambda: planned(pg.rule("**", trainable=False, start=5)),
        lambda: planned(pg.rule("~embed.weight[3:]", trainable=False, start=5)),
    ),
    "nothing for the whole run, which is told otherwise": (
        "PG001",
        lambda: planned(pg.rule("**", trainable=False)),
        lambda: planned(pg.rule("**", trainable=False, until=5)),
    ),
    "a thaw's clock where nothing thaws": (
        "PG014",
        lambda: planned(pg.rule("head", lr=0.5, clock="thaw")),
        lambda: planned(pg.rule("stem", lr=0.5, clock="thaw"), STEM),
    ),
    "a thaw's clock where nothing is trained": (
        "PG014",
        lambda: planned(pg.rule("**", trainable=False, until=5), pg.rule("old", lr=0.5, clock="thaw")),
        lambda: planned(pg.rule("**", lr=0.5, clock="thaw"), STEM),
    ),
    "a warmup from a thaw where nothing thaws": (
        "PG014",
        lambda: planned(pg.rule("head", rewarm=3), STEM),
        lambda: planned(pg.rule("**", rewarm=3), pg.rule("head", rewarm=None), STEM),
    ),
    "moments of a freeze where nothing freezes in mid-run": (
        "PG014",
        lambda: planned(pg.rule("stem", moments="keep"), STEM),
        lambda: planned(pg.rule("stem", moments="keep"), pg.rule("stem", trainable=False, start=2, until=5)),
    ),
    "dropout of what is never frozen": (
        "PG014",
        lambda: planned(pg.rule("head", dropout=False), STEM),
        lambda: planned(pg.rule("**", dropout=False), STEM),
    ),
    "dropout of what is never trained": (
        "PG014",
        lambda: planned(pg.rule("head", dropout=False), STEM),
        lambda: planned(pg.rule("stem", dropout=False, trainable=False), pg.rule("old", dropout=False)),
    ),
    "dropout of rows": (
        "PG014",
        lambda: planned(pg.rule("embed.weight[:3]", trainable=False, dropout=False)),
        lambda: planned(pg.rule("embed.weight", trainable=False, dropout=False)),
    ),
    "a thaw of what is trained anyway": (
        "PG008",
        lambda: planned(pg.rule("head", trainable=True, start=2, until=5)),
        lambda: planned(pg.rule("old", trainable=True, start=2, until=5)),
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_advice_is_given_where_it_is_due_and_nowhere_else(pair: tuple[str, Make, Make]) -> None:
    code, due, fine = pair
    assert of(due(), code)
    assert not of(fine(), code)


def test_what_never_thaws_is_named() -> None:
    (found,) = of(reader(gradual_unfreezing(every=8)), "PG010")
    assert found.message == (
        'Rule 1 "**" acts until=gradual_unfreezing(every=8), and the run has 30 steps: it acts to the end on '
        "embed.weight, stem.weight, stem.bias."
    )
    assert found.names == ("embed.weight", "stem.weight", "stem.bias")
    assert found.fix == 'Let it end within the run, as a share of it if that varies: "20%" and the like.'


def test_an_overlap_tells_both_rules_when_and_where() -> None:
    (found,) = of(planned(STEM, pg.rule("stem.bias", trainable=False, start=4)), "PG012")
    assert found.message == 'Rule 1 "stem" and rule 2 "stem.bias" both freeze stem.bias in step 4.'
    assert found.severity == "advice"
    (found,) = of(planned(STEM, pg.rule("stem", trainable=False, start=1), steps=None), "PG012")
    assert found.message.endswith("both freeze stem.weight, stem.bias in step 1 to 4.")
    rules = [pg.rule("head", trainable=False, start=start) for start in (3, 4)]
    (found,) = of(planned(*rules), "PG012")
    assert found.message.endswith("both freeze head.weight, head.bias in step 4 on.")
    rules = [pg.rule(f"embed.weight[{rows}]", trainable=False, until=5) for rows in ("3:6", "5:")]
    (found,) = of(planned(*rules), "PG012")
    assert found.names == ("embed.weight[5:6]",)


def test_when_nothing_is_trained_is_told() -> None:
    rules = [pg.rule("**", trainable=False, until=2), pg.rule("**", trainable=False, start=4, until=7)]
    (found,) = of(planned(*rules, pg.rule("**", trainable=False, start=9)), "PG013")
    assert found.message == "Nothing at all is trained in step 0 to 1, 4 to 6, 9 on."
    assert (found.severity, len(found.names)) == ("warning", 11)


def test_what_does_not_thaw_is_told_with_the_setting() -> None:
    (found,) = of(planned(pg.rule("head", lr=0.5, clock="thaw"), STEM), "PG014")
    assert found.message == (
        "Rule 1 \"head\" gives clock='thaw' to 2 parameters of which none thaws in mid-run: head.weight, "
        "head.bias."
    )
    assert (
        found.fix == 'Freeze them for a time, pg.rule("…", trainable=False, until="20%"), or take clock= out.'
    )


@pytest.mark.parametrize(
    "rules",
    [[gradual_unfreezing(over="50%")], chain_thaw("10%"), lp_ft("20%")],
    ids=["gradual", "chain", "lp_ft"],
)
def test_the_ready_made_ones_are_fine(rules: list[pg.Rule]) -> None:
    spared = pg.rule(":norm | :bias | :embedding", weight_decay=0.0)
    recipe = pg.Recipe(optimizer="adamw", lr=1.0, rules=[*rules, spared], schedule=linear())
    assert pg.plan(Reader(), recipe, steps=30).check() == []
