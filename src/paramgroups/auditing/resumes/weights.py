"""Saved weights beside the live model's: which are missing, too many, or of another shape."""

from collections.abc import Iterable, Iterator, Mapping

from paramgroups.auditing.resumes.kinds import UNLIKE
from paramgroups.auditing.resumes.saved_names import Aligned, align
from paramgroups.auditing.resumes.saved_runs import SavedRun, Shape
from paramgroups.auditing.subject import Subject
from paramgroups.errors import Finding, ModelError, listing
from paramgroups.run.modelling import EXTRA, Held, held_by

PASSED = (EXTRA, "num_batches_tracked", "position_ids")
"""What versions of modules save or do not, and load without a word."""
ADAPTERS = ("lora_A.weight", "lora_B.weight")
"""So end names in a file of adapters alone, which leave out the adapter's own name."""


def weights(subject: Subject, run: SavedRun) -> Iterator[Finding]:
    """Tensors of the model that were not saved as they are."""
    if not run.shapes or any(name.endswith(ADAPTERS) for name in run.shapes):
        return
    try:
        held = held_by(subject.model)
    except ModelError:  # without values, flattened, or saved in a way of its own
        return
    found = align(run.shapes, _spelled(subject, held))
    live = {one.names[0]: one for one in held}
    missing = _missing(found, run, live)
    unexpected = _unexpected(found, run)
    if run.renamed and missing and unexpected:  # the host saves some under other names
        missing = unexpected = []
    reshaped = {
        name: f"{name} {shape} there, {tuple(live[name].tensor.shape)} here"
        for saved, name in found.names.items()
        if (shape := run.shapes[saved]) != tuple(live[name].tensor.shape)
    }
    told = {
        "here, and not saved": missing,
        "saved, and not here": unexpected,
        "of another shape": list(reshaped.values()),
    }
    lines = [f"{len(names):,} {what}: {listing(names)}" for what, names in told.items() if names]
    if lines:
        fix = "Make the model as it was saved; for a new head or adapter, load it with strict=False and look."
        parameters = [name for name in (*missing, *reshaped) if name in subject.tensors]
        yield UNLIKE.finding(f"The weights differ: {'; '.join(lines)}.", fix, parameters)


def _spelled(subject: Subject, held: Iterable[Held]) -> dict[str, str]:
    """The canonical name for every name of every tensor, ours and torch's."""
    named = list(held)
    known = {name: one.names[0] for one in named for name in one.names}
    canonical = {id(one.tensor): one.names[0] for one in named}
    model = subject.model
    theirs = (
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    )
    return {**{name: canonical[id(one)] for name, one in theirs if id(one) in canonical}, **known}


def _missing(found: Aligned, run: SavedRun, live: Mapping[str, Held]) -> list[str]:
    if found.here:
        return []
    there = {*found.names.values()}
    aliases = {*(run.aliases or ())}
    return [
        name
        for name, one in live.items()
        if name not in there and aliases.isdisjoint(one.names) and not name.endswith(PASSED)
    ]


def _unexpected(found: Aligned, run: SavedRun) -> list[str]:
    shapes: Mapping[str, Shape] = run.shapes or {}
    return (
        []
        if found.there
        else [name for name in shapes if name not in found.names and not name.endswith(PASSED)]
    )
