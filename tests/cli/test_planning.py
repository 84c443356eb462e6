"""`plan`, `explain` and `plot`: what they print, and how they end."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import RECIPE, Run

TUNE = ("--recipe", "tune.toml", "--steps", "100")
QUIET = ("plan", "zoo:make_net", *TUNE)


def data(run: Run, *words: str) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(run(*words, "--format", "json").stdout, parse_constant=refuse)


def test_the_table_has_a_line_for_each_group_and_the_frozen(run: Run) -> None:
    result = run(*QUIET)
    lines = result.stdout.splitlines()
    assert lines[0] == 'Plan "tune", 12 parameters in 4 groups, 100 steps'
    assert lines[1].split() == ["group", "tensors", "numbers", "lr", "weight_decay"]
    assert [line.split()[-4:] for line in lines[2:6]] == [
        ["3", "192", "0.001", "0.1"],
        ["5", "40", "0.001", "0"],
        ["1", "16", "0.01", "0.1"],
        ["1", "2", "0.01", "0"],
    ]
    assert lines[6].split() == ["(frozen)", "2", "40"]
    assert lines[7:] == ["Schedule of all: cosine().", "Never trained: stem.weight, stem.bias."]
    assert result.exit_code == 0


def test_a_pipe_gets_no_colour_and_no_frame(run: Run) -> None:
    assert not {"\x1b", "│", "─"} & set(run(*QUIET).stdout)


def test_the_values_at_a_step(run: Run) -> None:
    lines = run(*QUIET, "--at", "50").stdout.splitlines()
    assert lines[0].endswith("100 steps, at step 50 (50%)")
    assert [line.split()[-2:] for line in lines[2:6]] == [
        ["0.0005", "0.1"],
        ["0.0005", "0"],
        ["0.005", "0.1"],
        ["0.005", "0"],
    ]
    assert lines[6].split() == ["(frozen)", "2", "40"]
    assert lines[8] == "Trained: yes."


def test_findings_stand_under_the_table_and_end_with_1(run: Run, here: Path) -> None:
    (here / "plain.toml").write_text('optimizer = "adamw"\nlr = 0.001\n')
    result = run("plan", "zoo:make_net", "-r", "plain.toml")
    assert "\n\nadvice PG002: No rate has a schedule" in result.stdout
    assert "\n\nadvice PG004: Weight decay acts on" in result.stdout
    assert result.exit_code == 1
    found = data(run, "plan", "zoo:make_net", "-r", "plain.toml")["findings"]
    assert [finding["code"] for finding in found] == ["PG002", "PG004", "PG004"]
    assert found[1]["names"] == ["norm.weight", "norm.bias"]


def test_json_has_the_plan_in_numbers(run: Run) -> None:
    plan = data(run, *QUIET)
    assert list(plan) == ["title", "horizon", "step", "groups", "frozen", "findings"]
    assert plan["horizon"] == {"ticks": 100, "ticks_per_epoch": None, "unit": "step"}
    assert (plan["step"], plan["findings"]) == (None, [])
    assert plan["frozen"] == ["stem.weight", "stem.bias"]
    keys = ["name", "tensors", "numbers", "settings", "schedules", "trained", "parameters"]
    assert all(list(group) == keys for group in plan["groups"])
    head = plan["groups"][2]
    assert (head["name"], head["parameters"]) == ("head", ["head.weight"])
    assert (head["tensors"], head["numbers"]) == (1, 16)
    assert head["settings"]["lr"] == pytest.approx(0.01)
    assert head["settings"]["betas"] == [0.9, 0.999]
    assert head["schedules"] == {"lr": [{"start": 0, "clock": 0, "schedule": "cosine()"}]}
    assert head["trained"] == [{"start": 0, "until": None}]


def test_json_at_a_step_has_the_rates_of_that_step(run: Run) -> None:
    plan = data(run, *QUIET, "--at", "25")
    assert plan["step"] == 25
    assert plan["groups"][0]["settings"]["lr"] == pytest.approx(0.001 * (1 + 0.5**0.5) / 2)


def test_json_tells_windows_and_epochs(run: Run, here: Path) -> None:
    window = '\n[[rules]]\nselect = "blocks"\ntrainable = false\nstart = "2 epochs"\nuntil = "3 epochs"\n'
    (here / "window.toml").write_text(RECIPE + window)
    words = ("plan", "zoo:make_net", "-r", "window.toml", "--epochs", "10", "--steps-per-epoch", "20")
    plan = data(run, *words)
    assert plan["horizon"] == {"ticks": 200, "ticks_per_epoch": 20, "unit": "step"}
    assert plan["groups"][0]["trained"] == [{"start": 0, "until": 40}, {"start": 60, "until": None}]
    at = run(*words, "--at", "45").stdout.splitlines()
    assert [line.split()[-1] for line in at[2:4]] == ["no", "no"]


def test_epochs_alone_make_an_epoch_the_tick(run: Run) -> None:
    result = run("plan", "zoo:make_net", "-r", "tune.toml", "--epochs", "8", "--at", "4")
    assert result.stdout.splitlines()[0].endswith("8 epochs, at epoch 4 (50%)")


def test_toml_is_the_recipe_and_reads_back(run: Run, here: Path) -> None:
    text = run(*QUIET, "--format", "toml").stdout
    assert tomllib.loads(text)["rules"][1] == {"select": "head", "lr_scale": 10.0}
    (here / "again.toml").write_text(text)
    again = data(run, "plan", "zoo:make_net", "-r", "again.toml", "--steps", "100")
    assert again == data(run, *QUIET)


def test_toml_keeps_stdout_clean_of_findings(run: Run, here: Path) -> None:
    (here / "plain.toml").write_text('optimizer = "adamw"\nlr = 0.001\n')
    result = run("plan", "zoo:make_net", "-r", "plain.toml", "--format", "toml")
    assert tomllib.loads(result.stdout)["lr"] == 0.001
    assert "advice PG002" in result.stderr
    assert result.exit_code == 1


def test_plot_leaves_a_picture(run: Run, here: Path) -> None:
    result = run("plot", "zoo:make_net", *TUNE)
    assert result.stdout == 'Plan "tune", 12 parameters in 4 groups, 100 steps: lr in rates.png\n'
    assert (here / "rates.png").read_bytes().startswith(b"\x89PNG")
    run("plot", "zoo:make_net", *TUNE, "--hyper", "weight_decay", "-o", "decay.svg")
    assert "weight_decay" in (here / "decay.svg").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*TUNE, "--out", "rates.gif"), "none of .png, .svg, .pdf"),
        ((*TUNE, "--out", "nowhere/rates.png"), "cannot be written"),
        ((*TUNE, "--hyper", "weigth_decay"), 'Nearest: "weight_decay"'),
        (("-r", "tune.toml"), "Here: --steps N"),
    ],
    ids=["ending", "place", "hyper", "no end"],
)
def test_what_cannot_be_drawn_is_one_message(run: Run, words: tuple[str, ...], told: str) -> None:
    result = run("plot", "zoo:make_net", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr
    assert told in result.stderr


def test_explain_without_a_recipe_tells_what_the_model_says(run: Run) -> None:
    result = run("explain", "zoo:make_net", "stem.weight")
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if " " in line)
    assert (told["name"], told["depth"], result.exit_code) == ("stem.weight", "0", 0)
    assert data(run, "explain", "zoo:make_net", "stem.weight")["numel"] > 0


def test_explain_tells_the_chain(run: Run) -> None:
    result = run("explain", "zoo:make_net", "head.weight", *TUNE, "--at", "50")
    assert '0.005 = 0.001 (recipe) × 10 (rule 2 "head") × 0.5 (cosine() at 50%)' in result.stdout
    assert result.exit_code == 0


def test_explain_as_json_has_values_and_chains(run: Run) -> None:
    told = data(run, "explain", "zoo:make_net", "head.weight", *TUNE)
    assert list(told) == ["name", "title", "step", "values", "chains"]
    assert told["values"]["lr"] == pytest.approx(0.01)
    assert told["chains"]["weight_decay"] == ["0.1 (recipe)"]
    assert data(run, "explain", "zoo:make_net", "head.weight", *TUNE, "--at", "50")["values"][
        "lr"
    ] == pytest.approx(0.005)


def test_an_unknown_parameter_names_the_nearest(run: Run) -> None:
    result = run("explain", "zoo:make_net", "haed.weight", *TUNE)
    assert result.exit_code == 2
    assert '"head.weight"' in result.stderr
    assert len(result.stderr.splitlines()) <= 3


def test_a_missing_recipe_is_named(run: Run) -> None:
    result = run("plan", "zoo:make_net", "-r", "tuna.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: tuna.toml cannot be read")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('optimizer = "adamw"\nlr = = 1', "line 2"),
        ('optimizer = "adamw"\nlr = "1e-3"\n', "lr"),
        ('optimizer = "adamw"\nlr = 0.1\nweigth_decay = 0.1\n', "weight_decay"),
        ('optimizer = "adamw"\nlr = 0.1\n[[rules]]\nselect = "haed"\nlr_scale = 2\n', '"head"'),
        ('optimizer = "adamw"\nlr = 0.1\n[[rules]]\nselect = "head["\nlr_scale = 2\n', "head["),
        ('optimizer = "adamw"\nlr = 0.1\n[[rules]]\nselect = "head[rms>0.5]"\nlr_scale = 2\n', "meta"),
        ('optimizer = "adamw"\nlr = 0.1\nschedule = { use = "warmup", length = "5%" }\n', "Give steps="),
    ],
)
def test_a_wrong_recipe_is_one_message(run: Run, here: Path, text: str, told: str) -> None:
    (here / "wrong.toml").write_text(text)
    result = run("plan", "zoo:Net", "-r", "wrong.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert told in result.stderr
    assert len(result.stderr.splitlines()) <= 5


def test_layer_decay_and_no_decay_on_a_real_vision_transformer(run: Run, here: Path) -> None:
    recipe = 'optimizer = "adamw"\nlr = 0.001\nweight_decay = 0.05\nschedule = { use = "cosine" }\n'
    rules = '[[rules]]\nuse = "layer_decay"\ndecay = 0.5\n[[rules]]\nuse = "no_decay"\n'
    (here / "decay.toml").write_text(recipe + rules)
    plan = data(run, "plan", "timm:vit_tiny_patch16_224", "-r", "decay.toml", "--steps", "10")
    values = {name: group["settings"] for group in plan["groups"] for name in group["parameters"]}
    assert values["head.weight"]["lr"] == 0.001
    assert values["blocks.11.mlp.fc1.weight"]["lr"] == pytest.approx(0.0005)
    assert values["blocks.0.mlp.fc1.weight"]["lr"] == pytest.approx(0.0005 * 0.5**11)
    assert values["patch_embed.proj.weight"]["lr"] == pytest.approx(0.0005 * 0.5**12)
    assert values["blocks.3.norm1.weight"]["weight_decay"] == 0.0
    assert values["blocks.3.mlp.fc1.bias"]["weight_decay"] == 0.0
    assert values["blocks.3.mlp.fc1.weight"]["weight_decay"] == 0.05
    assert sum(group["numbers"] for group in plan["groups"]) == 5_717_416
