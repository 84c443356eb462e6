from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.errors import ParamGroupsError
from paramgroups.recipes import MAKERS, LayerDecay
from paramgroups.rules import Recipe, Table, read_recipe, rule
from paramgroups.rules.reading import RECIPE_WORDS, RULE_WORDS
from paramgroups.schedules import cosine, linear
from tests.rules.strategies import recipes

BASE = {"optimizer": "adamw", "lr": 1e-3}
DECAY = {"use": "layer_decay", "decay": 0.75}
UNKNOWN = {"use": "layer", "decay": 0.75}


def read(**data: Any) -> Recipe:
    return read_recipe(BASE | data, MAKERS)


def read_rule(**data: Any) -> Recipe:
    return read(rules=[{"select": "stem", "lr": 1}, data])


@given(recipes())
def test_data_give_the_recipe_again(recipe: Recipe) -> None:
    found = read_recipe(recipe.to_data(), MAKERS, name="another")
    assert found == recipe
    assert found.name == (recipe.name or "another")


def test_tables_with_use_are_values() -> None:
    table = {"use": "table", "label": "mine", "opaque": True, "values": {"a": 1.0, "b.c": {"use": "none"}}}
    found = read_rule(select="head", lr_scale=DECAY, foreach=table, fused={"use": "none"}, betas=[0.9, 0.95])
    assert found.rules[1] == rule(
        "head",
        lr_scale=LayerDecay(0.75),
        foreach=Table("mine", (("a", 1.0), ("b.c", None))),
        fused=None,
        betas=(0.9, 0.95),
    )


def test_schedules() -> None:
    data = {"schedule": {"use": "cosine"}, "schedules": {"weight_decay": [{"use": "linear"}]}}
    found = read(**data, rules=[{"select": "head", **data}])
    said: dict[str, Any] = {"schedule": cosine(), "schedules": {"weight_decay": linear()}}
    assert found == Recipe(optimizer="adamw", lr=1e-3, rules=[rule("head", **said)], **said)


BAD_RULES = [
    ({"select": "head"}, r'rules\[2\]: rule\("head"\) says nothing'),
    ({"lr": 1}, r"rules\[2\] = {'lr': 1}: a rule has a key select, or use = \"no_decay\""),
    ({"selector": "head", "lr": 1}, r"rules\[2\].selector = 'head': the key is \"select\""),
    ({"select": 3, "lr": 1}, r"rules\[2\].select: A selector is text; found 3"),
    ({"select": "a..b", "lr": 1}, r"rules\[2\].select: Here a segment is missing.*\n  a\.\.b\n {5}\^"),
    ({"select": "head", "lr": "1e-4"}, r"rules\[2\].lr: lr='1e-4' is no number. Write it without quotes"),
    ({"select": "head", "lr": -1}, r"rules\[2\].lr: lr=-1 is out of its domain"),
    ({"select": "head", "lr_scal": 1}, r'rules\[2\].lr_scal: no optimizer .* reads it. Nearest: "lr_scale"'),
    ({"select": "head", "weigth_decay": 0}, r'rules\[2\].weigth_decay: .* Nearest: "weight_decay"'),
    ({"select": "head", "lr": 1, "untill": 3}, r'rules\[2\].untill: .* Nearest: "until"'),
    ({"select": "head", "lr": 1, "name": "a"}, r"rules\[2\].name: no optimizer of this recipe reads it"),
    ({"select": "head", "lr": 1, "self": 3}, r"rules\[2\].self: no optimizer"),
    ({"select": "head", "momentum": 0.9}, r"rules\[2\].momentum: no optimizer of this recipe reads it"),
    ({"select": "head", "schedules": {"momentum": {"use": "cosine"}}}, r"rules\[2\].momentum: no optimizer"),
    ({"select": "head", "rules": [{}]}, r"rules\[2\].rules: {} is a table within a list or table"),
    ({"select": "head", "lr": 1, "until": 0.2}, r"rules\[2\].until: until=0.2 is a bare float"),
    ({"select": "head", "lr": 1, "until": {"use": "none"}}, r"rules\[2\].until: until=None is no length"),
    ({"select": "head", "lr": 1, "until": UNKNOWN}, r"rules\[2\].until: use = 'layer' is not known"),
    ({"select": "head", "lr": 1, "clock": DECAY}, r"rules\[2\].clock: clock=LayerDecay.* is not known"),
    ({"select": "head", "lr": 1, "clock": "thw"}, r'rules\[2\].clock: .* Nearest: "thaw"'),
    ({"select": "head", "lr": 1, "missing": 3}, r"rules\[2\].missing: missing=3 is not known"),
    ({"select": "head", "group": 3}, r"rules\[2\].group: group=3: give a name"),
    ({"select": "head", "optimizer": "sdg"}, r'rules\[2\].optimizer: .* Nearest: "sgd"'),
    ({"select": "head", "trainable": 0}, r"rules\[2\].trainable: trainable=0"),
    ({"select": "head", "eps": date(2020, 1, 1)}, r"rules\[2\].eps: 2020-01-01 is a date, which is no sett"),
    (
        {"select": "head", "lr": {}},
        r"rules\[2\].lr: {} says not what it is. Known: chain_thaw, .*, layer_decay, spread, table",
    ),
    ({"select": "head", "lr": {"use": "none"}}, r"rules\[2\].lr: lr=None is no number"),
    ({"select": "head", "lr": {"use": "layerdecay"}}, r'rules\[2\].lr: use = .* Nearest: "layer_decay"'),
    ({"select": "head", "lr": {"use": 3}}, r"rules\[2\].lr: use = 3 is not known"),
    (
        {"select": "head", "lr": {"use": "layer_decay"}},
        r"missing a required argument: 'decay'. It takes: dec",
    ),
    (
        {"select": "head", "lr": DECAY | {"x": 1}},
        r"rules\[2\].lr: use = \"layer_decay\": .* 'x'. It takes: d",
    ),
    ({"select": "head", "lr": DECAY | {"decay": "x"}}, r"rules\[2\].lr: layer_decay: decay='x' is no number"),
    ({"select": "head", "lr": DECAY | {"self": 3}}, r"rules\[2\].lr: use = .*'self'"),
    ({"select": "head", "lr": [DECAY]}, r"rules\[2\].lr: .* is a table within a list or table"),
    ({"select": "head", "lr": {"use": "table"}}, r"rules\[2\].lr: .* 'values'. It takes: values, label"),
    ({"select": "head", "lr": {"use": "table", "values": 3}}, r"rules\[2\].lr: values = 3: a table is exp"),
    ({"select": "head", "lr": {"use": "table", "values": {}, "label": 3}}, "label=3: give a name"),
    ({"select": "head", "lr": {"use": "table", "values": {"a": {"b": 1}}}}, "is a table within a list or"),
    ({"select": "head", "lr": {"use": "table", "values": {"a": float("nan")}}}, "a=nan is out of its domain"),
    ({"select": "head", "schedule": {"use": "cosin"}}, r"rules\[2\].schedule: use = 'cosin' is no schedule"),
    ({"select": "head", "schedules": {"lr": 3}}, r"rules\[2\].schedules.lr is 3, no schedule"),
    ({"select": "head", "schedules": 3}, r"rules\[2\].schedules = 3: name the hyperparameters"),
    ({"use": "no_deca"}, r"rules\[2\]: use = 'no_deca' is not known. Nearest: \"no_decay\""),
    ({"use": []}, r"rules\[2\]: use = \[\] is not known. Known: backbone_head, by_magnitude"),
    (
        {"use": "layer_decay"},
        r"rules\[2\]: use = \"layer_decay\": missing .*'decay'. It takes: decay, select",
    ),
    ({"use": "layer_decay", "decay": "x"}, r"rules\[2\]: layer_decay: decay='x' is no number"),
    ({"use": "layer_decay", "decay": 0.5, "select": 3}, r"rules\[2\]: A selector is text; found 3"),
    ({"use": "no_decay", "select": ":nrm"}, r'rules\[2\]: ":nrm" is no role. Nearest: "norm"'),
    ({"use": "backbone_head", "backbone": "x", "head": 1}, r"rules\[2\]: lr='x' is no number"),
    ({"use": "backbone_head", "head": 1}, r"rules\[2\]: .*'backbone'. It takes: backbone, head, select"),
    ({"use": "by_magnitude", "bounds": [[1]], "lr_scales": [1, 2]}, r"rules\[2\]: .* holds \(1,\), which"),
    ({"use": "by_magnitude", "bounds": [1, "a"], "lr_scales": [1, 2, 3]}, "bounds holds 'a', which is no"),
    ({"use": "by_magnitude", "bounds": 1, "lr_scales": [1, 2]}, "bounds=1 is no list"),
    ({"use": "by_type", "settings": 3}, r"rules\[2\]: by_type\(settings=3\): give settings for each type"),
    ({"use": "by_type", "settings": {"Linear": 3}}, r"rules\[2\]: by_type: 'Linear' has 3: write what a"),
    ({"use": "by_type", "settings": {"Linear": {"selector": "a"}}}, r"by_type: 'Linear' has {'selector'"),
    ({"use": "by_type", "settings": {"Linear": {"momentum": 0.9}}}, r"rules\[2\].momentum: no optimizer"),
]


@pytest.mark.parametrize(("data", "message"), BAD_RULES, ids=[str(data)[:40] for data, _ in BAD_RULES])
def test_what_is_no_rule_is_refused_where_it_stands(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamGroupsError, match=message) as caught:
        read_rule(**data)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"weigth_decay": 0.1},
            '^weigth_decay: no optimizer of this recipe reads it. Nearest: "weight_decay"',
        ),
        ({"start": 3}, "^start: no optimizer of this recipe reads it"),
        ({"self": 3}, "^self: no optimizer"),
        ({"selector": "a"}, "^selector: no optimizer"),
        ({"rule": []}, '^rule: .* Nearest: "rules"'),
        ({"schedules": {"momentum": {"use": "cosine"}}}, "^momentum: no optimizer"),
        ({"lr": "1e-4"}, "^lr: lr='1e-4' is no number"),
        ({"lr": DECAY}, "^lr= differs from row to row"),
        ({"lr": 10**400}, r"^lr: lr=1000.*\.\.\.0* is out of its domain: it must be finite"),
        ({"optimizer": 3}, "^optimizer: optimizer=3 is no optimizer"),
        ({"optimizer": "adamW"}, '^optimizer: .* Nearest: "adamw"'),
        ({"trainable": True}, "^trainable= is for rules"),
        ({"lr_scale": 2}, "^lr_scale= scales"),
        ({"name": 3}, "^name=3: give a name"),
        ({"rules": {"select": "a"}}, r"^rules = {'select': 'a'}: write each rule under \[\[rules\]\]"),
        ({"rules": [3]}, r"^rules\[1\] = 3: a table is expected"),
        ({"rules": [[DECAY]]}, r"^rules\[1\] = \[.*\]: a table is expected"),
        ({"rules": [{3: 4}]}, r"^rules\[1\] = 3: a key is text"),
        ({3: 4}, "^The recipe = 3: a key is text"),
        ({"schedule": "cosine"}, "^schedule is 'cosine', no schedule"),
        ({"schedules": [{"use": "cosine"}]}, r"^schedules = \[.*\]: name the hyperparameters"),
    ],
    ids=str,
)
def test_what_is_no_recipe_is_refused_where_it_stands(data: dict[Any, Any], message: str) -> None:
    with pytest.raises(ParamGroupsError, match=message):
        read_recipe(BASE | data, MAKERS)


@pytest.mark.parametrize("key", BASE)
def test_what_a_recipe_needs(key: str) -> None:
    data = {other: value for other, value in BASE.items() if other != key}
    with pytest.raises(ParamGroupsError, match=f'A recipe needs "{key}". Write {key} = '):
        read_recipe(data, MAKERS)


def test_an_optimizer_of_a_rule_reads_its_own() -> None:
    found = read_rule(select="head", optimizer="sgd", momentum=0.9)
    assert found.rules[1] == rule("head", optimizer="sgd", momentum=0.9)


def test_deep_and_cyclic_data_are_refused() -> None:
    deep: Any = 1
    table: Any = 1
    for _ in range(100_000):
        deep, table = [deep], {"use": "table", "values": {"a": table}}
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    for data in (deep, table, cyclic):
        for place in ({"lr": data}, {"rules": data}, {"rules": [{"select": "a", "eps": data}]}, {"a": data}):
            with pytest.raises(ParamGroupsError):
                read_recipe(BASE | place, MAKERS)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.builds(pow, st.just(10), st.just(5000))
)
WORDS = st.sampled_from([*RECIPE_WORDS, *RULE_WORDS, *MAKERS.rules, "values", "label", "decay", "self"])
LIKELY = st.sampled_from(["adamw", "head", "layer_decay", "table", "none", "10%", "thaw", "cosine", 0.5, 3])
KEYS = WORDS | st.text(max_size=3)
NESTED = st.recursive(
    SCALARS | LIKELY | st.just([]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
MADE = st.sampled_from([*MAKERS.rules]).flatmap(
    lambda use: st.dictionaries(
        st.sampled_from(
            ["select", "decay", "backbone", "head", "settings", "bounds", "lr_scales", "statistic"]
        ),
        NESTED,
    ).map(lambda data: {"use": use, **data})
)
SAID = st.fixed_dictionaries({"select": st.just("head")}, optional=dict.fromkeys(RULE_WORDS[2:], NESTED))
NEARLY = st.fixed_dictionaries(
    {"optimizer": st.just("adamw"), "lr": st.just(0.1)},
    optional={word: NESTED for word in RECIPE_WORDS if word not in ("rules", *BASE)}
    | {"rules": st.lists(NESTED | MADE | SAID, max_size=3)},
)


@given(NESTED | NEARLY)
def test_nothing_but_our_errors_is_raised(data: Any) -> None:
    with suppress(ParamGroupsError):
        found = read_recipe(data, MAKERS)
        assert read_recipe(found.to_data(), MAKERS) == found
