"""Checkpoints as files: written wholly or not at all, and read with every byte checked."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from paramgroups.errors import CheckpointError, FileError, ParamGroupsError, shown
from paramgroups.run.checksums import PIECE, checksum
from paramgroups.run.headers import LENGTH, NAMES, PAIRS, Entry, Header, decode, encode, length_of

THREADS = 2
"""Threads that read and sum up in turns."""

ENDING = ".saving"


Whole = Callable[[Tensor], Tensor]


def as_it_is(tensor: Tensor) -> Tensor:
    """A tensor that one process has."""
    return tensor


def write(
    path: Path, said: Mapping[str, Any], tensors: Mapping[str, Tensor], whole: Whole = as_it_is
) -> None:
    """Write a checkpoint by way of a file beside it, that takes its place when all of it is on the disk.

    The tensors are written one after another, with no copy of those that lie in memory as they do in a file.

    Args:
        path: The file; what stands there is there until the last moment.
        said: What is told beside the tensors, as JSON has it.
        tensors: The tensors, each as one process has it.
        whole: What makes a tensor whole, when its turn has come, that lies on several processes.

    Raises:
        FileError: It cannot be written; what stood there before stands there still.
        CheckpointError: A tensor cannot be written.
    """
    with written(path) as file:
        stream(file, said, tensors, whole)


def stream(
    file: BinaryIO, said: Mapping[str, Any], tensors: Mapping[str, Tensor], whole: Whole = as_it_is
) -> None:
    """Write the tensors, and then the header with their checksums before them."""
    entries = entries_of(tensors)
    file.write(encode(said, entries))
    for number, tensor in enumerate(tensors.values()):
        entries[number] = entries[number]._replace(checksum=_put(file, whole(tensor)))
    file.seek(0)
    file.write(encode(said, entries))


def entries_of(tensors: Mapping[str, Tensor]) -> list[Entry]:
    """Where each tensor stands in a file.

    Raises:
        CheckpointError: One cannot be written; its name is told.
    """
    entries, start = [], 0
    for name, tensor in tensors.items():
        _check_plain(name, tensor)
        entries.append(Entry(name, tensor.dtype, tuple(tensor.shape), start))
        start += entries[-1].size
    return entries


def _check_plain(name: str, tensor: Tensor) -> None:
    if tensor.is_meta:
        what, fix = "is on meta and has no values", "Save after it was given some."
    elif tensor.layout is not torch.strided:
        what, fix = f"is laid out as {tensor.layout}", "Save a dense one: tensor.to_dense()."
    elif hasattr(tensor, "__tensor_flatten__") and not hasattr(tensor, "full_tensor"):
        what = f"is a {type(tensor).__name__}, made of several tensors, which no such file holds"
        fix = "Save it by torch.save beside."
    elif tensor.dtype not in NAMES and tensor.dtype not in PAIRS:
        what, fix = f"is of {tensor.dtype}, which no such file holds", "Save it by torch.save beside."
    else:
        return
    raise CheckpointError(f'"{name}" {what}. {fix}')


def _put(file: BinaryIO, tensor: Tensor) -> int:
    """Write a tensor; the checksum of its bytes."""
    content = bytes_of(tensor.detach().resolve_conj().resolve_neg().cpu().contiguous())
    found = 0
    for at in range(0, len(content), PIECE):
        piece = content[at : at + PIECE]
        found = checksum(piece, found)
        file.write(piece)
    return found


def bytes_of(tensor: Tensor) -> memoryview:
    """The memory of a tensor that lies in it as it would in a file."""
    if not tensor.numel():
        return memoryview(b"")
    return memoryview(tensor.detach().reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]  # it is one


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file beside a path, that takes its place at the end if nothing was raised within.

    Raises:
        FileError: It cannot be written; what stood there before stands there still.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}{ENDING}")
    try:
        _check_plain_file(target)
        _clear(target)
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        _sync(target.parent)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise FileError(
            f"{path} cannot be written: {error}. What was there before is there still. Look at the folder "
            "and at the room on its disk."
        ) from error
    finally:
        with suppress(OSError, ValueError):
            beside.unlink(missing_ok=True)


def _check_plain_file(target: Path) -> None:
    """Refuse to take the place of a folder, a device or a pipe."""
    if target.exists() and not target.is_file():
        raise OSError(f"{target} is a folder, or no plain file")


def _clear(target: Path) -> None:
    """Remove what saves of this file left that were killed."""
    start = f".{target.name}."
    with suppress(OSError), os.scandir(target.parent) as found:
        for one in found:
            if one.name.startswith(start) and one.name.endswith(ENDING):
                owner = one.name[len(start) : -len(ENDING)].split("-")
                if all(part.isascii() and part.isdigit() for part in owner) and not _lives(*map(int, owner)):
                    with suppress(OSError):
                        Path(one.path).unlink()


def _lives(process: int, thread: int = 0) -> bool:
    """Whether a thread may still be saving; where that cannot be asked, it may."""
    if process == os.getpid():
        return any(one.ident == thread for one in threading.enumerate())
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _sync(folder: Path) -> None:
    """A new name is on the disk when its folder is; not all systems open folders."""
    with suppress(OSError):
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


class Reader:
    """An open checkpoint; its header is checked when it is opened, its tensors when asked to.

    Args:
        file: The file, open to read.
        others: Threads that read beside this one.

    Raises:
        CheckpointError: It is none, of a newer version, or damaged.
    """

    def __init__(self, file: BinaryIO, others: Executor) -> None:
        self._file, self._others, self._lock = file, others, threading.Lock()
        self._coming: list[Future[None]] = []
        size = os.fstat(file.fileno()).st_size
        start = file.read(LENGTH)
        content = start + file.read(length_of(start, size))
        self.header: Header = decode(content, size)
        self.said = self.header.said
        self.entries = {one.name: one for one in self.header.entries}

    def check(self, names: Iterable[str]) -> None:
        """Compare the bytes of some tensors with their checksums, one thread reading while another sums up.

        Raises:
            CheckpointError: One was changed since it was written.
        """
        entries = [self.entries[name] for name in names]
        list(self._others.map(self._check, [entries[first::THREADS] for first in range(THREADS)]))

    def _check(self, entries: Iterable[Entry]) -> None:
        room = memoryview(bytearray(PIECE))
        for entry in entries:
            found = 0
            for at in range(0, entry.size, PIECE):
                piece = room[: entry.size - at]
                self._fill(piece, entry, at)
                found = checksum(piece, found)
            _check_sum(entry, found)

    def fetch(self, name: str) -> Tensor:
        """A tensor of the file, in memory of its own, that is there and checked after `settle`."""
        entry = self.entries[name]
        made = torch.empty(entry.shape, dtype=entry.dtype)
        if entry.size < PIECE:
            self._read(bytes_of(made), entry)
        else:
            self._coming.append(self._others.submit(self._read, bytes_of(made), entry))
        return made

    def settle(self) -> None:
        """Wait for all that was fetched so far.

        Raises:
            CheckpointError: Something was changed since it was written.
        """
        while self._coming:
            self._coming.pop().result()

    def read(self, name: str) -> Tensor:
        """A tensor of the file, in memory of its own.

        Raises:
            CheckpointError: It was changed since it was written.
        """
        made = self.fetch(name)
        self.settle()
        return made

    def _read(self, content: memoryview, entry: Entry) -> None:
        """Read a tensor, and sum up each piece while it is in the cache."""
        found = 0
        for at in range(0, len(content), PIECE):
            piece = content[at : at + PIECE]
            self._fill(piece, entry, at)
            found = checksum(piece, found)
        _check_sum(entry, found)

    def read_rows(self, name: str, first: int, count: int) -> Tensor:
        """Some rows of a tensor, in memory of their own."""
        entry = self.entries[name]
        made = torch.empty((count, *entry.shape[1:]), dtype=entry.dtype)
        if made.numel():
            self._fill(bytes_of(made), entry, first * (made.nbytes // count))
        return made

    def read_into(self, name: str, tensor: Tensor) -> None:
        """Write a tensor of the file over another of its shape, without a copy where both lie alike."""
        entry = self.entries[name]
        if lies_alike(tensor, entry.dtype):
            self._fill(bytes_of(tensor), entry, 0)
            torch.autograd.graph.increment_version(tensor)
        else:
            with torch.no_grad():
                tensor.copy_(self.read(name))

    def _fill(self, content: memoryview, entry: Entry, start: int) -> None:
        """Read some bytes of a tensor from a place in it on."""
        at = 0
        while at < len(content):
            place = self.header.size + entry.start + start + at
            count = self._take(content[at:], place)
            if not count:
                raise CheckpointError(f'"{entry.name}" ends too early: the file was cut off meanwhile.')
            at += count

    def _take(self, content: memoryview, place: int) -> int:
        """Read from a place of the file on; how many bytes there were."""
        if hasattr(os, "preadv"):  # several threads at once
            return os.preadv(self._file.fileno(), [content], place)
        with self._lock:
            self._file.seek(place)
            count: int = self._file.readinto(content)  # type: ignore[attr-defined]  # files have it
        return count


def _check_sum(entry: Entry, found: int) -> None:
    if found != entry.checksum:
        raise CheckpointError(
            f'"{entry.name}" is damaged: its checksum is another. Take an earlier checkpoint, or a copy of '
            "this one. Nothing was loaded."
        )


def lies_alike(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether a tensor's memory is as its bytes in a file."""
    plain = type(tensor) in (Tensor, torch.nn.Parameter) and tensor.device.type == "cpu"
    straight = tensor.is_contiguous() and not tensor.is_conj() and not tensor.is_neg()
    return plain and straight and tensor.dtype is dtype and not tensor.is_inference()


@contextmanager
def told_of(path: Path) -> Iterator[None]:
    """Errors about a file begin with its path.

    Raises:
        FileError: It cannot be read.
    """
    try:
        yield
    except ParamGroupsError as error:
        raise type(error)(f"{path}: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error}.") from error


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """A checkpoint, open to read.

    Raises:
        FileError: It cannot be read.
        CheckpointError: It is no checkpoint, or a damaged one.
    """
    with ExitStack() as held:
        with told_of(path):
            file = held.enter_context(path.open("rb"))
            reader = Reader(file, held.enter_context(ThreadPoolExecutor(THREADS)))
        yield reader


def path_of(path: object) -> Path:
    """The path of a file.

    Raises:
        FileError: It is none.
    """
    if isinstance(path, str | PathLike):
        with suppress(TypeError):  # a path of bytes
            found = Path(path)
            if found.name and "\0" not in found.name:
                return found
    raise FileError(f'{shown(path)} is no path of a file. Give one, such as "runs/last.safetensors".')
