"""The command line. Nothing heavy is imported until a command runs: `--help` loads no torch."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from paramgroups._version import __version__
from paramgroups.cli.outcome import BAD_INPUT, FOUND, reported

HELP = """Every parameter learns at its own rate: see a recipe's plan before you train,
and what is wrong with any training set-up.

\b
MODEL is one of
  package.module:factory              a callable without arguments, or a model
  timm:NAME                           such as timm:resnet18
  transformers:CONFIG_DIR_OR_CLASS    a folder with config.json, or a class
Models are built without their weights, and nothing is downloaded.

\b
Exit codes
  0    all is well
  1    there are findings
  2    a wrong call, or bad input
"""

app = typer.Typer(
    name="paramgroups",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Form(StrEnum):
    """How a plan is printed."""

    table = "table"
    json = "json"
    toml = "toml"


class AuditForm(StrEnum):
    """How an audit is printed."""

    table = "table"
    json = "json"
    sarif = "sarif"


class Level(StrEnum):
    """The lightest severity that counts."""

    error = "error"
    warning = "warning"
    advice = "advice"


class ExplainForm(StrEnum):
    """How an explanation is printed."""

    table = "table"
    json = "json"


SOURCES = "package.module:factory, timm:NAME, or transformers:CONFIG_DIR_OR_CLASS."

Model = Annotated[str, typer.Argument(metavar="MODEL", help=SOURCES)]
Recipe = Annotated[Path, typer.Option("--recipe", "-r", metavar="FILE", help="The recipe, a TOML file.")]
Steps = Annotated[int | None, typer.Option(metavar="N", min=1, help="Updates of the optimizer in all.")]
Epochs = Annotated[int | None, typer.Option(metavar="N", min=1, help="Epochs in all.")]
StepsPerEpoch = Annotated[int | None, typer.Option(metavar="N", min=1, help="Updates in an epoch.")]
At = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Show the values at this step; the first is 0.")
]


def _version(asked: bool) -> None:  # noqa: FBT001  # typer calls it so
    if asked:
        typer.echo(f"paramgroups {__version__}")
        raise typer.Exit


@app.callback()
def top(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What holds for all commands."""


@app.command("plan", short_help="The groups that a recipe makes of a model.")
def plan_command(  # noqa: PLR0913  # one parameter an option
    *,
    model: Model,
    recipe: Recipe,
    steps: Steps = None,
    epochs: Epochs = None,
    steps_per_epoch: StepsPerEpoch = None,
    form: Annotated[Form, typer.Option("--format", "-f", help="How to print it.")] = Form.table,
    at: At = None,
) -> None:
    """Show the groups that a recipe makes of a model, and what is worth a second look."""
    if form is Form.toml and at is not None:
        typer.echo("Error: --format toml prints the recipe, which holds all steps. Leave --at out.", err=True)
        raise typer.Exit(BAD_INPUT)
    with reported():
        from paramgroups.cli.planning import Asked, show_plan  # noqa: PLC0415  # it loads torch

        well = show_plan(Asked(model, recipe, steps, epochs, steps_per_epoch), form, at)
    raise typer.Exit(0 if well else FOUND)


@app.command("explain", short_help="Where each value of a parameter comes from.")
def explain_command(  # noqa: PLR0913  # one parameter an option
    *,
    model: Model,
    param: Annotated[str, typer.Argument(metavar="PARAM", help="A parameter's name, or an alias of it.")],
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe", "-r", metavar="FILE", help="The recipe; without one, what the model says is shown."
        ),
    ] = None,
    steps: Steps = None,
    epochs: Epochs = None,
    steps_per_epoch: StepsPerEpoch = None,
    form: Annotated[ExplainForm, typer.Option("--format", "-f", help="How to print it.")] = ExplainForm.table,
    at: At = None,
) -> None:
    """Show where each value of a parameter comes from, rule by rule and factor by factor."""
    with reported():
        from paramgroups.cli.planning import Asked, show_explanation, show_row  # noqa: PLC0415  # loads torch

        if recipe is None:
            show_row(model, param, form)
            return
        show_explanation(Asked(model, recipe, steps, epochs, steps_per_epoch), param, form, at)


@app.command("plot", short_help="A picture of each group's rate over training.")
def plot_command(  # noqa: PLR0913  # one parameter an option
    *,
    model: Model,
    recipe: Recipe,
    steps: Steps = None,
    epochs: Epochs = None,
    steps_per_epoch: StepsPerEpoch = None,
    hyper: Annotated[
        str, typer.Option(metavar="NAME", help="What is drawn: lr, weight_decay, beta1 …")
    ] = "lr",
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where to: a png, svg or pdf by its ending.")
    ] = Path("rates.png"),
) -> None:
    """Draw each group's rate over training, or any other hyperparameter, before a step is taken."""
    with reported():
        from paramgroups.cli.planning import Asked, draw_plan  # noqa: PLC0415  # it loads torch

        draw_plan(Asked(model, recipe, steps, epochs, steps_per_epoch), hyper, out)


@app.command("audit", short_help="What is wrong with a training set-up.")
def audit_command(  # noqa: PLR0913  # one parameter an option
    *,
    factory: Annotated[
        str,
        typer.Argument(
            metavar="FACTORY",
            help="package.module:factory, called without arguments: it returns (model, optimizer), (model, "
            "optimizer, scheduler), or a dict with what pg.audit takes.",
        ),
    ],
    steps: Steps = None,
    epochs: Epochs = None,
    steps_per_epoch: StepsPerEpoch = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Tell what a resume from it would do.")
    ] = None,
    silence: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is meant: tables [[tool.paramgroups.audit.silence]] with code, selector and reason. "
            "Without it those of pyproject.toml.",
        ),
    ] = None,
    level: Annotated[
        Level, typer.Option("--level", "-l", help="The lightest severity that counts.")
    ] = Level.advice,
    form: Annotated[AuditForm, typer.Option("--format", "-f", help="How to print it.")] = AuditForm.table,
) -> None:
    """Tell what is wrong with a training set-up, built with this library or not; nothing is trained."""
    given = {
        "steps": steps,
        "epochs": epochs,
        "steps_per_epoch": steps_per_epoch,
        "checkpoint": checkpoint,
        "silence": silence,
    }
    with reported():
        from paramgroups.cli.auditing import Asked, show_audit  # noqa: PLC0415  # it loads torch

        asked = Asked(factory, {name: value for name, value in given.items() if value is not None})
        well = show_audit(asked, form, level.value)
    raise typer.Exit(0 if well else FOUND)


@app.command("demo", short_help="Four recipes compared on real images.")
def demo_command(
    *,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="How often each recipe is trained.")] = 8,
    steps: Annotated[int, typer.Option(metavar="N", min=10, help="Updates in a training.")] = 150,
    labels: Annotated[int, typer.Option(metavar="N", min=1, help="Labelled images of each new digit.")] = 5,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the table, the pictures and the recipe go.")
    ] = Path("runs/demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """Train on real scans of digits under four recipes, and compare them: about half a minute."""
    with reported():
        from paramgroups.cli.demo.command import run_demo  # noqa: PLC0415  # it loads torch

        run_demo(out=out, seeds=seeds, steps=steps, labels=labels, quiet=quiet)
