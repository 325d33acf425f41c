"""The store gives back what it was given to the last bit, or nothing."""

from __future__ import annotations

import errno
import json
import math
import multiprocessing
import os
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpbound.chapters.base import Cell
from sharpbound.errors import InputError
from sharpbound.places import default_cache
from sharpbound.run import cache as store
from sharpbound.run import stores
from sharpbound.run.cache import Cache, Entry, name_of
from sharpbound.run.fingerprint import cell_key
from toy_writer import CELL, ROWS, write_often


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def only_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.json")
    return path


@settings(deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=True)))
def test_floats_come_back_bit_for_bit(values: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    cache.put(CELL, Entry([{"values": values}], 0.5))
    entry = cache.get(CELL)
    assert entry is not None
    assert [bits(x) for x in entry.rows[0]["values"]] == [bits(x) for x in values]
    assert entry.seconds == 0.5


def test_nan_comes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([{"tv": math.nan, "note": "σ → 0"}], 0.0))
    entry = cache.get(CELL)
    assert entry is not None
    assert math.isnan(entry.rows[0]["tv"])
    assert entry.rows[0]["note"] == "σ → 0"


def test_another_cell_is_not_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([{"tv": 1.0}], 0.0))
    assert cache.get(Cell("toy", {"T": 128, "c": [0.1, 1e-300]})) is None
    assert cache.get(Cell("other", CELL.params)) is None


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([{"tv": 0.25}], 0.0))
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert cache.get(CELL) is None
    path.write_bytes(whole)
    assert cache.get(CELL) is not None


@pytest.mark.parametrize(("old", "new"), [(b"0.25", b"0.75"), (b'"tv"', b'"kl"'), (b"{", b"\xff")])
def test_a_changed_entry_is_noticed(tmp_path: Path, old: bytes, new: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([{"tv": 0.25}], 0.0))
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(old, new))
    assert cache.get(CELL) is None


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"sha256": "", "body": {}}', "1"])
def test_foreign_files_are_no_entries(tmp_path: Path, text: str) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([], 0.0))
    only_file(tmp_path).write_text(text)
    assert cache.get(CELL) is None


def path_of(folder: Path, cell: Cell) -> Path:
    return folder / name_of(cell_key(cell))


@pytest.mark.parametrize("other", [Cell("other", CELL.params), Cell(CELL.kind, {**CELL.params, "T": 65})])
def test_an_entry_in_another_cells_place_is_not_its_own(tmp_path: Path, other: Cell) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([{"tv": 0.25}], 0.0))
    path_of(tmp_path, other).parent.mkdir(exist_ok=True)
    shutil.copy(only_file(tmp_path), path_of(tmp_path, other))
    assert cache.get(other) is None
    assert cache.get(CELL) == Entry([{"tv": 0.25}], 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "0" * 64},
        {"kind": "other"},
        {"params": {"T": 65}},
        {"versions": {"torch": "0.0"}},
        {"rows": {"tv": 0.25}},
        {"rows": [0.25]},
        {"seconds": "soon"},
    ],
)
def test_an_entry_that_says_it_is_of_something_else_is_not_used(
    tmp_path: Path, change: dict[str, object]
) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([{"tv": 0.25}], 0.0))
    path = only_file(tmp_path)
    body = json.loads(path.read_text())["body"] | change
    path.write_text(json.dumps({"sha256": store._digest(body), "body": body}))
    assert cache.get(CELL) is None


def test_deeply_nested_and_oversized_files_are_no_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry([{"tv": 0.25}], 0.0))
    path = only_file(tmp_path)
    whole = path.read_bytes()
    path.write_text('{"sha256": "", "body": ' + "[" * 200_000 + "]" * 200_000 + "}")
    assert cache.get(CELL) is None
    path.write_bytes(whole)
    assert cache.get(CELL) is not None
    monkeypatch.setattr(store, "MOST_BYTES", len(whole) - 1)
    assert cache.get(CELL) is None


def test_a_folder_in_place_of_an_entry_is_told_once_and_the_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = Cache(tmp_path)
    path_of(tmp_path, CELL).mkdir(parents=True)
    assert cache.get(CELL) is None
    for _ in range(2):
        cache.put(CELL, Entry([{"tv": 0.25}], 0.0))
    assert capsys.readouterr().err == f"{tmp_path}: results are not kept (Is a directory)\n"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_folder_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path, content: str | bytes) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(stores, "write_atomically", refuse)
    cache = Cache(tmp_path)
    for _ in range(2):
        cache.put(CELL, Entry([{"tv": 0.25}], 0.0))
    assert cache.get(CELL) is None
    assert capsys.readouterr().err == f"{tmp_path}: results are not kept ({os.strerror(number)})\n"


def test_entries_are_plain_json_files(tmp_path: Path) -> None:
    Cache(tmp_path).put(CELL, Entry([{"tv": 0.25}], 0.0))
    path = only_file(tmp_path)
    assert path.stem == cell_key(CELL)
    assert json.loads(path.read_text())["body"]["rows"] == [{"tv": 0.25}]


def test_concurrent_writers_never_show_half_an_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(CELL, Entry(ROWS, 0.0))
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_often, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        entry = cache.get(CELL)
        assert entry is not None
        assert entry.rows == ROWS
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{cell_key(CELL)}.json"]


def test_without_a_folder_nothing_is_kept() -> None:
    cache = Cache(None)
    cache.put(CELL, Entry([], 0.0))
    assert cache.get(CELL) is None


def test_a_folder_that_cannot_be_made_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--cache DIR"):
        Cache(tmp_path / "file" / "cache")


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHARPBOUND_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.setenv("SHARPBOUND_CACHE", "s3://bucket/cache")
    assert default_cache() == "s3://bucket/cache"
    monkeypatch.delenv("SHARPBOUND_CACHE")
    assert Path(default_cache()).name in (".sharpbound-cache", "sharpbound")
