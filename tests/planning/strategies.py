"""Random rules and recipes for `INDEX`."""

from typing import Any

import hypothesis.strategies as st

import paramgroups as pg
from paramgroups.rules import RowValue
from paramgroups.schedules import constant, cosine, linear, step, warmup

STEPS = 12
SELECTORS = [
    "**", ":bias", ":norm", "blocks", "blocks.0", "head", "stem", ":norm | :bias", "[ndim==2]",
    "lm_head.weight", "~head", "blocks - :norm", "old", "[depth>=8]",
    "embed.weight[15:]", "head.bias | embed.weight[:17]", "**[1:3]", "~embed.weight[4:9]",
]  # fmt: skip
SCHEDULES = st.sampled_from(
    [
        constant(0.5),
        cosine(end=0.1),
        linear(end=0.2),
        step(0.5, every=3),
        warmup("10%").then(cosine()),
    ]
)
FACTORS = st.sampled_from([0.0, 0.1, 0.5, 1.0])
VALUES = {
    "lr": st.sampled_from([0.0, 0.3, 1.0]),
    "lr_scale": st.one_of(
        st.sampled_from([0.1, 0.5, 1.0, 3.0]),
        st.just(pg.per_parameter("1/rows", lambda row: 1 / row.shape[0])),
    ),
    "weight_decay": st.sampled_from([0.0, 0.1]),
    "weight_decay_scale": FACTORS,
    "beta1": st.sampled_from([0.0, 0.8]),
    "beta2_scale": FACTORS,
    "eps": st.just(1e-6),
}


def by_depth(shallow: int, deep: int) -> RowValue:
    """A tick for what lies deep in the model, another for the rest, and none for what is nearest the head."""
    return pg.per_parameter("by depth", lambda row: None if row.depth > 8 else deep if row.depth else shallow)


@st.composite
def rules(draw: st.DrawFn) -> pg.Rule:
    """One rule: settings, a window, schedules, a clock, a freeze."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3, unique=True))
    settings: dict[str, Any] = {name: draw(VALUES[name]) for name in names}
    if draw(st.booleans()):
        settings["trainable"] = draw(st.booleans())
    schedules = draw(st.dictionaries(st.sampled_from(["lr", "weight_decay", "beta1"]), SCHEDULES, max_size=2))
    start, until = sorted(draw(st.lists(st.integers(0, STEPS), min_size=2, max_size=2, unique=True)))
    windows: list[dict[str, Any]] = [{}, {"start": start}, {"until": until}, {"start": start, "until": until}]
    window = draw(st.sampled_from([*windows, {"start": by_depth(0, start), "until": by_depth(start, until)}]))
    if not settings and not schedules:
        settings["lr_scale"] = 0.5
    settings |= {**window, "clock": draw(st.sampled_from(["run", "thaw"]))}
    return pg.rule(draw(st.sampled_from(SELECTORS)), schedules=schedules, **settings)


@st.composite
def recipes(draw: st.DrawFn) -> pg.Recipe:
    """A recipe of up to six rules, with or without a schedule."""
    return pg.Recipe(
        optimizer="adamw",
        lr=draw(st.sampled_from([0.0, 1e-3, 1.0])),
        weight_decay=0.05,
        schedule=draw(st.none() | SCHEDULES),
        rules=draw(st.lists(rules(), max_size=6)),
    )
