"""The command `audit`: from words to output and exit code."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from paramgroups.auditing import Audit, audit
from paramgroups.cli.factories import called
from paramgroups.cli.outcome import write
from paramgroups.cli.screen import console, show
from paramgroups.errors import ModelError, Severity, nearest, shown
from paramgroups.reporting.findings import audit_view

ORDER = ("model", "optimizer", "scheduler")
TAKEN = tuple(signature(audit).parameters)
PROJECT = Path("pyproject.toml")


@dataclass(frozen=True)
class Asked:
    """What the command is told.

    Attributes:
        factory: `package.module:factory`, which makes what is audited.
        settings: What `pg.audit` takes beside it, as far as it was given.
    """

    factory: str
    settings: Mapping[str, Any]

    def audit(self) -> Audit:
        """The audit of what the factory makes.

        Raises:
            ParamGroupsError: There is no such factory, or it makes something else.
        """
        # Set-ups print as they please, and stdout may be read by a program.
        with redirect_stdout(sys.stderr):
            made = _named(called(self.factory), self.factory)
            settings = {"silence": PROJECT if PROJECT.is_file() else (), **made, **self.settings}
            return audit(**settings)

    @property
    def file(self) -> str | None:
        """The file of the factory, as it is written from here."""
        module = sys.modules.get(self.factory.partition(":")[0])
        path = getattr(module, "__file__", None)
        here = Path.cwd()
        return Path(path).relative_to(here).as_posix() if path and Path(path).is_relative_to(here) else None


def show_audit(asked: Asked, form: str, level: Severity) -> bool:
    """Print an audit as `table`, `json` or `sarif`; whether nothing of this severity was found."""
    found = asked.audit().at(level)
    if form == "json":
        write(found.to_json())
    elif form == "sarif":
        write(found.to_sarif(asked.file))
    else:
        show(console(), str(found), audit_view(found))
    return not found.findings


def _named(made: object, asked: str) -> dict[str, Any]:
    """What a factory made, by the names that `pg.audit` has for it."""
    if isinstance(made, Mapping):
        found = {str(key): value for key, value in made.items()}
        if unknown := [key for key in found if key not in TAKEN]:
            raise ModelError(
                f'"{asked}" returned "{unknown[0]}", which is unknown. {nearest(unknown[0], TAKEN)}'
            )
    elif isinstance(made, tuple) and len(made) <= len(ORDER):
        found = dict(zip(ORDER, made, strict=False))
    else:
        found = {}
    if not {"model", "optimizer"} <= found.keys():
        fix = "Return (model, optimizer), (model, optimizer, scheduler), or a dict with what pg.audit takes."
        raise ModelError(f'"{asked}" returned {shown(made)}, not what is audited.\n  {fix}')
    return found
