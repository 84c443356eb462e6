"""What a checkpoint holds, beside the bytes of its tensors: read, and all of it checked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from paramgroups.errors import CheckpointError, ScheduleError, listing, shown
from paramgroups.run.filing import Reader
from paramgroups.run.modelling import Stored
from paramgroups.run.packing import Packed, references
from paramgroups.schedules import Horizon

MODEL, OPTIMIZER, SCHEDULER = "model", "optimizer", "scheduler"
KINDS = (MODEL, OPTIMIZER, SCHEDULER)


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds.

    Attributes:
        library: The version of this library that wrote it.
        stored: The model's tensors.
        extra: What modules saved beside their tensors, by path, as packed data.
        trees: The states of the optimizer and the scheduler, as packed data.
        recipe: The recipe as TOML; None where it cannot be written so, or no scheduler was saved.
        horizon: How long training was to be.
        held: Which of a model, an optimizer and a scheduler it has.
    """

    library: str
    stored: tuple[Stored, ...]
    extra: Packed
    trees: Mapping[str, Packed]
    recipe: str | None
    horizon: Horizon | None
    held: tuple[str, ...]

    def check_asked(self, names: Iterable[str]) -> None:
        """Refuse to load what was not saved.

        Raises:
            CheckpointError: Something was not.
        """
        if lacking := [name for name in names if name not in self.held]:
            raise CheckpointError(
                f"It holds no {lacking[0]}. It holds: {listing(self.held)}. Leave out {lacking[0]}=, or give "
                "it to pg.save too."
            )


def read_contents(reader: Reader) -> Contents:
    """What an open checkpoint holds.

    Raises:
        CheckpointError: It says what `pg.save` never does.
    """
    said = reader.said
    library, plan, model = said.get("library"), said.get("plan"), said.get(MODEL)
    _expect(isinstance(library, str), "library", library)
    trees = {name: said[name] for name in (OPTIMIZER, SCHEDULER) if name in said}
    recipe, horizon = _planned(plan)
    aliases, extra = _modelled(model)
    stored = _stored(reader, aliases)
    _check_references(reader, [f"{MODEL}/{one.names[0]}" for one in stored], [extra, *trees.values()])
    held = tuple(name for name in KINDS if name in said)
    return Contents(str(library), stored, extra, trees, recipe, horizon, held)


def _expect(holds: bool, where: str, found: Any) -> None:  # noqa: FBT001  # the one thing that it is about
    if not holds:
        raise CheckpointError(f"It is no checkpoint of pg.save: {where} is {shown(found)}.")


def _planned(plan: Any) -> tuple[str | None, Horizon | None]:
    if plan is None:
        return None, None
    _expect(isinstance(plan, dict) and plan.keys() == {"recipe", "horizon"}, "plan", plan)
    recipe, horizon = plan["recipe"], plan["horizon"]
    _expect(recipe is None or isinstance(recipe, str), "recipe", recipe)
    _expect(isinstance(horizon, dict), "horizon", horizon)
    try:
        return recipe, Horizon(**horizon)
    except (TypeError, ScheduleError) as error:
        raise CheckpointError(
            f"It is no checkpoint of pg.save: horizon is {shown(horizon)}: {error}"
        ) from error


def _modelled(model: Any) -> tuple[dict[str, list[str]], Packed]:
    """The names of a model's tensors, each with its aliases, and what is beside them."""
    if model is None:
        return {}, {}
    _expect(isinstance(model, dict) and model.keys() == {"names", "extra"}, MODEL, model)
    names, extra = model["names"], model["extra"]
    _expect(isinstance(names, dict) and all(map(_texts, names.values())), "the model's names", names)
    _expect(isinstance(extra, dict), "the model's extra state", extra)
    twice = Counter([*names, *(alias for aliases in names.values() for alias in aliases)])
    if twice and twice.most_common(1)[0][1] > 1:
        _expect(holds=False, where="a name that two tensors have", found=twice.most_common(1)[0][0])
    return names, extra


def _texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _stored(reader: Reader, aliases: Mapping[str, list[str]]) -> tuple[Stored, ...]:
    found = []
    for name, others in aliases.items():
        entry = reader.entries.get(f"{MODEL}/{name}")
        if entry is None:
            raise CheckpointError(
                f'It is no checkpoint of pg.save: the tensor "{MODEL}/{name}" is not there.'
            )
        found.append(Stored((name, *others), entry.dtype, entry.shape))
    return tuple(found)


def _check_references(reader: Reader, names: list[str], trees: Iterable[Packed]) -> None:
    """Every tensor of the file is told of once, and every tensor that is told of is there."""
    told = Counter(names)
    for tree in trees:
        told.update(references(tree))
    if odd := [name for name, count in told.items() if count > 1 or name not in reader.entries]:
        _expect(holds=False, where="a tensor that is not there, or is told of twice,", found=odd[0])
    if odd := [name for name in reader.entries if name not in told]:
        _expect(holds=False, where="a tensor that nothing tells of", found=odd[0])
