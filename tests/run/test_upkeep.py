"""The folder of a cache: what it holds, what is broken in it, and what goes first where it is too large."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from sharpbound.chapters.base import Cell
from sharpbound.errors import InputError
from sharpbound.run import upkeep
from sharpbound.run.cache import Cache, Entry, name_of
from sharpbound.run.fingerprint import cell_key
from sharpbound.run.stores import Folder

CELLS = [Cell("toy", {"T": T}) for T in (2, 3, 4)]


def path_of(folder: Path, cell: Cell) -> Path:
    return Cache._path(folder, cell_key(cell))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three entries, last used one, two and three hours ago."""
    cache = Cache(tmp_path)
    for hours, cell in enumerate(CELLS, start=1):
        cache.put(cell, Entry([{"T": cell.params["T"]}], 1.5))
        used = time.time() - 3600 * hours
        os.utime(tmp_path / name_of(cell_key(cell)), (used, used))
    return tmp_path


def break_one(folder: Path) -> Path:
    path = folder / name_of(cell_key(CELLS[0]))
    path.write_bytes(path.read_bytes()[:-5])
    return path


def leave_one(folder: Path, hours: float) -> Path:
    path = folder / "aa" / f".{'a' * 64}.json.x1"
    path.parent.mkdir(exist_ok=True)
    path.write_text("half")
    used = time.time() - 3600 * hours
    os.utime(path, (used, used))
    return path


def test_contents_are_counted_by_kind(folder: Path) -> None:
    (folder / "failures.log").write_text("not an entry")
    found = upkeep.contents(Folder(folder))
    assert (found.entries, found.seconds, found.of_kind) == (3, 4.5, {"toy": 3})
    assert found.bytes == sum((folder / name_of(cell_key(cell))).stat().st_size for cell in CELLS)
    assert (found.broken, found.left_over, found.of_other_versions) == ([], [], 0)


def test_what_is_broken_moved_or_left_over_is_found(folder: Path) -> None:
    broken, left = break_one(folder), leave_one(folder, hours=2)
    moved = (folder / name_of(cell_key(CELLS[1]))).with_name("0" * 64 + ".json")
    moved.write_bytes((folder / name_of(cell_key(CELLS[1]))).read_bytes())
    found = upkeep.contents(Folder(folder))
    assert {folder / name for name in found.broken} == {broken, moved}
    assert [folder / name for name in found.left_over] == [left]


def test_what_was_left_over_before_the_clock_jumped_back_is_found(folder: Path) -> None:
    left = leave_one(folder, hours=-9999)
    assert [folder / name for name in upkeep.contents(Folder(folder)).left_over] == [left]


def test_a_file_that_is_being_written_is_nobodys_rubbish(folder: Path) -> None:
    path = leave_one(folder, hours=0)
    assert upkeep.contents(Folder(folder)).left_over == []
    upkeep.prune(Folder(folder), 0)
    assert path.exists()


def test_entries_of_other_versions_are_told(folder: Path) -> None:
    from sharpbound.run import cache as store

    path = folder / name_of(cell_key(CELLS[0]))
    body = json.loads(path.read_text())["body"] | {"versions": {"torch": "0.0"}}
    path.write_text(json.dumps({"sha256": store._digest(body), "body": body}))
    assert upkeep.contents(Folder(folder)).of_other_versions == 1


def test_the_longest_unused_go_first(folder: Path) -> None:
    break_one(folder)
    size = (folder / name_of(cell_key(CELLS[1]))).stat().st_size
    files, removed = upkeep.prune(Folder(folder), size)
    assert files == 2  # the broken one, and of two whole ones that unused for three hours
    assert removed > size
    assert [cell.params["T"] for cell in CELLS if Cache(folder).get(cell)] == [3]


def test_what_is_told(folder: Path) -> None:
    assert upkeep.verified(Folder(folder)) == (f"{folder}: 3 whole entries, 0 files to prune", True)
    size = upkeep.in_words(upkeep.contents(Folder(folder)).bytes)
    assert upkeep.info(Folder(folder)).splitlines() == [
        f"{folder}: 3 entries, {size}, 4 s of computing; 0 files to prune",
        "  toy: 3",
    ]
    broken = break_one(folder)
    assert upkeep.verified(Folder(folder)) == (
        f"{broken}: no whole entry\n{folder}: 2 whole entries, 1 files to prune",
        False,
    )


@pytest.mark.parametrize(
    ("text", "count"), [("0", 0), ("500M", 500 * 2**20), ("1.5 GiB", 3 * 2**29), ("2kB", 2048), ("7", 7)]
)
def test_sizes(text: str, count: int) -> None:
    assert upkeep.bytes_of(text) == count


@pytest.mark.parametrize("text", ["", "-1", "much", "1e3", "3X"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InputError, match="500M or 2G"):
        upkeep.bytes_of(text)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (3 * 2**29, "1.5 GiB"), (2**50, "1024.0 TiB")],
)
def test_bytes_in_words(count: int, words: str) -> None:
    assert upkeep.in_words(count) == words
