"""Files are written wholly or not at all, and other readers of safetensors read them."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch.testing._internal.two_tensor import TwoTensor

from paramgroups.errors import CheckpointError, FileError
from paramgroups.run.filing import opened, write

TENSORS = {
    "double": torch.tensor([1.5, -0.0], dtype=torch.float64),
    "half": torch.tensor([[1.0], [2.0]], dtype=torch.float16),
    "brain": torch.tensor([1.0, float("nan"), float("inf")], dtype=torch.bfloat16),
    "eighth": torch.tensor([1.0, -2.0]).to(torch.float8_e4m3fn),
    "switches": torch.tensor([True, False, True]),
    "wide": torch.tensor(2**62),
    "byte": torch.tensor([255], dtype=torch.uint8),
    "empty": torch.empty(0, 3),
    "pairs": torch.tensor([[1 + 2j, 3 - 4j]], dtype=torch.complex64),
    "wide pairs": torch.tensor(1 + 2j, dtype=torch.complex128),
    "turned": torch.arange(6.0).reshape(2, 3).t(),
    "strided": torch.arange(10.0)[::3],
    "conjugated": torch.tensor([1 + 2j]).conj(),
}


def raw(tensor: torch.Tensor) -> bytes:
    plain = tensor.resolve_conj().contiguous().reshape(-1)
    return plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b""


def test_every_kind_of_tensor_comes_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write(path, {"of": "tensors"}, TENSORS)
    with opened(path) as reader:
        reader.check(reader.entries)
        assert reader.said == {"of": "tensors"}
        for name, tensor in TENSORS.items():
            found = reader.read(name)
            assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
            assert raw(found) == raw(tensor), name
            into = torch.zeros_like(tensor)
            version = into._version
            reader.read_into(name, into)
            assert raw(into) == raw(tensor), name
            assert into._version > version


def test_safetensors_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write(path, {}, TENSORS)
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(TENSORS)
        assert torch.equal(file.get_tensor("turned"), TENSORS["turned"])
        assert torch.equal(torch.view_as_complex(file.get_tensor("pairs")), TENSORS["pairs"])
        assert raw(file.get_tensor("brain")) == raw(TENSORS["brain"])


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        (torch.ones(2).to_sparse(), "torch.sparse_coo"),
        (torch.zeros(2, dtype=torch.bits8), "torch.bits8"),
        (torch.empty(2, device="meta"), "on meta"),
        (TwoTensor(torch.ones(2), torch.ones(2)), "a TwoTensor, made of several tensors"),
    ],
    ids=["sparse", "bits", "meta", "several"],
)
def test_what_no_file_holds_is_refused_by_name(odd: torch.Tensor, what: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f'"model/odd" is .*{what}'):
        write(tmp_path / "x", {}, {"model/odd": odd})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / "folder", {}, TENSORS)
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / "absent" / "x", {}, TENSORS)
    with pytest.raises(FileError, match="cannot be written"):
        write(tmp_path / ("x" * 300), {}, TENSORS)
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full")
def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write(path, {"which": "old"}, {})
    code = (
        "import resource, signal, torch; from pathlib import Path; from paramgroups.run.filing import write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"try: write(Path({str(path)!r}), {{}}, {{'a': torch.ones(10**6)}})\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own
    assert done.stdout.startswith("FileError")
    assert "cannot be written" in done.stdout
    with opened(path) as reader:
        assert reader.said == {"which": "old"}
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_into(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FileError, match="cannot be written"):
            write(tmp_path / "x", {}, TENSORS)
    finally:
        tmp_path.chmod(0o700)


def test_leftovers_of_killed_saves_go_with_the_next_save_and_nothing_else_does(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = [f".x.{dead.pid}-1.saving", f".x.{os.getpid()}-1.saving"]
    kept = [f".x.{os.getppid()}-1.saving", f".y.{dead.pid}-1.saving", ".x.note.saving", "x.saving", ".x.1"]
    for name in (*gone, *kept):
        (tmp_path / name).write_bytes(b"half")
    write(tmp_path / "x", {}, TENSORS)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(["x", *kept])


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", {}, {})
    assert (tmp_path / "link").is_symlink()
    with opened(tmp_path / "real") as reader:
        assert not reader.entries


def test_an_open_file_is_read_to_its_end_though_another_takes_its_place(tmp_path: Path) -> None:
    write(tmp_path / "x", {}, {"a": torch.ones(3)})
    with opened(tmp_path / "x") as reader:
        write(tmp_path / "x", {}, {"a": torch.zeros(3)})
        reader.check(reader.entries)
        assert reader.read("a").tolist() == [1.0, 1.0, 1.0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="no plain file"):
        write(tmp_path / "pipe", {}, {})
    assert (tmp_path / "pipe").is_fifo()
