"""The header of a checkpoint: safetensors' own, with the checksums of all that the file holds."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import torch

from paramgroups.errors import CheckpointError, shown

VERSION = 1
"""Of the format; a file of a newer one is not read."""

LARGEST = 100_000_000
"""The bytes of a header, as safetensors has it."""

MOST_DIMENSIONS = 64

LENGTH = 8
"""The bytes before the header, which are its length."""

HEAD = re.compile(rb'\{"__metadata__":\{"paramgroups":"(\d{1,9})","checksum":"([0-9a-f]{8})"')
ZEROS = b"0" * 8
FIX = "Take an earlier checkpoint, or a copy of this one."

DTYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
PAIRS = {torch.complex64: torch.float32, torch.complex128: torch.float64}
"""Complex numbers stand in a file as pairs of real ones: a last dimension of 2, and a note."""


class Entry(NamedTuple):
    """One tensor of a file.

    Attributes:
        name: Its name.
        dtype: Its element type.
        shape: Its shape.
        start: The place of its first byte after the header.
        checksum: That of its bytes.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    checksum: int = 0

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return prod(self.shape) * self.dtype.itemsize


class Header(NamedTuple):
    """What the header of a file says.

    Attributes:
        said: What is told beside the tensors, as JSON has it.
        entries: The tensors, in the order of their bytes.
        size: How many bytes are before them.
    """

    said: dict[str, Any]
    entries: Sequence[Entry]
    size: int


def encode(said: Mapping[str, Any], entries: Sequence[Entry]) -> bytes:
    """The bytes before the tensors; as many whatever the checksums are.

    Raises:
        CheckpointError: There are more than readers of the format take.
    """
    complex_ones = {one.name: _name(one.dtype) for one in entries if one.dtype in PAIRS}
    told = json.dumps({**said, "complex": complex_ones}, allow_nan=False, separators=(",", ":"))
    sums = b"".join(b"%08x" % one.checksum for one in entries)
    listed = json.dumps({one.name: _listed(one) for one in entries}, separators=(",", ":"))[1:]
    rest = b'","sums":"%b","said":%b}%b' % (
        sums,
        json.dumps(told).encode(),
        (("," if entries else "") + listed).encode(),
    )
    head = b'{"__metadata__":{"paramgroups":"%d","checksum":"' % VERSION
    padding = b" " * (-(len(head) + len(ZEROS) + len(rest)) % LENGTH)
    size = len(head) + len(ZEROS) + len(rest) + len(padding)
    if size > LARGEST:
        raise CheckpointError(
            f"The names of these {len(entries):,} tensors, and what is told of them, take {size:,} bytes, "
            f"and a safetensors file holds {LARGEST:,} of it. Save the model, and the optimizer, alone."
        )
    length = size.to_bytes(LENGTH, "little")
    checksum = zlib.crc32(b"".join((length, head, ZEROS, rest, padding)))
    return b"".join((length, head, b"%08x" % checksum, rest, padding))


def _listed(one: Entry) -> dict[str, Any]:
    shape = [*one.shape, 2] if one.dtype in PAIRS else [*one.shape]
    stored = NAMES[PAIRS.get(one.dtype, one.dtype)]
    return {"dtype": stored, "shape": shape, "data_offsets": [one.start, one.start + one.size]}


def length_of(start: bytes, size: int) -> int:
    """How many bytes a header has.

    Args:
        start: The first bytes of a file.
        size: How many bytes the file has.

    Raises:
        CheckpointError: It has not that many, or says what no header has.
    """
    length = int.from_bytes(start, "little")
    if len(start) < LENGTH or length > size - LENGTH or length > LARGEST:
        raise CheckpointError(
            f"It has {size:,} bytes, and its header should have {length:,}: it was cut off, damaged, or is "
            f"no checkpoint of pg.save. {FIX}"
        )
    return length


def decode(content: bytes, size: int) -> Header:
    """What a header says, all of it checked.

    Args:
        content: All bytes before the tensors.
        size: How many bytes the file has.

    Raises:
        CheckpointError: It is no checkpoint, of a newer version, damaged, or says what cannot be.
    """
    _check_sum(content)
    data = _parsed(content[LENGTH:])
    meta = data.pop("__metadata__", None)
    texts = isinstance(meta, dict) and all(isinstance(one, str) for one in meta.values())
    _expect(texts and {"said", "sums"} <= meta.keys(), "its notes are no texts")
    said = _parsed(meta["said"])
    pairs = said.pop("complex", None)
    _expect(isinstance(pairs, dict), "complex tensors are not told")
    sums = [meta["sums"][at : at + 8] for at in range(0, len(meta["sums"]), 8)]
    _expect(len(sums) == len(data), f"it has {len(sums):,} checksums of {len(data):,} tensors")
    entries = [_entry(*item, pairs, _hex(one)) for item, one in zip(data.items(), sums, strict=True)]
    _expect(pairs.keys() <= data.keys(), "complex tensors are told that are not there")
    _check_places(entries, size - len(content))
    return Header(said, entries, len(content))


def _check_sum(content: bytes) -> None:
    found = HEAD.match(content, LENGTH)
    if found is None:
        raise CheckpointError(
            f"It begins with {shown(content[: LENGTH + 24])}, as no checkpoint of pg.save does. pg.load "
            "reads what pg.save wrote; load other files by what made them."
        )
    if int(found[1]) > VERSION:
        raise CheckpointError(
            f"It is of version {int(found[1])} of the format, and this library reads up to version "
            f"{VERSION}. Install a newer paramgroups."
        )
    start, end = found.span(2)
    if zlib.crc32(content[:start] + ZEROS + content[end:]) != int(found[2], 16):
        raise CheckpointError(f"Its header is damaged: the checksum is another. {FIX}")


def _parsed(text: bytes | str) -> dict[str, Any]:
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"Its header is no JSON: {error}. {FIX}") from error
    _expect(isinstance(data, dict), f"{shown(data)} is no table")
    return data  # type: ignore[no-any-return]  # it was looked at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{shown(twice)} is there twice")
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001  # the one thing that it is about
    if not holds:
        raise CheckpointError(f"It is no checkpoint of pg.save: {what}. {FIX}")


def _hex(text: str) -> int:
    _expect(re.fullmatch(r"[0-9a-f]{8}", text) is not None, f"{shown(text)} is no checksum")
    return int(text, 16)


def _entry(name: str, told: Any, pairs: Mapping[str, Any], checksum: int) -> Entry:
    keys = {"dtype", "shape", "data_offsets"}
    _expect(isinstance(told, dict) and told.keys() == keys, f"{shown(name)} is {shown(told)}")
    stored, shape, places = told["dtype"], told["shape"], told["data_offsets"]
    known = isinstance(stored, str) and stored in DTYPES
    _expect(known, f"{shown(name)} has the dtype {shown(stored)}")
    _expect(_counts(shape) and len(shape) <= MOST_DIMENSIONS, f"{shown(name)} has the shape {shown(shape)}")
    _expect(_counts(places) and len(places) == 2, f"{shown(name)} has the places {shown(places)}")  # noqa: PLR2004  # from, to
    entry = Entry(name, DTYPES[stored], tuple(shape), places[0], checksum)
    _expect(entry.start + entry.size == places[1], f"{shown(name)} has other places than its shape needs")
    return _paired(entry, pairs[name]) if name in pairs else entry


def _paired(entry: Entry, told: Any) -> Entry:
    """A tensor of pairs as the complex one that it stands for."""
    dtype = next((one for one in PAIRS if _name(one) == told), None)
    fits = dtype is not None and PAIRS[dtype] is entry.dtype and entry.shape[-1:] == (2,)
    _expect(fits, f"{shown(entry.name)} stands for {shown(told)}")
    assert dtype is not None  # noqa: S101  # it fits
    return entry._replace(dtype=dtype, shape=entry.shape[:-1])


def _counts(found: Any) -> bool:
    return isinstance(found, list) and all(type(one) is int and 0 <= one < 2**62 for one in found)


def _check_places(entries: Sequence[Entry], size: int) -> None:
    end = 0
    for one in entries:
        _expect(one.start == end, f"{shown(one.name)} does not begin where the one before it ends")
        end += one.size
    _expect(end == size, f"its tensors have {end:,} bytes, and the file holds {size:,}: it was cut off")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
