"""What the audit finds of real code: hosts' own optimizers, and the recipes that torch documents.

Every finding was checked by hand; what that showed stands in `CHECKED`, and a finding that nobody has checked
ends the survey.

Run: `python -m benchmarks.survey`. The results are kept in `benchmarks/results/survey.json`.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import paramgroups as pg
from benchmarks.measure import save
from benchmarks.surveyed import SURVEYED, Surveyed
from paramgroups.errors import Finding

CHECKED = {
    ("transformers Trainer", "PG121"): """
        true: the Trainer spares norms and biases by type and name, and decays tables of embeddings, class
        tokens and masks. Many do so on purpose""",
    ("transformers Trainer, ResNet", "PG120"): """
        true: its list of norms has no batch norm, so that their scales decay; their biases are spared by
        name""",
    ("Lightning BackboneFinetuning", "PG118"): """
        true: batch norm is left trainable when the callback freezes, so it is in the first group, at the
        head's rate, from the start""",
    ("Lightning BackboneFinetuning, thawed at once", "PG101"): """
        true, a bug of the host: the layer norm of the backbone has the values of the head's, is taken for a
        parameter that is there already, and is never trained""",
    ("PEFT", "PG106"): """
        true: groups for embeddings and for what does not decay are made without members; DeepSpeed drops
        such groups, and schedulers then fail""",
    ("PEFT create_loraplus_optimizer, a norm", "PG118"): """
        true, a fault of the helper: all vectors go to the groups at the raised rate, also those that are not
        LoRA's""",
    ("timm layer decay, torch's", "PG111"): """
        true: torch's schedulers know no lr_scale, so all layers learn at one rate; beside timm's own
        scheduler nothing is found""",
    ("torch tutorial: transfer learning, fixed", "PG160"): """
        true: model.train() puts the frozen network's batch norms in training mode, and their statistics move
        to the new images""",
    ("torch.optim: OneCycleLR", "PG141"): """
        true: one max_lr is written into both groups, and the smaller rate of the base is lost""",
}
"""What checking by hand showed, by the start of a set-up's name and the code."""


def verdict(name: str, code: str) -> str:
    """What checking by hand showed."""
    known = [start for start, kind in CHECKED if kind == code and name.startswith(start)]
    if not known:
        raise LookupError(f"{code} of {name} has not been checked by hand.")
    return CHECKED[max(known, key=len), code]


def audited(made: Surveyed) -> tuple[Finding, ...]:
    """What the audit finds of a set-up."""
    return pg.audit(made.model, made.optimizer, made.scheduler, **made.asked).findings


def told(name: str) -> Iterator[dict[str, Any]]:
    """The findings of a set-up, each with what checking by hand showed."""
    for found in audited(SURVEYED[name]()):
        kept = {"code": found.code, "severity": found.severity, "message": found.message}
        verdict(name, found.code)
        yield kept | {"names": len(found.names)}


def main() -> None:
    """Survey all set-ups, print and keep what is found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hosts warn of what they do
        found = {name: list(told(name)) for name in SURVEYED}
    for name, findings in found.items():
        print(f"{name}: {', '.join(one['code'] for one in findings) or 'nothing found'}")
    checked = [
        {"of": start, "code": code, "showed": " ".join(text.split())}
        for (start, code), text in CHECKED.items()
    ]
    save("survey", {"found": found, "checked": checked})


if __name__ == "__main__":
    main()
