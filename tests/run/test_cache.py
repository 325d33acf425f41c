"""The store gives back what it was given to the last bit, or nothing."""

from __future__ import annotations

import json
import math
import multiprocessing
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpbound.chapters.base import Cell
from sharpbound.errors import InputError
from sharpbound.places import default_folder
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.fingerprint import cell_key
from toy_writer import CELL, ROWS, write_often


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def only_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.json")
    return path


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
    assert default_folder() == tmp_path
    monkeypatch.delenv("SHARPBOUND_CACHE")
    assert default_folder().name in (".sharpbound-cache", "sharpbound")
