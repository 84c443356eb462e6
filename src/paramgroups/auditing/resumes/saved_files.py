"""Checkpoints on the disk, read for what a load of them would do; no code of a file is ever run."""

import json
import re
import warnings
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_safe_globals, safe_globals

from paramgroups.auditing.resumes.saved_runs import SavedRun, Shape, run_in, shapes_of
from paramgroups.errors import CheckpointError, FileError, ParamGroupsError, listing, shown
from paramgroups.run.contents import OPTIMIZER, SCHEDULER, read_contents
from paramgroups.run.filing import Reader, opened, path_of
from paramgroups.run.headers import HEAD, LENGTH, length_of
from paramgroups.run.labelling import numbered
from paramgroups.run.packing import unpack

ZIP = b"PK\x03\x04"
SMALL = 64
"""Tensors of no more numbers are read: rates and counts. Of others the shape tells all."""

LARGEST_WHOLE = 2**33
"""The bytes of a file in torch's old format, whose tensors cannot be left on the disk."""

FILES = re.compile(
    r"(?P<what>optimizer|optim|lr_scheduler|scheduler|pytorch_model|model)(_(?P<number>\d+))?"
    r"(?P<ending>\.pt|\.pth|\.bin|\.safetensors|\.safetensors\.index\.json)"
)
"""What transformers' Trainer and Accelerate call the files of a checkpoint."""

REFUSED = re.compile(r"(?:GLOBAL|class|function) <?(\w[\w.]*\.\w+)")
"""What torch names of what it does not unpickle."""

ALONE = (
    "Save states, not objects: torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), "
    "'scheduler': scheduler.state_dict()}, path). Of a file that you trust, hand in what it holds: "
    "pg.audit(…, checkpoint=torch.load(path, weights_only=False))."
)
AGAIN = "Look at the path, or take an earlier checkpoint."
CONVERT = (
    "Make one file of it, python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE, and "
    "audit that."
)
INSIDE = "Give the folder of one checkpoint, or the file itself."


class UnreadError(CheckpointError):
    """A checkpoint cannot be read; `fix` says what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def read_run(checkpoint: Any) -> SavedRun:
    """What a checkpoint holds.

    Args:
        checkpoint: A file of `torch.save` or `pg.save`, a folder of transformers, Accelerate or of files of
            these names, or a dict that was read already.

    Raises:
        UnreadError: It cannot be read, or not without running what is in it.
    """
    if isinstance(checkpoint, Mapping):
        return run_in(checkpoint, "The checkpoint")
    try:
        path = path_of(checkpoint)
        return _read_folder(path) if path.is_dir() else _read_file(path)
    except UnreadError:
        raise
    except (ParamGroupsError, OSError, MemoryError) as error:
        told = _first_line(error) or type(error).__name__
        raise UnreadError(f"{shown(str(checkpoint))} cannot be read: {told}", AGAIN) from error


def _read_file(path: Path) -> SavedRun:
    if not path.is_file():
        raise FileError("there is no such file or folder.")
    with path.open("rb") as file:
        start = file.read(LENGTH + 64)
    if HEAD.match(start, LENGTH):
        return _read_ours(path)
    if start[LENGTH : LENGTH + 1] == b"{" and not start.startswith((ZIP, b"\x80")):
        return SavedRun(str(path), shapes=_tensors_of(path), alone=True)
    tree = _loaded(path)
    if not isinstance(tree, Mapping):
        raise UnreadError(f"{path} holds {shown(tree)}, and no dict of states.", ALONE)
    return run_in(tree, str(path))


def _loaded(path: Path) -> Any:
    """What `torch.save` wrote, with its tensors left on the disk where its format allows that."""
    with path.open("rb") as file:
        mapped = file.read(len(ZIP)) == ZIP
    if not mapped and (size := path.stat().st_size) > LARGEST_WHOLE:
        message = f"{path} has {size:,} bytes in torch's old format, all of which would have to be read."
        raise UnreadError(message, "Write it anew: torch.save(torch.load(path), path).")
    # the arguments of a script stand in many checkpoints, and are plain data
    data: list[Any] = [] if Namespace in get_safe_globals() else [Namespace]
    try:
        with warnings.catch_warnings(), safe_globals(data):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:
        raise _unread(path, str(error) or type(error).__name__) from error


def _unread(path: Path, told: str) -> UnreadError:
    """What torch says of a file, in a line."""
    if refused := REFUSED.search(told):
        message = f"{path} holds code to run, {refused[1]}, and nothing of a file is run."
        return UnreadError(message, ALONE)
    why = "" if "Weights only" in told else f" {_first_line(told)}"
    message = f"{path} cannot be read: it is cut off, damaged or not of torch.save.{why}"
    return UnreadError(message, AGAIN)


def _first_line(told: object) -> str:
    """The first sentence of what another library says."""
    line = next(iter(str(told).strip().splitlines()), "")
    return line.partition(". ")[0].removesuffix(".") + "." if line else ""


def _read_ours(path: Path) -> SavedRun:
    """What `pg.save` wrote, each byte of it checked."""
    with opened(path) as reader:
        contents = read_contents(reader)
        reader.check(reader.entries)
        trees = {name: unpack(tree, _outline(reader)) for name, tree in contents.trees.items()}
    names = [one.names for one in contents.stored]
    return SavedRun(
        str(path),
        (numbered(trees[OPTIMIZER]),) if OPTIMIZER in trees else (),
        (trees[SCHEDULER],) if SCHEDULER in trees else (),
        {one.names[0]: one.shape for one in contents.stored} or None,
        {alias: own for own, *aliases in names for alias in aliases},
        keys=listing(contents.held),
        by_name=True,
        alone=len(contents.held) == 1,
    )


def _outline(reader: Reader) -> Any:
    """Gives a tensor of a file: a small one as it is, a larger one as its shape."""

    def find(name: str) -> Tensor:
        entry = reader.entries[name]
        if entry.shape.__len__() == 0 or entry.size <= SMALL:
            return reader.read(name)
        return torch.empty(entry.shape, dtype=entry.dtype, device="meta")

    return find


def _tensors_of(path: Path) -> dict[str, Shape]:
    """The shapes of a model's tensors in a safetensors file, by its header alone."""
    with path.open("rb") as file:
        length = length_of(file.read(LENGTH), path.stat().st_size)
        try:
            told = json.loads(file.read(length))
            return {
                name: tuple(map(int, one["shape"])) for name, one in told.items() if name != "__metadata__"
            }
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise UnreadError(f"{path} is no safetensors file: {_first_line(error)}", AGAIN) from error


def _read_folder(folder: Path) -> SavedRun:
    """The files of a checkpoint under the names that Trainer and Accelerate give them."""
    _check_folder(folder)
    found: dict[str, list[tuple[int, str, Path]]] = {"optim": [], "sched": [], "model": []}
    for path in sorted(folder.iterdir()):
        if match := FILES.fullmatch(path.name):
            kind = "model" if "model" in match["what"] else "sched" if "sched" in match["what"] else "optim"
            found[kind].append((int(match["number"] or 0), match["ending"], path))
    if not found["optim"]:
        raise UnreadError(f"{folder} holds no optimizer's state. It holds: {_held(folder)}.", INSIDE)
    first = [(ending, path) for number, ending, path in found["model"] if number == 0]
    single = all(number == 0 for number, *_ in found["model"])
    run = SavedRun(
        str(folder),
        tuple(state for *_, path in sorted(found["optim"]) for state in _read_file(path).optimizers),
        tuple(state for *_, path in sorted(found["sched"]) for state in _states_of_scheduler(path)),
        keys=_held(folder),
        renamed=(folder / "config.json").exists(),
    )
    return _with_model(run, first) if first and single else run


def _states_of_scheduler(path: Path) -> tuple[Any, ...]:
    tree = _loaded(path)
    found = run_in(tree, str(path)).schedulers if isinstance(tree, Mapping) else ()
    return found or ((tree,) if isinstance(tree, Mapping) and tree else ())


def _with_model(run: SavedRun, files: list[tuple[str, Path]]) -> SavedRun:
    """With the shapes of the weights; of several spellings of one model safetensors is read first."""
    ending, path = max(files, key=lambda one: "safetensors" in one[0])
    if ending.endswith(".json"):
        return replace(run, shapes=dict(_of_shards(path)))
    if ending == ".safetensors":
        return replace(run, shapes=_tensors_of(path))
    weights = _loaded(path)
    ordered = isinstance(weights, Mapping)
    return replace(run, shapes=shapes_of(weights) if ordered else None, ordered=ordered)


def _of_shards(index: Path) -> Iterator[tuple[str, Shape]]:
    """The tensors of a model in several files, which stand beside the index."""
    try:
        files = {Path(name).name for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UnreadError(f"{index} is no index of weights: {_first_line(error)}", AGAIN) from error
    for name in sorted(files):
        yield from _tensors_of(index.parent / name).items()


def _check_folder(folder: Path) -> None:
    if (folder / ".metadata").exists() or list(folder.glob("*.distcp"))[:1]:
        message = (
            f"{folder} cannot be read yet: it is of torch.distributed.checkpoint, whose .metadata is pickled "
            "code."
        )
        raise UnreadError(message, CONVERT)
    if list(folder.glob("global_step*"))[:1] or list(folder.glob("*zero_pp_rank*"))[:1]:
        message = f"{folder} cannot be read yet: it holds DeepSpeed's pieces, one for each process."
        raise UnreadError(message, "Join them first: python zero_to_fp32.py FOLDER OUTPUT gives the weights.")


def _held(folder: Path) -> str:
    return listing(sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())) or "nothing"
