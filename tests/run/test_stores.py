"""A cache below a URL is the cache of a folder: whole files, the same entries, one line where it cannot be reached."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

fsspec = pytest.importorskip("fsspec")

from fsspec.implementations.local import LocalFileSystem  # noqa: E402
from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402

import toy_writer  # noqa: E402
from sharpbound.chapters.base import Cell  # noqa: E402
from sharpbound.errors import InputError  # noqa: E402
from sharpbound.run import stores, upkeep  # noqa: E402
from sharpbound.run.cache import Cache, Entry, name_of  # noqa: E402
from sharpbound.run.fingerprint import cell_key  # noqa: E402
from sharpbound.run.stores import Folder, Remote, Store, store_at  # noqa: E402
from toy_servers import SERVERS, Served  # noqa: E402

CELLS = [Cell("toy", {"T": T}) for T in (2, 3, 4)]
ENTRY = Entry([{"tv": 0.1 + 0.2}], 1.5)


class Mounted(LocalFileSystem):
    """A file system that renames, and is not taken for a folder of this machine."""

    protocol = ("mounted",)


fsspec.register_implementation("mounted", Mounted, clobber=True)


@pytest.fixture(params=["memory", "mounted", "file", "folder", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place of each kind: an object store, a file system elsewhere, a URL of a folder here, that folder, servers."""
    if request.param in SERVERS:
        served = SERVERS[request.param](tmp_path, monkeypatch)
        yield served.url
        served.stop()
        return
    yield str(tmp_path / "c") if request.param == "folder" else f"{request.param}://{tmp_path}/c"
    MemoryFileSystem.store.clear()


def corrupt(store: Store, name: str) -> None:
    data = store.read(name, 10**6)
    assert data is not None
    store.write(name, data[:-5])


def test_entries_come_back_whole_or_not_at_all(place: str) -> None:
    cache = Cache(place)
    assert cache.store is not None
    assert cache.get(CELLS[0]) is None
    cache.put(CELLS[0], ENTRY)
    assert Cache(place).get(CELLS[0]) == ENTRY
    assert cache.get(CELLS[1]) is None
    assert cache.store.read(name_of(cell_key(CELLS[0])), 10) is None  # larger than what may be an entry
    corrupt(cache.store, name_of(cell_key(CELLS[0])))
    assert cache.get(CELLS[0]) is None
    cache.put(CELLS[0], ENTRY)
    assert cache.get(CELLS[0]) == ENTRY
    assert [each.name for each in cache.store.files()] == [name_of(cell_key(CELLS[0]))]


def test_upkeep(place: str) -> None:
    cache = Cache(place)
    assert cache.store is not None
    for cell in CELLS:
        cache.put(cell, ENTRY)
    corrupt(cache.store, name_of(cell_key(CELLS[0])))
    told, whole = upkeep.verified(cache.store)
    assert not whole
    assert told.splitlines()[0] == f"{cache.store.path(name_of(cell_key(CELLS[0])))}: no whole entry"
    assert upkeep.info(cache.store).startswith(f"{cache.store.place}: 2 entries, ")
    assert upkeep.prune(cache.store, 10**6)[0] == 1
    assert upkeep.prune(cache.store, 0)[0] == 2
    assert cache.store.files() == []
    cache.store.remove(name_of(cell_key(CELLS[0])))  # is gone already


def test_a_folder_by_its_url_is_that_folder(tmp_path: Path) -> None:
    store = store_at(f"file://{tmp_path}")
    assert isinstance(store, Folder)
    Cache(f"file://{tmp_path}").put(CELLS[0], ENTRY)
    assert (tmp_path / name_of(cell_key(CELLS[0]))).is_file()
    assert Cache(tmp_path).get(CELLS[0]) == ENTRY


def test_what_was_being_written_when_its_process_died_is_found(tmp_path: Path) -> None:
    store = store_at(f"mounted://{tmp_path}")
    name = name_of(cell_key(CELLS[0]))
    staged = tmp_path / name[:2] / f".{name[3:]}.1"
    staged.parent.mkdir()
    staged.write_text("half")
    os.utime(staged, (time.time() - 7200,) * 2)
    assert upkeep.contents(store).left_over == [f"{name[:2]}/{staged.name}"]


@pytest.mark.parametrize("url", ["nonsense://bucket/cache", "s3fs-is-not-here://x"])
def test_a_protocol_that_is_not_known_is_told(url: str) -> None:
    with pytest.raises(InputError, match=f"^{url}: Protocol not known.*--no-cache"):
        Cache(url)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(InputError, match=r"^s3://b/c: Install s3fs to access S3; name another with --cache"):
        Cache("s3://b/c")


class Versioned(MemoryFileSystem):
    """Takes arguments in the order of s3fs, and has a rename of its own, which copies, as gcsfs has."""

    protocol = ("gs",)

    def cat_file(self, path: str, version: Any = None, start: Any = None, end: Any = None) -> Any:
        assert version is None
        return super().cat_file(path, start, end)

    def mv(self, *_: Any, **__: Any) -> None:
        raise AssertionError("an object is put whole")


def test_an_object_store_is_asked_by_keywords_and_renames_nothing() -> None:
    store = Remote("gs://b", Versioned(), "/b")
    store.write("a/b", b"whole")
    assert store.read("a/b", 5) == b"whole"
    assert store.read("a/b", 4) is None


def test_a_password_is_not_shown() -> None:
    with pytest.raises(InputError, match=r"^nonsense://me:\*\*\*@host/c: ") as error:
        Cache("nonsense://me:pw@host/c")
    assert "pw" not in str(error.value)


class Gone(MemoryFileSystem):
    """A store that went away, and the calls that it was asked."""

    protocol = ("gone",)
    cachable = False

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.calls = error, 0

    def fail(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        raise self.error

    cat_file = pipe_file = exists = fail


def gone(error: Exception, monkeypatch: pytest.MonkeyPatch) -> Gone:
    files = Gone(error)
    monkeypatch.setattr("sharpbound.run.cache.store_at", lambda place: Remote(place, files, "/c"))
    return files


def test_a_store_that_does_not_answer_is_the_users_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    gone(ConnectionError("no route\nto host"), monkeypatch)
    with pytest.raises(
        InputError, match=r"^gone://c: the cache cannot be made or reached \(no route to host\): name"
    ):
        Cache("gone://c")


def test_a_store_that_may_not_be_written_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone(PermissionError(errno.EACCES, "Access Denied"), monkeypatch)
    cache = Cache("gone://c")
    cache.put(CELLS[0], ENTRY)
    assert capsys.readouterr().err == "gone://c: results are not kept (Access Denied)\n"


def test_a_store_that_goes_away_is_let_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = gone(ConnectionError("reset"), monkeypatch)
    monkeypatch.setattr(Remote, "begin", lambda self: None)
    cache = Cache("gone://c")
    for cell in CELLS:
        assert cache.get(cell) is None
        cache.put(cell, ENTRY)
    assert files.calls == stores.MOST_FAILURES
    assert capsys.readouterr().err == "gone://c: results are not kept (reset)\n"


def test_a_bucket_that_does_not_exist_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone(FileNotFoundError("The specified bucket does not exist"), monkeypatch)
    monkeypatch.setattr(Remote, "begin", lambda self: None)
    cache = Cache("gone://c")
    assert cache.get(CELLS[0]) is None
    cache.put(CELLS[0], ENTRY)
    assert capsys.readouterr().err == "gone://c: results are not kept (The specified bucket does not exist)\n"


@pytest.fixture(params=list(SERVERS))
def served(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    served: Served = SERVERS[request.param](tmp_path, monkeypatch)
    yield served
    served.stop()


def test_what_an_upload_left_is_no_entry(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(served.url)
    assert isinstance(cache.store, Remote)
    whole = cache.store._fs.pipe_file

    def torn(path: str, data: bytes) -> None:
        whole(path, data[:40])
        raise KeyboardInterrupt

    if cache.store._renames:
        monkeypatch.setattr(cache.store._fs, "pipe_file", torn)
        with pytest.raises(KeyboardInterrupt):
            cache.put(CELLS[0], ENTRY)
        assert cache.store.files() == []
        monkeypatch.undo()
    cache.put(CELLS[0], ENTRY)
    assert cache.get(CELLS[0]) == ENTRY
    assert [each.staged for each in cache.store.files()] == [False]
    cache.store._fs.pipe_file(cache.store._path(name_of(cell_key(CELLS[1]))), b"")
    assert cache.get(CELLS[1]) is None
    cache.put(CELLS[1], ENTRY)
    assert cache.get(CELLS[1]) == ENTRY


def test_two_processes_share_a_store(served: Served) -> None:
    write = "import sys, toy_writer; toy_writer.write_often(sys.argv[1])"
    path = os.pathsep.join(sys.path)
    writers = [
        subprocess.Popen([sys.executable, "-c", write, served.url], env=os.environ | {"PYTHONPATH": path})
        for _ in range(2)
    ]
    cache, found = Cache(served.url), 0
    while any(writer.poll() is None for writer in writers):
        if entry := cache.get(toy_writer.CELL):
            assert entry.rows == toy_writer.ROWS
            found += 1
    assert [writer.wait() for writer in writers] == [0, 0]
    assert cache.store
    assert found
    assert [each.name for each in cache.store.files()] == [name_of(cell_key(toy_writer.CELL))]


def test_a_server_that_is_lost_or_refuses_is_told_in_one_line(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    if served.url.startswith("ssh"):
        with pytest.raises(
            InputError, match=r"^ssh://me:\*\*\*@127\.0\.0\.1:\d+/c: Permission denied.*--no-cache"
        ):
            Cache(served.missing)
    else:
        nowhere = Cache(served.missing)
        assert nowhere.get(CELLS[0]) is None
        nowhere.put(CELLS[0], ENTRY)
        assert re.fullmatch(
            f"{served.missing}: results are not kept \\((.*no-such-bucket.*|.*bucket does not exist)\\)\n",
            capsys.readouterr().err,
        )
    cache = Cache(served.url)
    cache.put(CELLS[0], ENTRY)
    served.stop()
    for cell in CELLS:
        assert cache.get(cell) is None
        cache.put(cell, ENTRY)
    assert re.fullmatch(
        f"{re.escape(cache.store.place)}: results are not kept \\(.+\\)\n", capsys.readouterr().err
    )
    with pytest.raises(InputError, match="cannot be made or reached"):
        Cache(served.url)
