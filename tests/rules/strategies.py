"""Arbitrary rules and recipes that are data."""

from typing import Any

from hypothesis import strategies as st

from paramgroups.recipes import ChainThaw, GradualUnfreezing, LayerDecay
from paramgroups.rules import Recipe, Rule, Table, rule
from tests.schedules.strategies import schedules
from tests.select.strategies import selectors

ODD = ["", 'a "b"', "back\\slash", "new\nline\r\ttab", "\x00\x7f\x85", "\u2028é😀", "'''", '"""', "# no"]
TEXTS = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]))
NAMES = TEXTS.filter(str.strip)
NUMBERS = st.floats(0, 1e300) | st.integers(0, 2**70)
RATES = NUMBERS | st.sampled_from([0.0, 5e-324, 1e-5, 3e-4, 1e22])
FRACTIONS = st.floats(0, 1, exclude_max=True)
LENGTHS = st.integers(0, 2**53) | st.sampled_from(["0%", "5%", "33.3%", "3 epochs", "0.5 epoch", "100 steps"])
FREE = st.none() | st.booleans() | TEXTS | st.floats(allow_nan=False, allow_infinity=False) | st.integers()


def tables(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Table]:
    """Resolved values of some names."""
    return st.builds(
        Table, NAMES, st.dictionaries(TEXTS, values, max_size=3).map(lambda found: tuple(found.items()))
    )


DECAYS = st.builds(LayerDecay, st.floats(0.01, 1))
FACTORS = st.floats(0, 1e6) | DECAYS | tables(st.floats(0, 1e6))
PERIODS = st.integers(1, 2**53) | st.sampled_from(["33.3%", "3 epochs", "100 steps"])
THAWS = st.one_of(
    tables(st.none() | LENGTHS),
    st.builds(GradualUnfreezing, PERIODS, order=st.sampled_from(["top_down", "bottom_up"])),
    st.builds(GradualUnfreezing, over=st.sampled_from(["5%", "100%"]), start=st.sampled_from([0, "1%"])),
    st.builds(ChainThaw, PERIODS, st.sampled_from(["turn", "rest", "all"])),
)
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "lr": RATES | tables(RATES),
    "lr_scale": FACTORS,
    "weight_decay": RATES,
    "weight_decay_scale": FACTORS,
    "beta1": FRACTIONS,
    "eps": RATES | st.tuples(st.none(), st.floats(0, 1)),
    "trainable": st.booleans() | tables(st.booleans()),
    "optimizer": st.sampled_from(["sgd", "adamw", "adafactor"]),
    "moments": st.sampled_from(["clean", "keep"]),
    "dropout": st.booleans() | tables(st.booleans()),
    "rewarm": st.none() | PERIODS | tables(PERIODS),
    "decay": st.sampled_from(["coupled", "independent"]),
    "foreach": FREE | st.lists(FREE | st.tuples(FREE), max_size=2).map(tuple) | tables(FREE),
}
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "start": LENGTHS | THAWS,
    "until": LENGTHS | THAWS,
    "clock": st.sampled_from(["run", "thaw"]),
    "group": NAMES,
    "schedule": schedules(),
    "schedules": st.dictionaries(st.sampled_from(["weight_decay", "beta1"]), schedules(), max_size=2),
    "missing": st.sampled_from(["error", "ignore"]),
}


def has_text(found: Any) -> bool:
    """Whether a file can hold the selector: no half of a character is in it."""
    return not any("\ud800" <= sign <= "\udfff" for sign in found.text)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Rules of all that the language has."""
    said = draw(st.fixed_dictionaries({}, optional=SETTINGS | OPTIONS))
    if not said.keys() & {*SETTINGS, "schedule", "group"}:
        said["lr_scale"] = draw(FACTORS)
    return rule(draw(selectors.filter(has_text)), **said)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Recipes of some rules."""
    known = {"weight_decay": RATES, "beta2": FRACTIONS, "foreach": FREE, "rewarm": st.none() | PERIODS}
    known |= {key: SETTINGS[key] for key in ("moments", "decay")}
    settings: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=known | {"dropout": st.booleans()}))
    return Recipe(
        optimizer=draw(st.sampled_from(["adamw", "adam", "nadam"])),
        lr=draw(RATES),
        rules=draw(st.lists(rules(), max_size=3)),
        schedule=draw(st.none() | schedules()),
        schedules=draw(st.none() | OPTIONS["schedules"]),
        name=draw(st.none() | NAMES),
        **settings,
    )
