"""`python -m paramgroups`: the command line."""

from paramgroups.cli.main import app

if __name__ == "__main__":
    app(prog_name="python -m paramgroups")
