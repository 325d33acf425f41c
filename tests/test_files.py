"""Files that are written together, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sharpbound.errors import InputError
from sharpbound.records.files import read_json, try_folder, write_together


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    write_together(tmp_path / "new", {"a.txt": "σ", "figures/b.png": b"\x00"})
    written = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {"new/a.txt": "σ".encode(), "new/figures/b.png": b"\x00"}


def test_a_full_disk_leaves_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_together(tmp_path, {"a.txt": "old", "b.txt": "old"})
    write, written = Path.write_bytes, []

    def fill_up(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(OSError, match="No space"):
        write_together(tmp_path, {"a.txt": "new", "b.txt": "new"})
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "old", "b.txt": "old"}


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path: Path) -> None:
    try_folder(tmp_path / "a" / "b", "--output")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(
        InputError, match=r"cannot be written \(File exists\); name another folder with --output DIR"
    ):
        try_folder(tmp_path / "a", "--output")


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe", b"[" * 100_000 + b"]" * 100_000, b"{1: 2}"])
def test_what_is_no_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cases.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_json(path, "run again")
    assert str(refused.value).startswith(f"{path}: is not readable as JSON (")
    assert str(refused.value).endswith("); run again")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(("taken", "told"), [("b/c.txt/d", "b/c.txt is a folder"), ("b", "b is a file")])
def test_what_is_in_the_way_is_told_before_any_file_is_new(tmp_path: Path, taken: str, told: str) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / taken).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / taken).write_text("in the way")
    with pytest.raises(InputError, match=rf"cannot be written to \({told}\); nothing there was changed"):
        write_together(tmp_path, {"a.txt": "new", "b/c.txt": "new"})
    assert (tmp_path / "a.txt").read_text() == "old"
    assert not list(tmp_path.glob(".writing-*"))
