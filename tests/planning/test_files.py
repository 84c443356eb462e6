import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import paramgroups.recipes
from paramgroups.errors import FileError, ParamGroupsError
from paramgroups.planning import load_recipe, plan
from paramgroups.recipes import (
    MAKERS,
    backbone_head,
    by_magnitude,
    by_type,
    chain_thaw,
    frozen_norms,
    gradual_unfreezing,
    layer_decay,
    lora_plus,
    lp_ft,
    new_tokens,
    no_decay,
    norm_rate,
)
from paramgroups.recipes.spreading import spread
from paramgroups.rules import Recipe, per_parameter, rule
from paramgroups.schedules import cosine, function, warmup
from paramgroups.select import where
from tests.recipes.models import Net
from tests.rules.strategies import recipes

ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
BASE = 'optimizer = "adamw"\nlr = 1e-3\n'

FINETUNE = """
optimizer = "adamw"
lr = 3e-4
weight_decay = 0.05
schedule = [{ use = "warmup", length = "5%" }, { use = "cosine", end = 0.01 }]

[[rules]]
use = "layer_decay"          # a ready-made part: one rule or several
decay = 0.75

[[rules]]
select = ":norm | :bias"
weight_decay = 0.0

[[rules]]
select = "head"
lr_scale = 10

[[rules]]
select = "embed.weight[32000:]"   # only the new rows
lr_scale = 10

[[rules]]
select = "stem"                   # frozen for the first fifth
trainable = false
until = "20%"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "finetune.toml"


def load(file: Path, text: str | bytes) -> Recipe:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_recipe(file)


def test_the_first_recipe_of_a_reader(file: Path) -> None:
    assert load(file, FINETUNE) == Recipe(
        optimizer="adamw",
        lr=3e-4,
        weight_decay=0.05,
        schedule=warmup("5%").then(cosine(end=0.01)),
        rules=[
            layer_decay(0.75),
            rule(":norm | :bias", weight_decay=0.0),
            rule("head", lr_scale=10),
            rule("embed.weight[32000:]", lr_scale=10),
            rule("stem", trainable=False, until="20%"),
        ],
    )


@ONE_FOLDER
@given(recipes())
def test_what_is_saved_is_loaded(tmp_path: Path, recipe: Recipe) -> None:
    text = recipe.to_toml()
    found = load(tmp_path / "any.toml", text)
    assert found == recipe
    assert hash(found) == hash(recipe)
    assert found.name == (recipe.name or "any")
    assert found.to_toml().endswith(text)


READY_MADE = {
    'use = "no_decay"': no_decay(),
    'use = "no_decay"\nselect = ":norm"': no_decay(":norm"),
    'use = "layer_decay"\ndecay = 0.5\nselect = "blocks"': layer_decay(0.5, "blocks"),
    'select = "**"\nlr_scale = { use = "layer_decay", decay = 0.75 }': layer_decay(0.75),
    'use = "backbone_head"\nbackbone = 1e-3\nhead = 1e-2': backbone_head(1e-3, 1e-2),
    'use = "by_type"\nsettings = { Conv2d = { lr = 0.1 }, "_BatchNorm" = { trainable = false } }': by_type(
        {"Conv2d": {"lr": 0.1}, "_BatchNorm": {"trainable": False}}
    ),
    'use = "by_magnitude"\nbounds = [0.1]\nlr_scales = [2, 0.5]\nstatistic = "std"': by_magnitude(
        [0.1], [2, 0.5], "std"
    ),
    'use = "gradual_unfreezing"\nevery = "1 epoch"\nselect = "blocks"': gradual_unfreezing(
        "1 epoch", select="blocks"
    ),
    'use = "gradual_unfreezing"\nover = "30%"\norder = "bottom_up"\nstart = "5%"': gradual_unfreezing(
        over="30%", order="bottom_up", start="5%"
    ),
    'use = "chain_thaw"\nevery = 10': chain_thaw(10),
    'use = "lp_ft"\nuntil = "20%"\nselect = "head"': lp_ft("20%", "head"),
    'use = "frozen_norms"': frozen_norms(),
    'use = "norm_rate"\nlr_scale = 0.1': norm_rate(0.1),
    'use = "lora_plus"\nratio = 8\nlr_embedding = 1e-6': lora_plus(8, lr_embedding=1e-6),
    'use = "new_tokens"\nfirst = 100\nfreeze_old = true': new_tokens(100, freeze_old=True),
    'select = "**"\nlr = { use = "spread", lo = 1e-6, hi = 1e-3 }': rule("**", lr=spread(1e-6, 1e-3)),
}


@pytest.mark.parametrize(("text", "part"), READY_MADE.items(), ids=[text[:25] for text in READY_MADE])
def test_ready_made_parts(file: Path, text: str, part: Any) -> None:
    recipe = load(file, f"{BASE}[[rules]]\n{text}\n")
    assert recipe == Recipe(optimizer="adamw", lr=1e-3, rules=[part])
    assert load(file, recipe.to_toml()) == recipe


def test_every_ready_made_part_can_be_named_in_a_file() -> None:
    parts = {name for name in paramgroups.recipes.__all__ if name.islower()}
    assert parts == set(MAKERS.rules)
    named = {use for text in READY_MADE for use in re.findall(r'use = "(\w+)"', text)}
    assert named == parts | set(MAKERS.values)


def test_what_functions_found_is_saved_as_tables(file: Path) -> None:
    recipe = Recipe(
        optimizer="adamw",
        lr=1e-3,
        schedule=function("down", lambda u: 1 - u),
        rules=[
            rule("blocks", lr_scale=per_parameter('1/"fan"', lambda row: 1 / row.fan_in)),
            rule(where("wide", lambda row: row.fan_out > 4), weight_decay=0.0),
            rule("**", trainable=False, until=per_parameter("thaw", lambda row: row.depth or None)),
        ],
    )
    model = Net()
    planned = plan(model, recipe, steps=10)
    loaded = load(file, planned.recipe.to_toml())
    assert loaded == planned.recipe
    again = plan(model, loaded, steps=10)
    for step in range(10):
        rows, others = again.at(step), planned.at(step)
        assert {name: rows[name].values for name in rows} == {name: others[name].values for name in others}


def test_the_file_names_the_recipe_unless_it_says_another(file: Path) -> None:
    assert load(file, BASE).name == "finetune"
    assert load(file, f'name = "mine"\n{BASE}').name == "mine"


def test_a_byte_order_mark_and_windows_lines_are_read(file: Path) -> None:
    text = (BASE + '[[rules]]\nselect = "head"\nlr = 1\n').replace("\n", "\r\n")
    assert load(file, b"\xef\xbb\xbf" + text.encode()).rules == (rule("head", lr=1),)
    assert load_recipe(str(file)) == load_recipe(file)


NESTED = 100_000
BAD_FILES = [
    ("", r'finetune.toml: A recipe needs "optimizer". Write optimizer = "adamw"'),
    ('optimizer = "adamw"', 'finetune.toml: A recipe needs "lr". Write lr = 3e-4'),
    (b'lr = "\xff"', "finetune.toml cannot be read: 'utf-8' codec can't decode"),
    (BASE + "[[rules]\nselect", r"finetune.toml is not TOML: .*\(at line 3, column 8\)"),
    (BASE + 'x = "abc', r"finetune.toml is not TOML: Unterminated string \(at line 3, the end\)"),
    (BASE + "lr = 2\nx = 3", r"finetune.toml is not TOML: Cannot overwrite a value \(at line 3, column"),
    (BASE + "lr = 2", r"Cannot overwrite a value \(at line 3, the end\)"),
    (BASE + "[a]\n[a]\n", r"Cannot declare \('a',\) twice \(at line 4, column 3\)"),
    (
        BASE + '[[rules]]\nselect = "head"\nlr = 1e-3\nuntil = 0.2',
        r"finetune.toml: rules\[1\].until: until=0.2",
    ),
    (BASE + "weigth_decay = 0", r'finetune.toml: weigth_decay: .* Nearest: "weight_decay"'),
    (BASE + 'weight_decay = "0.1"', "finetune.toml: weight_decay: .* without quotes: 0.1"),
    ('optimizer = "adamw"\nlr = "1e-4"', "finetune.toml: lr: lr='1e-4' .* without quotes: 0.0001"),
    ('optimizer = "adamw"\nlr = nan', "finetune.toml: lr: lr=nan is out of its domain: it must be finite"),
    ('optimizer = "adamw"\nlr = 1e999', "finetune.toml: lr: lr=inf is out of its domain"),
    ('optimizer = "adamw"\nlr = 1' + "0" * 400, "finetune.toml: lr: lr=1000.* it must be finite"),
    ('optimizer = "adamw"\nlr = 1' + "0" * 5000, "finetune.toml cannot be parsed: Exceeds the limit"),
    ('optimizer = "adamw"\nlr = 0x1' + "0" * 9**6, "finetune.toml: lr: lr=<int> is out of its domain"),
    (BASE + f"eps = '{'x' * 10**6}'", r"finetune.toml: eps: eps='xxx.*\.\.\.x*' is no number"),
    (
        BASE + f"rules = [{{ use = '{'x' * 10**6}' }}]",
        r"rules\[1\]: use = 'xxx.*\.\.\.x*' is not known. Known",
    ),
    (BASE + f"'{'x' * 10**5}' = 1", "no optimizer of this recipe reads it. Known: amsgrad"),
    ("x = " + "[" * NESTED, "finetune.toml is nested too deep for a recipe"),
    ("x = " + "[" * NESTED + "]" * NESTED, "finetune.toml is nested too deep for a recipe"),
    ("x = " + "{a=" * NESTED, "finetune.toml is nested too deep for a recipe"),
    (BASE + "eps = " + "[" * 300 + "]" * 300, r"finetune.toml: eps: .*\[\[.*: a setting is a number"),
    (BASE + "a." * NESTED + "a = 1", "finetune.toml: the key at line 3 has more than 24 parts"),
    (BASE + "'a' . \"a\" ." * NESTED + "a = 1", "the key at line 3 has more than 24 parts"),
    ("[" + "a." * NESTED + "a]", "finetune.toml: the key at line 1 has more than 24 parts"),
    ("[[ " + "a." * NESTED + "a]]", "the key at line 1 has more than 24 parts"),
    ("x = { b = 1, " + "a." * NESTED + "a = 1 }", "the key at line 1 has more than 24 parts"),
    ("#" * (16 * 2**20 + 1), "finetune.toml is larger than 16 MiB, which no recipe is"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES, ids=[str(text)[-30:] for text, _ in BAD_FILES])
def test_what_is_no_recipe_is_refused_with_its_place(file: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        load(file, text)
    shown = str(caught.value).replace("x" * 10**5, "")
    assert len(shown) < 1000


def test_what_cannot_be_read(file: Path) -> None:
    with pytest.raises(FileError, match=r"finetune.toml cannot be read: .*No such file"):
        load_recipe(file)
    with pytest.raises(FileError, match=r"cannot be read: .*directory"):
        load_recipe(file.parent)
    with pytest.raises(FileError, match="cannot be read"):
        load_recipe("a\0b")
    for path in (3, None, b"finetune.toml", ["finetune.toml"]):
        with pytest.raises(FileError, match=r"load_recipe\(.*\): give the path of a TOML file"):
            load_recipe(path)  # type: ignore[arg-type]  # the mistake


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(FileError, match="/dev/zero is larger than 16 MiB"):
        load_recipe("/dev/zero")


def test_long_texts_with_dots_are_no_long_keys(file: Path) -> None:
    words = ".".join(f"w{number}" for number in range(40))
    recipe = Recipe(optimizer="adamw", lr=1, rules=[rule(f"head | {words}", lr=1, group=words)], name=words)
    assert load(file, recipe.to_toml()) == recipe


def test_no_code_is_run(file: Path) -> None:
    for value in ('{ use = "os.system", command = "true" }', '{ use = "function", fn = "os.system" }'):
        for key in ("lr", "schedule"):
            with pytest.raises(FileError, match=r"is not known|is no schedule"):
                load(file, f'{BASE}[[rules]]\nselect = "head"\n{key} = {value}\n')


LINES = st.sampled_from(FINETUNE.splitlines()) | st.text(max_size=20)


@ONE_FOLDER
@given(st.lists(LINES, max_size=12).map("\n".join) | st.text() | st.binary())
def test_nothing_but_our_errors_is_raised(tmp_path: Path, text: str | bytes) -> None:
    content = text.encode() if isinstance(text, str) else text
    for before in (b"", BASE.encode()):
        with suppress(ParamGroupsError):
            load(tmp_path / "any.toml", before + content)
