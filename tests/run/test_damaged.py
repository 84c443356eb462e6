"""Files that are damaged, cut off, or written by a stranger: an error of ours, and nothing is loaded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramgroups.errors import CheckpointError, FileError
from paramgroups.run.headers import LENGTH
from tests.run.checkpointed import Parts, everything, joined, load, resigned, saved, split, started, sums
from tests.run.test_resume_guarded import equal


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "last.safetensors"
    saved(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def parts() -> Parts:
    return started(seed=1)


@pytest.fixture(scope="module")
def before(parts: Parts) -> list[Any]:
    return everything(parts)


def refused(content: bytes, parts: Parts, before: list[Any], path: Path) -> str:
    """The error of a file; all is as it was."""
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        load(path, parts)
    assert equal(everything(parts), before)
    assert str(error.value).startswith(str(path))
    return str(error.value)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad") / "last.safetensors"


QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.data())
def test_any_byte_that_is_another(
    content: bytes, parts: Parts, before: list[Any], path: Path, data: st.DataObject
) -> None:
    header = LENGTH + int.from_bytes(content[:LENGTH], "little")
    at = data.draw(
        st.one_of(st.integers(0, len(content) - 1), st.integers(0, 120), st.integers(header - 9, header + 9))
    )
    flipped = bytearray(content)
    flipped[at] ^= data.draw(st.integers(1, 255))
    refused(bytes(flipped), parts, before, path)


@QUICK
@given(st.data())
def test_any_length(content: bytes, parts: Parts, before: list[Any], path: Path, data: st.DataObject) -> None:
    end = data.draw(st.one_of(st.integers(0, len(content) - 1), st.integers(0, 40)))
    refused(content[:end], parts, before, path)
    refused(content + b"\0" * data.draw(st.integers(1, 9)), parts, before, path)


def test_what_is_damaged_is_named(content: bytes, parts: Parts, before: list[Any], path: Path) -> None:
    entries, _, rest = split(content)
    del entries["__metadata__"]
    name = "optimizer/state/head.weight/exp_avg"
    one = entries[name]
    at = len(content) - len(rest) + one["data_offsets"][0]
    flipped = bytearray(content)
    flipped[at] ^= 1
    assert f'"{name}" is damaged' in refused(bytes(flipped), parts, before, path)
    flipped = bytearray(content)
    flipped[LENGTH + 70] ^= 1
    assert "header is damaged" in refused(bytes(flipped), parts, before, path)


def test_a_newer_version_says_so(content: bytes, parts: Parts, before: list[Any], path: Path) -> None:
    newer = content.replace(b'"paramgroups":"1"', b'"paramgroups":"2"')
    assert "version 2 of the format" in refused(newer, parts, before, path)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**8 + 1, 10**6], ids=str)
def test_a_header_of_any_length(
    length: int, content: bytes, parts: Parts, before: list[Any], path: Path
) -> None:
    huge = length.to_bytes(LENGTH, "little") + content[LENGTH:]
    assert "its header should have" in refused(huge, parts, before, path)


def test_other_files_are_no_checkpoints(parts: Parts, before: list[Any], path: Path) -> None:
    plain = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
    for other in (b"", b"PK\3\4", b"\x80\x02}q\0.", resigned(plain, b""), resigned(b"[]", b""), b"\0" * 100):
        refused(other, parts, before, path)


Change = Callable[[dict[str, Any], dict[str, Any]], Any]


def of_first(key: str, value: Any) -> Change:
    """The first tensor of the model with something else in its entry."""

    def change(entries: dict[str, Any], _: dict[str, Any]) -> None:
        name = next(one for one in entries if one.startswith("model/"))
        entries[name] = {**entries[name], key: value}

    return change


def said(*keys: Any, value: Any) -> Change:
    """Something else among what is told."""

    def change(_: dict[str, Any], told: dict[str, Any]) -> None:
        for key in keys[:-1]:
            told = told[key]
        told[keys[-1]] = value

    return change


def without(*keys: Any) -> Change:
    def change(_: dict[str, Any], told: dict[str, Any]) -> None:
        for key in keys[:-1]:
            told = told[key]
        del told[keys[-1]]

    return change


GROUPS = ("optimizer", "groups")
WRONG: tuple[Any, ...] = (
    None, 3, -1, 0.5, True, "x", [], {}, [[]],
    {"$tensor": "model/head.weight"}, {"$tensor": "none"}, {"$float": "nan"},
)  # fmt: skip
FIELDS = (
    ("model",), ("model", "names"), ("model", "extra"), ("model", "names", "head.weight"),
    ("optimizer",), GROUPS, (*GROUPS, 0), (*GROUPS, 0, "params"), (*GROUPS, 0, "lr"), (*GROUPS, 0, "betas"),
    (*GROUPS, 0, "param_names"), ("optimizer", "state"), ("optimizer", "state", "head.weight"),
    ("optimizer", "state", "head.weight", "exp_avg"), ("optimizer", "state", "head.weight", "step"),
    ("scheduler",), *(("scheduler", key) for key in (
        "last_epoch", "_step_count", "unit", "updated", "ahead", "journal", "feedback", "guards")),
    ("scheduler", "feedback", "controllers"), ("scheduler", "feedback", "seen"),
    ("scheduler", "guards", "kept"), ("scheduler", "guards", "orders"), ("scheduler", "guards", "live"),
    ("plan",), ("plan", "recipe"), ("plan", "horizon"), ("plan", "horizon", "ticks"),
    ("plan", "horizon", "unit"), ("library",), ("complex",),
)  # fmt: skip


@pytest.mark.parametrize("keys", FIELDS, ids=lambda keys: ".".join(map(str, keys)))
def test_any_field_of_another_type(
    keys: tuple[Any, ...], content: bytes, before: list[Any], path: Path
) -> None:
    """It is refused with all as it was, or, where it means something, loaded; never another error."""
    for value in WRONG:
        data, told, rest = split(content)
        said(*keys, value=value)(data, told)
        path.write_bytes(joined(data, told, rest))
        mine = started(seed=1)
        try:
            load(path, mine)
        except CheckpointError:
            assert equal(everything(mine), before), value


@pytest.mark.parametrize(
    "change",
    [
        of_first("dtype", "F64"),
        of_first("dtype", "F31"),
        of_first("dtype", 3),
        of_first("shape", [10**9, 10**9]),
        of_first("shape", [-1]),
        of_first("shape", [True]),
        of_first("shape", [0.5]),
        of_first("shape", "x"),
        of_first("shape", [1] * 100),
        of_first("data_offsets", [0]),
        of_first("data_offsets", [8, 0]),
        of_first("data_offsets", [0, 2**62]),
        of_first("more", 1),
        lambda entries, _: entries.pop("model/head.weight"),
        lambda entries, _: entries.update({"model/x": entries["model/head.weight"]}),
        lambda entries, _: entries.update({"model/head.weight": 3}),
        said("model", "names", "absent", value=[]),
        said("model", "names", "head.weight", value=["head.bias"]),
        said("complex", "model/head.weight", value="complex64"),
        said("complex", "model/absent", value="complex64"),
        without("model", "names", "head.weight"),
        without("optimizer", "state", "head.weight", "exp_avg"),
        without("library"),
    ],
    ids=[f"{number}" for number in range(23)],
)
def test_entries_and_references_that_do_not_agree(
    change: Change, content: bytes, parts: Parts, before: list[Any], path: Path
) -> None:
    data, told, rest = split(content)
    change(data, told)
    refused(joined(data, told, rest), parts, before, path)


def test_a_name_that_is_there_twice(content: bytes, parts: Parts, before: list[Any], path: Path) -> None:
    data, _, rest = split(content)
    entry = json.dumps({"model/head.weight": data["model/head.weight"]})[1:-1]
    header = json.dumps(data, separators=(",", ":"))[:-1] + "," + entry + "}"
    assert "is there twice" in refused(resigned(header.encode(), rest), parts, before, path)


def test_json_that_is_none(content: bytes, parts: Parts, before: list[Any], path: Path) -> None:
    data, _, rest = split(content)
    for odd in ("[" * 100_000, "NaN", '{"library": NaN}', "{", "[]", "null", '{"a": 1' + "0" * 5000 + "}"):
        refused(joined(data, odd, rest), parts, before, path)


@pytest.mark.parametrize("dtype", ["F64", "F16", "I32", "BOOL"])
def test_tensors_of_other_types_and_shapes_than_they_go_to(
    dtype: str, content: bytes, before: list[Any], path: Path
) -> None:
    """A weight of another shape is refused; memory of another shape begins anew, and is said to."""
    data, told, rest = split(content)
    meta = data.pop("__metadata__")
    name = "optimizer/state/head.weight/exp_avg"
    size = {"F64": 8, "F16": 2, "I32": 4, "BOOL": 1}[dtype]
    one = data[name]
    start, end = one["data_offsets"]
    data[name] = {"dtype": dtype, "shape": [(end - start) // size], "data_offsets": [start, end]}
    told_all = {"__metadata__": {**meta, "sums": sums(data, rest)}, **data}
    path.write_bytes(joined(told_all, told, rest))
    mine = started(seed=1)
    try:
        assert "head.weight" in load(path, mine).optimizer.reshaped
    except CheckpointError:
        assert equal(everything(mine), before)


def test_no_file_no_folder_no_path(tmp_path: Path, parts: Parts, before: list[Any]) -> None:
    for path in (tmp_path / "absent", tmp_path, "a\0b", "", 3, None, b"x"):
        with pytest.raises(FileError):
            load(path, parts)  # type: ignore[arg-type]  # what is no path
    assert equal(everything(parts), before)
