"""A run that saves after every step and is killed, again and again, until it is at its end.

Run: `python -m tests.run.killing FOLDER KILLS`. It prints what became of it as JSON. One process makes all
ready and forks a child for each life, so that a life takes some milliseconds.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

import paramgroups as pg
from paramgroups.control import nonfinite, plateau, spike
from paramgroups.schedules import cosine, warmup
from tests.run.models import Net, loss_at, net, same, values

LIFE = 6
"""Steps of a life; then it saves the same again until it is killed."""
LONGEST = 0.03
"""Seconds of a life: from its start, or from its first save on."""

LATE = 0.7
"""How many lives come to their first save."""

Parts = tuple[Net, torch.optim.Optimizer, pg.Scheduler]


def started(steps: int, seed: int = 0) -> Parts:
    model = net(seed)
    recipe = pg.Recipe(
        optimizer="adamw",
        lr=0.01,
        clip_norm=1.0,
        schedule=warmup(4).then(cosine(end=0.1)),
        rules=[
            pg.rule("head", lr_scale=2, group="head"),
            pg.rule("stem", trainable=False, until="30%", rewarm=3),
        ],
        controllers=[
            plateau("head", "val_loss", factor=0.9, patience=1),
            nonfinite(),
            spike(least=5, patience=3),
        ],
    )
    return model, *pg.build(pg.plan(model, recipe, steps=steps))


def run(parts: Parts, step: int) -> None:
    model, optimizer, scheduler = parts
    model.train()
    optimizer.zero_grad()
    loss_at(model, step).backward()
    if step % 10 == 0:
        scheduler.observe(val_loss=1.0)
    if step % 25 == 0:
        scheduler.scale("head", 0.95)
    optimizer.step()
    scheduler.step()


def resumed(path: Path, steps: int) -> Parts:
    known = path.exists()
    parts = started(steps, seed=os.getpid() if known else 0)
    if known:
        pg.load(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])
    return parts


def save(path: Path, parts: Parts) -> None:
    pg.save(path, model=parts[0], optimizer=parts[1], scheduler=parts[2])


def live(path: Path, steps: int, told: int) -> None:
    """Go on from the last save, and tell each save that is done."""
    parts = resumed(path, steps)
    first = int(parts[2].last_epoch)
    while True:
        step = int(parts[2].last_epoch)
        if step < min(first + LIFE, steps):
            run(parts, step)
        save(path, parts)
        os.write(told, b"%d\n" % parts[2].last_epoch)


def killed(path: Path, steps: int, draw: random.Random) -> int:
    """One life; the step of the last save that was told to be done."""
    listening, told = os.pipe()
    if (child := os.fork()) == 0:
        try:
            live(path, steps, told)
        except BaseException as error:  # noqa: BLE001  # a child that fails is told from one that is killed
            os.write(2, f"{error!r}\n".encode())
        os._exit(1)
    os.close(told)
    first = os.read(listening, 1) if draw.random() < LATE else b""
    time.sleep(draw.uniform(0, LONGEST))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "a child ended by itself"
    with os.fdopen(listening, "rb") as saves:
        return max(map(int, (first + saves.read()).split()), default=0)


def main(folder: Path, kills: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    path, draw, steps = folder / "last.safetensors", random.Random(0), kills * LIFE  # noqa: S311  # no secret
    whole = started(steps)
    for step in range(steps):
        run(whole, step)
    left = lost = 0
    for _ in range(kills):
        last = killed(path, steps, draw)
        left += len(list(folder.glob(".*.saving")))
        known = int(resumed(path, steps)[2].last_epoch)
        lost += known < last
    before = int(resumed(path, steps)[2].last_epoch)
    parts = resumed(path, steps)
    for step in range(before, steps):
        run(parts, step)
    save(path, parts)
    return {
        "same": same(values(whole[0]), values(parts[0])),
        "journal": list(whole[2].journal) == list(parts[2].journal),
        "events": len(whole[2].journal),
        "files": sorted(one.name for one in folder.iterdir()),
        "cut off in a save": left,
        "lost": lost,
        "steps in killed lives": before,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
