"""A small run with a file, and files that a stranger may have written."""

import json
import zlib
from pathlib import Path
from typing import Any

import torch

import paramgroups as pg
from paramgroups.control import plateau, spike
from paramgroups.run.checksums import PIECE, checksum
from paramgroups.run.headers import HEAD, LENGTH
from tests.run.models import Net, net, train, values
from tests.run.test_resume_guarded import all_of

STEPS = 20
Parts = tuple[Net, torch.optim.Optimizer, pg.Scheduler]


def started(seed: int = 0, **settings: Any) -> Parts:
    model = net(seed, width=2)
    recipe = pg.Recipe(
        optimizer="adamw",
        rules=[pg.rule("head", lr_scale=10, group="head")],
        controllers=[plateau("head", "val_loss"), spike(least=3)],
        **{"lr": 0.01} | settings,
    )
    return model, *pg.build(pg.plan(model, recipe, steps=STEPS))


def saved(path: Path, steps: int = 3) -> Parts:
    """A run of some steps, and its checkpoint."""
    parts = started()
    train(*parts, range(steps))
    parts[2].scale("head", 0.5)
    pg.save(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])
    return parts


def load(path: Path, parts: Parts, **said: Any) -> Any:
    return pg.load(path, model=parts[0], optimizer=parts[1], scheduler=parts[2], **said)


def everything(parts: Parts) -> list[Any]:
    """A copy of all that a load may change."""
    parts[2].state_dict()
    return [values(parts[0]), *all_of(parts), parts[2].rates, parts[2].last_epoch]


def split(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """What the header of a checkpoint says: of its tensors, beside them; and the tensors' bytes."""
    length = int.from_bytes(content[:LENGTH], "little")
    data = json.loads(content[LENGTH : LENGTH + length])
    said = json.loads(data["__metadata__"]["said"])
    return data, said, content[LENGTH + length :]


def joined(data: dict[str, Any], said: Any, rest: bytes) -> bytes:
    """A checkpoint of these parts, with right checksums: a stranger can count too."""
    data["__metadata__"] |= {"checksum": "0" * 8, "said": said if isinstance(said, str) else json.dumps(said)}
    return resigned(json.dumps(data, separators=(",", ":")).encode(), rest)


def resigned(header: bytes, rest: bytes) -> bytes:
    """A header with the right checksum, and what comes after it."""
    content = len(header).to_bytes(LENGTH, "little") + header
    found = HEAD.match(content, LENGTH)
    if found is None:
        return content + rest
    start, end = found.span(2)
    checksum = zlib.crc32(content[:start] + b"0" * 8 + content[end:])
    return content[:start] + b"%08x" % checksum + content[end:] + rest


def sums(entries: dict[str, Any], rest: bytes) -> str:
    """The checksums of tensors that lie one after another."""
    return "".join(
        f"{checksum_of(memoryview(rest)[slice(*one['data_offsets'])]):08x}" for one in entries.values()
    )


def checksum_of(content: memoryview) -> int:
    """The checksum of some bytes, piece by piece."""
    found = 0
    for at in range(0, len(content), PIECE):
        found = checksum(content[at : at + PIECE], found)
    return found
