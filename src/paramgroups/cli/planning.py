"""The commands `plan`, `explain` and `plot`: from words to output and exit code."""

import sys
from dataclasses import dataclass
from pathlib import Path

from paramgroups.cli.data import as_json, explanation_data, plan_data
from paramgroups.cli.models import load_model
from paramgroups.cli.outcome import write
from paramgroups.cli.screen import console, show
from paramgroups.indexing import index
from paramgroups.planning import Plan, load_recipe, plan
from paramgroups.reporting import plot
from paramgroups.reporting.terminal import explanation_view, plan_text, plan_view


@dataclass(frozen=True)
class Asked:
    """What these commands are told: what to plan, and how long training is."""

    model: str
    recipe: Path
    steps: int | None
    epochs: int | None
    steps_per_epoch: int | None

    def plan(self) -> Plan:
        """The plan; the recipe is read first, since a mistake in it is found sooner.

        Raises:
            ParamGroupsError: The recipe, the model or their fit is wrong.
        """
        recipe = load_recipe(self.recipe)
        model = load_model(self.model)
        return plan(model, recipe, steps=self.steps, epochs=self.epochs, steps_per_epoch=self.steps_per_epoch)


def show_plan(asked: Asked, form: str, step: int | None) -> bool:
    """Print a plan as `table`, `json` or `toml`; whether its check finds nothing."""
    made = asked.plan()
    findings = made.check()
    if form == "json":
        write(as_json(plan_data(made, findings, step)))
    elif form == "toml":
        write(made.recipe.to_toml().rstrip("\n"))
        sys.stderr.writelines(f"{finding}\n" for finding in findings)
    else:
        where = console()
        view = plan_view(made, findings, step, where.width)
        show(where, plan_text(made, findings, step), view)
    return not findings


def draw_plan(asked: Asked, hyper: str, path: Path) -> None:
    """Draw each group's values over training into a file."""
    made = asked.plan()
    plot(made, hyper=hyper, path=path)
    write(f"{made.title}: {hyper} in {path}")


def show_explanation(asked: Asked, name: str, form: str, step: int | None) -> None:
    """Print where each value of a parameter comes from, as `table` or `json`."""
    made = asked.plan()
    explanation = made.explain(name, step)
    if form == "json":
        write(as_json(explanation_data(made, explanation, step)))
    else:
        show(console(), str(explanation), explanation_view(explanation))


def show_row(model: str, name: str, form: str) -> None:
    """Print what is known of a parameter without any recipe, as `table` or `json`."""
    row = index(load_model(model))[name]
    known = row._asdict() | {"roles": sorted(row.roles)}
    if form == "json":
        write(as_json(known))
    else:
        width = max(map(len, known))
        lines = (f"{key:<{width}}  {_words(value)}" for key, value in known.items())
        write("\n".join(line.rstrip() for line in lines))


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
