"""`python -m paramgroups`: the command line."""

from paramgroups.cli.main import app

app(prog_name="python -m paramgroups")
